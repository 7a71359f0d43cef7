// One leaf of a large list: a listpack with room to grow at either end, or one element that is too large for a
// listpack.
//
// A listpack lies somewhere inside its node, so that pushing and popping at the front moves no other element: the
// header of six bytes is written anew where the first element now begins.
//   packed: refs | allocated bytes | begin | free room, listpack, free room     plain: refs | allocated bytes | 0 |
//   block
// Thread-safety: as NodeRefs: a node with more than one reference is immutable; the changing functions require a unique
//   one.
// Invariants: a packed node in a tree has at least one element and fewer than 65535, so that its header knows the
// count;
//   header and listpack together take at most ListNodeLimits::bytes_max when made here.
// Errors: the functions that make a node answer null when there is no memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "storage/base/byte_block.h"
#include "storage/value/listpack.h"
#include "storage/value/shared_root.h"

namespace cachenode {

enum class ListEnd : uint8_t { kFront, kBack };

// How much a node may hold, from list-max-listpack-size.
struct ListNodeLimits {
  // An option that counts elements does not let a node grow beyond so many bytes.
  static constexpr size_t kSafeBytes = 8192;

  size_t bytes_max = kSafeBytes;
  size_t count_max = SIZE_MAX;

  // `option` is positive (elements, 0 counts as 1) or -1 to -5 (4, 8, 16, 32, 64 KB).
  [[nodiscard]] static ListNodeLimits Of(int option) noexcept;
  // Those of this moment.
  [[nodiscard]] static ListNodeLimits Current() noexcept;
  // Whether a listpack of so many bytes and elements may stand alone as a whole list; `divisor` 2 for one that shrinks.
  [[nodiscard]] bool AllowList(size_t bytes, size_t count, size_t divisor = 1) const noexcept {
    return bytes <= bytes_max / divisor && count <= count_max / divisor;
  }
};

class ListNode : public NodeRefs {
 public:
  // The largest listpack of a node under `limits`.
  [[nodiscard]] static size_t ListpackBytesMax(const ListNodeLimits& limits) noexcept;
  // Whether an element of `size` bytes gets a node of its own.
  [[nodiscard]] static bool IsPlainSize(size_t size, const ListNodeLimits& limits) noexcept;

  // A packed node without elements and with room for at least `bytes` of them, all of it at the end `grows`.
  [[nodiscard]] static ListNode* Create(size_t bytes, ListEnd grows) noexcept;
  [[nodiscard]] static ListNode* CreatePlain(ByteBlockRef block) noexcept;
  // A unique copy of the same size and layout; a plain node's copy shares the block.
  [[nodiscard]] ListNode* Clone() const noexcept;
  // A packed node of elements [first, first + count) of this one, with room for at least `bytes` more at the end
  // `grows`.
  [[nodiscard]] ListNode* CopyRange(size_t first, size_t count, size_t bytes, ListEnd grows) const noexcept;
  // A copy of all elements with room for `bytes` more at the end `grows`, and for those that are likely to follow.
  [[nodiscard]] ListNode* CopyForGrowth(size_t bytes, ListEnd grows, const ListNodeLimits& limits) const noexcept;
  // Frees a node whose last reference is gone.
  static void Destroy(ListNode* node) noexcept;

  [[nodiscard]] bool IsPlain() const noexcept { return begin_ == 0; }
  // Requires IsPlain. Borrowed.
  [[nodiscard]] ByteBlock* block() const noexcept;
  // Requires !IsPlain.
  [[nodiscard]] ListpackView View() const noexcept { return ListpackView(data()); }
  [[nodiscard]] size_t Count() const noexcept { return IsPlain() ? 1 : View().Count(); }
  // Bytes of the node and, for a plain one, its block.
  [[nodiscard]] size_t MemoryBytes() const noexcept;

  // Whether `bytes` more in one more element keep to `limits`, if the node had the room.
  [[nodiscard]] bool Allows(size_t bytes, const ListNodeLimits& limits) const noexcept;
  // Whether `bytes` fit at `end` without moving anything.
  [[nodiscard]] bool HasRoom(ListEnd end, size_t bytes) const noexcept;

  // --- Changing a unique packed node; room is there (HasRoom) ----------------------------------------------------

  // `bytes` is ListpackElementBytes(element), which the caller needed to see whether there is room.
  void Push(ListEnd end, std::string_view element, size_t bytes) noexcept;
  // Adds `count` encoded elements behind the last one.
  void AppendRun(const char* elements, size_t bytes, size_t count) noexcept;
  // Takes the first or the last element away. Requires Count() > 1.
  void Pop(ListEnd end) noexcept;
  // Requires room at the back.
  void Insert(ListpackView::Offset at, std::string_view element) noexcept;
  // Puts `element` in the place of the one at `at`. Requires room at the back for what it is longer.
  void Replace(ListpackView::Offset at, std::string_view element) noexcept;
  // Takes elements [first, first + count) away; at least one stays.
  void Erase(size_t first, size_t count) noexcept;

 private:
  ListNode(uint32_t allocated_bytes, uint32_t begin) noexcept : allocated_bytes_(allocated_bytes), begin_(begin) {}
  ~ListNode() = default;

  [[nodiscard]] const char* data() const noexcept { return reinterpret_cast<const char*>(this) + begin_; }
  [[nodiscard]] char* mutable_data() noexcept { return reinterpret_cast<char*>(this) + begin_; }
  void MoveFront(size_t old_begin, size_t new_begin, int count_delta) noexcept;

  uint32_t allocated_bytes_;
  uint32_t begin_;  // Of the listpack, from the node's first byte; 0 for a plain node.
};

}  // namespace cachenode
