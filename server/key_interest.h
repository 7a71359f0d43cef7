// Whether anybody wants to hear of keys at all: one word that the hot path reads.
//
// Thread-safety: any thread. A count raised under the lock of a key's shard is seen by whoever locks that shard next.
#pragma once

#include <atomic>
#include <cstdint>

namespace cachenode {

class KeyInterest {
 public:
  // Each watched key, waiting client, tracking client, enabled notification counts.
  void Add(int64_t count) noexcept { count_.fetch_add(count, std::memory_order_relaxed); }
  void Remove(int64_t count) noexcept { count_.fetch_sub(count, std::memory_order_relaxed); }
  [[nodiscard]] bool Any() const noexcept { return count_.load(std::memory_order_relaxed) != 0; }

 private:
  std::atomic<int64_t> count_{0};
};

}  // namespace cachenode
