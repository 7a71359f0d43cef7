// Where the keyspace's bytes are.
//
// Thread-safety: MemoryFigures is a value; MemoryAccount is written by the holder of one shard's lock and read relaxed
//   by anyone.
#pragma once

#include <atomic>
#include <cstdint>

namespace cachenode {

struct MemoryFigures {
  uint64_t entry_bytes = 0;         // Slots of the slab heaps in use: entries and overflow buckets, rounding included.
  uint64_t page_bytes = 0;          // Pages of the slab heaps that are resident; at least entry_bytes.
  uint64_t index_bytes = 0;         // Bucket arrays and their summaries.
  uint64_t mapped_index_bytes = 0;  // Part of index_bytes that is mapped directly, outside of the memory facade.
  uint64_t external_bytes = 0;      // Heap blocks owned by values and long keys.
  uint64_t overflow_bytes = 0;      // Part of entry_bytes that is overflow buckets.

  // Bytes of the keyspace, counted once each. Free slots inside pages do not count: they are there for the next entry.
  [[nodiscard]] uint64_t UsedBytes() const noexcept { return entry_bytes + index_bytes + external_bytes; }
  // The part that memory::UsedBytes() does not contain: used_memory = memory::UsedBytes() + MappedBytes().
  [[nodiscard]] uint64_t MappedBytes() const noexcept { return entry_bytes + mapped_index_bytes; }
  MemoryFigures& operator+=(const MemoryFigures& other) noexcept {
    entry_bytes += other.entry_bytes;
    page_bytes += other.page_bytes;
    index_bytes += other.index_bytes;
    mapped_index_bytes += other.mapped_index_bytes;
    external_bytes += other.external_bytes;
    overflow_bytes += other.overflow_bytes;
    return *this;
  }
};

// A counter with one writer at a time and any number of relaxed readers: no locked instruction.
class OwnedCounter {
 public:
  void Add(int64_t delta) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) + static_cast<uint64_t>(delta), std::memory_order_relaxed);
  }
  void Set(uint64_t value) noexcept { value_.store(value, std::memory_order_relaxed); }
  [[nodiscard]] uint64_t Get() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

}  // namespace cachenode
