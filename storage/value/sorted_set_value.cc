// Changing the sorted set of a key.
#include "storage/value/sorted_set_value.h"

#include <cmath>
#include <cstring>
#include <span>
#include <string>

#include "storage/base/bytes.h"
#include "storage/value/value_limits.h"

namespace cachenode {

namespace {

using Added = SortedSetValue::Added;
using Outcome = SortedSetValue::Outcome;

// What Put makes of a member that is there.
Result<Added> Decide(double old_score, double score, const ScoreUpdate& update) {
  if (update.only_new) return Added{};
  if (update.increments) score += old_score;
  if (std::isnan(score)) return Status::Text("ERR resulting score is not a number (NaN)");
  if (update.only_greater && score <= old_score) return Added{};
  if (update.only_less && score >= old_score) return Added{};
  return Added{score == old_score ? Outcome::kUnchanged : Outcome::kUpdated, score};
}

// Fills a set with the elements of another.
Status Fill(LargeSortedSet& large, const PackedSortedSet& packed) {
  for (PackedSortedSet::Offset at = packed.Begin(); at != packed.End(); at = packed.Next(at)) {
    ListpackScratch scratch;
    const std::string_view member = packed.MemberAt(at).Read(scratch);
    if (Status error = large.Insert(member, HashKey(member), packed.ScoreAt(at)); !error.ok()) return error;
  }
  return Status::Ok();
}

// A large set of the same elements; null when there is no memory.
LargeSortedSet* MakeLarge(std::string_view packed) {
  LargeSortedSet* const large = LargeSortedSet::Create();
  if (large == nullptr || Fill(*large, PackedSortedSet(packed)).ok()) return large;
  LargeSortedSet::Drop(large);
  return nullptr;
}

bool FitsLimits(uint64_t count, size_t longest_bytes) noexcept {
  return count <= value_limits.zset_max_listpack_entries && longest_bytes <= value_limits.zset_max_listpack_value;
}

// Gives a key the set, taking over the reference when that went well.
Status StoreLarge(KeySlot& slot, LargeSortedSet* large, Expiry expiry) {
  return slot.WriteRoot(ValueType::kSortedSet, large, expiry);
}

Status StorePacked(KeySlot& slot, std::string_view bytes, Expiry expiry) {
  Result<std::span<char>> room =
      slot.WritePacked(ValueType::kSortedSet, AggregateEncoding::kPacked, bytes.size(), expiry);
  if (!room) return room.error();
  std::memcpy(room->data(), bytes.data(), bytes.size());
  return Status::Ok();
}

}  // namespace

// --- Adding -------------------------------------------------------------------------------------------------------

Result<Added> SortedSetValue::Put(std::string_view member, double score, const ScoreUpdate& update) {
  if (slot_->Exists()) {
    return IsLarge(slot_->encoding()) ? PutLarge(member, score, update) : PutPacked(member, score, update);
  }
  if (update.only_existing) return Added{};
  if (Status error = Create(member, score); !error.ok()) return error;
  return Added{Outcome::kAdded, score};
}

Status SortedSetValue::Create(std::string_view member, double score) {
  if (!FitsLimits(1, member.size())) {
    LargeSortedSet* const large = LargeSortedSet::Create();
    if (large == nullptr) return Err::kOutOfMemory;
    Status status = large->Insert(member, HashKey(member), score);
    if (status.ok()) status = StoreLarge(*slot_, large, Expiry::kClear);
    if (!status.ok()) LargeSortedSet::Drop(large);
    return status;
  }
  const PackedScore stored(score);
  const size_t gap_bytes = ListpackElementBytes(member) + stored.Bytes();
  Result<std::span<char>> room = slot_->WritePacked(ValueType::kSortedSet, AggregateEncoding::kPacked,
                                                    kEmptyListpackBytes + gap_bytes, Expiry::kClear);
  if (!room) return room.error();
  InitListpack(room->data());
  char* const gap = OpenListpackGap(room->data(), kEmptyListpackBytes, kListpackHeaderBytes, gap_bytes, 2);
  stored.Put(PutListpackElement(gap, member));
  return Status::Ok();
}

Result<Added> SortedSetValue::PutPacked(std::string_view member, double score, const ScoreUpdate& update) {
  const PackedSortedSet set(slot_->ReadPacked());
  const PackedSortedSet::Offset at = set.Find(member);
  if (at != set.End()) {
    Result<Added> decided = Decide(set.ScoreAt(at), score, update);
    if (!decided || decided->outcome != Outcome::kUpdated) return decided;
    if (Status error = MovePacked(at, member, decided->score); !error.ok()) return error;
    return decided;
  }
  if (update.only_existing) return Added{};
  const bool fits = FitsLimits(set.Count() + 1, member.size()) &&
                    set.list().bytes().size() + member.size() + kDoubleCharsMax < kListpackBytesMax;
  if (!fits) {
    if (Status error = BecomeLarge(); !error.ok()) return error;
    return PutLarge(member, score, update);
  }
  if (Status error = InsertPacked(member, score); !error.ok()) return error;
  return Added{Outcome::kAdded, score};
}

Status SortedSetValue::InsertPacked(std::string_view member, double score) {
  const std::string_view bytes = slot_->ReadPacked();
  const size_t old_bytes = bytes.size();
  const PackedScore stored(score);
  const PackedSortedSet::Offset at = PackedSortedSet(bytes).PlaceOf(score, member);
  const size_t gap_bytes = ListpackElementBytes(member) + stored.Bytes();
  Result<std::span<char>> room = slot_->EditPacked(old_bytes + gap_bytes);
  if (!room) return room.error();
  stored.Put(PutListpackElement(OpenListpackGap(room->data(), old_bytes, at, gap_bytes, 2), member));
  return Status::Ok();
}

// Gives the element at `at` another score. Made aside: the element may move either way, and the bytes grow or shrink.
Status SortedSetValue::MovePacked(PackedSortedSet::Offset at, std::string_view member, double score) {
  std::string bytes(slot_->ReadPacked());
  const size_t span = PackedSortedSet(bytes).Next(at) - at;
  ReplaceListpackSpan(bytes.data(), bytes.size(), at, span, 0, -2);
  bytes.resize(bytes.size() - span);
  InsertIntoPackedSortedSet(bytes, member, score);
  Result<std::span<char>> room = slot_->EditPacked(bytes.size());
  if (!room) return room.error();
  std::memcpy(room->data(), bytes.data(), bytes.size());
  return Status::Ok();
}

Status SortedSetValue::BecomeLarge() {
  LargeSortedSet* const large = MakeLarge(slot_->ReadPacked());
  if (large == nullptr) return Err::kOutOfMemory;
  Status status = StoreLarge(*slot_, large, Expiry::kKeep);
  if (!status.ok()) LargeSortedSet::Drop(large);
  return status;
}

Result<Added> SortedSetValue::PutLarge(std::string_view member, double score, const ScoreUpdate& update) {
  const uint64_t hash = HashKey(member);
  const PackedRecord found = static_cast<const LargeSortedSet*>(slot_->ReadRoot())->Find(member, hash);
  Added added{Outcome::kAdded, score};
  if (found) {
    Result<Added> decided = Decide(RecordScore(found), score, update);
    if (!decided || decided->outcome != Outcome::kUpdated) return decided;
    added = *decided;
  } else if (update.only_existing) {
    return Added{};
  }
  auto* const large = slot_->EditRoot<LargeSortedSet>();
  if (large == nullptr) return Err::kOutOfMemory;
  const auto before_bytes = static_cast<int64_t>(large->memory_bytes());
  Status status = added.outcome == Outcome::kAdded ? large->Insert(member, hash, added.score)
                                                   : large->SetScore(member, hash, found, added.score);
  slot_->AdjustExternal(static_cast<int64_t>(large->memory_bytes()) - before_bytes);
  if (!status.ok()) return status;
  return added;
}

// --- Removing -----------------------------------------------------------------------------------------------------

Result<bool> SortedSetValue::Remove(std::string_view member) {
  if (!slot_->Exists()) return false;
  if (!IsLarge(slot_->encoding())) {
    const PackedSortedSet set(slot_->ReadPacked());
    const PackedSortedSet::Offset at = set.Find(member);
    if (at == set.End()) return false;
    if (Status error = CutPacked(at, set.Next(at), 1); !error.ok()) return error;
    return true;
  }
  const uint64_t hash = HashKey(member);
  const auto& shared = *static_cast<const LargeSortedSet*>(slot_->ReadRoot());
  const PackedRecord found = shared.Find(member, hash);
  if (!found) return false;
  if (shared.count() == 1) {
    slot_->Erase();
    return true;
  }
  auto* const large = slot_->EditRoot<LargeSortedSet>();
  if (large == nullptr) return Err::kOutOfMemory;
  const auto before_bytes = static_cast<int64_t>(large->memory_bytes());
  Status status = large->Remove(member, hash);
  slot_->AdjustExternal(static_cast<int64_t>(large->memory_bytes()) - before_bytes);
  if (!status.ok()) return status;
  return true;
}

Status SortedSetValue::RemoveRange(const RankRange& range) {
  if (range.count == 0) return Status::Ok();
  if (range.count == SortedSetView::Of(*slot_).Count()) {
    slot_->Erase();
    return Status::Ok();
  }
  if (!IsLarge(slot_->encoding())) {
    const PackedSortedSet set(slot_->ReadPacked());
    const PackedSortedSet::Offset at = set.AtRank(range.first);
    PackedSortedSet::Offset end = at;
    for (uint64_t i = 0; i < range.count; ++i) end = set.Next(end);
    return CutPacked(at, end, range.count);
  }
  auto* const large = slot_->EditRoot<LargeSortedSet>();
  if (large == nullptr) return Err::kOutOfMemory;
  const auto before_bytes = static_cast<int64_t>(large->memory_bytes());
  uint64_t removed = 0;
  Status status = large->RemoveRange(range, removed);
  slot_->AdjustExternal(static_cast<int64_t>(large->memory_bytes()) - before_bytes);
  return status;
}

// Takes `count` elements out. The bytes behind them are kept aside while the value shrinks, which may move it.
Status SortedSetValue::CutPacked(PackedSortedSet::Offset at, PackedSortedSet::Offset end, uint64_t count) {
  const std::string_view bytes = slot_->ReadPacked();
  const size_t left = PackedSortedSet(bytes).Count() - count;
  if (left == 0) {
    slot_->Erase();
    return Status::Ok();
  }
  std::string kept(bytes);
  ReplaceListpackSpan(kept.data(), kept.size(), at, end - at, 0, -2 * static_cast<int>(count));
  kept.resize(kept.size() - (end - at));
  Result<std::span<char>> room = slot_->EditPacked(kept.size());
  if (!room) return room.error();
  std::memcpy(room->data(), kept.data(), kept.size());
  return Status::Ok();
}

// --- Making one aside ---------------------------------------------------------------------------------------------

namespace {

// A builder turns to the large form here, whatever the limits say, because a listpack is searched from its start.
constexpr uint64_t kBuilderPackedMax = 256;

}  // namespace

SortedSetBuilder::~SortedSetBuilder() {
  if (large_ != nullptr) LargeSortedSet::Drop(large_);
}

SortedSetView SortedSetBuilder::View() const noexcept {
  return large_ != nullptr ? SortedSetView(*large_) : SortedSetView(std::string_view(packed_));
}

Result<bool> SortedSetBuilder::Add(std::string_view member, double score) {
  if (large_ == nullptr) {
    const PackedSortedSet set(packed_);
    const uint64_t count = set.Count() + 1;
    if (set.Find(member) != set.End()) return false;
    const bool is_minus_zero = score == 0 && std::signbit(score);  // A listpack forgets the sign.
    if (count <= kBuilderPackedMax && FitsLimits(count, member.size()) && !is_minus_zero) {
      InsertIntoPackedSortedSet(packed_, member, score);
      longest_bytes_ = std::max(longest_bytes_, member.size());
      return true;
    }
    if (Status error = BecomeLarge(); !error.ok()) return error;
  }
  const uint64_t hash = HashKey(member);
  if (large_->Find(member, hash)) return false;
  if (Status error = large_->Insert(member, hash, score); !error.ok()) return error;
  longest_bytes_ = std::max(longest_bytes_, member.size());
  return true;
}

Status SortedSetBuilder::BecomeLarge() {
  large_ = MakeLarge(packed_);
  if (large_ == nullptr) return Err::kOutOfMemory;
  packed_ = MakeListpack();
  return Status::Ok();
}

Status SortedSetBuilder::Finish(KeySlot& slot, Expiry expiry) {
  if (large_ == nullptr) return StorePacked(slot, packed_, expiry);
  if (FitsLimits(large_->count(), longest_bytes_)) {
    std::string bytes = MakeListpack();
    View().ForEach([&](std::string_view member, double score) {
      // Members come in order, so each goes to the end.
      const PackedScore stored(score);
      const size_t old_bytes = bytes.size();
      const size_t gap_bytes = ListpackElementBytes(member) + stored.Bytes();
      bytes.resize(old_bytes + gap_bytes);
      char* const gap =
          OpenListpackGap(bytes.data(), old_bytes, static_cast<ListpackView::Offset>(old_bytes - 1), gap_bytes, 2);
      stored.Put(PutListpackElement(gap, member));
    });
    return StorePacked(slot, bytes, expiry);
  }
  Status status = StoreLarge(slot, large_, expiry);
  if (status.ok()) large_ = nullptr;
  return status;
}

Status StorePackedSortedSet(KeySlot& slot, std::string_view bytes, Expiry expiry) {
  const PackedSortedSet set(bytes);
  size_t longest_bytes = 0;
  for (PackedSortedSet::Offset at = set.Begin(); at != set.End(); at = set.Next(at)) {
    longest_bytes = std::max(longest_bytes, set.MemberAt(at).SizeBytes());
  }
  if (FitsLimits(set.Count(), longest_bytes)) return StorePacked(slot, bytes, expiry);
  LargeSortedSet* const large = MakeLarge(bytes);
  if (large == nullptr) return Err::kOutOfMemory;
  Status status = StoreLarge(slot, large, expiry);
  if (!status.ok()) LargeSortedSet::Drop(large);
  return status;
}

}  // namespace cachenode
