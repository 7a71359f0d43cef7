// The large form of a list: a counted tree of ListNodes.
//
// Thread-safety: as SharedRoot: changed only under the shard's lock by the holder of its one reference (after
//   KeySlot::EditRoot); who holds another reference reads without a lock what the list was when it was taken.
// Invariants: no node is empty. memory_bytes() is exact after SettleMemory, which follows every change.
// Errors: false is out of memory. Single-node changes leave the list as it was then; Erase and RemoveEqual over several
//   nodes may have done a part of their work, and say so by Count().
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "storage/base/byte_block.h"
#include "storage/value/counted_tree.h"
#include "storage/value/list_node.h"
#include "storage/value/shared_root.h"

namespace cachenode {

struct ListTreeTraits {
  using Heap = NodeHeap;
  using Leaf = ListNode;
  struct Key {};
  static uint64_t Count(const ListNode& node) noexcept { return node.Count(); }
  static Key FirstKey(const ListNode&) noexcept { return {}; }
  static size_t MemoryBytes(const ListNode& node) noexcept { return node.MemoryBytes(); }
  static ListNode* Clone(const ListNode& node) noexcept { return node.Clone(); }
  static void Destroy(ListNode* node) noexcept { ListNode::Destroy(node); }
};

class LargeList : public SharedRoot {
 public:
  using Tree = CountedTree<ListTreeTraits>;

  // An empty list; null when there is no memory.
  [[nodiscard]] static LargeList* Create() noexcept;
  // A new root over the same nodes; null when there is no memory.
  [[nodiscard]] LargeList* CloneShallow() const noexcept;
  // Gives one reference back; the last one frees root and nodes.
  static void Drop(LargeList* list) noexcept;

  [[nodiscard]] const Tree& tree() const noexcept { return tree_; }
  [[nodiscard]] uint64_t Count() const noexcept { return tree_.element_count(); }
  // Brings memory_bytes() up to date and answers by how much it grew.
  int64_t SettleMemory() noexcept;

  // O(log n).
  [[nodiscard]] bool Push(ListEnd end, std::string_view element) noexcept;
  // Takes the first or the last element away. Requires Count() > 0. O(log n).
  [[nodiscard]] bool Pop(ListEnd end) noexcept;
  // Adds all elements of a valid listpack at the end, as bytes. O(its bytes).
  [[nodiscard]] bool AppendListpack(std::string_view listpack) noexcept;
  // Adds one element at the end; a large one stays in its block.
  [[nodiscard]] bool AppendBlock(ByteBlockRef block) noexcept;
  // Puts `element` before element number `index`, which is at most Count(). O(log n + node).
  [[nodiscard]] bool Insert(uint64_t index, std::string_view element) noexcept;
  // Requires index < Count(). O(log n + node).
  [[nodiscard]] bool Replace(uint64_t index, std::string_view element) noexcept;
  // Takes elements [first, first + count) away. O(log n + nodes).
  [[nodiscard]] bool Erase(uint64_t first, uint64_t count) noexcept;
  // Takes away up to `limit` elements equal to `element`, beginning at the end `from`. O(n).
  [[nodiscard]] bool RemoveEqual(std::string_view element, uint64_t limit, ListEnd from) noexcept;

 private:
  LargeList() noexcept = default;
  ~LargeList() = default;

  [[nodiscard]] bool InsertNode(Tree::Path& path, ListEnd side, ListNode* node) noexcept;
  [[nodiscard]] bool AddElementNode(Tree::Path& path, ListEnd side, std::string_view element) noexcept;
  [[nodiscard]] bool AppendRun(const char* elements, size_t bytes, size_t count) noexcept;
  [[nodiscard]] bool InsertInside(Tree::Path& path, size_t offset, std::string_view element) noexcept;
  [[nodiscard]] bool Split(Tree::Path& path, size_t offset) noexcept;
  [[nodiscard]] bool ReplaceNode(Tree::Path& path, ListNode* node) noexcept;
  void MergeSmallNodes(uint64_t first, uint64_t end) noexcept;
  [[nodiscard]] bool MergeWithNext(uint64_t rank) noexcept;

  Tree tree_;
};

}  // namespace cachenode
