// Definitions of CountedTree: whole trees, finding a leaf. Include counted_tree.h.
#pragma once

#include "storage/base/background_thread.h"
#include "storage/value/counted_tree_class.h"
#include "storage/value/strided_search.h"

namespace cachenode {

// --- Whole trees ------------------------------------------------------------------------------------------------

template <typename Traits>
void CountedTree<Traits>::Swap(CountedTree& other) noexcept {
  std::swap(top_, other.top_);
  std::swap(height_, other.height_);
  std::swap(element_count_, other.element_count_);
  std::swap(leaf_count_, other.leaf_count_);
  std::swap(memory_bytes_, other.memory_bytes_);
}

template <typename Traits>
CountedTree<Traits> CountedTree<Traits>::Share() const noexcept {
  CountedTree shared;
  if (top_ != nullptr) top_->AddRef();
  shared.top_ = top_;
  shared.height_ = height_;
  shared.element_count_ = element_count_;
  shared.leaf_count_ = leaf_count_;
  shared.memory_bytes_ = memory_bytes_;
  return shared;
}

template <typename Traits>
void CountedTree<Traits>::Clear() noexcept {
  if (top_ != nullptr) DropSubtree(top_, height_);
  top_ = nullptr;
  height_ = 0;
  element_count_ = 0;
  leaf_count_ = 0;
  memory_bytes_ = 0;
}

template <typename Traits>
void CountedTree<Traits>::DropSubtree(NodeRefs* top, unsigned height) noexcept {
  if (height == 0) return DropLeaf(static_cast<Leaf*>(top));
  if (!top->DropRef()) return;
  std::array<typename Path::Step, kHeightMax> steps;
  unsigned depth = 0;
  steps[0] = {static_cast<Node*>(top), 0};
  while (true) {
    typename Path::Step& step = steps[depth];
    if (step.index == step.node->count()) {
      Node::Free(step.node);
      if (depth == 0) return;
      --depth;
      GiveWay();
      continue;
    }
    NodeRefs* const child = step.node->child(step.index++);
    if (depth + 1 == height) {
      DropLeaf(static_cast<Leaf*>(child));
    } else if (child->DropRef()) {
      steps[++depth] = {static_cast<Node*>(child), 0};
    }
  }
}

// --- Finding ----------------------------------------------------------------------------------------------------

template <typename Traits>
template <bool kToLast>
void CountedTree<Traits>::DescendEdge(Path& path, unsigned level, NodeRefs* at) const noexcept {
  for (; level < height_; ++level) {
    Node* const node = static_cast<Node*>(at);
    const unsigned index = kToLast ? node->count() - 1 : 0;
    path.steps_[level] = {node, index};
    at = node->child(index);
  }
  path.leaf_ = static_cast<Leaf*>(at);
}

template <typename Traits>
typename CountedTree<Traits>::Path CountedTree<Traits>::First() const noexcept {
  Path path;
  DescendEdge<false>(path, 0, top_);
  return path;
}

template <typename Traits>
typename CountedTree<Traits>::Path CountedTree<Traits>::Last() const noexcept {
  Path path;
  DescendEdge<true>(path, 0, top_);
  return path;
}

template <typename Traits>
typename CountedTree<Traits>::Path CountedTree<Traits>::AtRank(uint64_t rank, uint64_t& offset) const noexcept {
  Path path;
  if (rank >= element_count_) return path;
  NodeRefs* at = top_;
  for (unsigned level = 0; level < height_; ++level) {
    Node* const node = static_cast<Node*>(at);
    unsigned index = 0;
    while (rank >= node->elements(index)) rank -= node->elements(index++);
    path.steps_[level] = {node, index};
    at = node->child(index);
  }
  offset = rank;
  path.leaf_ = static_cast<Leaf*>(at);
  return path;
}

template <typename Traits>
template <typename IsBeyond>
unsigned CountedTree<Traits>::SeekChild(const Node& node, unsigned level, const IsBeyond& is_beyond) const noexcept {
  const char* const keys = reinterpret_cast<const char*>(node.first_keys());
  const auto index_of = [keys](const char* key) {
    return static_cast<unsigned>(static_cast<size_t>(key - keys) / sizeof(Key));
  };
  return index_of(LastThatHolds<sizeof(Key)>(keys, node.count(), [&](const char* at) {
    return !is_beyond(*reinterpret_cast<const Key*>(at), FirstLeaf(node.child(index_of(at)), height_ - level - 1));
  }));
}

template <typename Traits>
template <typename ChildOf>
typename CountedTree<Traits>::Path CountedTree<Traits>::Descend(const ChildOf& child_of) const noexcept {
  Path path;
  NodeRefs* at = top_;
  for (unsigned level = 0; level < height_; ++level) {
    Node* const node = static_cast<Node*>(at);
    const unsigned index = child_of(*node, level);
    path.steps_[level] = {node, index};
    at = node->child(index);
  }
  path.leaf_ = static_cast<Leaf*>(at);
  return path;
}

template <typename Traits>
template <typename IsBeyond>
typename CountedTree<Traits>::Path CountedTree<Traits>::Seek(const IsBeyond& is_beyond) const noexcept {
  return Descend([&](const Node& node, unsigned level) { return SeekChild(node, level, is_beyond); });
}

template <typename Traits>
template <typename IsAbove, typename IsBelow, typename TieIsBeyond>
typename CountedTree<Traits>::Path CountedTree<Traits>::SeekByKey(const IsAbove& is_above, const IsBelow& is_below,
                                                                  const TieIsBeyond& tie_is_beyond) const noexcept {
  return Descend([&](const Node& node, unsigned level) {
    const auto above = [&](const Key& key, const FirstLeaf&) { return is_above(key); };
    const unsigned index = SeekChild(node, level, above);
    if (index == 0 || is_below(node.first_key(index))) [[likely]]
      return index;
    return SeekChild(node, level, [&](const Key& key, const FirstLeaf& first) {
      return is_above(key) || (!is_below(key) && tie_is_beyond(key, first));
    });
  });
}

template <typename Traits>
uint64_t CountedTree<Traits>::RankOf(const Path& path) const noexcept {
  uint64_t rank = 0;
  for (unsigned level = 0; level < height_; ++level) {
    rank += path.steps_[level].node->ElementsBefore(path.steps_[level].index);
  }
  return rank;
}

template <typename Traits>
void CountedTree<Traits>::Next(Path& path) const noexcept {
  for (unsigned level = height_; level > 0; --level) {
    typename Path::Step& step = path.steps_[level - 1];
    if (step.index + 1 == step.node->count()) continue;
    return DescendEdge<false>(path, level, step.node->child(++step.index));
  }
  path.leaf_ = nullptr;
}

template <typename Traits>
void CountedTree<Traits>::Previous(Path& path) const noexcept {
  for (unsigned level = height_; level > 0; --level) {
    typename Path::Step& step = path.steps_[level - 1];
    if (step.index == 0) continue;
    return DescendEdge<true>(path, level, step.node->child(--step.index));
  }
  path.leaf_ = nullptr;
}

// Recursion as deep as the tree is high.
template <typename Traits>
bool CountedTree<Traits>::IsUniqueBelow(NodeRefs* at, unsigned height) noexcept {
  if (!at->IsUnique()) return false;
  if (height == 0) return true;
  const Node& node = *static_cast<Node*>(at);
  for (unsigned i = 0; i < node.count(); ++i) {
    if (!IsUniqueBelow(node.child(i), height - 1)) return false;
  }
  return true;
}

}  // namespace cachenode
