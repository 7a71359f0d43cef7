#include "storage/value/large_list.h"

#include <algorithm>
#include <new>
#include <optional>
#include <utility>

#include "storage/base/memory.h"

namespace cachenode {
namespace {

// Room a new node at an edge begins with; it grows as elements follow.
constexpr size_t kFirstRoomBytes = 256;

uint64_t CountMatches(const ListNode& node, std::string_view element) noexcept {
  if (node.IsPlain()) return node.block()->view() == element ? 1 : 0;
  const ListpackView view = node.View();
  uint64_t count = 0;
  ListpackView::Offset at = view.Find(element, view.Begin(), 0);
  while (at != view.EndOffset()) {
    ++count;
    at = view.Find(element, view.Next(at), 0);
  }
  return count;
}

// A packed node without the matches [skip, skip + take), of which something is left.
ListNode* CopyWithout(const ListNode& node, std::string_view element, uint64_t skip, uint64_t take) noexcept {
  const ListpackView view = node.View();
  const char* const bytes = view.bytes().data();
  ListNode* const copy = ListNode::Create(view.bytes().size() - kEmptyListpackBytes, ListEnd::kBack);
  if (copy == nullptr) return nullptr;
  const std::optional<int64_t> as_number = ParseListpackInteger(element);
  ListpackView::Offset kept_from = view.Begin();
  uint64_t seen = 0;
  size_t kept = 0;
  for (ListpackView::Offset at = view.Begin(); at != view.EndOffset() && take > 0; at = view.Next(at)) {
    if (!view.At(at).Equals(element, as_number) || seen++ < skip) {
      ++kept;
      continue;
    }
    copy->AppendRun(bytes + kept_from, at - kept_from, kept);
    kept = 0;
    kept_from = view.Next(at);
    --take;
  }
  const size_t rest = view.Count() - copy->Count() - static_cast<size_t>(seen - skip);
  copy->AppendRun(bytes + kept_from, view.EndOffset() - kept_from, rest);
  return copy;
}

}  // namespace

LargeList* LargeList::Create() noexcept {
  void* const raw = memory::Allocate(sizeof(LargeList));
  if (raw == nullptr) return nullptr;
  auto* const list = new (raw) LargeList();
  list->SettleMemory();
  return list;
}

LargeList* LargeList::CloneShallow() const noexcept {
  LargeList* const copy = Create();
  if (copy == nullptr) return nullptr;
  copy->tree_ = tree_.Share();
  copy->SettleMemory();
  return copy;
}

void LargeList::Drop(LargeList* list) noexcept {
  if (!list->DropRef()) return;
  list->~LargeList();
  memory::Free(list, sizeof(LargeList));
}

int64_t LargeList::SettleMemory() noexcept {
  const auto delta =
      static_cast<int64_t>(sizeof(LargeList) + tree_.memory_bytes()) - static_cast<int64_t>(memory_bytes());
  AddMemory(delta);
  return delta;
}

// Takes the node over; frees it when it cannot be put there.
bool LargeList::InsertNode(Tree::Path& path, ListEnd side, ListNode* node) noexcept {
  if (node == nullptr) return false;
  const bool done = side == ListEnd::kFront ? tree_.InsertBefore(path, node) : tree_.InsertAfter(path, node);
  if (!done) ListNode::Destroy(node);
  return done;
}

bool LargeList::ReplaceNode(Tree::Path& path, ListNode* node) noexcept {
  if (node == nullptr) return false;
  if (tree_.ReplaceLeaf(path, node)) return true;
  ListNode::Destroy(node);
  return false;
}

// A node of one element at a side of the path's node.
bool LargeList::AddElementNode(Tree::Path& path, ListEnd side, std::string_view element) noexcept {
  if (ListNode::IsPlainSize(element.size(), ListNodeLimits::Current())) {
    ByteBlockRef block = ByteBlockRef::Copy(element);
    return block && InsertNode(path, side, ListNode::CreatePlain(std::move(block)));
  }
  const size_t bytes = ListpackElementBytes(element);
  ListNode* const node = ListNode::Create(std::max(bytes, kFirstRoomBytes - kEmptyListpackBytes), side);
  if (node == nullptr) return false;
  node->Push(side, element, bytes);
  return InsertNode(path, side, node);
}

bool LargeList::Push(ListEnd end, std::string_view element) noexcept {
  Tree::Path path = end == ListEnd::kFront ? tree_.First() : tree_.Last();
  const ListNodeLimits limits = ListNodeLimits::Current();
  const size_t bytes = ListpackElementBytes(element);
  if (path.IsEnd() || !path.leaf().Allows(bytes, limits) || ListNode::IsPlainSize(element.size(), limits)) {
    return AddElementNode(path, end, element);
  }
  if (path.leaf().HasRoom(end, bytes)) [[likely]] {
    ListNode* const node = tree_.EditLeaf(path);
    if (node == nullptr) return false;
    node->Push(end, element, bytes);
    tree_.LeafChanged(path);
    return true;
  }
  ListNode* const larger = path.leaf().CopyForGrowth(bytes, end, limits);
  if (larger == nullptr) return false;
  larger->Push(end, element, bytes);
  return ReplaceNode(path, larger);
}

bool LargeList::Pop(ListEnd end) noexcept {
  Tree::Path path = end == ListEnd::kFront ? tree_.First() : tree_.Last();
  if (path.leaf().Count() == 1) return tree_.RemoveLeaf(path);
  ListNode* const node = tree_.EditLeaf(path);
  if (node == nullptr) return false;
  node->Pop(end);
  tree_.LeafChanged(path);
  return true;
}

// Adds encoded elements, fewer than fill a node, to the last node or to a new one.
bool LargeList::AppendRun(const char* elements, size_t bytes, size_t count) noexcept {
  if (count == 0) return true;
  const ListNodeLimits limits = ListNodeLimits::Current();
  Tree::Path path = tree_.Last();
  const bool joins =
      !path.IsEnd() && path.leaf().Allows(bytes, limits) && path.leaf().Count() + count <= limits.count_max;
  if (!joins) {
    ListNode* const node = ListNode::Create(bytes, ListEnd::kBack);
    if (node == nullptr) return false;
    node->AppendRun(elements, bytes, count);
    return InsertNode(path, ListEnd::kBack, node);
  }
  ListNode* const joined = path.leaf().CopyRange(0, path.leaf().Count(), bytes, ListEnd::kBack);
  if (joined == nullptr) return false;
  joined->AppendRun(elements, bytes, count);
  return ReplaceNode(path, joined);
}

bool LargeList::AppendListpack(std::string_view listpack) noexcept {
  const ListpackView view(listpack);
  const ListNodeLimits limits = ListNodeLimits::Current();
  const size_t run_bytes_max = ListNode::ListpackBytesMax(limits) - kEmptyListpackBytes;
  ListpackView::Offset run_from = view.Begin();
  size_t run_count = 0;
  for (ListpackView::Offset at = view.Begin(); at != view.EndOffset();) {
    const ListpackView::Offset next = view.Next(at);
    const bool is_plain = ListNode::IsPlainSize(view.At(at).SizeBytes(), limits);
    if (is_plain || next - run_from > run_bytes_max || run_count == limits.count_max) {
      if (!AppendRun(listpack.data() + run_from, at - run_from, run_count)) return false;
      run_from = at;
      run_count = 0;
    }
    if (is_plain) {
      ListpackScratch scratch;
      if (!Push(ListEnd::kBack, view.At(at).Read(scratch))) return false;
      run_from = next;
    } else {
      ++run_count;
    }
    at = next;
  }
  return AppendRun(listpack.data() + run_from, view.EndOffset() - run_from, run_count);
}

bool LargeList::AppendBlock(ByteBlockRef block) noexcept {
  if (!ListNode::IsPlainSize(block->size(), ListNodeLimits::Current())) return Push(ListEnd::kBack, block->view());
  Tree::Path path = tree_.Last();
  return InsertNode(path, ListEnd::kBack, ListNode::CreatePlain(std::move(block)));
}

// Cuts the path's packed node before element number `offset`, which is neither its first nor beyond its last. The path
// stays at the left half.
bool LargeList::Split(Tree::Path& path, size_t offset) noexcept {
  const ListNode& node = path.leaf();
  ListNode* const left = node.CopyRange(0, offset, 0, ListEnd::kBack);
  if (left == nullptr) return false;
  ListNode* const right = node.CopyRange(offset, node.Count() - offset, 0, ListEnd::kBack);
  if (right == nullptr || !tree_.EditPath(path) || !tree_.InsertAfter(path, right)) {
    if (right != nullptr) ListNode::Destroy(right);
    ListNode::Destroy(left);
    return false;
  }
  return ReplaceNode(path, left);  // Cannot fail: the path is unique by now.
}

// Puts `element` before element number `offset` of the path's packed node, which may take it.
bool LargeList::InsertInside(Tree::Path& path, size_t offset, std::string_view element) noexcept {
  const size_t bytes = ListpackElementBytes(element);
  if (!path.leaf().HasRoom(ListEnd::kBack, bytes)) {
    ListNode* const larger = path.leaf().CopyForGrowth(bytes, ListEnd::kBack, ListNodeLimits::Current());
    if (larger == nullptr) return false;
    larger->Insert(larger->View().Seek(static_cast<int64_t>(offset)), element);
    return ReplaceNode(path, larger);
  }
  ListNode* const node = tree_.EditLeaf(path);
  if (node == nullptr) return false;
  node->Insert(node->View().Seek(static_cast<int64_t>(offset)), element);
  tree_.LeafChanged(path);
  return true;
}

bool LargeList::Insert(uint64_t index, std::string_view element) noexcept {
  if (index == Count()) return Push(ListEnd::kBack, element);
  if (index == 0) return Push(ListEnd::kFront, element);
  const ListNodeLimits limits = ListNodeLimits::Current();
  const size_t bytes = ListpackElementBytes(element);
  const bool is_plain = ListNode::IsPlainSize(element.size(), limits);
  uint64_t offset = 0;
  Tree::Path path = tree_.AtRank(index, offset);
  if (!is_plain && path.leaf().Allows(bytes, limits)) return InsertInside(path, offset, element);
  if (offset > 0) {
    if (!Split(path, offset)) return false;
  } else {
    tree_.Previous(path);
  }
  // Now the element goes behind the path's node.
  if (!is_plain && path.leaf().Allows(bytes, limits)) return InsertInside(path, path.leaf().Count(), element);
  return AddElementNode(path, ListEnd::kBack, element);
}

bool LargeList::Replace(uint64_t index, std::string_view element) noexcept {
  const ListNodeLimits limits = ListNodeLimits::Current();
  uint64_t offset = 0;
  Tree::Path path = tree_.AtRank(index, offset);
  const ListNode& old = path.leaf();
  const size_t bytes = ListpackElementBytes(element);
  if (!old.IsPlain() && !ListNode::IsPlainSize(element.size(), limits)) {
    const ListpackView view = old.View();
    const ListpackView::Offset at = view.Seek(static_cast<int64_t>(offset));
    const size_t old_span = view.Next(at) - at;
    const bool fits = view.bytes().size() - old_span + bytes <= ListNode::ListpackBytesMax(limits);
    if (bytes <= old_span || (fits && old.HasRoom(ListEnd::kBack, bytes - old_span))) {
      ListNode* const node = tree_.EditLeaf(path);
      if (node == nullptr) return false;
      node->Replace(at, element);
      tree_.LeafChanged(path);
      return true;
    }
    if (fits) {
      ListNode* const larger = old.CopyForGrowth(bytes - old_span, ListEnd::kBack, limits);
      if (larger == nullptr) return false;
      larger->Replace(larger->View().Seek(static_cast<int64_t>(offset)), element);
      return ReplaceNode(path, larger);
    }
  }
  return Insert(index, element) && Erase(index + 1, 1);
}

bool LargeList::Erase(uint64_t first, uint64_t count) noexcept {
  while (count > 0) {
    uint64_t offset = 0;
    Tree::Path path = tree_.AtRank(first, offset);
    const uint64_t in_node = path.leaf().Count();
    const uint64_t taken = std::min(count, in_node - offset);
    if (taken == in_node) {
      if (!tree_.RemoveLeaf(path)) return false;
    } else {
      ListNode* const node = tree_.EditLeaf(path);
      if (node == nullptr) return false;
      node->Erase(static_cast<size_t>(offset), static_cast<size_t>(taken));
      tree_.LeafChanged(path);
    }
    count -= taken;
  }
  // Both sides of the gap may have become small.
  if (first > 0 && first < Count()) MergeSmallNodes(first - 1, first + 1);
  return true;
}

bool LargeList::RemoveEqual(std::string_view element, uint64_t limit, ListEnd from) noexcept {
  const bool forward = from == ListEnd::kFront;
  Tree::Path path = forward ? tree_.First() : tree_.Last();
  uint64_t base = forward || path.IsEnd() ? 0 : Count() - path.leaf().Count();  // Rank of the path's first element.
  uint64_t first_touched = UINT64_MAX;
  uint64_t last_touched = 0;
  while (!path.IsEnd() && limit > 0) {
    const uint64_t in_node = path.leaf().Count();
    const uint64_t matches = CountMatches(path.leaf(), element);
    const uint64_t taken = std::min(matches, limit);
    if (taken > 0) {
      first_touched = std::min(first_touched, base);
      last_touched = std::max(last_touched, base);
    }
    limit -= taken;
    if (taken == in_node) {
      if (!tree_.RemoveLeaf(path)) return false;
      uint64_t offset = 0;
      path = forward ? tree_.AtRank(base, offset) : base == 0 ? Tree::Path() : tree_.AtRank(base - 1, offset);
      if (!forward && !path.IsEnd()) base -= path.leaf().Count();
      continue;
    }
    if (taken > 0 && !ReplaceNode(path, CopyWithout(path.leaf(), element, forward ? 0 : matches - taken, taken))) {
      return false;
    }
    if (forward) {
      base += in_node - taken;
      tree_.Next(path);
    } else {
      tree_.Previous(path);
      if (!path.IsEnd()) base -= path.leaf().Count();
    }
  }
  if (first_touched != UINT64_MAX) MergeSmallNodes(first_touched, last_touched + 1);
  return true;
}

// Joins neighbours that fit into one node, among those that hold elements [first, end). What cannot be done for lack of
// memory is left.
void LargeList::MergeSmallNodes(uint64_t first, uint64_t end) noexcept {
  uint64_t offset = 0;
  Tree::Path path = tree_.AtRank(first, offset);
  if (path.IsEnd()) return;
  for (uint64_t base = first - offset; base < end;) {
    if (MergeWithNext(base)) continue;
    path = tree_.AtRank(base, offset);
    if (path.IsEnd()) return;
    base += path.leaf().Count();
  }
}

// Joins the node that begins with element number `rank` with the one behind it; false when they stay two.
bool LargeList::MergeWithNext(uint64_t rank) noexcept {
  const ListNodeLimits limits = ListNodeLimits::Current();
  uint64_t offset = 0;
  Tree::Path left = tree_.AtRank(rank, offset);
  if (left.IsEnd()) return false;
  Tree::Path right = left;
  tree_.Next(right);
  if (right.IsEnd() || left.leaf().IsPlain() || right.leaf().IsPlain()) return false;
  const ListpackView moved = right.leaf().View();
  const size_t bytes = moved.bytes().size() - kEmptyListpackBytes;
  const size_t left_count = left.leaf().Count();
  if (!left.leaf().Allows(bytes, limits) || left_count + moved.Count() > limits.count_max) return false;
  ListNode* const joined = left.leaf().CopyRange(0, left_count, bytes, ListEnd::kBack);
  if (joined == nullptr) return false;
  joined->AppendRun(moved.bytes().data() + moved.Begin(), bytes, moved.Count());
  // Both ways are made unique first; from then on neither step can fail.
  if (!tree_.EditPath(left)) {
    ListNode::Destroy(joined);
    return false;
  }
  right = left;
  tree_.Next(right);
  if (!tree_.EditPath(right) || !tree_.RemoveLeaf(right)) {
    ListNode::Destroy(joined);
    return false;
  }
  left = tree_.AtRank(rank, offset);
  return ReplaceNode(left, joined);
}

}  // namespace cachenode
