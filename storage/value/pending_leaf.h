// A leaf of a PendingMap: records sorted by stream id in one block of memory.
//
// Thread-safety: as NodeRefs: a shared leaf is immutable. Errors: memory only, as null.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <type_traits>

#include "storage/base/memory.h"
#include "storage/value/counted_tree_node.h"
#include "storage/value/shared_root.h"
#include "storage/value/stream_id.h"

namespace cachenode {

template <typename Record>
class PendingLeaf : public NodeRefs {
 public:
  static_assert(std::is_trivially_copyable_v<Record> && alignof(Record) == 8);
  static constexpr size_t kHeaderBytes = 8;
  static constexpr size_t kLeafBytesMax = 1024;
  static constexpr unsigned kCapacityMin = 2;
  static constexpr unsigned kCapacityMax = (kLeafBytesMax - kHeaderBytes) / sizeof(Record);

  [[nodiscard]] static PendingLeaf* Create(unsigned wanted) noexcept {
    const size_t bytes = memory::GoodSize(kHeaderBytes + std::max(wanted, kCapacityMin) * sizeof(Record));
    const auto capacity = std::min(static_cast<unsigned>((bytes - kHeaderBytes) / sizeof(Record)), kCapacityMax);
    void* const raw = memory::Allocate(BytesFor(capacity));
    return raw == nullptr ? nullptr : new (raw) PendingLeaf(capacity);
  }
  // A unique leaf of `wanted` capacity with records [from, to) of this one.
  [[nodiscard]] PendingLeaf* Copy(unsigned wanted, unsigned from, unsigned to) const noexcept {
    PendingLeaf* const copy = Create(wanted);
    if (copy == nullptr) return nullptr;
    std::memcpy(static_cast<void*>(copy->records()), records() + from, (to - from) * sizeof(Record));
    copy->count_ = static_cast<uint16_t>(to - from);
    return copy;
  }

  [[nodiscard]] unsigned count() const noexcept { return count_; }
  [[nodiscard]] unsigned capacity() const noexcept { return capacity_; }
  [[nodiscard]] const Record& at(unsigned index) const noexcept { return records()[index]; }
  [[nodiscard]] Record& at(unsigned index) noexcept { return records()[index]; }
  // The first record whose id is not below `id`.
  [[nodiscard]] unsigned LowerBound(StreamId id) const noexcept {
    const Record* const begin = records();
    // Most arrive at the end.
    if (count_ > 0 && begin[count_ - 1].id < id) return count_;
    const Record* const found = std::lower_bound(
        begin, begin + count_, id, [](const Record& record, StreamId wanted) { return record.id < wanted; });
    return static_cast<unsigned>(found - begin);
  }
  void Insert(unsigned index, const Record& record) noexcept {
    Move(index, index + 1, count_ - index);
    records()[index] = record;
    ++count_;
  }
  void Erase(unsigned index) noexcept {
    Move(index + 1, index, count_ - index - 1);
    --count_;
  }
  template <typename Wanted>
  [[nodiscard]] unsigned CountIf(const Wanted& wanted) const noexcept {
    unsigned found = 0;
    for (unsigned i = 0; i < count_; ++i) found += wanted(at(i)) ? 1U : 0U;
    return found;
  }
  // Requires that something stays.
  template <typename Goes>
  void EraseIf(const Goes& goes) noexcept {
    Truncate(static_cast<unsigned>(std::remove_if(records(), records() + count_, goes) - records()));
  }
  void Truncate(unsigned count) noexcept { count_ = static_cast<uint16_t>(count); }

  // What CountedTree asks of its leaves.
  struct Traits {
    using Heap = NodeHeap;
    using Leaf = PendingLeaf;
    using Key = StreamId;
    static uint64_t Count(const Leaf& leaf) noexcept { return leaf.count(); }
    static Key FirstKey(const Leaf& leaf) noexcept { return leaf.at(0).id; }
    static size_t MemoryBytes(const Leaf& leaf) noexcept { return BytesFor(leaf.capacity()); }
    static Leaf* Clone(const Leaf& leaf) noexcept { return leaf.Copy(leaf.capacity(), 0, leaf.count()); }
    static void Destroy(Leaf* leaf) noexcept {
      const size_t bytes = BytesFor(leaf->capacity());
      leaf->~PendingLeaf();
      memory::Free(leaf, bytes);
    }
  };

 private:
  explicit PendingLeaf(unsigned capacity) noexcept : capacity_(static_cast<uint16_t>(capacity)) {}
  ~PendingLeaf() = default;

  static constexpr size_t BytesFor(unsigned capacity) noexcept { return kHeaderBytes + capacity * sizeof(Record); }
  [[nodiscard]] const Record* records() const noexcept {
    const void* const bytes = reinterpret_cast<const char*>(this) + kHeaderBytes;
    return static_cast<const Record*>(bytes);
  }
  [[nodiscard]] Record* records() noexcept {
    void* const bytes = reinterpret_cast<char*>(this) + kHeaderBytes;
    return static_cast<Record*>(bytes);
  }
  void Move(unsigned from, unsigned to, unsigned moved) noexcept {
    std::memmove(static_cast<void*>(records() + to), records() + from, moved * sizeof(Record));
  }

  uint16_t capacity_;
  uint16_t count_ = 0;
};

}  // namespace cachenode
