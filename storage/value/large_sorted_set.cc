#include "storage/value/large_sorted_set.h"

#include <algorithm>
#include <new>
#include <utility>

#include "storage/base/memory.h"

namespace cachenode {

LargeSortedSet* LargeSortedSet::Create() noexcept {
  void* const raw = memory::Allocate(sizeof(LargeSortedSet));
  if (raw == nullptr) return nullptr;
  auto* const set = new (raw) LargeSortedSet();
  set->index_ = PackedTable::Create(RecordPayload::kScore);
  if (set->index_ == nullptr) {
    Drop(set);
    return nullptr;
  }
  set->CountMemory();
  return set;
}

LargeSortedSet* LargeSortedSet::CloneShallow() const noexcept {
  void* const raw = memory::Allocate(sizeof(LargeSortedSet));
  if (raw == nullptr) return nullptr;
  auto* const copy = new (raw) LargeSortedSet();
  index_->AddRef();
  copy->index_ = index_;
  copy->tree_ = tree_.Share();
  copy->AddMemory(static_cast<int64_t>(memory_bytes()));
  return copy;
}

void LargeSortedSet::Drop(LargeSortedSet* set) noexcept {
  if (!set->DropRef()) return;
  set->~LargeSortedSet();
  memory::Free(set, sizeof(LargeSortedSet));
}

// The index is a root of its own, shared by the clones of this one.
bool LargeSortedSet::EditIndex() noexcept {
  if (index_->IsUnique()) [[likely]]
    return true;
  PackedTable* const copy = index_->CloneShallow();
  if (copy == nullptr) return false;
  PackedTable::Drop(index_);
  index_ = copy;
  return true;
}

void LargeSortedSet::CountMemory() noexcept {
  const size_t now_bytes = sizeof(LargeSortedSet) + index_->memory_bytes() + tree_.memory_bytes();
  AddMemory(static_cast<int64_t>(now_bytes - memory_bytes()));
}

// --- Looking ------------------------------------------------------------------------------------------------------

LargeSortedSet::Position LargeSortedSet::AtRank(uint64_t rank) const noexcept {
  uint64_t offset = 0;
  Position position{tree_.AtRank(rank, offset)};
  position.index = static_cast<unsigned>(offset);
  return position;
}

void LargeSortedSet::Next(Position& position) const noexcept {
  const ScoreLeaf& leaf = position.path.leaf();
  if (++position.index == leaf.count()) {
    tree_.Next(position.path);
    position.index = 0;
    return;
  }
  if (position.index + kPrefetchAhead < leaf.count()) index_->Prefetch(leaf.handle(position.index + kPrefetchAhead));
}

void LargeSortedSet::Previous(Position& position) const noexcept {
  if (position.index > 0) {
    --position.index;
    if (position.index >= kPrefetchAhead) {
      index_->Prefetch(position.path.leaf().handle(position.index - kPrefetchAhead));
    }
    return;
  }
  tree_.Previous(position.path);
  if (!position.IsEnd()) position.index = position.path.leaf().count() - 1;
}

LargeSortedSet::Position LargeSortedSet::PositionOf(const PackedRecord& record, uint64_t hash) const noexcept {
  return PlaceOf({{RecordScore(record), HandleOf(hash, RecordTwin(record))}, record.key});
}

// At the end of a leaf rather than at the start of the next one.
LargeSortedSet::Position LargeSortedSet::PlaceOf(const Newcomer& newcomer) const noexcept {
  const double score = newcomer.element.score;
  // No score is NaN. Asked this way round, the comparison reads memory and needs no register.
  Position position{tree_.SeekByKey([score](const ScoreLeaf::Element& first) { return !(first.score <= score); },
                                    [score](const ScoreLeaf::Element& first) { return first.score < score; },
                                    [&](const ScoreLeaf::Element& first, const ScoreTree::FirstLeaf&) {
                                      return first.handle != newcomer.element.handle &&
                                             MemberOf(first) >= newcomer.member;
                                    })};
  if (!position.IsEnd()) position.index = PlaceIn(position.path.leaf(), newcomer);
  return position;
}

unsigned LargeSortedSet::PlaceIn(const ScoreLeaf& leaf, const Newcomer& newcomer) const noexcept {
  const unsigned place = leaf.CountBelow(newcomer.element.score);
  if (place == leaf.count() || leaf.score(place) != newcomer.element.score) return place;
  return PlaceAmongEquals(leaf, place, newcomer);
}

// Among the elements of its own score, which begin at `first`. A handle is exact, so that the element itself is told
// without a look at any member; else they are in the order of their members.
unsigned LargeSortedSet::PlaceAmongEquals(const ScoreLeaf& leaf, unsigned first,
                                          const Newcomer& newcomer) const noexcept {
  unsigned high = first;
  for (; high < leaf.count() && leaf.score(high) == newcomer.element.score; ++high) {
    if (leaf.handle(high) == newcomer.element.handle) return high;
  }
  unsigned low = first;
  while (low < high) {
    const unsigned middle = (low + high) / 2;
    if (MemberOf(leaf.At(middle)) < newcomer.member) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

// --- Adding -------------------------------------------------------------------------------------------------------

bool LargeSortedSet::ChooseTwin(std::string_view member, uint64_t hash, uint8_t& twin) const noexcept {
  for (unsigned candidate = 0; candidate <= kRecordTwinMax; ++candidate) {
    const PackedRecord taken = index_->FindIf(hash, [&](const PackedRecord& record) {
      return record.key != member && RecordTwin(record) == candidate && ((HashKey(record.key) ^ hash) & kHashMask) == 0;
    });
    twin = static_cast<uint8_t>(candidate);
    if (!taken) [[likely]]
      return true;
  }
  return false;
}

Status LargeSortedSet::Insert(std::string_view member, uint64_t hash, double score) noexcept {
  if (!EditIndex()) return Err::kOutOfMemory;
  bool existed = false;
  const size_t room = RecordScoreBytes(score);
  char* const payload = index_->Put(member, hash, room, existed);
  uint8_t twin = 0;
  bool is_done = payload != nullptr;
  if (is_done) {
    is_done = ChooseTwin(member, hash, twin);
    PutRecordScore(payload, room, score, twin);
    is_done = is_done && InsertIntoTree({{score, HandleOf(hash, twin)}, member});
    // The record's block is not shared any more, so this cannot fail.
    if (!is_done) static_cast<void>(index_->Erase(member, hash));
  }
  CountMemory();
  return is_done ? Status::Ok() : Status(Err::kOutOfMemory);
}

unsigned LargeSortedSet::SpareFor(unsigned count) const noexcept {
  return tree_.leaf_count() >= kWideLeavesFrom ? ScoreLeaf::kCountMax - count : 2 + count / 8;
}

bool LargeSortedSet::InsertIntoTree(const Newcomer& newcomer) noexcept {
  Position place = PlaceOf(newcomer);
  if (place.IsEnd()) {
    ScoreLeaf* const leaf = ScoreLeaf::Create(4);
    if (leaf == nullptr) return false;
    leaf->Insert(0, newcomer.element);
    if (tree_.Append(leaf)) return true;
    ScoreLeaf::Destroy(leaf);
    return false;
  }
  ScoreLeaf* leaf = tree_.EditLeaf(place.path);
  if (leaf == nullptr) return false;
  if (leaf->count() == ScoreLeaf::kCountMax) {
    if (!MakeSpace(place)) return false;
    place = PlaceOf(newcomer);
    leaf = tree_.EditLeaf(place.path);
    if (leaf == nullptr) return false;
  }
  return InsertAt(place, leaf, newcomer.element);
}

// Requires that `leaf`, the place's, is this set's own and has fewer than kCountMax elements. No other path dies.
bool LargeSortedSet::InsertAt(Position& place, ScoreLeaf* leaf, const ScoreLeaf::Element& element) noexcept {
  if (leaf->count() < leaf->capacity()) {
    leaf->Insert(place.index, element);
    tree_.LeafChanged(place.path);
    return true;
  }
  ScoreLeaf* const wider = leaf->Copy(0, leaf->count(), SpareFor(leaf->count()));
  if (wider == nullptr) return false;
  wider->Insert(place.index, element);
  tree_.LeafMoved(place.path, wider, leaf->MemoryBytes());
  ScoreLeaf::Destroy(leaf);
  return true;
}

// Makes space in or beside a full leaf, this set's own, which need not be where the place was afterwards. A neighbour
// takes some if it can; else the two become three. A set that grows at one end gets full leaves.
bool LargeSortedSet::MakeSpace(Position& place) noexcept {
  constexpr unsigned kNarrow = 2;
  const ScoreLeaf& leaf = place.path.leaf();
  const unsigned count = leaf.count();
  ScoreTree::Path right = place.path;
  ScoreTree::Path left = place.path;
  tree_.Next(right);
  tree_.Previous(left);
  if (right.IsEnd() && place.index == count) return SplitLeaf(place.path, leaf, count - kNarrow);
  if (left.IsEnd() && place.index == 0) return SplitLeaf(place.path, leaf, kNarrow);
  const unsigned right_count = right.IsEnd() ? count : right.leaf().count();
  const unsigned left_count = left.IsEnd() ? count : left.leaf().count();
  if (std::min(left_count, right_count) <= kTakesMoreMax) {
    return left_count < right_count ? ShiftBetween(left, place.path) : ShiftBetween(place.path, right);
  }
  if (!right.IsEnd()) return SplitTwo(place.path, right);
  if (!left.IsEnd()) return SplitTwo(left, place.path);
  return SplitLeaf(place.path, leaf, count / 2);
}

// The path's leaf for changing it, with all the room that a leaf can have; null when there is no memory.
ScoreLeaf* LargeSortedSet::EditWide(ScoreTree::Path& path) noexcept {
  ScoreLeaf* const leaf = tree_.EditLeaf(path);
  if (leaf == nullptr || leaf->capacity() == ScoreLeaf::kCountMax) return leaf;
  ScoreLeaf* const wide = leaf->Copy(0, leaf->count(), ScoreLeaf::kCountMax);
  if (wide == nullptr) return nullptr;
  tree_.LeafMoved(path, wide, leaf->MemoryBytes());
  ScoreLeaf::Destroy(leaf);
  return wide;
}

// Spreads the elements of two neighbouring leaves evenly; one of them is full, and its path leads over this set's own
// nodes.
bool LargeSortedSet::ShiftBetween(ScoreTree::Path& left, ScoreTree::Path& right) noexcept {
  ScoreLeaf* const first = EditWide(left);
  ScoreLeaf* const second = EditWide(right);
  if (first == nullptr || second == nullptr) return false;
  const unsigned first_count = first->count();
  const unsigned kept = (first_count + second->count()) / 2;
  if (kept < first_count) {
    second->PrependFrom(*first, kept, first_count);
    first->Truncate(kept);
  } else {
    first->AppendFrom(*second, 0, kept - first_count);
    second->Erase(0, kept - first_count);
  }
  tree_.LeafChanged(left);
  tree_.LeafChanged(right);
  return true;
}

// Makes three of two neighbouring leaves, both nearly full.
bool LargeSortedSet::SplitTwo(ScoreTree::Path& left, ScoreTree::Path& right) noexcept {
  const ScoreLeaf& first = left.leaf();
  const ScoreLeaf& second = right.leaf();
  const unsigned third = (first.count() + second.count()) / 3;
  ScoreLeaf* const new_first = first.Copy(0, third, ScoreLeaf::kCountMax);
  ScoreLeaf* const middle = first.Copy(third, first.count(), ScoreLeaf::kCountMax);
  const unsigned given = third - std::min(third, first.count() - third);
  ScoreLeaf* const new_second = second.Copy(given, second.count(), ScoreLeaf::kCountMax);
  const bool has_all = new_first != nullptr && middle != nullptr && new_second != nullptr;
  if (has_all) middle->AppendFrom(second, 0, given);
  if (!has_all || !tree_.EditPath(right) || !tree_.EditPath(left) || !tree_.InsertAfter(left, middle)) {
    for (ScoreLeaf* const leaf : {new_first, middle, new_second}) {
      if (leaf != nullptr) ScoreLeaf::Destroy(leaf);
    }
    return false;
  }
  // The new leaf ended the other path; all nodes on both ways are unique, so that nothing below fails.
  right = left;
  tree_.Next(right);
  tree_.Next(right);
  return tree_.ReplaceLeaf(right, new_second) && tree_.ReplaceLeaf(left, new_first);
}

// Makes two of a full leaf, this set's own.
bool LargeSortedSet::SplitLeaf(ScoreTree::Path& path, const ScoreLeaf& leaf, unsigned cut) noexcept {
  const unsigned count = leaf.count();
  ScoreLeaf* const left = leaf.Copy(0, cut, SpareFor(cut));
  ScoreLeaf* const right = leaf.Copy(cut, count, SpareFor(count - cut));
  if (left == nullptr || right == nullptr || !tree_.InsertAfter(path, right)) {
    if (left != nullptr) ScoreLeaf::Destroy(left);
    if (right != nullptr) ScoreLeaf::Destroy(right);
    return false;
  }
  // InsertAfter keeps the path at the leaf it was at.
  return tree_.ReplaceLeaf(path, left);  // Cannot fail: the path is unique since InsertAfter.
}

Status LargeSortedSet::SetScore(std::string_view member, uint64_t hash, const PackedRecord& found,
                                double score) noexcept {
  if (!EditIndex()) return Err::kOutOfMemory;
  // First everything that can fail: the record and the old element become this set's own.
  const double old_score = RecordScore(found);
  const uint8_t twin = RecordTwin(found);
  const MemberHandle handle = HandleOf(hash, twin);
  Position old = PlaceOf({{old_score, handle}, member});
  // The room for a score only grows, so that scores which come and go do not move the records behind.
  const size_t old_room = RecordScoreRoom(found.payload);
  const size_t room = std::max(old_room, RecordScoreBytes(score));
  char* payload = room == old_room ? index_->PayloadInPlace(found, hash) : nullptr;
  if (payload == nullptr) {
    bool existed = false;
    payload = index_->Put(member, hash, room, existed);
    if (payload != nullptr) PutRecordScore(payload, room, old_score, twin);
  }
  ScoreLeaf* const leaf = payload == nullptr ? nullptr : tree_.EditLeaf(old.path);
  const bool is_done = leaf != nullptr && MoveElement(old, leaf, {{score, handle}, member});
  if (is_done) PutRecordScore(payload, room, score, twin);
  CountMemory();
  return is_done ? Status::Ok() : Status(Err::kOutOfMemory);
}

// Gives the element at `old`, in `leaf`, which is this set's own, another score.
bool LargeSortedSet::MoveElement(Position& old, ScoreLeaf* leaf, const Newcomer& newcomer) noexcept {
  const double score = newcomer.element.score;
  if (old.index > 0 && old.index + 1 < leaf->count() && leaf->score(old.index - 1) < score &&
      leaf->score(old.index + 1) > score) {
    leaf->Set(old.index, newcomer.element);
    return true;
  }
  Position place = PlaceOf(newcomer);
  ScoreLeaf* const target = tree_.EditLeaf(place.path);
  if (target == nullptr) return false;
  if (target == leaf) {
    leaf->Rotate(old.index, place.index, newcomer.element);
    tree_.LeafChanged(old.path);
    return true;
  }
  if (target->count() == ScoreLeaf::kCountMax) {
    const ScoreLeaf::Element old_element = leaf->At(old.index);
    if (!InsertIntoTree(newcomer)) return false;
    old = PlaceOf({old_element, newcomer.member});
    leaf = tree_.EditLeaf(old.path);
  } else if (!InsertAt(place, target, newcomer.element)) {
    return false;
  }
  EraseFromLeaf(old.path, leaf, old.index, old.index + 1);
  return true;
}

// --- Removing -----------------------------------------------------------------------------------------------------

Status LargeSortedSet::Remove(std::string_view member, uint64_t hash) noexcept {
  if (!EditIndex()) return Err::kOutOfMemory;
  Position position = PositionOf(index_->Find(member, hash), hash);
  ScoreLeaf* const leaf = tree_.EditLeaf(position.path);
  const bool is_done = leaf != nullptr && index_->Erase(member, hash) == PackedTable::Change::kDone;
  if (is_done) EraseFromLeaf(position.path, leaf, position.index, position.index + 1);
  CountMemory();
  return is_done ? Status::Ok() : Status(Err::kOutOfMemory);
}

Status LargeSortedSet::RemoveRange(const RankRange& range, uint64_t& removed) noexcept {
  removed = 0;
  if (!EditIndex()) return Err::kOutOfMemory;
  bool is_done = true;
  while (is_done && removed < range.count) {
    Position position = AtRank(range.first);
    ScoreLeaf* const leaf = tree_.EditLeaf(position.path);
    is_done = leaf != nullptr;
    if (!is_done) break;
    const unsigned from = position.index;
    const auto end = static_cast<unsigned>(std::min<uint64_t>(leaf->count(), from + (range.count - removed)));
    unsigned to = from;
    for (; to < end; ++to) {
      const std::string_view member = MemberOf(leaf->At(to));
      if (index_->Erase(member, HashKey(member)) != PackedTable::Change::kDone) break;
    }
    is_done = to == end;
    removed += to - from;
    if (to > from) EraseFromLeaf(position.path, leaf, from, to);
  }
  CountMemory();
  return is_done ? Status::Ok() : Status(Err::kOutOfMemory);
}

// `leaf` is what EditLeaf answered for the path, so that this cannot fail. The path is dead afterwards.
void LargeSortedSet::EraseFromLeaf(ScoreTree::Path& path, ScoreLeaf* leaf, unsigned from, unsigned to) noexcept {
  if (to - from == leaf->count()) {
    static_cast<void>(tree_.RemoveLeaf(path));
    return;
  }
  leaf->Erase(from, to);
  tree_.LeafChanged(path);
  if (leaf->count() < kLeafCountMin) JoinWithNeighbour(path);
}

// Joining saves memory; where there is none for it, the set is right without it.
void LargeSortedSet::JoinWithNeighbour(ScoreTree::Path& path) noexcept {
  if (JoinNext(path)) return;
  tree_.Previous(path);
  if (!path.IsEnd()) static_cast<void>(JoinNext(path));
}

// Moves the elements of the leaf behind the path's into the path's leaf. False when there is none or they are too many,
// and then the path is as it was; it is dead otherwise.
bool LargeSortedSet::JoinNext(ScoreTree::Path& path) noexcept {
  ScoreTree::Path next = path;
  tree_.Next(next);
  if (next.IsEnd()) return false;
  const unsigned count = path.leaf().count();
  const unsigned joined = count + next.leaf().count();
  if (joined > kJoinedMax) return false;
  ScoreLeaf* const wide = path.leaf().Copy(0, count, joined - count);
  if (wide == nullptr) return true;
  wide->AppendFrom(next.leaf(), 0, next.leaf().count());
  // The second leaf's way is made unique first, the first leaf's last: then nothing below fails.
  if (!tree_.EditPath(next)) {
    ScoreLeaf::Destroy(wide);
    return true;
  }
  path = next;
  tree_.Previous(path);
  if (!tree_.ReplaceLeaf(path, wide)) {
    ScoreLeaf::Destroy(wide);
    return true;
  }
  tree_.Next(path);
  static_cast<void>(tree_.RemoveLeaf(path));
  return true;
}

// --- For tests ----------------------------------------------------------------------------------------------------

bool LargeSortedSet::IsConsistent() const noexcept {
  if (!tree_.IsConsistent() || index_->count() != tree_.element_count()) return false;
  if (memory_bytes() != sizeof(LargeSortedSet) + index_->memory_bytes() + tree_.memory_bytes()) return false;
  ScoreLeaf::Element before;
  std::string_view member_before;
  bool is_first = true;
  for (Position at = AtRank(0); !at.IsEnd(); Next(at)) {
    const ScoreLeaf::Element element = at.element();
    const std::string_view member = MemberOf(element);
    const PackedRecord record = member.data() == nullptr ? PackedRecord{} : Find(member, HashKey(member));
    if (!record || RecordScore(record) != element.score ||
        HandleOf(HashKey(member), RecordTwin(record)) != element.handle)
      return false;
    if (!is_first && !(before.score < element.score || (before.score == element.score && member_before < member))) {
      return false;
    }
    before = element;
    member_before = member;
    is_first = false;
  }
  return true;
}

}  // namespace cachenode
