// Definitions of CountedTree: changing and inserting leaves. Include counted_tree.h.
#pragma once

#include <cassert>

#include "storage/value/counted_tree_class.h"

namespace cachenode {

// --- Changing what is there -------------------------------------------------------------------------------------

template <typename Traits>
void CountedTree<Traits>::SetChild(Path& path, unsigned level, NodeRefs* child) noexcept {
  if (level == 0) {
    top_ = child;
  } else {
    path.steps_[level - 1].node->SetChild(path.steps_[level - 1].index, child);
  }
  if (level == height_) {
    path.leaf_ = static_cast<Leaf*>(child);
  } else {
    path.steps_[level].node = static_cast<Node*>(child);
  }
}

template <typename Traits>
bool CountedTree<Traits>::EditPath(Path& path) noexcept {
  // Downwards: what hangs below a clone is shared from then on.
  for (unsigned level = 0; level < height_; ++level) {
    Node* const node = path.steps_[level].node;
    if (node->IsUnique()) continue;
    Node* const copy = node->Clone(node->capacity());
    if (copy == nullptr) return false;
    GrowMemory(node->MemoryBytes(), copy->MemoryBytes());
    SetChild(path, level, copy);
    DropSubtree(node, height_ - level);
  }
  return true;
}

template <typename Traits>
typename CountedTree<Traits>::Leaf* CountedTree<Traits>::EditLeaf(Path& path) noexcept {
  for (unsigned level = 0; level < height_; ++level) {
    if (!path.steps_[level].node->IsUnique()) [[unlikely]]
      return EditSharedLeaf(path);
  }
  Leaf* const leaf = path.leaf_;
  assert(leaf != nullptr);  // A path leads to an element.
  return leaf->IsUnique() ? leaf : EditSharedLeaf(path);
}

// For a path on which something is shared.
template <typename Traits>
typename CountedTree<Traits>::Leaf* CountedTree<Traits>::EditSharedLeaf(Path& path) noexcept {
  if (!EditPath(path)) return nullptr;
  Leaf* const leaf = path.leaf_;
  if (leaf->IsUnique()) return leaf;
  Leaf* const copy = Traits::Clone(*leaf);
  if (copy == nullptr) return nullptr;
  SetChild(path, height_, copy);
  DropLeaf(leaf);
  return copy;
}

template <typename Traits>
void CountedTree<Traits>::LeafChanged(const Path& path) noexcept {
  const uint64_t elements = Traits::Count(*path.leaf_);
  if (height_ == 0) {
    element_count_ = elements;
    return;
  }
  const typename Path::Step& lowest = path.steps_[height_ - 1];
  const uint64_t delta = elements - lowest.node->elements(lowest.index);
  const Key first_key = Traits::FirstKey(*path.leaf_);
  element_count_ += delta;
  bool is_first = true;  // The leaf is the first one below the step.
  for (unsigned level = height_; level > 0; --level) {
    const typename Path::Step& step = path.steps_[level - 1];
    step.node->SetElements(step.index, step.node->elements(step.index) + delta);
    if (is_first) step.node->SetFirstKey(step.index, first_key);
    is_first = is_first && step.index == 0;
  }
}

// The subtree below the first `levels` steps got `delta` elements more, and perhaps another first key.
template <typename Traits>
void CountedTree<Traits>::AddElements(const Path& path, unsigned levels, uint64_t delta) noexcept {
  element_count_ += delta;
  for (unsigned level = levels; level > 0; --level) {
    const typename Path::Step& step = path.steps_[level - 1];
    step.node->SetElements(step.index, step.node->elements(step.index) + delta);
    step.node->SetFirstKey(step.index, static_cast<Node*>(step.node->child(step.index))->first_key(0));
  }
}

template <typename Traits>
bool CountedTree<Traits>::ReplaceLeaf(Path& path, Leaf* leaf) noexcept {
  if (!EditPath(path)) return false;
  Leaf* const old = path.leaf_;
  const size_t old_memory_bytes = Traits::MemoryBytes(*old);
  LeafMoved(path, leaf, old_memory_bytes);
  DropLeaf(old);
  return true;
}

template <typename Traits>
void CountedTree<Traits>::LeafMoved(Path& path, Leaf* leaf, size_t old_memory_bytes) noexcept {
  SetChild(path, height_, leaf);
  GrowMemory(old_memory_bytes, Traits::MemoryBytes(*leaf));
  LeafChanged(path);
}

// --- Inserting --------------------------------------------------------------------------------------------------

template <typename Traits>
bool CountedTree<Traits>::Spare::Add(unsigned wanted) noexcept {
  Node* const node = Node::Create(wanted);
  if (node != nullptr) {
    nodes[count++] = node;
    return true;
  }
  while (count > 0) Node::Free(Take());
  return false;
}

// Makes the path unique, room in the lowest node that is not full, and a spare node for each full one below it and for
// a new top.
template <typename Traits>
bool CountedTree<Traits>::Prepare(Path& path, unsigned behind, Spare& spare) noexcept {
  if (!EditPath(path)) return false;
  unsigned open = height_;  // Levels down to the lowest node with room.
  while (open > 0 && path.steps_[open - 1].node->IsFull()) --open;
  if (open == 0) {
    if (height_ == kHeightMax || !spare.Add(2)) return false;
  } else if (Node* const node = path.steps_[open - 1].node; node->count() == node->capacity()) {
    const unsigned before_bytes = static_cast<unsigned>(node->MemoryBytes());
    Node* const grown = node->MoveInto(std::min(node->count() + node->count() / 4 + 1, Node::kFanOut));
    if (grown == nullptr) return false;
    GrowMemory(before_bytes, grown->MemoryBytes());
    SetChild(path, open - 1, grown);
  }
  for (unsigned level = open; level < height_; ++level) {
    // Appending leaves the left node full, prepending the right one: each is the most common way a tree grows.
    const unsigned at = path.steps_[level].index + (level + 1 == height_ ? behind : 1);
    const unsigned wanted = at == Node::kFanOut ? 4 : at == 0 ? Node::kFanOut : Node::kFanOut / 2 + 4;
    if (!spare.Add(wanted)) return false;
  }
  return true;
}

// Puts the arrival into the full node of `level`, which becomes two; what arrives above is the right one. True when
// there is nothing above.
template <typename Traits>
bool CountedTree<Traits>::SplitInto(Path& path, unsigned level, Arrival& arrival, Spare& spare) noexcept {
  Node* const left = path.steps_[level].node;
  Node* const right = spare.Take();
  memory_bytes_ += right->MemoryBytes();
  const unsigned at = arrival.at;
  // Children the left one has in the end.
  const unsigned cut = at == Node::kFanOut ? at : at == 0 ? 1 : Node::kFanOut / 2 + 1;
  if (at < cut) {
    left->MoveTail(cut - 1, *right);
    left->Insert(at, arrival.entry);
  } else {
    left->MoveTail(cut, *right);
    right->Insert(at - cut, arrival.entry);
  }
  const bool goes_right = arrival.tracked >= cut;
  path.steps_[level] = {goes_right ? right : left, goes_right ? arrival.tracked - cut : arrival.tracked};
  arrival.entry = right->Summary();
  if (level == 0) {
    arrival.tracked = goes_right ? 1 : 0;
    GrowTop(path, left->Summary(), arrival, spare);
    return true;
  }
  const typename Path::Step& above = path.steps_[level - 1];
  above.node->SetEntry(above.index, left->Summary());
  arrival.at = above.index + 1;
  arrival.tracked = above.index + (goes_right ? 1 : 0);
  return false;
}

template <typename Traits>
void CountedTree<Traits>::GrowTop(Path& path, const typename Node::Entry& left, const Arrival& right,
                                  Spare& spare) noexcept {
  Node* const top = spare.Take();
  memory_bytes_ += top->MemoryBytes();
  top->Insert(0, left);
  top->Insert(1, right.entry);
  for (unsigned level = height_; level > 0; --level) path.steps_[level] = path.steps_[level - 1];
  path.steps_[0] = {top, right.tracked};
  top_ = top;
  ++height_;
}

template <typename Traits>
bool CountedTree<Traits>::Insert(Path& path, Leaf* leaf, unsigned behind) noexcept {
  const uint64_t elements = Traits::Count(*leaf);
  Spare spare;
  if (top_ == nullptr) {
    top_ = path.leaf_ = leaf;
    element_count_ = elements;
  } else if (!Prepare(path, behind, spare)) {
    return false;
  } else if (Arrival arrival; height_ == 0) {
    Leaf* const other = path.leaf_;
    typename Node::Entry old = {other, Traits::Count(*other), Traits::FirstKey(*other)};
    arrival.entry = {leaf, elements, Traits::FirstKey(*leaf)};
    arrival.tracked = behind == 0 ? 1 : 0;
    if (behind == 0) std::swap(old, arrival.entry);
    GrowTop(path, old, arrival, spare);
    element_count_ += elements;
  } else {
    const unsigned index = path.steps_[height_ - 1].index;
    arrival = {{leaf, elements, Traits::FirstKey(*leaf)}, index + behind, index + 1 - behind};
    unsigned level = height_;
    bool has_grown = false;
    while (!has_grown && path.steps_[level - 1].node->IsFull()) has_grown = SplitInto(path, --level, arrival, spare);
    if (!has_grown) {
      path.steps_[level - 1].node->Insert(arrival.at, arrival.entry);
      path.steps_[level - 1].index = arrival.tracked;
    }
    AddElements(path, has_grown ? 0 : level - 1, elements);
  }
  ++leaf_count_;
  memory_bytes_ += Traits::MemoryBytes(*leaf);
  return true;
}

}  // namespace cachenode
