// The leaf of a large sorted set's tree: up to 72 elements in order, each a score and a handle to its member.
//
// Layout: header of 8 bytes, scores, lower halves of handles, their highest 16 bits; 1 KB when it is full, smaller
//   allocator classes when it is not.
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
  [[nodiscard]] double score(unsigned index) const noexcept { return Scores()[index]; }
  [[nodiscard]] MemberHandle handle(unsigned index) const noexcept {
    return Lows()[index] | MemberHandle{Highs()[index]} << kHighShift;
  }
  [[nodiscard]] Element At(unsigned index) const noexcept { return {score(index), handle(index)}; }
  // How many elements have a lower score. Requires count() > 0.
  [[nodiscard]] unsigned CountBelow(double wanted) const noexcept {
    // Halves by a selection, not by a branch, which nobody could foretell.
    const double* from = Scores();
    for (unsigned left = count_; left > 1;) {
      const unsigned half = left / 2;
      from = from[half - 1] < wanted ? from + half : from;
      left -= half;
    }
    return static_cast<unsigned>(from - Scores()) + (*from < wanted ? 1U : 0U);
  }

  // --- Changing; requires that the leaf is unique ---------------------------------------------------------------

  void Set(unsigned index, const Element& element) noexcept {
    Scores()[index] = element.score;
    Lows()[index] = static_cast<uint32_t>(element.handle);
    Highs()[index] = static_cast<uint16_t>(element.handle >> kHighShift);
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
  // Copies the elements [from, to) of another leaf behind or before its own. Each requires room.
  void AppendFrom(const ScoreLeaf& other, unsigned from, unsigned to) noexcept {
    CopyFrom(other, from, to - from, count_);
    count_ = static_cast<uint16_t>(count_ + (to - from));
  }
  void PrependFrom(const ScoreLeaf& other, unsigned from, unsigned to) noexcept {
    Move(0, to - from);
    CopyFrom(other, from, to - from, 0);
    count_ = static_cast<uint16_t>(count_ + (to - from));
  }

 private:
  static constexpr size_t kElementBytes = sizeof(double) + sizeof(uint32_t) + sizeof(uint16_t);
  static constexpr unsigned kHighShift = 48;

  explicit ScoreLeaf(unsigned capacity) noexcept : capacity_(static_cast<uint16_t>(capacity)) {}
  ~ScoreLeaf() = default;

  static constexpr size_t BytesFor(size_t capacity) noexcept { return sizeof(ScoreLeaf) + capacity * kElementBytes; }
  // The array that begins so many bytes behind the header.
  template <typename T>
  [[nodiscard]] T* Array(size_t offset) noexcept {
    return static_cast<T*>(static_cast<void*>(reinterpret_cast<char*>(this) + sizeof(ScoreLeaf) + offset));
  }
  template <typename T>
  [[nodiscard]] const T* Array(size_t offset) const noexcept {
    return static_cast<const T*>(
        static_cast<const void*>(reinterpret_cast<const char*>(this) + sizeof(ScoreLeaf) + offset));
  }
  [[nodiscard]] size_t LowsAt() const noexcept { return capacity_ * sizeof(double); }
  [[nodiscard]] size_t HighsAt() const noexcept { return capacity_ * (sizeof(double) + sizeof(uint32_t)); }
  [[nodiscard]] double* Scores() noexcept { return Array<double>(0); }
  [[nodiscard]] const double* Scores() const noexcept { return Array<double>(0); }
  [[nodiscard]] uint32_t* Lows() noexcept { return Array<uint32_t>(LowsAt()); }
  [[nodiscard]] const uint32_t* Lows() const noexcept { return Array<uint32_t>(LowsAt()); }
  [[nodiscard]] uint16_t* Highs() noexcept { return Array<uint16_t>(HighsAt()); }
  [[nodiscard]] const uint16_t* Highs() const noexcept { return Array<uint16_t>(HighsAt()); }
  void CopyFrom(const ScoreLeaf& other, unsigned from, unsigned count, unsigned at) noexcept {
    std::memcpy(Scores() + at, other.Scores() + from, count * sizeof(double));
    std::memcpy(Lows() + at, other.Lows() + from, count * sizeof(uint32_t));
    std::memcpy(Highs() + at, other.Highs() + from, count * sizeof(uint16_t));
  }
  // The elements from `from` on go to `to` and behind.
  void Move(unsigned from, unsigned to) noexcept {
    const unsigned moved = count_ - from;
    std::memmove(Scores() + to, Scores() + from, moved * sizeof(double));
    std::memmove(Lows() + to, Lows() + from, moved * sizeof(uint32_t));
    std::memmove(Highs() + to, Highs() + from, moved * sizeof(uint16_t));
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
