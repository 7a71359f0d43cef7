// Changing hashes.
#include "storage/value/hash_value.h"

#include <algorithm>
#include <cassert>
#include <string>
#include <vector>

#include "storage/base/hash.h"
#include "storage/key_slot.h"
#include "storage/value/hash_packed.h"
#include "storage/value/hash_table.h"
#include "storage/value/value_limits.h"

namespace cachenode {
namespace {

// New hashes of at most so many fields are compared name by name and written at once.
constexpr size_t kPairsAtOnceMax = 32;

// What `expiry` makes of a field that has `before_ms` (-1: none, or no field).
int64_t DeadlineAfter(Expiry expiry, int64_t before_ms) noexcept {
  if (expiry.IsKeep()) return before_ms;
  return expiry.IsClear() ? -1 : expiry.at_ms();
}

// Tells the index of field deadlines, at the end of a change, what became of the earliest one.
class DeadlineNote {
 public:
  explicit DeadlineNote(KeySlot& slot) noexcept : slot_(slot), before_ms_(HashView::Of(slot).EarliestDeadlineMs()) {}
  ~DeadlineNote() {
    slot_.NoteFieldDeadline(before_ms_, slot_.Exists() ? HashView::Of(slot_).EarliestDeadlineMs() : kNoFieldDeadline);
  }
  DeadlineNote(const DeadlineNote&) = delete;
  DeadlineNote& operator=(const DeadlineNote&) = delete;

 private:
  KeySlot& slot_;
  const int64_t before_ms_;
};

bool HoldsTriples(const KeySlot& slot) noexcept { return HashView::Of(slot).IsTriples(); }

PackedHash PackedOf(const KeySlot& slot) noexcept { return {slot.ReadPacked().data(), HoldsTriples(slot)}; }

}  // namespace

bool HashValue::FitsPacked(const HashField& field, bool is_new) const noexcept {
  const size_t longest = std::max(field.name.size(), field.value.size());
  if (longest > value_limits.hash_max_listpack_value) return false;
  return !is_new || PackedOf(slot_).Count() < value_limits.hash_max_listpack_entries;
}

void HashValue::EraseKeyIfEmpty() {
  if (HashView::Of(slot_).Count() == 0) slot_.Erase();
}

// --- Setting --------------------------------------------------------------------------------------------------------

Result<bool> HashValue::Set(std::string_view name, std::string_view value, Expiry expiry) {
  const HashField field{name, value, -1};
  if (!slot_.Exists()) {
    if (Status created = Create(field); !created.ok()) return created;
    if (DeadlineAfter(expiry, -1) < 0) return true;
    Result<bool> set = SetDeadline(name, expiry);
    if (!set) slot_.Erase();
    return set;
  }
  if (IsLarge(slot_.encoding())) {
    const bool has_deadlines = static_cast<const PackedTable*>(slot_.ReadRoot())->deadlines().count > 0;
    if (!has_deadlines && DeadlineAfter(expiry, -1) < 0) [[likely]]
      return SetLarge(field, expiry);
    const DeadlineNote note(slot_);
    return SetLarge(field, expiry);
  }
  if (!HoldsTriples(slot_)) {
    if (DeadlineAfter(expiry, -1) < 0) return SetPacked(field, expiry);
    if (Status taken = TakeDeadlines(); !taken.ok()) return taken;
  }
  const DeadlineNote note(slot_);
  return SetTriple(field, expiry);
}

Result<size_t> HashValue::SetPairs(std::span<const std::string_view> pairs) {
  if (!slot_.Exists() && pairs.size() > 2) {
    Result<bool> made = CreateOfPairs(pairs);
    if (!made) return made.error();
    if (*made) return pairs.size() / 2;
  }
  size_t created = 0;
  for (size_t i = 0; i < pairs.size(); i += 2) {
    Result<bool> set = Set(pairs[i], pairs[i + 1]);
    if (!set) return set.error();
    created += *set;
  }
  return created;
}

Result<bool> HashValue::CreateOfPairs(std::span<const std::string_view> pairs) {
  if (pairs.size() / 2 > std::min(kPairsAtOnceMax, value_limits.hash_max_listpack_entries)) return false;
  size_t bytes = kEmptyListpackBytes;
  for (size_t i = 0; i < pairs.size(); i += 2) {
    if (std::max(pairs[i].size(), pairs[i + 1].size()) > value_limits.hash_max_listpack_value) return false;
    for (size_t k = 0; k < i; k += 2) {
      if (pairs[k] == pairs[i]) return false;  // The last one counts, and others count one new field.
    }
    bytes += ListpackElementBytes(pairs[i]) + ListpackElementBytes(pairs[i + 1]);
  }
  Result<std::span<char>> written =
      slot_.WritePacked(ValueType::kHash, AggregateEncoding::kPacked, bytes, Expiry::kKeep);
  if (!written) return written.error();
  char* const list = written->data();
  InitListpack(list);
  char* to = OpenListpackGap(list, kEmptyListpackBytes, kListpackHeaderBytes, bytes - kEmptyListpackBytes,
                             static_cast<int>(pairs.size()));
  for (const std::string_view element : pairs) to = PutListpackElement(to, element);
  return true;
}

Status HashValue::Create(const HashField& field) {
  const size_t longest = std::max(field.name.size(), field.value.size());
  if (longest <= value_limits.hash_max_listpack_value && value_limits.hash_max_listpack_entries > 0) [[likely]] {
    return CreatePacked(field);
  }
  PackedTable* const table = PackedTable::Create(RecordPayload::kField);
  if (table == nullptr) return Err::kOutOfMemory;
  Status written = hash_table::Put(*table, field, Expiry::kClear).ok()
                       ? slot_.WriteRoot(ValueType::kHash, table, Expiry::kKeep)
                       : Status(Err::kOutOfMemory);
  if (!written.ok()) PackedTable::Drop(table);
  return written;
}

Status HashValue::CreatePacked(const HashField& field) {
  const size_t field_bytes = PackedFieldBytes(field, false);
  Result<std::span<char>> bytes =
      slot_.WritePacked(ValueType::kHash, AggregateEncoding::kPacked, kEmptyListpackBytes + field_bytes, Expiry::kKeep);
  if (!bytes) return bytes.error();
  InitListpack(bytes->data());
  char* const gap = OpenListpackGap(bytes->data(), kEmptyListpackBytes, kListpackHeaderBytes, field_bytes, 2);
  PutPackedField(gap, field, false);
  return Status::Ok();
}

Result<bool> HashValue::SetPacked(const HashField& field, Expiry expiry) {
  const PackedHash packed = PackedOf(slot_);
  const PackedHash::Offset at = packed.Find(field.name);
  const bool is_new = at == packed.End();
  if (!FitsPacked(field, is_new)) [[unlikely]] {
    if (Status large = MakeLarge(); !large.ok()) return large;
    return SetLarge(field, expiry);
  }
  const size_t old_bytes = packed.ListBytes();
  if (is_new) {
    const size_t field_bytes = PackedFieldBytes(field, false);
    Result<std::span<char>> bytes = slot_.EditPacked(old_bytes + field_bytes);
    if (!bytes) return bytes.error();
    PutPackedField(OpenListpackGap(bytes->data(), old_bytes, at, field_bytes, 2), field, false);
    return true;
  }
  const PackedHash::Offset value_at = packed.list().Next(at);
  const size_t old_span = packed.list().Next(value_at) - value_at;
  const size_t new_span = ListpackElementBytes(field.value);
  const size_t new_bytes = old_bytes - old_span + new_span;
  Result<std::span<char>> bytes = slot_.EditPacked(std::max(old_bytes, new_bytes));
  if (!bytes) return bytes.error();
  PutListpackElement(ReplaceListpackSpan(bytes->data(), old_bytes, value_at, old_span, new_span, 0), field.value);
  if (new_bytes < old_bytes) static_cast<void>(slot_.EditPacked(new_bytes));
  return false;
}

Result<bool> HashValue::SetTriple(const HashField& field, Expiry expiry) {
  const PackedHash packed = PackedOf(slot_);
  const PackedHash::Offset at = packed.Find(field.name);
  const bool is_new = at == packed.End();
  if (!FitsPacked(field, is_new)) [[unlikely]] {
    if (Status large = MakeLarge(); !large.ok()) return large;
    return SetLarge(field, expiry);
  }
  const int64_t deadline_ms = DeadlineAfter(expiry, is_new ? -1 : packed.DeadlineAt(at));
  Status put = PutTriple(at, {field.name, field.value, deadline_ms});
  if (!put.ok()) return put;
  return is_new;
}

// Writes a triple where its deadline belongs, in the place of the one at `old_at` (the end: of none).
Status HashValue::PutTriple(ListpackView::Offset old_at, const HashField& field) {
  const PackedHash packed = PackedOf(slot_);
  const size_t old_span = old_at == packed.End() ? 0 : packed.NextField(old_at) - old_at;
  PackedHash::Offset place = packed.PlaceFor(field.expire_at_ms);
  if (place > old_at) place -= static_cast<PackedHash::Offset>(old_span);
  const size_t old_bytes = packed.ListBytes();
  const size_t new_span = PackedFieldBytes(field, true);
  const size_t new_bytes = old_bytes - old_span + new_span;
  Result<std::span<char>> bytes = slot_.EditPacked(kPackedEarliestBytes + std::max(old_bytes, new_bytes));
  if (!bytes) return bytes.error();
  char* const list = bytes->data() + kPackedEarliestBytes;
  if (old_span != 0) ReplaceListpackSpan(list, old_bytes, old_at, old_span, 0, -3);
  PutPackedField(OpenListpackGap(list, old_bytes - old_span, place, new_span, 3), field, true);
  UpdatePackedEarliest(bytes->data());
  if (new_bytes < old_bytes) static_cast<void>(slot_.EditPacked(kPackedEarliestBytes + new_bytes));
  return Status::Ok();
}

Result<bool> HashValue::SetLarge(const HashField& field, Expiry expiry) {
  auto* const table = slot_.EditRoot<PackedTable>();
  if (table == nullptr) return Err::kOutOfMemory;
  const size_t before_bytes = table->memory_bytes();
  const Result<bool> created = hash_table::Put(*table, field, expiry);
  slot_.AdjustExternal(static_cast<int64_t>(table->memory_bytes()) - static_cast<int64_t>(before_bytes));
  return created ? Result<bool>(*created) : Result<bool>(Err::kOutOfMemory);
}

Result<bool> HashValue::SetDeadline(std::string_view name, Expiry expiry) {
  HashScratch scratch;
  HashField found;
  const HashView view = HashView::Of(slot_);
  if (!view.Find(name, found, scratch)) return false;
  const int64_t deadline_ms = DeadlineAfter(expiry, found.expire_at_ms);
  if (deadline_ms == found.expire_at_ms) return true;
  if (view.IsPacked() && !view.IsTriples()) {
    if (Status taken = TakeDeadlines(); !taken.ok()) return taken;
  }
  const DeadlineNote note(slot_);
  if (IsLarge(slot_.encoding())) {
    auto* const table = slot_.EditRoot<PackedTable>();
    if (table == nullptr) return Err::kOutOfMemory;
    const size_t before_bytes = table->memory_bytes();
    const bool set = hash_table::SetDeadline(*table, name, deadline_ms);
    slot_.AdjustExternal(static_cast<int64_t>(table->memory_bytes()) - static_cast<int64_t>(before_bytes));
    if (!set) return Err::kOutOfMemory;
    return true;
  }
  const PackedHash packed = PackedOf(slot_);
  const PackedHash::Offset at = packed.Find(name);
  packed.ReadRest(at, found, scratch);
  // The triple moves within its own bytes.
  const std::string value(found.value);
  Status put = PutTriple(at, {name, value, deadline_ms});
  if (!put.ok()) return put;
  return true;
}

// --- Changing form --------------------------------------------------------------------------------------------------

Status HashValue::TakeDeadlines() {
  const std::string triples = TriplesOfPairs(HashView::Of(slot_).Listpack());
  Result<std::span<char>> bytes = slot_.WritePacked(ValueType::kHash, AggregateEncoding::kPackedOther,
                                                    kPackedEarliestBytes + triples.size(), Expiry::kKeep);
  if (!bytes) return bytes.error();
  std::memcpy(bytes->data() + kPackedEarliestBytes, triples.data(), triples.size());
  UpdatePackedEarliest(bytes->data());
  return Status::Ok();
}

Status HashValue::MakeLarge() {
  PackedTable* const table = PackedTable::Create(RecordPayload::kField);
  if (table == nullptr) return Err::kOutOfMemory;
  bool complete = true;
  HashView::Of(slot_).ForEach([&](const HashField& field) {
    const Expiry expiry = field.expire_at_ms < 0 ? Expiry::kClear : Expiry::At(field.expire_at_ms);
    complete = hash_table::Put(*table, field, expiry).ok();
    return complete;
  });
  Status written = complete ? slot_.WriteRoot(ValueType::kHash, table, Expiry::kKeep) : Status(Err::kOutOfMemory);
  if (!written.ok()) PackedTable::Drop(table);
  return written;
}

// --- Erasing --------------------------------------------------------------------------------------------------------

Result<bool> HashValue::Erase(std::string_view name) {
  if (IsLarge(slot_.encoding())) {
    const DeadlineNote note(slot_);
    return EraseLarge(name);
  }
  if (!HoldsTriples(slot_)) return ErasePacked(name);
  const DeadlineNote note(slot_);
  return ErasePacked(name);
}

// Cuts out whole fields from `at` to `end`, which hold so many elements.
Status HashValue::CutPacked(ListpackView::Offset at, ListpackView::Offset end, int elements) {
  const bool triples = HoldsTriples(slot_);
  const size_t list_offset = triples ? kPackedEarliestBytes : 0;
  const size_t old_bytes = PackedOf(slot_).ListBytes();
  Result<std::span<char>> bytes = slot_.EditPacked(list_offset + old_bytes);
  if (!bytes) return bytes.error();
  ReplaceListpackSpan(bytes->data() + list_offset, old_bytes, at, end - at, 0, -elements);
  if (triples) UpdatePackedEarliest(bytes->data());
  static_cast<void>(slot_.EditPacked(list_offset + old_bytes - (end - at)));
  return Status::Ok();
}

Result<bool> HashValue::ErasePacked(std::string_view name) {
  const PackedHash packed = PackedOf(slot_);
  const PackedHash::Offset at = packed.Find(name);
  if (at == packed.End()) return false;
  if (packed.Count() == 1) {
    slot_.Erase();
    return true;
  }
  Status cut = CutPacked(at, packed.NextField(at), packed.width());
  if (!cut.ok()) return cut;
  return true;
}

Result<bool> HashValue::EraseLarge(std::string_view name) {
  const uint64_t hash = HashKey(name);
  if (!static_cast<const PackedTable*>(slot_.ReadRoot())->Find(name, hash)) return false;
  auto* const table = slot_.EditRoot<PackedTable>();
  if (table == nullptr) return Err::kOutOfMemory;
  const size_t before_bytes = table->memory_bytes();
  const bool erased = hash_table::Erase(*table, name, hash);
  slot_.AdjustExternal(static_cast<int64_t>(table->memory_bytes()) - static_cast<int64_t>(before_bytes));
  if (!erased) return Err::kOutOfMemory;
  EraseKeyIfEmpty();
  return true;
}

Result<size_t> HashValue::EraseExpired(int64_t now_ms, size_t fields_max) {
  if (HashView::Of(slot_).EarliestDeadlineMs() > now_ms) return size_t{0};
  const DeadlineNote note(slot_);
  if (IsLarge(slot_.encoding())) return EraseExpiredLarge(now_ms, fields_max);
  return EraseExpiredPacked(now_ms, fields_max);
}

// The due ones come first.
Result<size_t> HashValue::EraseExpiredPacked(int64_t now_ms, size_t fields_max) {
  const PackedHash packed = PackedOf(slot_);
  PackedHash::Offset end = packed.Begin();
  size_t count = 0;
  while (count < fields_max && end != packed.End()) {
    const int64_t deadline_ms = packed.DeadlineAt(end);
    if (deadline_ms < 0 || deadline_ms > now_ms) break;
    end = packed.NextField(end);
    ++count;
  }
  if (count == packed.Count()) {
    slot_.Erase();
  } else if (count > 0) {
    Status cut = CutPacked(packed.Begin(), end, static_cast<int>(count) * packed.width());
    if (!cut.ok()) return cut;
  }
  return count;
}

Result<size_t> HashValue::EraseExpiredLarge(int64_t now_ms, size_t fields_max) {
  auto* const table = slot_.EditRoot<PackedTable>();
  if (table == nullptr) return Err::kOutOfMemory;
  const size_t before_bytes = table->memory_bytes();
  const Result<size_t> erased = hash_table::EraseExpired(*table, now_ms, fields_max);
  slot_.AdjustExternal(static_cast<int64_t>(table->memory_bytes()) - static_cast<int64_t>(before_bytes));
  EraseKeyIfEmpty();
  return erased ? Result<size_t>(*erased) : Result<size_t>(Err::kOutOfMemory);
}

}  // namespace cachenode
