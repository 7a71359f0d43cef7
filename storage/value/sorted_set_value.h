// Sorted sets: a listpack while they are few and short (packed_sorted_set.h), else a LargeSortedSet.
//
// SortedSetView reads, SortedSetValue changes the set of a key, SortedSetBuilder makes one off the keyspace.
// Thread-safety: a view is good under the shard's lock, or on any thread that holds a reference to the value (a
//   snapshot's); SortedSetValue under the lock only; a builder belongs to one thread.
// Invariants: a sorted set has at least one member: the last one to go takes the key with it. It never goes back to a
//   listpack. Scores are not NaN. Order is score, then member as bytes; ranks count from 0.
// Errors: Err::kOutOfMemory, and then nothing changed, where not said otherwise.
// Views: members handed out live until the next change of the shard, and no longer than the cursor that gave them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "storage/base/function_ref.h"
#include "storage/base/result.h"
#include "storage/entry_view.h"
#include "storage/key_slot.h"
#include "storage/value/large_sorted_set.h"
#include "storage/value/packed_sorted_set.h"
#include "storage/value/sorted_set_range.h"
#include "storage/value/value.h"

namespace cachenode {

extern const ValueOps kSortedSetOps;

class SortedSetView {
 public:
  SortedSetView(Encoding encoding, const char* value) noexcept;
  [[nodiscard]] static SortedSetView Of(const EntryView& entry) noexcept { return {entry.encoding, entry.value}; }
  // Requires a slot that exists and holds a sorted set.
  [[nodiscard]] static SortedSetView Of(const KeySlot& slot) noexcept {
    return {slot.encoding(), slot.RawValue().data()};
  }
  explicit SortedSetView(const LargeSortedSet& large) noexcept : large_(&large) {}
  explicit SortedSetView(std::string_view packed) noexcept : packed_(packed) {}

  [[nodiscard]] bool is_packed() const noexcept { return large_ == nullptr; }
  // The listpack. Requires is_packed().
  [[nodiscard]] std::string_view packed_bytes() const noexcept { return packed_; }
  // Members and scores of a large set, in the order ZSCAN takes. Requires !is_packed().
  [[nodiscard]] const PackedTable& index() const noexcept { return large_->index(); }

  [[nodiscard]] uint64_t Count() const noexcept;
  // Nothing when there is no such member. O(1) on large sets.
  [[nodiscard]] std::optional<double> Score(std::string_view member) const noexcept;
  struct Ranked {
    uint64_t rank = 0;
    double score = 0;
  };
  [[nodiscard]] std::optional<Ranked> Rank(std::string_view member) const noexcept;
  // The ranks a range takes, count 0 when none. O(log n) on large sets. Members of different scores are in no order; of
  // those it is only sure that a range beyond the last element or before the first one takes none.
  [[nodiscard]] RankRange Select(const ScoreRange& range) const noexcept;
  [[nodiscard]] RankRange Select(const LexRange& range) const noexcept;
  // One step of ZSCAN: visits about `count` elements from `cursor` on and answers the next cursor, 0 at the end. A
  // packed set is visited whole.
  uint64_t Scan(uint64_t cursor, size_t count, FunctionRef<void(std::string_view, double)> visit) const;

  // Goes through the elements in either direction.
  class Cursor {
   public:
    // At element number `rank`; at the end when there is none.
    Cursor(const SortedSetView& set, uint64_t rank) noexcept;

    [[nodiscard]] bool IsEnd() const noexcept { return large_ == nullptr ? at_ == packed_.End() : position_.IsEnd(); }
    [[nodiscard]] double score() const noexcept {
      return large_ == nullptr ? packed_.ScoreAt(at_) : position_.element().score;
    }
    // Lives until the cursor moves.
    [[nodiscard]] std::string_view member() noexcept {
      return large_ == nullptr ? packed_.MemberAt(at_).Read(scratch_) : large_->MemberOf(position_.element());
    }
    void Next() noexcept {
      if (large_ == nullptr) {
        at_ = packed_.Next(at_);
      } else {
        large_->Next(position_);
      }
    }
    // Before the first element is the end.
    void Previous() noexcept {
      if (large_ == nullptr) {
        at_ = at_ == packed_.Begin() ? packed_.End() : packed_.Previous(at_);
      } else {
        large_->Previous(position_);
      }
    }

   private:
    const LargeSortedSet* large_;
    PackedSortedSet packed_;
    PackedSortedSet::Offset at_ = 0;
    LargeSortedSet::Position position_;
    ListpackScratch scratch_;
  };

  // Visits every element in order: `visit(std::string_view member, double score)`.
  template <typename Visit>
  void ForEach(Visit&& visit) const {
    if (large_ != nullptr) return large_->VisitRange({0, large_->count()}, false, visit);
    for (Cursor cursor(*this, 0); !cursor.IsEnd(); cursor.Next()) visit(cursor.member(), cursor.score());
  }
  // The same with the elements of these ranks, which exist, from the first or from the last on.
  template <typename Visit>
  void VisitRange(const RankRange& range, bool is_reverse, Visit&& visit) const {
    if (range.count == 0) return;
    if (large_ != nullptr) return large_->VisitRange(range, is_reverse, visit);
    Cursor cursor(*this, is_reverse ? range.first + range.count - 1 : range.first);
    for (uint64_t left = range.count; left > 0; --left) {
      visit(cursor.member(), cursor.score());
      is_reverse ? cursor.Previous() : cursor.Next();
    }
  }

 private:
  // False when the first element lies behind the range, or the last one before it.
  [[nodiscard]] bool MayHold(const LexRange& range) const noexcept;

  std::string_view packed_;
  const LargeSortedSet* large_ = nullptr;
};

// How ZADD may change what is there.
struct ScoreUpdate {
  bool only_new = false;       // NX.
  bool only_existing = false;  // XX.
  bool only_greater = false;   // GT: an existing score only gets greater.
  bool only_less = false;      // LT.
  bool increments = false;     // INCR: the score is added to what is there.
};

// Handle to change the sorted set of one key. Requires that the key is missing or holds a sorted set.
class SortedSetValue {
 public:
  explicit SortedSetValue(KeySlot& slot) noexcept : slot_(&slot) {}

  enum class Outcome : uint8_t { kRefused, kUnchanged, kAdded, kUpdated };  // kRefused: by the ScoreUpdate.
  struct Added {
    Outcome outcome = Outcome::kRefused;
    double score = 0;  // The member's score afterwards, unless refused.
  };
  // Adds a member or changes its score. Creates the key. `member` must not lie in this shard. `score` is not NaN; an
  // increment that makes one is refused with Redis' text.
  [[nodiscard]] Result<Added> Put(std::string_view member, double score, const ScoreUpdate& update);
  // False when it was not there.
  [[nodiscard]] Result<bool> Remove(std::string_view member);
  // Removes the elements of these ranks, which exist. On failure some may be gone.
  [[nodiscard]] Status RemoveRange(const RankRange& range);

 private:
  [[nodiscard]] Result<Added> PutPacked(std::string_view member, double score, const ScoreUpdate& update);
  [[nodiscard]] Result<Added> PutLarge(std::string_view member, double score, const ScoreUpdate& update);
  [[nodiscard]] Status Create(std::string_view member, double score);
  [[nodiscard]] Status InsertPacked(std::string_view member, double score);
  [[nodiscard]] Status MovePacked(PackedSortedSet::Offset at, std::string_view member, double score);
  [[nodiscard]] Status CutPacked(PackedSortedSet::Offset at, PackedSortedSet::Offset end, uint64_t count);
  [[nodiscard]] Status BecomeLarge();

  KeySlot* slot_;
};

// Makes a sorted set, which Finish gives to a key in the smallest form.
class SortedSetBuilder {
 public:
  SortedSetBuilder() = default;
  SortedSetBuilder(const SortedSetBuilder&) = delete;
  SortedSetBuilder& operator=(const SortedSetBuilder&) = delete;
  ~SortedSetBuilder();

  // False, with nothing added, when the member is there. Members in order, ascending or descending, are cheapest.
  [[nodiscard]] Result<bool> Add(std::string_view member, double score);
  [[nodiscard]] uint64_t count() const noexcept { return View().Count(); }
  // What was added so far. Dies with the next Add.
  [[nodiscard]] SortedSetView View() const noexcept;
  // Replaces whatever the key held. Requires count() > 0. The builder is spent when that went well.
  [[nodiscard]] Status Finish(KeySlot& slot, Expiry expiry);

 private:
  [[nodiscard]] Status BecomeLarge();
  [[nodiscard]] bool FitsPacked() const noexcept;

  std::string packed_ = MakeListpack();
  LargeSortedSet* large_ = nullptr;
  size_t longest_bytes_ = 0;  // Of the members.
};

// Gives `slot` the sorted set whose packed bytes these are, as they are or in the form the limits ask for. Requires
// PackedSortedSet::IsValid.
[[nodiscard]] Status StorePackedSortedSet(KeySlot& slot, std::string_view bytes, Expiry expiry);

}  // namespace cachenode
