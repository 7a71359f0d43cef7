// The leaf of a large sorted set's tree: up to 72 elements in order, each a score and a handle to its member.
//
// Layout: header of 8 bytes, then for each element 8 bytes of score, 4 of the handle's lower half and 2 of its highest
//   bits. 1 KB when there is room for all, smaller allocator classes when there is not.
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
#include "storage/value/strided_search.h"

namespace cachenode {

// Names one member of the set: see LargeSortedSet. The 16 bits in the middle are zero.
using MemberHandle = uint64_t;

class ScoreLeaf : public NodeRefs {
 public:
  static constexpr unsigned kCountMax = 72;

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
  [[nodiscard]] double score(unsigned index) const noexcept { return LoadScore(Place(index)); }
  [[nodiscard]] MemberHandle handle(unsigned index) const noexcept {
    uint32_t low;
    uint16_t high;
    std::memcpy(&low, Place(index) + sizeof(double), sizeof(low));
    std::memcpy(&high, Place(index) + sizeof(double) + sizeof(low), sizeof(high));
    return low | MemberHandle{high} << kHighShift;
  }
  [[nodiscard]] Element At(unsigned index) const noexcept { return {score(index), handle(index)}; }
  // How many elements have a lower score. Requires count() > 0.
  [[nodiscard]] unsigned CountBelow(double wanted) const noexcept {
    const char* const scores = Place(0);
    const auto is_below = [wanted](const char* at) { return LoadScore(at) < wanted; };
    const char* const last = LastThatHolds<kElementBytes>(scores, count_, is_below);
    return static_cast<unsigned>(static_cast<size_t>(last - scores) / kElementBytes) + (is_below(last) ? 1U : 0U);
  }

  // --- Changing; requires that the leaf is unique ---------------------------------------------------------------

  void Set(unsigned index, const Element& element) noexcept {
    const auto low = static_cast<uint32_t>(element.handle);
    const auto high = static_cast<uint16_t>(element.handle >> kHighShift);
    std::memcpy(Place(index), &element.score, sizeof(element.score));
    std::memcpy(Place(index) + sizeof(double), &low, sizeof(low));
    std::memcpy(Place(index) + sizeof(double) + sizeof(low), &high, sizeof(high));
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
    if (to > from) {
      --to;
      std::memmove(Place(from), Place(from + 1), (to - from) * kElementBytes);
    } else {
      std::memmove(Place(to + 1), Place(to), (from - to) * kElementBytes);
    }
    Set(to, element);
  }
  void Truncate(unsigned count) noexcept { count_ = static_cast<uint16_t>(count); }
  // Copies the elements [from, to) of another leaf behind or before its own. Each requires room.
  void AppendFrom(const ScoreLeaf& other, unsigned from, unsigned to) noexcept {
    std::memcpy(Place(count_), other.Place(from), (to - from) * kElementBytes);
    count_ = static_cast<uint16_t>(count_ + (to - from));
  }
  void PrependFrom(const ScoreLeaf& other, unsigned from, unsigned to) noexcept {
    Move(0, to - from);
    std::memcpy(Place(0), other.Place(from), (to - from) * kElementBytes);
    count_ = static_cast<uint16_t>(count_ + (to - from));
  }

 private:
  static constexpr size_t kElementBytes = sizeof(double) + sizeof(uint32_t) + sizeof(uint16_t);
  static constexpr unsigned kHighShift = 48;

  explicit ScoreLeaf(unsigned capacity) noexcept : capacity_(static_cast<uint16_t>(capacity)) {}
  ~ScoreLeaf() = default;

  static constexpr size_t BytesFor(size_t capacity) noexcept { return sizeof(ScoreLeaf) + capacity * kElementBytes; }
  [[nodiscard]] char* Place(size_t index) noexcept {
    return reinterpret_cast<char*>(this) + sizeof(ScoreLeaf) + index * kElementBytes;
  }
  [[nodiscard]] const char* Place(size_t index) const noexcept {
    return reinterpret_cast<const char*>(this) + sizeof(ScoreLeaf) + index * kElementBytes;
  }
  static double LoadScore(const char* from) noexcept {
    double loaded;
    std::memcpy(&loaded, from, sizeof(loaded));
    return loaded;
  }
  // The elements from `from` on go to `to` and behind.
  void Move(unsigned from, unsigned to) noexcept {
    std::memmove(Place(to), Place(from), (count_ - from) * kElementBytes);
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
