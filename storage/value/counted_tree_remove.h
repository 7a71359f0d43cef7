// Definitions of CountedTree: removing leaves, checking a tree. Include counted_tree.h.
#pragma once

#include "storage/value/counted_tree_class.h"

namespace cachenode {

// --- Removing ---------------------------------------------------------------------------------------------------

template <typename Traits>
bool CountedTree<Traits>::RemoveLeaf(Path& path) noexcept {
  if (!EditPath(path)) return false;
  Leaf* const leaf = path.leaf_;
  const uint64_t elements = Traits::Count(*leaf);
  memory_bytes_ -= Traits::MemoryBytes(*leaf);
  --leaf_count_;
  DropLeaf(leaf);
  unsigned level = height_;  // Of the lowest node that stays, plus one.
  for (; level > 0; --level) {
    const typename Path::Step& step = path.steps_[level - 1];
    step.node->Erase(step.index);
    if (step.node->count() > 0) break;
    memory_bytes_ -= step.node->MemoryBytes();
    Node::Free(step.node);
  }
  if (level == 0) {
    top_ = nullptr;
    height_ = 0;
    element_count_ = 0;
    return true;
  }
  AddElements(path, level - 1, -elements);
  MergeUpwards(path, level - 1);
  ShrinkTop();
  return true;
}

// Merging saves memory and keeps the tree low; without memory for it the tree is right without it.
template <typename Traits>
void CountedTree<Traits>::MergeUpwards(const Path& path, unsigned level) noexcept {
  for (; level > 0 && path.steps_[level].node->count() < kCountMin; --level) {
    Node& parent = *path.steps_[level - 1].node;
    const unsigned index = path.steps_[level - 1].index;
    if (index > 0 && MergeChildren(parent, index - 1, height_ - level)) continue;
    if (index + 1 < parent.count() && MergeChildren(parent, index, height_ - level)) continue;
    return;
  }
}

template <typename Traits>
bool CountedTree<Traits>::MergeChildren(Node& parent, unsigned left_index, unsigned child_height) noexcept {
  Node* left = static_cast<Node*>(parent.child(left_index));
  Node* const right = static_cast<Node*>(parent.child(left_index + 1));
  const unsigned count = left->count() + right->count();
  if (count > kMergedCountMax) return false;
  const size_t before_bytes = left->MemoryBytes();
  if (!left->IsUnique()) {
    Node* const copy = left->Clone(count);
    if (copy == nullptr) return false;
    DropSubtree(left, child_height);
    left = copy;
  } else if (left->capacity() < count) {
    Node* const moved = left->MoveInto(count);
    if (moved == nullptr) return false;
    left = moved;
  }
  GrowMemory(before_bytes, left->MemoryBytes());
  memory_bytes_ -= right->MemoryBytes();
  if (right->IsUnique()) {
    right->MoveTail(0, *left);
    Node::Free(right);
  } else {
    right->ShareAll(*left);
    DropSubtree(right, child_height);
  }
  parent.SetEntry(left_index, left->Summary());
  parent.Erase(left_index + 1);
  return true;
}

template <typename Traits>
void CountedTree<Traits>::ShrinkTop() noexcept {
  while (height_ > 0 && static_cast<Node*>(top_)->count() == 1) {
    Node* const old = static_cast<Node*>(top_);
    top_ = old->child(0);
    memory_bytes_ -= old->MemoryBytes();
    Node::Free(old);
    --height_;
  }
}

// --- For tests --------------------------------------------------------------------------------------------------

// Recursion as deep as the tree is high.
template <typename Traits>
typename CountedTree<Traits>::Found CountedTree<Traits>::Inspect(NodeRefs* at, unsigned height) noexcept {
  if (height == 0) {
    const Leaf& leaf = *static_cast<Leaf*>(at);
    return {Traits::Count(leaf), 1, Traits::MemoryBytes(leaf), Traits::Count(leaf) > 0};
  }
  const Node& node = *static_cast<Node*>(at);
  Found sum{.elements = 0, .leaves = 0, .memory_bytes = node.MemoryBytes(), .is_consistent = node.count() > 0};
  for (unsigned i = 0; i < node.count(); ++i) {
    const Found found = Inspect(node.child(i), height - 1);
    const Key first_key = Traits::FirstKey(FirstLeaf(node.child(i), height - 1).get());
    sum.elements += found.elements;
    sum.leaves += found.leaves;
    sum.memory_bytes += found.memory_bytes;
    sum.is_consistent = sum.is_consistent && found.is_consistent && found.elements == node.elements(i);
    if constexpr (!std::is_empty_v<Key>) sum.is_consistent = sum.is_consistent && first_key == node.first_key(i);
  }
  return sum;
}

template <typename Traits>
bool CountedTree<Traits>::IsConsistent() const noexcept {
  const Found found = top_ == nullptr ? Found{} : Inspect(top_, height_);
  return found.is_consistent && height_ <= kHeightMax && found.elements == element_count_ &&
         found.leaves == leaf_count_ && found.memory_bytes == memory_bytes_;
}

}  // namespace cachenode
