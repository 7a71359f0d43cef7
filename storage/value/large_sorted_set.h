// The large form of a sorted set: an index of members with their scores, and a counted tree of the scores in order.
//
// Members are stored once, in the index. The tree holds 14 bytes an element: the score, and a handle by which the index
// finds the member again: those bits of the member's hash that tell its bucket and its tag, and a twin number, which
// the index record repeats; two members that agree in those bits have different twins. So a handle is exact. Reasons:
// looking a member up costs the index alone, as in Redis; ZSCAN walks the index and keeps its promises when scores
// change; the tree is compact and compares scores without leaving its nodes. What it costs: showing a member of a range
// takes one look into the index each, hidden by prefetching, and so does comparing elements of equal scores.
// Thread-safety: as shared_root.h says: a set with other holders is immutable and readable by any thread.
// Invariants: index and tree hold the same elements; order is score, then member as bytes. Scores are not NaN.
// Errors: changes answer Err::kOutOfMemory and leave the elements as they were (RemoveRange: may have removed some).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "storage/base/hash.h"
#include "storage/base/status.h"
#include "storage/value/packed_lookup.h"
#include "storage/value/packed_table.h"
#include "storage/value/record_score.h"
#include "storage/value/score_leaf.h"
#include "storage/value/shared_root.h"
#include "storage/value/sorted_set_range.h"

namespace cachenode {

class LargeSortedSet final : public SharedRoot {
 public:
  // An empty set, or null.
  [[nodiscard]] static LargeSortedSet* Create() noexcept;
  // For KeySlot::EditRoot.
  [[nodiscard]] LargeSortedSet* CloneShallow() const noexcept;
  static void Drop(LargeSortedSet* set) noexcept;

  [[nodiscard]] uint64_t count() const noexcept { return tree_.element_count(); }
  [[nodiscard]] size_t block_count() const noexcept { return index_->block_count() + tree_.leaf_count() + 1; }
  [[nodiscard]] const PackedTable& index() const noexcept { return *index_; }

  // A place in the order. Dies with the next change.
  struct Position {
    ScoreTree::Path path;
    unsigned index = 0;
    [[nodiscard]] bool IsEnd() const noexcept { return path.IsEnd(); }
    [[nodiscard]] ScoreLeaf::Element element() const noexcept { return path.leaf().At(index); }
  };

  // The member with its score; empty when there is none.
  [[nodiscard]] PackedRecord Find(std::string_view member, uint64_t hash) const noexcept {
    return index_->Find(member, hash);
  }
  [[nodiscard]] std::string_view MemberOf(const ScoreLeaf::Element& element) const noexcept {
    return index_->FindKnown(element.handle, IsIt{element.handle}).key;
  }
  // The end when rank >= count().
  [[nodiscard]] Position AtRank(uint64_t rank) const noexcept;
  [[nodiscard]] uint64_t RankOf(const Position& position) const noexcept {
    return position.IsEnd() ? count() : tree_.RankOf(position.path) + position.index;
  }
  void Next(Position& position) const noexcept;
  void Previous(Position& position) const noexcept;
  // Visits the elements of these ranks, which exist, from the first or from the last on: visit(member, score).
  template <typename Visit>
  void VisitRange(const RankRange& range, bool is_reverse, Visit&& visit) const;
  // The first element for which `is_before(const ScoreLeaf::Element&)` is false; it is true for a run at the start.
  template <typename IsBefore>
  [[nodiscard]] Position LowerBound(const IsBefore& is_before) const noexcept;
  // Where the element of a record is that Find answered for the member.
  [[nodiscard]] Position PositionOf(const PackedRecord& record, uint64_t hash) const noexcept;

  // --- Changing; requires IsUnique() ----------------------------------------------------------------------------

  // Requires that `member`, which lies elsewhere, is missing; `hash` is its HashKey.
  [[nodiscard]] Status Insert(std::string_view member, uint64_t hash, double score) noexcept;
  // Requires that `member`, which lies elsewhere, is there: `found` is what Find answered, of this set or of the one it
  // is a clone of.
  [[nodiscard]] Status SetScore(std::string_view member, uint64_t hash, const PackedRecord& found,
                                double score) noexcept;
  // Requires that `member`, which lies elsewhere, is there.
  [[nodiscard]] Status Remove(std::string_view member, uint64_t hash) noexcept;
  // Requires that the ranks exist. `removed` is how many are gone, also on failure.
  [[nodiscard]] Status RemoveRange(const RankRange& range, uint64_t& removed) noexcept;

  // Whether tree and index agree and the order is right. For tests.
  [[nodiscard]] bool IsConsistent() const noexcept;

 private:
  // Bits of the hash that a handle repeats: the table's tag, and of its bucket as many as 50 billion members need.
  static constexpr uint64_t kHashMask = uint64_t{0xFF} << 56 | UINT32_MAX;
  static constexpr unsigned kTwinShift = 48;
  // How many elements ahead a cursor asks the index.
  static constexpr unsigned kPrefetchAhead = 8;
  // How many members are looked up together: about as many reads of memory as a processor has under way.
  static constexpr unsigned kFoundTogether = 16;
  // A leaf with fewer elements is joined with a neighbour when both fit into kJoinedMax.
  static constexpr unsigned kLeafCountMin = 16;
  static constexpr unsigned kJoinedMax = 48;
  // A full leaf gives elements to a neighbour with at most this many before it is made two.
  static constexpr unsigned kTakesMoreMax = ScoreLeaf::kCountMax - 4;
  // From so many leaves on each has room for kCountMax: leaves that grow through the allocator's classes leave holes in
  // every class behind, which cost more than the room.
  static constexpr unsigned kWideLeavesFrom = 8;

  LargeSortedSet() noexcept = default;
  ~LargeSortedSet() { PackedTable::Drop(index_); }

  static MemberHandle HandleOf(uint64_t hash, uint8_t twin) noexcept {
    return (hash & kHashMask) | uint64_t{twin} << kTwinShift;
  }
  struct IsIt {
    MemberHandle handle;
    bool operator()(const PackedRecord& record) const noexcept {
      return HandleOf(HashKey(record.key), RecordTwin(record)) == handle;
    }
  };
  // Visits elements of one leaf, whose number there is `at(step)`, for the steps [0, count).
  template <typename At, typename Visit>
  void VisitRun(const ScoreLeaf& leaf, unsigned count, const At& at, Visit& visit) const;
  [[nodiscard]] bool EditIndex() noexcept;
  void CountMemory() noexcept;
  // Chooses the twin of a record just put, whose payload is not written yet; false when all are taken.
  [[nodiscard]] bool ChooseTwin(std::string_view member, uint64_t hash, uint8_t& twin) const noexcept;
  // An element on its way into the order.
  struct Newcomer {
    ScoreLeaf::Element element;
    std::string_view member;
  };
  // To the leaf that does or would hold the element, and the place in it.
  [[nodiscard]] Position PlaceOf(const Newcomer& newcomer) const noexcept;
  [[nodiscard]] unsigned PlaceIn(const ScoreLeaf& leaf, const Newcomer& newcomer) const noexcept;
  [[nodiscard]] unsigned PlaceAmongEquals(const ScoreLeaf& leaf, unsigned first,
                                          const Newcomer& newcomer) const noexcept;
  // How much room a leaf of `count` elements is made with beyond them.
  [[nodiscard]] unsigned SpareFor(unsigned count) const noexcept;
  [[nodiscard]] bool InsertIntoTree(const Newcomer& newcomer) noexcept;
  [[nodiscard]] bool InsertAt(Position& place, ScoreLeaf* leaf, const ScoreLeaf::Element& element) noexcept;
  [[nodiscard]] bool MakeSpace(Position& place) noexcept;
  [[nodiscard]] ScoreLeaf* EditWide(ScoreTree::Path& path) noexcept;
  [[nodiscard]] bool ShiftBetween(ScoreTree::Path& left, ScoreTree::Path& right) noexcept;
  [[nodiscard]] bool SplitTwo(ScoreTree::Path& left, ScoreTree::Path& right) noexcept;
  [[nodiscard]] bool SplitLeaf(ScoreTree::Path& path, const ScoreLeaf& leaf, unsigned cut) noexcept;
  [[nodiscard]] bool MoveElement(Position& old, ScoreLeaf* leaf, const Newcomer& newcomer) noexcept;
  void EraseFromLeaf(ScoreTree::Path& path, ScoreLeaf* leaf, unsigned from, unsigned to) noexcept;
  void JoinWithNeighbour(ScoreTree::Path& path) noexcept;
  [[nodiscard]] bool JoinNext(ScoreTree::Path& path) noexcept;

  PackedTable* index_ = nullptr;
  ScoreTree tree_;
};

template <typename IsBefore>
LargeSortedSet::Position LargeSortedSet::LowerBound(const IsBefore& is_before) const noexcept {
  Position position{
      tree_.Seek([&](const ScoreLeaf::Element& first, const ScoreTree::FirstLeaf&) { return !is_before(first); })};
  if (position.IsEnd()) return position;
  const ScoreLeaf& leaf = position.path.leaf();
  unsigned low = 0;
  unsigned high = leaf.count();
  while (low < high) {
    const unsigned middle = (low + high) / 2;
    if (is_before(leaf.At(middle))) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  position.index = low;
  if (low == leaf.count()) {
    tree_.Next(position.path);
    position.index = 0;
  }
  return position;
}

template <typename At, typename Visit>
void LargeSortedSet::VisitRun(const ScoreLeaf& leaf, unsigned count, const At& at, Visit& visit) const {
  PackedLookup lookups[kFoundTogether];
  for (unsigned from = 0; from < count; from += kFoundTogether) {
    const unsigned together = std::min(count - from, kFoundTogether);
    for (unsigned i = 0; i < together; ++i) lookups[i].Begin(*index_, leaf.handle(at(from + i)));
    for (unsigned i = 0; i < together; ++i) lookups[i].Locate(leaf.handle(at(from + i)));
    for (unsigned i = 0; i < together; ++i) {
      const ScoreLeaf::Element element = leaf.At(at(from + i));
      visit(lookups[i].Get(*index_, element.handle, IsIt{element.handle}).key, element.score);
    }
  }
}

template <typename Visit>
void LargeSortedSet::VisitRange(const RankRange& range, bool is_reverse, Visit&& visit) const {
  Position position = AtRank(is_reverse ? range.first + range.count - 1 : range.first);
  for (uint64_t left = range.count; left > 0;) {
    // Run by run, a run being what is wanted of one leaf.
    const ScoreLeaf& leaf = position.path.leaf();
    const unsigned rest = is_reverse ? position.index + 1 : leaf.count() - position.index;
    const auto run = static_cast<unsigned>(std::min<uint64_t>(rest, left));
    const auto at = [&](unsigned step) { return is_reverse ? position.index - step : position.index + step; };
    VisitRun(leaf, run, at, visit);
    left -= run;
    if (left == 0) return;
    is_reverse ? tree_.Previous(position.path) : tree_.Next(position.path);
    position.index = is_reverse ? position.path.leaf().count() - 1 : 0;
  }
}

}  // namespace cachenode
