#include "storage/value/hash_table.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "storage/base/hash.h"

namespace cachenode::hash_table {
namespace {

constexpr size_t kDeadlineBytes = 6;
// Segments of some 800 fields looked through per hold of the shard's lock.
constexpr size_t kSegmentsPerSlice = 2;

// A field had one deadline and has another; -1: none.
void NoteDeadline(PackedTable& table, uint64_t hash, int64_t before_ms, int64_t after_ms) noexcept {
  if (before_ms == after_ms) return;
  PackedTable::Deadlines deadlines = table.deadlines();
  deadlines.count += (after_ms >= 0 ? 1U : 0U);
  deadlines.count -= (before_ms >= 0 ? 1U : 0U);
  if (deadlines.count == 0) {
    deadlines.earliest_ms = -1;
  } else if (after_ms >= 0 && (deadlines.earliest_ms < 0 || after_ms < deadlines.earliest_ms)) {
    deadlines.earliest_ms = after_ms;
  }
  table.SetDeadlines(deadlines);
  if (after_ms >= 0) table.LowerSegmentBound(hash, after_ms);
}

int64_t DeadlineIn(const PackedTable& table, std::string_view name, uint64_t hash) noexcept {
  if (table.deadlines().count == 0) return -1;
  const PackedRecord record = table.Find(name, hash);
  return record ? ReadRecordField(record.payload).deadline_ms : -1;
}

}  // namespace

Result<bool> Put(PackedTable& table, const HashField& field, Expiry expiry) {
  const uint64_t hash = HashKey(field.name);
  const int64_t before_ms = DeadlineIn(table, field.name, hash);
  RecordField written{field.value, -1};
  if (expiry.IsKeep()) {
    written.deadline_ms = before_ms;
  } else if (!expiry.IsClear()) {
    written.deadline_ms = expiry.at_ms();
  }
  bool existed = false;
  char* const payload = table.Put(field.name, hash, RecordFieldBytes(written), existed);
  if (payload == nullptr) return Err::kOutOfMemory;
  PutRecordField(payload, written);
  NoteDeadline(table, hash, before_ms, written.deadline_ms);
  return !existed;
}

bool SetDeadline(PackedTable& table, std::string_view name, int64_t deadline_ms) {
  const uint64_t hash = HashKey(name);
  const RecordField before = ReadRecordField(table.Find(name, hash).payload);
  const size_t value_bytes = before.value.size();
  bool existed = false;
  char* const payload = table.Put(name, hash, RecordFieldBytes({before.value, deadline_ms}), existed);
  if (payload == nullptr) return false;
  // The value keeps its place: the length in front of it takes the same bytes with a deadline and without.
  const uint64_t length = uint64_t{value_bytes} << 1 | (deadline_ms >= 0 ? 1U : 0U);
  char* const value = PutRecordLength(payload, length);
  if (deadline_ms >= 0) std::memcpy(value + value_bytes, &deadline_ms, kDeadlineBytes);
  NoteDeadline(table, hash, before.deadline_ms, deadline_ms);
  return true;
}

bool Erase(PackedTable& table, std::string_view name, uint64_t hash) {
  const int64_t before_ms = DeadlineIn(table, name, hash);
  if (table.Erase(name, hash) != PackedTable::Change::kDone) return false;
  NoteDeadline(table, hash, before_ms, -1);
  return true;
}

namespace {

// Looks through one segment: erases what is due there, at most `fields_max`.
Result<size_t> EraseExpiredIn(PackedTable& table, uint32_t segment, int64_t now_ms, size_t fields_max) {
  std::vector<std::string> due;
  int64_t bound_ms = INT64_MAX;
  table.VisitSegment(segment, [&](const PackedRecord& record) {
    const int64_t deadline_ms = ReadRecordField(record.payload).deadline_ms;
    if (deadline_ms < 0) return;
    if (deadline_ms <= now_ms && due.size() < fields_max) {
      due.emplace_back(record.key);
    } else {
      bound_ms = std::min(bound_ms, deadline_ms);
    }
  });
  // Before anything is erased: that may merge other buckets into this segment, and lowers the bound to theirs.
  if (!table.SetSegmentBound(segment, bound_ms)) return Err::kOutOfMemory;
  for (const std::string& name : due) {
    if (Erase(table, name, HashKey(name))) continue;
    static_cast<void>(table.SetSegmentBound(segment, 0));
    return Err::kOutOfMemory;
  }
  return due.size();
}

}  // namespace

Result<size_t> EraseExpired(PackedTable& table, int64_t now_ms, size_t fields_max) {
  size_t erased = 0;
  size_t visited = 0;
  for (uint32_t i = 0; i < table.segment_count() && erased < fields_max && visited < kSegmentsPerSlice; ++i) {
    if (table.SegmentBound(i) > now_ms) continue;
    ++visited;
    Result<size_t> done = EraseExpiredIn(table, i, now_ms, fields_max - erased);
    if (!done) return done.error();
    erased += *done;
  }
  int64_t earliest_ms = INT64_MAX;
  for (uint32_t i = 0; i < table.segment_count(); ++i) earliest_ms = std::min(earliest_ms, table.SegmentBound(i));
  PackedTable::Deadlines deadlines = table.deadlines();
  deadlines.earliest_ms = deadlines.count == 0 ? -1 : earliest_ms;
  table.SetDeadlines(deadlines);
  return erased;
}

}  // namespace cachenode::hash_table
