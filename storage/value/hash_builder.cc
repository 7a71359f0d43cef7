// Making hashes aside.
#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "storage/base/hash.h"
#include "storage/key_slot.h"
#include "storage/value/hash_packed.h"
#include "storage/value/hash_table.h"
#include "storage/value/hash_value.h"
#include "storage/value/value_limits.h"

namespace cachenode {
namespace {

// What a walk over a listpack from outside found.
struct ListpackFacts {
  size_t fields = 0;
  bool in_order = true;  // Triples by deadline.
};

bool IsDeadline(const ListpackElement& element, int64_t& deadline_ms) noexcept {
  const std::optional<int64_t> stored = element.is_integer ? element.number : ParseListpackInteger(element.text);
  if (!stored || *stored < 0 || *stored > kExpireAtMsMax) return false;
  deadline_ms = *stored == 0 ? kNoFieldDeadline : *stored;
  return true;
}

// Hashes of names tell whether one comes twice; two names of one 64-bit keyed hash do not happen.
bool HasDuplicates(std::vector<uint64_t>& hashes) {
  std::sort(hashes.begin(), hashes.end());
  return std::adjacent_find(hashes.begin(), hashes.end()) != hashes.end();
}

Status Inspect(std::string_view listpack, bool triples, ListpackFacts& facts) {
  const ListpackView list(listpack);
  const size_t count = list.Count();
  const size_t width = triples ? 3 : 2;
  if (count % width != 0) return Status::WithText(Err::kCorrupt, "a hash with an incomplete field");
  std::vector<uint64_t> hashes;
  hashes.reserve(count / width);
  ListpackScratch scratch;
  int64_t last_ms = 0;
  for (ListpackView::Offset at = list.Begin(); at != list.EndOffset();) {
    const std::string_view name = list.At(at).Read(scratch);
    hashes.push_back(HashKey(name));
    at = list.Next(at);
    at = list.Next(at);
    if (!triples) continue;
    int64_t deadline_ms = 0;
    if (!IsDeadline(list.At(at), deadline_ms)) {
      return Status::WithText(Err::kCorrupt, "a hash field with a deadline that is none");
    }
    facts.in_order &= deadline_ms >= last_ms;
    last_ms = deadline_ms;
    at = list.Next(at);
  }
  facts.fields = hashes.size();
  if (HasDuplicates(hashes)) return Status::WithText(Err::kCorrupt, "a hash field that comes twice");
  return Status::Ok();
}

}  // namespace

HashBuilder::~HashBuilder() {
  if (table_ != nullptr) PackedTable::Drop(table_);
}

void HashBuilder::Expect(size_t count) noexcept { expects_large_ = count > value_limits.hash_max_listpack_entries; }

bool HashBuilder::FitsPacked(const HashField& field) const noexcept {
  return !expects_large_ && packed_count_ < value_limits.hash_max_listpack_entries &&
         std::max(field.name.size(), field.value.size()) <= value_limits.hash_max_listpack_value;
}

Status HashBuilder::Add(const HashField& field) {
  if (table_ == nullptr && !FitsPacked(field)) {
    if (Status large = MakeLarge(); !large.ok()) return large;
  }
  if (table_ != nullptr) {
    const Expiry expiry = field.expire_at_ms < 0 ? Expiry::kClear : Expiry::At(field.expire_at_ms);
    const Result<bool> created = hash_table::Put(*table_, field, expiry);
    if (!created) return Err::kOutOfMemory;
    return *created ? Status::Ok() : Status::WithText(Err::kCorrupt, "a hash field that comes twice");
  }
  if (packed_.empty()) packed_ = MakeListpack();
  if (field.expire_at_ms >= 0 && !triples_) KeepDeadlines();
  const PackedHash packed(std::string_view(packed_), triples_);
  if (packed.Find(field.name) != packed.End()) {
    return Status::WithText(Err::kCorrupt, "a hash field that comes twice");
  }
  AddPackedField(packed_, field, triples_);
  ++packed_count_;
  return Status::Ok();
}

void HashBuilder::KeepDeadlines() {
  if (!triples_ && packed_count_ > 0) packed_ = TriplesOfPairs(packed_);
  triples_ = true;
}

Status HashBuilder::AddListpack(std::string_view listpack, bool triples) {
  ListpackFacts facts;
  if (Status error = Inspect(listpack, triples, facts); !error.ok()) return error;
  if (triples) KeepDeadlines();
  // As in Redis, lengths are not looked at: what was packed stays so.
  const bool fits = facts.fields <= value_limits.hash_max_listpack_entries;
  if (fits && Count() == 0 && table_ == nullptr && facts.in_order && triples == triples_) {
    packed_ = listpack;
    packed_count_ = facts.fields;
    return Status::Ok();
  }
  const PackedHash packed(listpack, triples);
  HashScratch scratch;
  HashField field;
  for (PackedHash::Offset at = packed.Begin(); at != packed.End();) {
    at = packed.Read(at, field, scratch);
    if (Status added = Add(field); !added.ok()) return added;
  }
  return Status::Ok();
}

Status HashBuilder::MakeLarge() {
  table_ = PackedTable::Create(RecordPayload::kField);
  if (table_ == nullptr) return Err::kOutOfMemory;
  if (packed_count_ == 0) return Status::Ok();
  const PackedHash packed(std::string_view(packed_), triples_);
  HashScratch scratch;
  HashField field;
  for (PackedHash::Offset at = packed.Begin(); at != packed.End();) {
    at = packed.Read(at, field, scratch);
    if (Status added = Add(field); !added.ok()) return added;
  }
  packed_.clear();
  packed_count_ = 0;
  return Status::Ok();
}

Status HashBuilder::Finish(KeySlot& slot, Expiry expiry) {
  if (table_ == nullptr) return FinishPacked(slot, expiry);
  Status written = slot.WriteRoot(ValueType::kHash, table_, expiry);
  if (!written.ok()) return written;
  table_ = nullptr;
  slot.NoteFieldDeadline(kNoFieldDeadline, HashView::Of(slot).EarliestDeadlineMs());
  return Status::Ok();
}

Status HashBuilder::FinishPacked(KeySlot& slot, Expiry expiry) {
  const size_t list_offset = triples_ ? kPackedEarliestBytes : 0;
  const AggregateEncoding form = triples_ ? AggregateEncoding::kPackedOther : AggregateEncoding::kPacked;
  Result<std::span<char>> bytes = slot.WritePacked(ValueType::kHash, form, list_offset + packed_.size(), expiry);
  if (!bytes) return bytes.error();
  std::memcpy(bytes->data() + list_offset, packed_.data(), packed_.size());
  if (triples_) UpdatePackedEarliest(bytes->data());
  slot.NoteFieldDeadline(kNoFieldDeadline, HashView::Of(slot).EarliestDeadlineMs());
  packed_.clear();
  packed_count_ = 0;
  return Status::Ok();
}

}  // namespace cachenode
