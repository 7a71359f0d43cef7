// A clock that stands still until a test moves it.
//
// Thread-safety: none; one thread.
#pragma once

#include <chrono>
#include <cstdint>

#include "storage/base/clock.h"

namespace cachenode {

class FakeClock final : public Clock {
 public:
  // Starts at a date that is neither 0 nor near any overflow: 2023-11-14 22:13:20 UTC.
  explicit FakeClock(int64_t now_ms = 1'700'000'000'000) noexcept : now_us_(now_ms * 1000) {}

  [[nodiscard]] int64_t NowUs() const noexcept override { return now_us_; }
  [[nodiscard]] int64_t MonotonicUs() const noexcept override { return monotonic_us_; }

  // Moves both clocks.
  void Advance(std::chrono::microseconds by) noexcept {
    now_us_ += by.count();
    monotonic_us_ += by.count();
  }
  // Moves the wall clock only, as an administrator would.
  void SetNowMs(int64_t now_ms) noexcept { now_us_ = now_ms * 1000; }

 private:
  int64_t now_us_;
  int64_t monotonic_us_ = 1'000'000;
};

}  // namespace cachenode
