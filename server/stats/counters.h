// Counters one worker writes and anybody reads.
//
// Thread-safety: Add and Set by the owning worker only (or by anyone who holds the world lock exclusively), Load by
//   any thread. Relaxed: a reader may see counters of one moment and of the next side by side.
#pragma once

#include <atomic>
#include <cstdint>

namespace cachenode {

class Counter {
 public:
  void Add(uint64_t amount) noexcept { Set(Load() + amount); }
  void Increment() noexcept { Add(1); }
  void Set(uint64_t value) noexcept { value_.store(value, std::memory_order_relaxed); }
  void RaiseTo(uint64_t value) noexcept {
    if (value > Load()) Set(value);
  }
  [[nodiscard]] uint64_t Load() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

}  // namespace cachenode
