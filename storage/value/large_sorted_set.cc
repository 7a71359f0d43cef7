#include "storage/value/large_sorted_set.h"

#include <algorithm>
#include <bit>
#include <new>
#include <utility>

#include "storage/base/memory.h"

namespace cachenode {

namespace {

// How many elements ahead the index is asked for while going through a range.
constexpr unsigned kPrefetchAhead = 8;

}  // namespace

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

std::string_view LargeSortedSet::MemberOf(const ScoreLeaf::Element& element) const noexcept {
  const auto twin = static_cast<uint8_t>(element.handle >> kTwinShift);
  const PackedRecord found = index_->FindKnown(
      element.handle,
      [&](const PackedRecord& record) {
        return std::bit_cast<uint64_t>(RecordScore(record)) == std::bit_cast<uint64_t>(element.score) &&
               RecordTwin(record) == twin;
      },
      [&](const PackedRecord& record) { return ((HashKey(record.key) ^ element.handle) & ~kTwinMask) == 0; });
  return found.key;
}

LargeSortedSet::Position LargeSortedSet::AtRank(uint64_t rank) const noexcept {
  Position position;
  uint64_t offset = 0;
  position.path = tree_.AtRank(rank, offset);
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
  Position position;
  const auto [score, handle] = newcomer.element;
  position.path = tree_.Seek([&](const ScoreLeaf::Element& first, const ScoreTree::FirstLeaf&) {
    if (first.score != score) [[likely]]
      return first.score > score;
    return first.handle != handle && MemberOf(first) >= newcomer.member;
  });
  if (!position.IsEnd()) position.index = PlaceIn(position.path.leaf(), newcomer);
  return position;
}

unsigned LargeSortedSet::PlaceIn(const ScoreLeaf& leaf, const Newcomer& newcomer) const noexcept {
  // By score alone, without a branch that cannot be foretold; then by member among equal scores.
  unsigned low = 0;
  for (unsigned left = leaf.count(); left > 0;) {
    const unsigned half = left / 2;
    const bool is_before = leaf.score(low + half) < newcomer.element.score;
    low = is_before ? low + half + 1 : low;
    left = is_before ? left - half - 1 : half;
  }
  if (low == leaf.count() || leaf.score(low) != newcomer.element.score) return low;
  unsigned high = low + 1;
  while (high < leaf.count() && leaf.score(high) == newcomer.element.score) ++high;
  while (low < high) {
    const unsigned middle = (low + high) / 2;
    if (ComesBefore(leaf.At(middle), newcomer)) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

// --- Adding -------------------------------------------------------------------------------------------------------

bool LargeSortedSet::ChooseTwin(std::string_view member, uint64_t hash, uint8_t& twin) const noexcept {
  for (unsigned candidate = 0; candidate <= UINT8_MAX; ++candidate) {
    const PackedRecord taken = index_->FindIf(hash, [&](const PackedRecord& record) {
      return record.key != member && RecordTwin(record) == candidate &&
             ((HashKey(record.key) ^ hash) & ~kTwinMask) == 0;
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
  char* const payload = index_->Put(member, hash, kRecordScoreBytes, existed);
  uint8_t twin = 0;
  bool is_done = payload != nullptr;
  if (is_done) {
    is_done = ChooseTwin(member, hash, twin);
    PutRecordScore(payload, score);
    PutRecordTwin(payload, twin);
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
  if (!right.IsEnd() && right.leaf().count() <= kTakesMoreMax) return ShiftBetween(place.path, right);
  if (!left.IsEnd() && left.leaf().count() <= kTakesMoreMax) return ShiftBetween(left, place.path);
  if (!right.IsEnd()) return SplitTwo(place.path, right);
  if (!left.IsEnd()) return SplitTwo(left, place.path);
  return SplitLeaf(place.path, leaf, count / 2);
}

// Spreads the elements of two neighbouring leaves, one of them full, evenly.
bool LargeSortedSet::ShiftBetween(ScoreTree::Path& left, ScoreTree::Path& right) noexcept {
  const ScoreLeaf& first = left.leaf();
  const ScoreLeaf& second = right.leaf();
  const unsigned total = first.count() + second.count();
  const unsigned kept = total / 2;
  ScoreLeaf* const new_first = first.Copy(0, std::min(kept, first.count()), ScoreLeaf::kCountMax);
  ScoreLeaf* const new_second = first.Copy(std::min(kept, first.count()), first.count(), ScoreLeaf::kCountMax);
  if (new_first == nullptr || new_second == nullptr || !tree_.EditPath(right) || !tree_.EditPath(left)) {
    if (new_first != nullptr) ScoreLeaf::Destroy(new_first);
    if (new_second != nullptr) ScoreLeaf::Destroy(new_second);
    return false;
  }
  // Of the second leaf, what the first one gets, and the rest.
  const unsigned given = kept > first.count() ? kept - first.count() : 0;
  new_first->AppendFrom(second, 0, given);
  new_second->AppendFrom(second, given, second.count());
  // Both ways are unique now, so neither fails, and neither ends the other.
  return tree_.ReplaceLeaf(right, new_second) && tree_.ReplaceLeaf(left, new_first);
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

Status LargeSortedSet::SetScore(std::string_view member, uint64_t hash, double score) noexcept {
  if (!EditIndex()) return Err::kOutOfMemory;
  // First everything that can fail: the record and the old element become this set's own.
  const PackedRecord found = index_->Find(member, hash);
  const MemberHandle handle = HandleOf(hash, RecordTwin(found));
  Position old = PositionOf(found, hash);
  char* payload = index_->PayloadInPlace(found, hash);
  if (payload == nullptr) {
    bool existed = false;
    payload = index_->Put(member, hash, kRecordScoreBytes, existed);
  }
  const bool is_done = payload != nullptr && EditForErase(old.path) && MoveElement(old, {{score, handle}, member});
  if (is_done) PutRecordScore(payload, score);
  CountMemory();
  return is_done ? Status::Ok() : Status(Err::kOutOfMemory);
}

// Requires EditForErase of the old position. Its record still has the old score.
bool LargeSortedSet::MoveElement(Position& old, const Newcomer& newcomer) noexcept {
  ScoreLeaf* const leaf = tree_.EditLeaf(old.path);
  const double score = newcomer.element.score;
  if (old.index > 0 && old.index + 1 < leaf->count() && leaf->score(old.index - 1) < score &&
      leaf->score(old.index + 1) > score) {
    leaf->Set(old.index, newcomer.element);
    return true;
  }
  const ScoreLeaf::Element old_element = leaf->At(old.index);
  Position place = PlaceOf(newcomer);
  ScoreLeaf* const target = tree_.EditLeaf(place.path);
  if (target == nullptr) return false;
  if (target->count() == ScoreLeaf::kCountMax && target != leaf) {
    if (!InsertIntoTree(newcomer)) return false;
    old = PlaceOf({old_element, newcomer.member});
    EraseFromLeaf(old.path, old.index, old.index + 1);
    return true;
  }
  if (target == leaf) {
    leaf->Rotate(old.index, place.index, newcomer.element);
    tree_.LeafChanged(old.path);
    return true;
  }
  if (!InsertAt(place, target, newcomer.element)) return false;
  EraseFromLeaf(old.path, old.index, old.index + 1);
  return true;
}

// --- Removing -----------------------------------------------------------------------------------------------------

// Makes the leaf this set's own, so that erasing from it cannot fail.
bool LargeSortedSet::EditForErase(ScoreTree::Path& path) noexcept { return tree_.EditLeaf(path) != nullptr; }

Status LargeSortedSet::Remove(std::string_view member, uint64_t hash) noexcept {
  if (!EditIndex()) return Err::kOutOfMemory;
  Position position = PositionOf(index_->Find(member, hash), hash);
  const bool is_done = EditForErase(position.path) && index_->Erase(member, hash) == PackedTable::Change::kDone;
  if (is_done) EraseFromLeaf(position.path, position.index, position.index + 1);
  CountMemory();
  return is_done ? Status::Ok() : Status(Err::kOutOfMemory);
}

Status LargeSortedSet::RemoveRange(const RankRange& range, uint64_t& removed) noexcept {
  removed = 0;
  if (!EditIndex()) return Err::kOutOfMemory;
  bool is_done = true;
  while (is_done && removed < range.count) {
    Position position = AtRank(range.first);
    is_done = EditForErase(position.path);
    if (!is_done) break;
    const ScoreLeaf& leaf = position.path.leaf();
    const unsigned from = position.index;
    const auto end = static_cast<unsigned>(std::min<uint64_t>(leaf.count(), from + (range.count - removed)));
    unsigned to = from;
    for (; to < end; ++to) {
      const std::string_view member = MemberOf(leaf.At(to));
      if (index_->Erase(member, HashKey(member)) != PackedTable::Change::kDone) break;
    }
    is_done = to == end;
    removed += to - from;
    if (to > from) EraseFromLeaf(position.path, from, to);
  }
  CountMemory();
  return is_done ? Status::Ok() : Status(Err::kOutOfMemory);
}

// Requires EditForErase. The path is dead afterwards.
void LargeSortedSet::EraseFromLeaf(ScoreTree::Path& path, unsigned from, unsigned to) noexcept {
  ScoreLeaf* const leaf = tree_.EditLeaf(path);
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
    if (member.data() == nullptr) return false;
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
