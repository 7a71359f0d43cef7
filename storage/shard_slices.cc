// The background work of a shard, in bounded slices: expiry, resizing and page return, defragmentation, ageing,
// sampling.
#include <algorithm>
#include <cstring>

#include "storage/access_time.h"
#include "storage/base/random.h"
#include "storage/entry.h"
#include "storage/expiry_hint.h"
#include "storage/key_observer.h"
#include "storage/shard.h"
#include "storage/value/hash_value.h"

namespace cachenode {
namespace {

// A sample ends here when it has shown something: in a table that is nearly empty, what is left is far apart.
constexpr uint32_t kSampleBucketsMax = 64;
// And here when it has not: the lock is held, and another place may be luckier.
constexpr uint32_t kSampleEmptyBucketsMax = 4096;

}  // namespace

template <typename Visit>
bool Shard::GoRound(RoundPlace& at, uint32_t buckets_max, Visit&& visit) {
  for (uint32_t i = 0; i < buckets_max; ++i) {
    Table* table = at.db < store_->table_end() ? store_->FindTable(at.db) : nullptr;
    while (table == nullptr || at.position >= kPositionEnd) {
      at.position = 0;
      if (++at.db >= store_->table_end()) {
        at.db = 0;
        return true;
      }
      table = store_->FindTable(at.db);
    }
    const Table::Place place = table->PlaceAt(at.position);
    table->PrefetchPlace(table->PlaceAt(place.end));
    if (place.head != nullptr) visit(*table, *place.head);
    at.position = place.end;
  }
  return false;
}

// --- Expiry ---------------------------------------------------------------------------------------------------------

uint32_t Shard::ExpireSlice(const AccessContext& context, uint32_t keys_max) {
  if (!store_->CanSave()) return 0;
  return ExpireKeys(context, keys_max) + ExpireFields(context, keys_max);
}

std::string Shard::FindDueHash(const FieldDeadlines::Due& due) const {
  const Table* const table = store_->FindTable(due.db);
  if (table == nullptr) return {};
  const Table::Found found = table->Find(due.key, [&](const char* at) {
    return entry::TypeOf(at) == ValueType::kHash && KeyHash::Of(entry::Key(at)).value() == due.key.value() &&
           HashView::Of(entry::View(at)).EarliestDeadlineMs() == due.earliest_ms;
  });
  if (found.bucket == nullptr) return {};
  return std::string(entry::Key(store_->heap().Address(found.bucket->refs[found.slot])));
}

uint32_t Shard::ExpireFields(const AccessContext& context, uint32_t fields_max) {
  AccessContext quiet = context;
  quiet.touch = false;
  uint32_t done = 0;
  FieldDeadlines::Due due;
  // A hash whose earliest deadline was only a lower bound counts as one field: work was done for it.
  while (done < fields_max && store_->field_deadlines().FindDue(context.now_ms, due) && store_->CanSave()) {
    ++done;
    const std::string key = FindDueHash(due);
    KeySlot slot = Find(due.db, due.key, key, quiet);
    if (!slot.Exists() || slot.type() != ValueType::kHash) {
      // Expired as a whole on the way, or a name the index should not have.
      store_->field_deadlines().Erase(due.db, due.key, due.earliest_ms);
      continue;
    }
    const Result<size_t> erased = HashValue(slot).EraseExpired(context.now_ms, fields_max - done + 1);
    if (!erased) break;
    if (*erased == 0) continue;
    done += static_cast<uint32_t>(*erased) - 1;
    if (context.observer != nullptr) context.observer->OnFieldsExpired(due.db, key, *erased, !slot.Exists());
  }
  return done;
}

uint32_t Shard::ExpireKeys(const AccessContext& context, uint32_t keys_max) {
  uint32_t keys_left = keys_max;
  for (uint32_t db = 0; db < store_->table_end(); ++db) {
    Table* const table = store_->FindTable(db);
    if (table == nullptr || table->earliest_ms() > context.now_ms) continue;
    for (uint64_t i = 0, count = table->GroupCount(); i < count; ++i) {
      const Table::GroupRange range = table->GroupAt(i);
      if (range.group->volatile_count == 0 || range.group->earliest_ms > context.now_ms) continue;
      if (!ExpireGroup(db, *table, range, context, keys_left)) {
        store_->ReportMapped();
        return keys_max - keys_left;
      }
    }
    table->RecomputeEarliest();
    ++layout_version_;
    store_->ResizeStep(*table, Table::kMergePerWrite, context.now_ms);
  }
  store_->ReportMapped();
  return keys_max - keys_left;
}

bool Shard::ExpireGroup(uint32_t db, Table& table, const Table::GroupRange& range, const AccessContext& context,
                        uint32_t& keys_left) noexcept {
  const bool trusted = context.now_ms - range.group->earliest_ms <= expiry_hint::kTrustMs;
  int64_t earliest = INT64_MAX;
  for (Bucket* head = range.first; head != range.end; ++head) {
    if (head->ttl_hint == 0) continue;
    if (trusted && !expiry_hint::IsDue(head->ttl_hint, context.now_ms)) {
      earliest = std::min(earliest, expiry_hint::DecodeMs(head->ttl_hint, context.now_ms));
      continue;
    }
    if (keys_left == 0) return false;
    earliest = std::min(earliest, ExpireChain(db, table, *head, context, keys_left));
    if (earliest <= context.now_ms) return false;
  }
  range.group->earliest_ms = earliest;
  return true;
}

int64_t Shard::ExpireChain(uint32_t db, Table& table, Bucket& head, const AccessContext& context,
                           uint32_t& keys_left) noexcept {
  while (true) {
    Bucket* due_bucket = nullptr;
    uint32_t due_slot = 0;
    int64_t earliest = INT64_MAX;
    table.ForEachInChain(head, [&](Bucket& bucket, uint32_t slot) {
      const int64_t deadline = entry::ExpireAt(store_->heap().Address(bucket.refs[slot]));
      if (deadline < 0) return;
      earliest = std::min(earliest, deadline);
      if (deadline > context.now_ms) return;
      due_bucket = &bucket;
      due_slot = slot;
    });
    if (due_bucket == nullptr || keys_left == 0) {
      if (earliest == INT64_MAX) {
        head.SetHint(0);
        return earliest;
      }
      head.SetHint(expiry_hint::Encode(earliest, context.now_ms));
      return expiry_hint::BoundMs(earliest, context.now_ms);
    }
    EraseExpired(db, table, head, *due_bucket, due_slot, context);
    --keys_left;
  }
}

// --- Upkeep ---------------------------------------------------------------------------------------------------------

bool Shard::ResizeSlice(uint32_t buckets, int64_t now_ms) {
  bool more = false;
  for (uint32_t db = 0; db < store_->table_end(); ++db) {
    Table* const table = store_->FindTable(db);
    if (table == nullptr) continue;
    more |= store_->ResizeStep(*table, buckets, now_ms);
  }
  ++layout_version_;
  store_->ReportMapped(true);
  return more && store_->CanSave();
}

bool Shard::MaintainSlice(uint32_t units, int64_t now_ms) {
  bool more = ResizeSlice(units, now_ms);
  more |= store_->FreeSlice(units);
  more |= store_->heap().ReleasePages(units) == units;
  store_->ReportMapped(true);
  return more;
}

char* Shard::TakeFullExtent() noexcept {
  if (char* const extent = store_->heap().TakeFullExtent(); extent != nullptr) return extent;
  for (uint32_t db = 0; db < store_->table_end(); ++db) {
    Table* const table = store_->FindTable(db);
    if (char* const extent = table == nullptr ? nullptr : table->TakeExtent(); extent != nullptr) return extent;
  }
  return nullptr;
}

uint64_t Shard::DefragChain(Table& table, Bucket& head) noexcept {
  SlabHeap& heap = store_->heap();
  uint64_t moved = table.DefragChain(head);
  table.ForEachInChain(head, [&](Bucket& bucket, uint32_t slot) {
    const SlabHeap::Ref old = bucket.refs[slot];
    const SlabHeap::Ref target = heap.AllocateForMove(old);
    if (target == SlabHeap::kNull) return;
    const size_t bytes = entry::SizeBytes(heap.Address(old));
    std::memcpy(heap.Address(target), heap.Address(old), bytes);
    heap.Resize(target, bytes);
    bucket.SetRef(slot, target);
    heap.Free(old);
    ++moved;
  });
  return moved;
}

uint64_t Shard::DefragSlice(uint32_t buckets_max, bool& wrapped) {
  uint64_t moved = 0;
  wrapped = GoRound(defrag_at_, buckets_max, [&](Table& table, Bucket& head) { moved += DefragChain(table, head); });
  ++layout_version_;
  return moved;
}

// --- Ageing ---------------------------------------------------------------------------------------------------------

bool Shard::AgeSlice(uint32_t buckets_max, int64_t now_ms) {
  return GoRound(age_at_, buckets_max, [&](Table& table, Bucket& head) {
    table.ForEachInChain(head, [&](const Bucket& bucket, uint32_t slot) {
      char* const at = store_->heap().Address(bucket.refs[slot]);
      entry::SetAccess(at, recency::Aged(now_ms, entry::Access(at)));
    });
  });
}

// --- Sampling -------------------------------------------------------------------------------------------------------

bool Shard::ShowChain(const Table& table, Bucket& head, bool volatile_only,
                      FunctionRef<void(const EntryView&)> visit) const {
  bool shown = false;
  table.PrefetchPlace({&head, 0});
  table.ForEachInChain(head, [&](const Bucket& bucket, uint32_t slot) {
    const char* const at = store_->heap().Address(bucket.refs[slot]);
    if (volatile_only && !entry::HasTtl(at)) return;
    visit(entry::View(at));
    shown = true;
  });
  return shown;
}

// By spans and not by buckets: so a key is as likely to be shown in a table with many small buckets as in one with few
// full ones, or in the middle of a resize. Every bucket ends at one position, however wide it is.
void Shard::SampleEntries(uint32_t db, KeyHash from, FunctionRef<void(const EntryView&)> visit) const {
  const Table* const table = store_->FindTable(db);
  if (table == nullptr || table->entry_count() == 0) return;
  const uint64_t span = kPositionEnd / std::max<uint64_t>(1, table->entry_count() / kSampleEntries);
  uint64_t at = from.position();
  uint64_t passed = 0;
  bool shown = false;
  for (uint32_t looked_at = 0; looked_at < (shown ? kSampleBucketsMax : kSampleEmptyBucketsMax); ++looked_at) {
    const Table::Place place = table->PlaceAt(at);
    passed += place.end - at;
    if (passed > span) return;
    shown |= ShowChain(*table, *place.head, false, visit);
    at = place.end < kPositionEnd ? place.end : 0;
  }
}

void Shard::SampleVolatile(uint32_t db, Random& random, FunctionRef<void(const EntryView&)> visit) const {
  const Table* const table = store_->FindTable(db);
  if (table == nullptr || table->volatile_count() == 0) return;
  // From a random place on, to the first bucket that has something to show; groups say where deadlines are.
  const uint64_t groups = table->GroupCount();
  const uint64_t first_group = random.Below(groups);
  for (uint64_t i = 0; i < groups; ++i) {
    const Table::GroupRange range = table->GroupAt((first_group + i) % groups);
    if (range.group->volatile_count == 0) continue;
    const auto count = static_cast<uint64_t>(range.end - range.first);
    const uint64_t first = random.Below(count);
    for (uint64_t k = 0; k < count; ++k) {
      Bucket& head = range.first[(first + k) % count];
      if (head.ttl_hint != 0 && ShowChain(*table, head, true, visit)) return;
    }
  }
}

}  // namespace cachenode
