// Sets made off the keyspace: results of STORE commands, RESTORE, loading.
#include <algorithm>
#include <cassert>
#include <cstring>
#include <vector>

#include "storage/value/set_value.h"
#include "storage/value/value_limits.h"

namespace cachenode {

Result<bool> SetBuilder::Add(const ListpackElement& member) {
  ListpackScratch scratch;
  return Add(member.Read(scratch));
}

Result<bool> SetBuilder::Add(std::string_view member) {
  if (form_ != SetView::Form::kTable) {
    const std::optional<int64_t> number = ParseListpackInteger(member);
    Result<bool> added = AddToPacked(member, number);
    if (!added || form_ != SetView::Form::kTable) return added;
  }
  const PackedTable::Change change = table_->Add(member, HashKey(member));
  if (change == PackedTable::Change::kNoMemory) return Err::kOutOfMemory;
  count_ = static_cast<size_t>(table_->count());
  return change == PackedTable::Change::kDone;
}

// Adds to the packed bytes, or turns them into a table to which the caller adds.
Result<bool> SetBuilder::AddToPacked(std::string_view member, const std::optional<int64_t>& number) {
  if (form_ == SetView::Form::kIntset) {
    if (number) {
      if (IntsetView(packed_).Contains(*number)) return false;
      if (count_ < value_limits.set_max_intset_entries) {
        ++count_;
        return cachenode::AddToIntset(packed_, *number);
      }
      if (Status status = BecomeTable(); !status.ok()) return status;
      return false;
    }
    std::string listpack = MakeListpack();
    const IntsetView intset(packed_);
    for (size_t i = 0; i < count_; ++i) AppendToListpack(listpack, intset.At(i));
    packed_ = std::move(listpack);
    form_ = SetView::Form::kListpack;
  }
  const ListpackView listpack(packed_);
  if (listpack.Find(member, listpack.Begin(), 0) != listpack.EndOffset()) return false;
  if (count_ < value_limits.set_max_listpack_entries && member.size() <= value_limits.set_max_listpack_value) {
    AppendToListpack(packed_, member);
    ++count_;
    return true;
  }
  if (Status status = BecomeTable(); !status.ok()) return status;
  return false;
}

Status SetBuilder::BecomeTable() {
  PackedTable* const table = PackedTable::Create(RecordPayload::kNone);
  if (table == nullptr) return Err::kOutOfMemory;
  ListpackScratch scratch;
  const auto add = [&](std::string_view member) {
    return table->AddMissing(member, HashKey(member)) == PackedTable::Change::kDone;
  };
  bool done = true;
  if (form_ == SetView::Form::kIntset) {
    const IntsetView intset(packed_);
    for (size_t i = 0; done && i < count_; ++i) done = add(ListpackElement{{}, intset.At(i), true}.Read(scratch));
  } else {
    const ListpackView listpack(packed_);
    for (ListpackView::Offset at = listpack.Begin(); done && at != listpack.EndOffset(); at = listpack.Next(at))
      done = add(listpack.At(at).Read(scratch));
  }
  if (!done) {
    PackedTable::Drop(table);
    return Err::kOutOfMemory;
  }
  table_ = table;
  form_ = SetView::Form::kTable;
  packed_ = {};
  return Status::Ok();
}

bool SetBuilder::Contains(std::string_view member) const noexcept {
  if (form_ == SetView::Form::kTable) return static_cast<bool>(table_->Find(member));
  if (form_ == SetView::Form::kIntset) {
    const std::optional<int64_t> number = ParseListpackInteger(member);
    return number && IntsetView(packed_).Contains(*number);
  }
  const ListpackView listpack(packed_);
  return listpack.Find(member, listpack.Begin(), 0) != listpack.EndOffset();
}

Status SetBuilder::Finish(KeySlot& slot, Expiry expiry) {
  assert(count_ > 0);
  if (form_ == SetView::Form::kTable) {
    Status status = slot.WriteRoot(ValueType::kSet, table_, expiry);
    if (status.ok()) table_ = nullptr;
    return status;
  }
  const bool is_intset = form_ == SetView::Form::kIntset;
  const AggregateEncoding encoding = is_intset ? AggregateEncoding::kPackedOther : AggregateEncoding::kPacked;
  Result<std::span<char>> bytes = slot.WritePacked(ValueType::kSet, encoding, packed_.size(), expiry);
  if (!bytes) return bytes.error();
  std::memcpy(bytes->data(), packed_.data(), packed_.size());
  return Status::Ok();
}

Status StorePackedSet(KeySlot& slot, AggregateEncoding form, std::string_view bytes, Expiry expiry) {
  const bool is_intset = form == AggregateEncoding::kPackedOther;
  const size_t count = is_intset ? IntsetView(bytes).Count() : ListpackView(bytes).Count();
  const size_t limit = is_intset ? value_limits.set_max_intset_entries : value_limits.set_max_listpack_entries;
  if (count <= limit) {
    Result<std::span<char>> to = slot.WritePacked(ValueType::kSet, form, bytes.size(), expiry);
    if (!to) return to.error();
    std::memcpy(to->data(), bytes.data(), bytes.size());
    return Status::Ok();
  }
  SetBuilder builder;
  const auto add = [&](const ListpackElement& element) -> Status {
    Result<bool> added = builder.Add(element);
    return added ? Status::Ok() : added.error();
  };
  for (size_t i = 0; is_intset && i < count; ++i) {
    if (Status status = add({{}, IntsetView(bytes).At(i), true}); !status.ok()) return status;
  }
  const ListpackView listpack(bytes);
  for (auto at = listpack.Begin(); !is_intset && at != listpack.EndOffset(); at = listpack.Next(at)) {
    if (Status status = add(listpack.At(at)); !status.ok()) return status;
  }
  return builder.Finish(slot, expiry);
}

bool HasDuplicates(ListpackView listpack) {
  // Elements that are equal have equal hashes: only those need a closer look.
  std::vector<std::pair<uint64_t, ListpackView::Offset>> hashes;
  ListpackScratch scratch;
  for (auto at = listpack.Begin(); at != listpack.EndOffset(); at = listpack.Next(at))
    hashes.emplace_back(HashKey(listpack.At(at).Read(scratch)), at);
  std::sort(hashes.begin(), hashes.end());
  for (size_t i = 1; i < hashes.size(); ++i) {
    for (size_t j = i; j-- > 0 && hashes[j].first == hashes[i].first;) {
      ListpackScratch other;
      if (listpack.At(hashes[i].second).Read(scratch) == listpack.At(hashes[j].second).Read(other)) return true;
    }
  }
  return false;
}

}  // namespace cachenode
