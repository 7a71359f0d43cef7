// Reading a sorted set in either form, and what the keyspace does with one it does not understand.
#include "storage/value/aggregate_ops.h"
#include "storage/value/sorted_set_value.h"
#include "storage/value/string_value.h"

namespace cachenode {

namespace {

struct SortedSetType {
  using Root = LargeSortedSet;
  static size_t OtherBytes(const char* /*value*/) noexcept { return 0; }  // There is no second packed form.
  static size_t Blocks(const Root& root) noexcept { return root.block_count(); }
  static std::string_view Name(Encoding encoding, const char* /*value*/) noexcept {
    return IsLarge(encoding) ? "skiplist" : "listpack";
  }
};

// The ranks of elements that are neither before nor behind.
template <typename IsBefore, typename IsBehind>
RankRange SelectPacked(const PackedSortedSet& set, const IsBefore& is_before, const IsBehind& is_behind) noexcept {
  RankRange range;
  PackedSortedSet::Offset at = set.Begin();
  for (; at != set.End() && is_before(at); at = set.Next(at)) ++range.first;
  for (; at != set.End() && !is_behind(at); at = set.Next(at)) ++range.count;
  return range;
}

template <typename IsBefore, typename IsBehind>
RankRange SelectLarge(const LargeSortedSet& set, const IsBefore& is_before, const IsBehind& is_behind) noexcept {
  const uint64_t first = set.RankOf(set.LowerBound(is_before));
  const uint64_t end =
      set.RankOf(set.LowerBound([&](const ScoreLeaf::Element& element) { return !is_behind(element); }));
  return {first, end > first ? end - first : 0};
}

}  // namespace

constinit const ValueOps kSortedSetOps = AggregateOps<SortedSetType>::kTable;

SortedSetView::SortedSetView(Encoding encoding, const char* value) noexcept {
  if (IsLarge(encoding)) {
    large_ = static_cast<const LargeSortedSet*>(LoadRoot(value));
  } else {
    packed_ = PackedBytesOf<SortedSetType>(encoding, value);
  }
}

uint64_t SortedSetView::Count() const noexcept {
  return is_packed() ? PackedSortedSet(packed_).Count() : large_->count();
}

std::optional<double> SortedSetView::Score(std::string_view member) const noexcept {
  if (!is_packed()) {
    const PackedRecord record = large_->Find(member, HashKey(member));
    return record ? std::optional<double>(RecordScore(record)) : std::nullopt;
  }
  const PackedSortedSet set(packed_);
  const PackedSortedSet::Offset at = set.Find(member);
  return at == set.End() ? std::nullopt : std::optional<double>(set.ScoreAt(at));
}

std::optional<SortedSetView::Ranked> SortedSetView::Rank(std::string_view member) const noexcept {
  if (!is_packed()) {
    const uint64_t hash = HashKey(member);
    const PackedRecord record = large_->Find(member, hash);
    if (!record) return std::nullopt;
    return Ranked{large_->RankOf(large_->PositionOf(record, hash)), RecordScore(record)};
  }
  const PackedSortedSet set(packed_);
  const PackedSortedSet::Offset at = set.Find(member);
  if (at == set.End()) return std::nullopt;
  return Ranked{set.RankOf(at), set.ScoreAt(at)};
}

RankRange SortedSetView::Select(const ScoreRange& range) const noexcept {
  if (!is_packed()) {
    return SelectLarge(
        *large_, [&](const ScoreLeaf::Element& element) { return range.IsBefore(element.score); },
        [&](const ScoreLeaf::Element& element) { return range.IsBehind(element.score); });
  }
  const PackedSortedSet set(packed_);
  return SelectPacked(
      set, [&](PackedSortedSet::Offset at) { return range.IsBefore(set.ScoreAt(at)); },
      [&](PackedSortedSet::Offset at) { return range.IsBehind(set.ScoreAt(at)); });
}

bool SortedSetView::MayHold(const LexRange& range) const noexcept {
  const uint64_t count = Count();
  if (count == 0 || range.IsBehind(Cursor(*this, 0).member())) return false;
  return !range.IsBefore(Cursor(*this, count - 1).member());
}

RankRange SortedSetView::Select(const LexRange& range) const noexcept {
  if (!MayHold(range)) return {};
  if (!is_packed()) {
    return SelectLarge(
        *large_, [&](const ScoreLeaf::Element& element) { return range.IsBefore(large_->MemberOf(element)); },
        [&](const ScoreLeaf::Element& element) { return range.IsBehind(large_->MemberOf(element)); });
  }
  const PackedSortedSet set(packed_);
  ListpackScratch scratch;
  return SelectPacked(
      set, [&](PackedSortedSet::Offset at) { return range.IsBefore(set.MemberAt(at).Read(scratch)); },
      [&](PackedSortedSet::Offset at) { return range.IsBehind(set.MemberAt(at).Read(scratch)); });
}

uint64_t SortedSetView::Scan(uint64_t cursor, size_t count, FunctionRef<void(std::string_view, double)> visit) const {
  if (!is_packed()) {
    return large_->index().Scan(cursor, count,
                                [&](const PackedRecord& record) { visit(record.key, RecordScore(record)); });
  }
  ForEach(visit);
  return 0;
}

SortedSetView::Cursor::Cursor(const SortedSetView& set, uint64_t rank) noexcept
    : large_(set.large_), packed_(set.packed_) {
  if (large_ == nullptr) {
    at_ = packed_.AtRank(rank);
  } else {
    position_ = large_->AtRank(rank);
  }
}

}  // namespace cachenode
