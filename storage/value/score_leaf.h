// The leaf of a large sorted set's tree: up to 63 elements in order, each a score and a handle to its member.
//
// Layout: header of 8 bytes, scores, handles; 1 KB when it is full, smaller allocator classes when it is not.
// Thread-safety and ownership: as every node of a large value (shared_root.h).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>

#include "storage/base/memory.h"
#include "storage/value/counted_tree.h"
#include "storage/value/shared_root.h"

namespace cachenode {

// Names one member of the set: see LargeSortedSet.
using MemberHandle = uint64_t;

class ScoreLeaf : public NodeRefs {
 public:
  static constexpr unsigned kCountMax = 63;

  struct Element {
    double score = 0;
    MemberHandle handle = 0;
    friend bool operator==(const Element&, const Element&) = default;
  };

  // An empty leaf with room for at least `wanted` elements (at most kCountMax); null when there is no memory.
  [[nodiscard]] static ScoreLeaf* Create(unsigned wanted) noexcept {
    const size_t room = memory::GoodSize(BytesFor(wanted)) - sizeof(ScoreLeaf);
    const auto capacity = static_cast<unsigned>(std::min<size_t>(room / kElementBytes, kCountMax));
    void* const raw = memory::Allocate(BytesFor(capacity));
    return raw == nullptr ? nullptr : new (raw) ScoreLeaf(capacity);
  }
  static void Destroy(ScoreLeaf* leaf) noexcept {
    const size_t size_bytes = leaf->MemoryBytes();
    leaf->~ScoreLeaf();
    memory::Free(leaf, size_bytes);
  }
  // A unique leaf of the elements [from, to) with room for `spare` more; null when there is no memory.
  [[nodiscard]] ScoreLeaf* Copy(unsigned from, unsigned to, unsigned spare) const noexcept {
    ScoreLeaf* const copy = Create(std::min(to - from + spare, kCountMax));
    if (copy != nullptr) copy->AppendFrom(*this, from, to);
    return copy;
  }

  [[nodiscard]] unsigned count() const noexcept { return count_; }
  [[nodiscard]] unsigned capacity() const noexcept { return capacity_; }
  [[nodiscard]] size_t MemoryBytes() const noexcept { return BytesFor(capacity_); }
  [[nodiscard]] double score(unsigned index) const noexcept { return Array<double>(0)[index]; }
  [[nodiscard]] MemberHandle handle(unsigned index) const noexcept { return Array<MemberHandle>(capacity_)[index]; }
  [[nodiscard]] Element At(unsigned index) const noexcept { return {score(index), handle(index)}; }

  // --- Changing; requires that the leaf is unique ---------------------------------------------------------------

  void Set(unsigned index, const Element& element) noexcept {
    Array<double>(0)[index] = element.score;
    Array<MemberHandle>(capacity_)[index] = element.handle;
  }
  // Requires count() < capacity().
  void Insert(unsigned index, const Element& element) noexcept {
    Move(index, index + 1);
    ++count_;
    Set(index, element);
  }
  void Erase(unsigned from, unsigned to) noexcept {
    Move(to, from);
    count_ = static_cast<uint16_t>(count_ - (to - from));
  }
  // Takes the element at `from` out and puts `element` before what stands at `to`.
  void Rotate(unsigned from, unsigned to, const Element& element) noexcept {
    if (to > from) --to;
    for (unsigned at = from; at < to; ++at) Set(at, At(at + 1));
    for (unsigned at = from; at > to; --at) Set(at, At(at - 1));
    Set(to, element);
  }
  void Truncate(unsigned count) noexcept { count_ = static_cast<uint16_t>(count); }
  // Requires room.
  void AppendFrom(const ScoreLeaf& other, unsigned from, unsigned to) noexcept {
    std::memcpy(Array<double>(0) + count_, other.Array<double>(0) + from, (to - from) * sizeof(double));
    std::memcpy(Array<MemberHandle>(capacity_) + count_, other.Array<MemberHandle>(other.capacity_) + from,
                (to - from) * sizeof(MemberHandle));
    count_ = static_cast<uint16_t>(count_ + (to - from));
  }

 private:
  static constexpr size_t kElementBytes = sizeof(double) + sizeof(MemberHandle);

  explicit ScoreLeaf(unsigned capacity) noexcept : capacity_(static_cast<uint16_t>(capacity)) {}
  ~ScoreLeaf() = default;

  static constexpr size_t BytesFor(size_t capacity) noexcept { return sizeof(ScoreLeaf) + capacity * kElementBytes; }
  // The array that begins `words` words of 8 bytes behind the header.
  template <typename T>
  [[nodiscard]] T* Array(size_t words) noexcept {
    return static_cast<T*>(static_cast<void*>(reinterpret_cast<char*>(this) + sizeof(ScoreLeaf) + words * 8));
  }
  template <typename T>
  [[nodiscard]] const T* Array(size_t words) const noexcept {
    return static_cast<const T*>(
        static_cast<const void*>(reinterpret_cast<const char*>(this) + sizeof(ScoreLeaf) + words * 8));
  }
  void Move(unsigned from, unsigned to) noexcept {
    const size_t moved_bytes = (count_ - from) * sizeof(double);
    std::memmove(Array<double>(0) + to, Array<double>(0) + from, moved_bytes);
    std::memmove(Array<MemberHandle>(capacity_) + to, Array<MemberHandle>(capacity_) + from, moved_bytes);
  }

  uint16_t capacity_;
  uint16_t count_ = 0;
};

struct ScoreTreeTraits {
  using Heap = NodeHeap;
  using Leaf = ScoreLeaf;
  using Key = ScoreLeaf::Element;
  static uint64_t Count(const Leaf& leaf) noexcept { return leaf.count(); }
  static Key FirstKey(const Leaf& leaf) noexcept { return leaf.At(0); }
  static size_t MemoryBytes(const Leaf& leaf) noexcept { return leaf.MemoryBytes(); }
  static Leaf* Clone(const Leaf& leaf) noexcept { return leaf.Copy(0, leaf.count(), leaf.capacity() - leaf.count()); }
  static void Destroy(Leaf* leaf) noexcept { ScoreLeaf::Destroy(leaf); }
};

using ScoreTree = CountedTree<ScoreTreeTraits>;

}  // namespace cachenode
