#include "storage/value/set_value.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "storage/value/aggregate_ops.h"
#include "storage/value/value_limits.h"

namespace cachenode {

namespace {

struct SetType {
  using Root = PackedTable;
  static size_t OtherBytes(const char* value) noexcept { return IntsetView::TotalBytes(value); }
  static size_t Blocks(const PackedTable& table) noexcept { return table.block_count(); }
  static std::string_view Name(Encoding encoding, const char* value) noexcept {
    switch (SetView(encoding, value).form()) {
      case SetView::Form::kIntset:
        return "intset";
      case SetView::Form::kListpack:
        return value_limits.packed_lists_and_sets ? "listpack" : "hashtable";
      case SetView::Form::kTable:
        break;
    }
    return "hashtable";
  }
};

// A copy of packed bytes, to write them back one element shorter: on the stack while they are few.
class PackedCopy {
 public:
  explicit PackedCopy(std::string_view bytes) {
    if (bytes.size() > few_.size()) {
      many_.assign(bytes);
      return;
    }
    std::memcpy(few_.data(), bytes.data(), bytes.size());
  }
  [[nodiscard]] char* data() noexcept { return many_.empty() ? few_.data() : many_.data(); }

 private:
  std::array<char, KeySlot::kPackedInlineBytesMax> few_;
  std::string many_;
};

bool FitsListpack(std::string_view member, size_t count) noexcept {
  return count < value_limits.set_max_listpack_entries && member.size() <= value_limits.set_max_listpack_value;
}

PackedTable* TableOf(const SetView& set) noexcept {
  PackedTable* const table = PackedTable::Create(RecordPayload::kNone);
  if (table == nullptr) return nullptr;
  ListpackElement element;
  ListpackScratch scratch;
  for (SetView::Iterator members(set); members.Next(element);) {
    const std::string_view member = element.Read(scratch);
    if (table->AddMissing(member, HashKey(member)) == PackedTable::Change::kDone) continue;
    PackedTable::Drop(table);
    return nullptr;
  }
  return table;
}

}  // namespace

constinit const ValueOps kSetOps = AggregateOps<SetType>::kTable;

// --- Reading -----------------------------------------------------------------------------------------------------

SetView::SetView(Encoding encoding, const char* value) noexcept {
  if (IsLarge(encoding)) {
    form_ = Form::kTable;
    table_ = static_cast<const PackedTable*>(LoadRoot(value));
    return;
  }
  const auto inline_form = static_cast<AggregateEncoding>(encoding & 0xFEU);
  form_ = inline_form == AggregateEncoding::kPacked ? Form::kListpack : Form::kIntset;
  packed_ = PackedBytesOf<SetType>(encoding, value);
}

size_t SetView::Count() const noexcept {
  switch (form_) {
    case Form::kIntset:
      return IntsetView(packed_).Count();
    case Form::kListpack:
      return ListpackView(packed_).Count();
    case Form::kTable:
      break;
  }
  return static_cast<size_t>(table_->count());
}

bool SetView::Contains(SetProbe& probe) const noexcept {
  switch (form_) {
    case Form::kIntset:
      return probe.Number() && IntsetView(packed_).Contains(*probe.Number());
    case Form::kListpack: {
      const ListpackView listpack(packed_);
      return listpack.Find(probe.bytes(), listpack.Begin(), 0) != listpack.EndOffset();
    }
    case Form::kTable:
      break;
  }
  return static_cast<bool>(table_->Find(probe.bytes(), probe.Hash()));
}

ListpackElement SetView::RandomMember(Random& random) const noexcept {
  switch (form_) {
    case Form::kIntset: {
      const IntsetView intset(packed_);
      return {{}, intset.At(static_cast<size_t>(random.Below(intset.Count()))), true};
    }
    case Form::kListpack: {
      const ListpackView listpack(packed_);
      return listpack.At(listpack.Seek(static_cast<int64_t>(random.Below(listpack.Count()))));
    }
    case Form::kTable:
      break;
  }
  return {table_->RandomRecord(random).key, 0, false};
}

SetView::Iterator::Iterator(const SetView& set) noexcept : form_(set.form_), packed_(set.packed_) {
  if (form_ == Form::kTable) {
    table_.emplace(set.table());
  } else if (form_ == Form::kIntset) {
    end_ = IntsetView(packed_).Count();
  } else {
    at_ = ListpackView(packed_).Begin();
    end_ = ListpackView(packed_).EndOffset();
  }
}

bool SetView::Iterator::Next(ListpackElement& member) noexcept {
  if (form_ == Form::kTable) {
    PackedRecord record;
    if (!table_->Next(record)) return false;
    member = {record.key, 0, false};
    return true;
  }
  if (at_ >= end_) return false;
  if (form_ == Form::kIntset) {
    member = {{}, IntsetView(packed_).At(at_++), true};
    return true;
  }
  const ListpackView listpack(packed_);
  const auto offset = static_cast<ListpackView::Offset>(at_);
  member = listpack.At(offset);
  at_ = listpack.Next(offset);
  return true;
}

// --- Adding ------------------------------------------------------------------------------------------------------

Result<bool> SetValue::Add(std::string_view member) {
  if (!slot_->Exists()) return Create(member);
  switch (SetView::Of(*slot_).form()) {
    case SetView::Form::kIntset:
      return AddToIntset(member);
    case SetView::Form::kListpack:
      return AddToListpack(member);
    case SetView::Form::kTable:
      break;
  }
  return AddToTable(member);
}

Status SetValue::Expect(std::string_view first, size_t count) {
  if (!value_limits.packed_lists_and_sets) return Status::Ok();  // Older engines look at members only.
  if (!slot_->Exists()) {
    const bool is_intset = ParseListpackInteger(first) && count <= value_limits.set_max_intset_entries;
    starts_large_ = !is_intset && count > value_limits.set_max_listpack_entries;
    return Status::Ok();
  }
  const SetView::Form form = SetView::Of(*slot_).form();
  if (form == SetView::Form::kTable) return Status::Ok();
  const bool is_intset = form == SetView::Form::kIntset;
  const size_t limit = is_intset ? value_limits.set_max_intset_entries : value_limits.set_max_listpack_entries;
  return count > limit ? BecomeTable() : Status::Ok();
}

Result<bool> SetValue::Create(std::string_view member) {
  const std::optional<int64_t> number = ParseListpackInteger(member);
  if (starts_large_ || (!(number && value_limits.set_max_intset_entries > 0) && !FitsListpack(member, 0))) {
    PackedTable* const table = PackedTable::Create(RecordPayload::kNone);
    if (table == nullptr) return Err::kOutOfMemory;
    Status status = table->AddMissing(member, HashKey(member)) == PackedTable::Change::kDone
                        ? slot_->WriteRoot(ValueType::kSet, table, Expiry::kKeep)
                        : Status(Err::kOutOfMemory);
    if (status.ok()) return true;
    PackedTable::Drop(table);
    return status;
  }
  if (number && value_limits.set_max_intset_entries > 0) {
    std::array<char, kEmptyIntsetBytes> empty;
    InitIntset(empty.data());
    const size_t size = IntsetInsertBytes(IntsetView(empty.data()), *number);
    Result<std::span<char>> bytes =
        slot_->WritePacked(ValueType::kSet, AggregateEncoding::kPackedOther, size, Expiry::kKeep);
    if (!bytes) return bytes.error();
    InitIntset(bytes->data());
    InsertIntoIntset(bytes->data(), 0, *number);
    return true;
  }
  const size_t size = kEmptyListpackBytes + ListpackElementBytes(member);
  Result<std::span<char>> bytes = slot_->WritePacked(ValueType::kSet, AggregateEncoding::kPacked, size, Expiry::kKeep);
  if (!bytes) return bytes.error();
  InitListpack(bytes->data());
  PutListpackElement(
      OpenListpackGap(bytes->data(), kEmptyListpackBytes, kListpackHeaderBytes, size - kEmptyListpackBytes, 1), member);
  return true;
}

Result<bool> SetValue::AddToIntset(std::string_view member) {
  const std::optional<int64_t> number = ParseListpackInteger(member);
  const IntsetView intset(slot_->ReadPacked());
  const size_t count = intset.Count();
  if (!number) {
    // The longest number is at one of the ends.
    const size_t longest = std::max(Int64TextSize(intset.At(0)), Int64TextSize(intset.At(count - 1)));
    const bool fits = FitsListpack(member, count) && longest <= value_limits.set_max_listpack_value;
    if (Status status = fits ? BecomeListpack() : BecomeTable(); !status.ok()) return status;
    return fits ? AddToListpack(member) : AddToTable(member);
  }
  const IntsetView::Place place = intset.Find(*number);
  if (place.found) return false;
  if (count >= value_limits.set_max_intset_entries) {
    if (Status status = BecomeTable(); !status.ok()) return status;
    return AddToTable(member);
  }
  Result<std::span<char>> bytes = slot_->EditPacked(IntsetInsertBytes(intset, *number));
  if (!bytes) return bytes.error();
  InsertIntoIntset(bytes->data(), place.index, *number);
  return true;
}

Result<bool> SetValue::AddToListpack(std::string_view member) {
  const ListpackView listpack(slot_->ReadPacked());
  if (listpack.Find(member, listpack.Begin(), 0) != listpack.EndOffset()) return false;
  if (!FitsListpack(member, listpack.Count())) {
    if (Status status = BecomeTable(); !status.ok()) return status;
    return AddToTable(member);
  }
  const size_t old_bytes = listpack.bytes().size();
  const size_t element_bytes = ListpackElementBytes(member);
  const ListpackView::Offset end = listpack.EndOffset();
  Result<std::span<char>> bytes = slot_->EditPacked(old_bytes + element_bytes);
  if (!bytes) return bytes.error();
  PutListpackElement(OpenListpackGap(bytes->data(), old_bytes, end, element_bytes, 1), member);
  return true;
}

Result<bool> SetValue::AddToTable(std::string_view member) {
  const uint64_t hash = HashKey(member);
  if (static_cast<const PackedTable*>(slot_->ReadRoot())->Find(member, hash)) return false;
  auto* const table = slot_->EditRoot<PackedTable>();
  if (table == nullptr) return Err::kOutOfMemory;
  const auto before = static_cast<int64_t>(table->memory_bytes());
  const PackedTable::Change change = table->AddMissing(member, hash);
  if (const int64_t delta = static_cast<int64_t>(table->memory_bytes()) - before; delta != 0)
    slot_->AdjustExternal(delta);
  if (change == PackedTable::Change::kNoMemory) return Err::kOutOfMemory;
  return true;
}

Status SetValue::BecomeListpack() {
  std::string listpack = MakeListpack();
  ListpackElement element;
  for (SetView::Iterator members(SetView::Of(*slot_)); members.Next(element);)
    AppendToListpack(listpack, element.number);
  Result<std::span<char>> bytes =
      slot_->WritePacked(ValueType::kSet, AggregateEncoding::kPacked, listpack.size(), Expiry::kKeep);
  if (!bytes) return bytes.error();
  std::memcpy(bytes->data(), listpack.data(), listpack.size());
  return Status::Ok();
}

Status SetValue::BecomeTable() {
  PackedTable* const table = TableOf(SetView::Of(*slot_));
  if (table == nullptr) return Err::kOutOfMemory;
  Status status = slot_->WriteRoot(ValueType::kSet, table, Expiry::kKeep);
  if (!status.ok()) PackedTable::Drop(table);
  return status;
}

// --- Removing ----------------------------------------------------------------------------------------------------

Result<bool> SetValue::Remove(std::string_view member) {
  if (!slot_->Exists()) return false;
  const SetView set = SetView::Of(*slot_);
  if (set.form() == SetView::Form::kTable) return RemoveFromTable(member);

  const std::string_view old = set.packed_bytes();
  PackedCopy copy(old);
  size_t new_bytes;
  if (set.form() == SetView::Form::kIntset) {
    const std::optional<int64_t> number = ParseListpackInteger(member);
    const IntsetView intset(old);
    const IntsetView::Place place = number ? intset.Find(*number) : IntsetView::Place{0, false};
    if (!place.found) return false;
    new_bytes = IntsetEraseBytes(intset);
    EraseFromIntset(copy.data(), place.index);
  } else {
    const ListpackView listpack(old);
    const ListpackView::Offset at = listpack.Find(member, listpack.Begin(), 0);
    if (at == listpack.EndOffset()) return false;
    const size_t element_bytes = listpack.Next(at) - at;
    new_bytes = old.size() - element_bytes;
    ReplaceListpackSpan(copy.data(), old.size(), at, element_bytes, 0, -1);
  }
  if (set.Count() == 1) {
    slot_->Erase();
    return true;
  }
  Result<std::span<char>> bytes = slot_->EditPacked(new_bytes);
  if (!bytes) return bytes.error();
  std::memcpy(bytes->data(), copy.data(), new_bytes);
  return true;
}

Result<bool> SetValue::RemoveFromTable(std::string_view member) {
  const uint64_t hash = HashKey(member);
  const auto* const before = static_cast<const PackedTable*>(slot_->ReadRoot());
  if (!before->Find(member, hash)) return false;
  if (before->count() == 1) {
    slot_->Erase();
    return true;
  }
  auto* const table = slot_->EditRoot<PackedTable>();
  if (table == nullptr) return Err::kOutOfMemory;
  const auto memory_before = static_cast<int64_t>(table->memory_bytes());
  const PackedTable::Change change = table->Erase(member, hash);
  if (const int64_t delta = static_cast<int64_t>(table->memory_bytes()) - memory_before; delta != 0)
    slot_->AdjustExternal(delta);
  if (change == PackedTable::Change::kNoMemory) return Err::kOutOfMemory;
  return true;
}

}  // namespace cachenode
