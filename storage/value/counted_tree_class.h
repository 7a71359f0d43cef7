// Include counted_tree.h: a copy-on-write B+tree over leaves of several elements, which finds a leaf by element
// rank or by key. The body of large sorted sets, lists and streams.
//
// The type that uses it brings its leaves:
//   struct Traits {
//     using Heap = NodeHeap;  // Where inner nodes live; a test puts one that fails here.
//     using Leaf = ...;  // Derives publicly from NodeRefs; lives in the memory facade.
//     using Key = ...;   // Trivially copyable, at most 8-aligned; an empty struct where leaves are found by rank only.
//     static uint64_t Count(const Leaf&) noexcept;      // Elements in the leaf, at least 1 once it is in a tree.
//     static Key FirstKey(const Leaf&) noexcept;        // Smallest key in the leaf.
//     static size_t MemoryBytes(const Leaf&) noexcept;  // Heap bytes of the leaf and what it owns.
//     static Leaf* Clone(const Leaf&) noexcept;  // Unique, same Count and MemoryBytes; null when there is no memory.
//     static void Destroy(Leaf*) noexcept;       // Frees a leaf whose last reference is gone.
//   };
// Thread-safety: a tree belongs to the shard's lock; Share() hands out a tree with the same nodes that any thread may
//   read without a lock, because nodes with more than one reference are cloned before they are changed.
// Invariants: all leaves have the same depth, height() <= kHeightMax; a parent's counts and first keys are those of its
//   children; memory_bytes() is the sum over all nodes and leaves, shared or not.
// Errors: only memory; a change that answers false or null left the contents as they were.
// There are no parent and no sibling pointers: a Path from the root is the position, and only the tree moves it.
#pragma once

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "storage/value/counted_tree_node.h"
#include "storage/value/shared_root.h"

namespace cachenode {

template <typename Traits>
class CountedTree {
 public:
  using Leaf = typename Traits::Leaf;
  using Key = typename Traits::Key;
  using Node = CountedNode<Key, typename Traits::Heap>;

  // Levels of inner nodes. More elements than memory can hold fit below half of it.
  static constexpr unsigned kHeightMax = 12;

  // The way from the root to one leaf, or the end. Dies with any change of the tree that it was not given to.
  class Path {
   public:
    Path() noexcept {}  // Not zeroed: the steps in use are written by who descends.
    [[nodiscard]] bool IsEnd() const noexcept { return leaf_ == nullptr; }
    [[nodiscard]] const Leaf& leaf() const noexcept { return *leaf_; }

   private:
    friend class CountedTree;
    struct Step {
      Node* node;
      unsigned index;
    };
    std::array<Step, kHeightMax> steps_;  // Root first.
    Leaf* leaf_ = nullptr;
  };

  // The first leaf of a subtree, found only when it is asked for.
  class FirstLeaf {
   public:
    FirstLeaf(NodeRefs* top, unsigned height) noexcept : top_(top), height_(height) {}
    [[nodiscard]] const Leaf& get() const noexcept {
      NodeRefs* at = top_;
      for (unsigned level = height_; level > 0; --level) at = static_cast<Node*>(at)->child(0);
      return *static_cast<Leaf*>(at);
    }

   private:
    NodeRefs* top_;
    unsigned height_;
  };

  CountedTree() noexcept = default;
  CountedTree(const CountedTree&) = delete;
  CountedTree& operator=(const CountedTree&) = delete;
  CountedTree(CountedTree&& other) noexcept { Swap(other); }
  CountedTree& operator=(CountedTree&& other) noexcept {
    Swap(other);
    return *this;
  }
  ~CountedTree() { Clear(); }

  // A tree of the same nodes, one reference to the topmost. O(1).
  [[nodiscard]] CountedTree Share() const noexcept;
  // Drops all nodes, freeing those nobody else holds. Iterative.
  void Clear() noexcept;

  [[nodiscard]] bool IsEmpty() const noexcept { return top_ == nullptr; }
  [[nodiscard]] uint64_t element_count() const noexcept { return element_count_; }
  [[nodiscard]] uint64_t leaf_count() const noexcept { return leaf_count_; }
  [[nodiscard]] unsigned height() const noexcept { return height_; }
  [[nodiscard]] size_t memory_bytes() const noexcept { return memory_bytes_; }

  // --- Finding a leaf -------------------------------------------------------------------------------------------

  // Each answers IsEnd() on an empty tree.
  [[nodiscard]] Path First() const noexcept;
  [[nodiscard]] Path Last() const noexcept;
  // The leaf with element number `rank`, and in `offset` the element's number within it; the end when
  // rank >= element_count().
  [[nodiscard]] Path AtRank(uint64_t rank, uint64_t& offset) const noexcept;
  // The last leaf for which `is_beyond(const Key& first_key, const FirstLeaf& first_leaf)` is false, or the first leaf
  // when it is true for all. The predicate is false for a run of leaves at the start and true behind it. For the leaf
  // that could hold x, ask whether the first key is greater than x.
  template <typename IsBeyond>
  [[nodiscard]] Path Seek(const IsBeyond& is_beyond) const noexcept;
  // The same, where most keys tell by themselves: those `is_above(const Key&)` are beyond, those `is_below(const Key&)`
  // are not, and `tie_is_beyond(const Key&, const FirstLeaf&)` is asked about the others.
  template <typename IsAbove, typename IsBelow, typename TieIsBeyond>
  [[nodiscard]] Path SeekByKey(const IsAbove& is_above, const IsBelow& is_below,
                               const TieIsBeyond& tie_is_beyond) const noexcept;
  // Whether no other tree holds any of the nodes and leaves, so that no change clones one. Reads them all.
  [[nodiscard]] bool IsUnique() const noexcept { return top_ == nullptr || IsUniqueBelow(top_, height_); }
  // Number of elements in the leaves before this one. O(height * kFanOut).
  [[nodiscard]] uint64_t RankOf(const Path& path) const noexcept;

  // To the neighbouring leaf; the end behind the last one or before the first one.
  void Next(Path& path) const noexcept;
  void Previous(Path& path) const noexcept;

  // One more reference to the path's leaf, for another tree.
  [[nodiscard]] Leaf* ShareLeaf(const Path& path) const noexcept {
    path.leaf_->AddRef();
    return path.leaf_;
  }

  // --- Changing; each keeps `path` at the leaf it was at, unless it says otherwise ------------------------------

  // Makes the nodes from the root to the leaf's parent unique, cloning those that are shared. Afterwards ReplaceLeaf
  // and RemoveLeaf at this path, and at paths through the same nodes, cannot fail. False when there is no memory.
  [[nodiscard]] bool EditPath(Path& path) noexcept;
  // The same and the leaf: answers it for changing, null when there is no memory. Call LeafChanged afterwards.
  [[nodiscard]] Leaf* EditLeaf(Path& path) noexcept;
  // After a change of the leaf that EditLeaf answered: brings counts and keys above it up to date. Its MemoryBytes must
  // be what they were; see ReplaceLeaf and AddMemory.
  void LeafChanged(const Path& path) noexcept;
  // What the MemoryBytes of a leaf changed by, in place.
  void AddMemory(int64_t delta_bytes) noexcept { memory_bytes_ += static_cast<size_t>(delta_bytes); }
  // Puts `leaf` (one reference taken over) in the place of the path's leaf, whose reference goes. False when there is
  // no memory.
  [[nodiscard]] bool ReplaceLeaf(Path& path, Leaf* leaf) noexcept;
  // The same, when the old leaf is gone already (it was reallocated); its MemoryBytes were `old_memory_bytes`. Requires
  // EditPath before.
  void LeafMoved(Path& path, Leaf* leaf, size_t old_memory_bytes) noexcept;
  // Adds `leaf` (one reference taken over) behind or before the path's leaf; to an empty tree, where the path is at the
  // end and gets to the leaf. False when there is no memory: the reference stays the caller's.
  [[nodiscard]] bool InsertAfter(Path& path, Leaf* leaf) noexcept { return Insert(path, leaf, 1); }
  [[nodiscard]] bool InsertBefore(Path& path, Leaf* leaf) noexcept { return Insert(path, leaf, 0); }
  // Adds `leaf` at the end. Same failure.
  [[nodiscard]] bool Append(Leaf* leaf) noexcept {
    Path path = Last();
    return InsertAfter(path, leaf);
  }
  // Takes the path's leaf out and drops its reference; the path is dead afterwards. False when there is no memory,
  // which cannot be after EditPath.
  [[nodiscard]] bool RemoveLeaf(Path& path) noexcept;

  // Whether the invariants hold; reads every node and leaf. For tests.
  [[nodiscard]] bool IsConsistent() const noexcept;

 private:
  // Children two neighbours may have together to be made one.
  static constexpr unsigned kMergedCountMax = 48;
  // A node with fewer children looks for a neighbour to merge with.
  static constexpr unsigned kCountMin = 16;

  // What IsConsistent finds in a subtree.
  struct Found {
    uint64_t elements = 0;
    uint64_t leaves = 0;
    size_t memory_bytes = 0;
    bool is_consistent = true;
  };
  // Nodes made before anything is changed, so that the change cannot fail.
  struct Spare {
    std::array<Node*, kHeightMax + 1> nodes;
    unsigned count = 0;
    [[nodiscard]] Node* Take() noexcept { return nodes[--count]; }
    // False when there is no memory: all of them are freed then.
    [[nodiscard]] bool Add(unsigned wanted) noexcept;
  };
  // A child on its way into the node of a level.
  struct Arrival {
    typename Node::Entry entry;
    unsigned at = 0;       // Where it goes.
    unsigned tracked = 0;  // The path's index in that node once it has arrived.
  };

  static void DropSubtree(NodeRefs* top, unsigned height) noexcept;
  static void DropLeaf(Leaf* leaf) noexcept {
    if (leaf->DropRef()) Traits::Destroy(leaf);
  }
  void Swap(CountedTree& other) noexcept;
  // From the top to a leaf by way of the child that `child_of(const Node&, unsigned level)` names of each node.
  template <typename ChildOf>
  [[nodiscard]] Path Descend(const ChildOf& child_of) const noexcept;
  // The last child of a node whose first key is not beyond, or the first child.
  template <typename IsBeyond>
  [[nodiscard]] unsigned SeekChild(const Node& node, unsigned level, const IsBeyond& is_beyond) const noexcept;
  template <bool kToLast>
  void DescendEdge(Path& path, unsigned level, NodeRefs* at) const noexcept;
  // Puts `child` below the path's step above `level`.
  void SetChild(Path& path, unsigned level, NodeRefs* child) noexcept;
  [[nodiscard]] Leaf* EditSharedLeaf(Path& path) noexcept;
  void GrowMemory(size_t before, size_t after) noexcept { memory_bytes_ += after - before; }
  [[nodiscard]] bool Insert(Path& path, Leaf* leaf, unsigned behind) noexcept;
  [[nodiscard]] bool Prepare(Path& path, unsigned behind, Spare& spare) noexcept;
  [[nodiscard]] bool SplitInto(Path& path, unsigned level, Arrival& arrival, Spare& spare) noexcept;
  void GrowTop(Path& path, const typename Node::Entry& left, const Arrival& right, Spare& spare) noexcept;
  void AddElements(const Path& path, unsigned levels, uint64_t delta) noexcept;
  void MergeUpwards(const Path& path, unsigned level) noexcept;
  [[nodiscard]] bool MergeChildren(Node& parent, unsigned left_index, unsigned child_height) noexcept;
  void ShrinkTop() noexcept;
  [[nodiscard]] static bool IsUniqueBelow(NodeRefs* at, unsigned height) noexcept;
  static Found Inspect(NodeRefs* at, unsigned height) noexcept;

  NodeRefs* top_ = nullptr;  // A Node when height_ > 0, a Leaf when it is 0, null when empty.
  unsigned height_ = 0;      // Levels of inner nodes.
  uint64_t element_count_ = 0;
  uint64_t leaf_count_ = 0;
  size_t memory_bytes_ = 0;
};

}  // namespace cachenode
