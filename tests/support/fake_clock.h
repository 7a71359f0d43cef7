// A clock that stands still until a test moves it.
//
// Thread-safety: one thread moves it; any may read it, as jobs in the background do.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "storage/base/clock.h"

namespace cachenode {

class FakeClock final : public Clock {
 public:
  // Starts at a date that is neither 0 nor near any overflow: 2023-11-14 22:13:20 UTC.
  explicit FakeClock(int64_t now_ms = 1'700'000'000'000) noexcept : now_us_(now_ms * 1000) {}

  [[nodiscard]] int64_t NowUs() const noexcept override { return now_us_.load(std::memory_order_relaxed); }
  [[nodiscard]] int64_t MonotonicUs() const noexcept override { return monotonic_us_.load(std::memory_order_relaxed); }

  // Moves both clocks.
  void Advance(std::chrono::microseconds by) noexcept {
    now_us_.fetch_add(by.count(), std::memory_order_relaxed);
    monotonic_us_.fetch_add(by.count(), std::memory_order_relaxed);
  }
  // Moves the wall clock only, as an administrator would.
  void SetNowMs(int64_t now_ms) noexcept { now_us_.store(now_ms * 1000, std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> now_us_;
  std::atomic<int64_t> monotonic_us_{1'000'000};
};

}  // namespace cachenode
