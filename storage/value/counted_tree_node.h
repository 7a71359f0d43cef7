// Inner node of a CountedTree: up to kFanOut children, and for each the number of elements below it and the smallest
// key below it.
//
// Layout: header of 8 bytes, then three arrays of capacity() entries: children, counts, keys (none for an empty Key).
// Capacities follow the allocator's size classes, so that a small tree has small nodes.
// Thread-safety: as NodeRefs: a shared node is immutable; a unique one belongs to who holds its reference.
// Invariants: 0 < count() <= capacity() <= kFanOut once the node is part of a tree. Each child is referenced once.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <type_traits>

#include "storage/base/memory.h"
#include "storage/value/shared_root.h"

namespace cachenode {

// The memory facade, as nodes ask for it.
struct NodeHeap {
  [[nodiscard]] static void* Allocate(size_t size_bytes) noexcept { return memory::Allocate(size_bytes); }
};

template <typename Key, typename Heap>
class CountedNode : public NodeRefs {
 public:
  static_assert(std::is_trivially_copyable_v<Key> && alignof(Key) <= 8);

  // Entries of 16 bytes fill an allocation of 1 KB, entries of 32 bytes one of 2 KB.
  static constexpr unsigned kFanOut = 63;

  // What a parent knows about one child.
  struct Entry {
    NodeRefs* child = nullptr;
    uint64_t elements = 0;
    [[no_unique_address]] Key first_key{};
  };

  // An empty node with room for at least `wanted` children (at most kFanOut); null when there is no memory.
  [[nodiscard]] static CountedNode* Create(unsigned wanted) noexcept {
    const size_t room = memory::GoodSize(sizeof(CountedNode) + wanted * kEntryBytes) - sizeof(CountedNode);
    const auto capacity = static_cast<unsigned>(std::min<size_t>(room / kEntryBytes, kFanOut));
    void* const raw = Heap::Allocate(BytesFor(capacity));
    return raw == nullptr ? nullptr : new (raw) CountedNode(capacity);
  }
  // A unique node with the same children, each referenced once more, and room for at least `wanted` of them.
  [[nodiscard]] CountedNode* Clone(unsigned wanted) const noexcept {
    CountedNode* const copy = Create(wanted);
    if (copy == nullptr) return nullptr;
    CopyEntries(*copy);
    for (unsigned i = 0; i < count_; ++i) copy->children()[i]->AddRef();
    return copy;
  }
  // A node of at least `wanted` capacity that takes over this one's children; this one is freed. Null, with nothing
  // changed, when there is no memory.
  [[nodiscard]] CountedNode* MoveInto(unsigned wanted) noexcept {
    CountedNode* const moved = Create(wanted);
    if (moved == nullptr) return nullptr;
    CopyEntries(*moved);
    Free(this);
    return moved;
  }
  // Frees the node alone: its children are someone else's by now.
  static void Free(CountedNode* node) noexcept {
    const size_t size_bytes = node->MemoryBytes();
    node->~CountedNode();
    memory::Free(node, size_bytes);
  }

  [[nodiscard]] unsigned count() const noexcept { return count_; }
  [[nodiscard]] unsigned capacity() const noexcept { return capacity_; }
  [[nodiscard]] bool IsFull() const noexcept { return count_ == kFanOut; }
  [[nodiscard]] size_t MemoryBytes() const noexcept { return BytesFor(capacity_); }

  [[nodiscard]] NodeRefs* child(unsigned index) const noexcept { return children()[index]; }
  [[nodiscard]] uint64_t elements(unsigned index) const noexcept { return counts()[index]; }
  [[nodiscard]] Key first_key(unsigned index) const noexcept {
    if constexpr (std::is_empty_v<Key>) {
      return Key{};
    } else {
      return keys()[index];
    }
  }
  // All of them, in order. Only where there are keys.
  [[nodiscard]] const Key* first_keys() const noexcept { return keys(); }
  [[nodiscard]] uint64_t ElementsBefore(unsigned index) const noexcept {
    uint64_t sum = 0;
    for (unsigned i = 0; i < index; ++i) sum += counts()[i];
    return sum;
  }
  [[nodiscard]] uint64_t TotalElements() const noexcept { return ElementsBefore(count_); }
  // What the parent of this node has to know about it.
  [[nodiscard]] Entry Summary() noexcept { return {this, TotalElements(), first_key(0)}; }

  // --- Changing; requires that the node is unique ---------------------------------------------------------------

  void SetChild(unsigned index, NodeRefs* child) noexcept { children()[index] = child; }
  void SetElements(unsigned index, uint64_t elements) noexcept { counts()[index] = elements; }
  void SetFirstKey(unsigned index, [[maybe_unused]] const Key& key) noexcept {
    if constexpr (!std::is_empty_v<Key>) keys()[index] = key;
  }
  void SetEntry(unsigned index, const Entry& entry) noexcept {
    SetChild(index, entry.child);
    SetElements(index, entry.elements);
    SetFirstKey(index, entry.first_key);
  }
  // Requires count() < capacity().
  void Insert(unsigned index, const Entry& entry) noexcept {
    MoveEntries(index, index + 1, count_ - index);
    ++count_;
    SetEntry(index, entry);
  }
  void Erase(unsigned index) noexcept {
    MoveEntries(index + 1, index, count_ - index - 1);
    --count_;
  }
  // Moves the entries from `from` on to the end of `right`, which has room for them.
  void MoveTail(unsigned from, CountedNode& right) noexcept {
    for (unsigned i = from; i < count_; ++i) right.Insert(right.count_, {child(i), elements(i), first_key(i)});
    count_ = static_cast<uint16_t>(from);
  }
  // Copies all entries to the end of `left`, which has room for them, with one more reference to each child. The node
  // itself may be shared.
  void ShareAll(CountedNode& left) const noexcept {
    for (unsigned i = 0; i < count_; ++i) {
      child(i)->AddRef();
      left.Insert(left.count_, {child(i), elements(i), first_key(i)});
    }
  }

 private:
  static constexpr size_t kKeyBytes = std::is_empty_v<Key> ? 0 : sizeof(Key);
  static constexpr size_t kEntryBytes = sizeof(NodeRefs*) + sizeof(uint64_t) + kKeyBytes;

  explicit CountedNode(unsigned capacity) noexcept : capacity_(static_cast<uint16_t>(capacity)) {}
  ~CountedNode() = default;

  static constexpr size_t BytesFor(size_t capacity) noexcept { return sizeof(CountedNode) + capacity * kEntryBytes; }

  // Byte offsets of the arrays from the node's start.
  [[nodiscard]] size_t CountsAt() const noexcept { return sizeof(CountedNode) + capacity_ * sizeof(NodeRefs*); }
  [[nodiscard]] size_t KeysAt() const noexcept { return CountsAt() + capacity_ * sizeof(uint64_t); }
  template <typename T>
  [[nodiscard]] T* Array(size_t offset) noexcept {
    return static_cast<T*>(static_cast<void*>(reinterpret_cast<char*>(this) + offset));
  }
  template <typename T>
  [[nodiscard]] const T* Array(size_t offset) const noexcept {
    return static_cast<const T*>(static_cast<const void*>(reinterpret_cast<const char*>(this) + offset));
  }
  [[nodiscard]] NodeRefs** children() noexcept { return Array<NodeRefs*>(sizeof(CountedNode)); }
  [[nodiscard]] NodeRefs* const* children() const noexcept { return Array<NodeRefs*>(sizeof(CountedNode)); }
  [[nodiscard]] uint64_t* counts() noexcept { return Array<uint64_t>(CountsAt()); }
  [[nodiscard]] const uint64_t* counts() const noexcept { return Array<uint64_t>(CountsAt()); }
  [[nodiscard]] Key* keys() noexcept { return Array<Key>(KeysAt()); }
  [[nodiscard]] const Key* keys() const noexcept { return Array<Key>(KeysAt()); }
  void CopyEntries(CountedNode& to) const noexcept {
    std::memcpy(to.children(), children(), count_ * sizeof(NodeRefs*));
    std::memcpy(to.counts(), counts(), count_ * sizeof(uint64_t));
    if constexpr (kKeyBytes > 0) std::memcpy(to.keys(), keys(), count_ * kKeyBytes);
    to.count_ = count_;
  }
  void MoveEntries(unsigned from, unsigned to, unsigned moved) noexcept {
    std::memmove(children() + to, children() + from, moved * sizeof(NodeRefs*));
    std::memmove(counts() + to, counts() + from, moved * sizeof(uint64_t));
    if constexpr (kKeyBytes > 0) std::memmove(keys() + to, keys() + from, moved * kKeyBytes);
  }

  uint16_t capacity_;
  uint16_t count_ = 0;
};

}  // namespace cachenode
