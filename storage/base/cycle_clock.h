// Durations at the price of one instruction: the processor's time stamp counter, with its rate measured once.
//
// Thread-safety: any thread. Where the counter is not invariant (or not there) ticks are nanoseconds of
//   CLOCK_MONOTONIC and the conversion is the identity.
// Accuracy: the rate is measured against the kernel's clock when the first conversion asks (about 2 ms) and is good to
//   0.1 %. For latency figures, never for deadlines.
#pragma once

#include <cstdint>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace cachenode {

class CycleClock {
 public:
  // Measures the rate now instead of at the first conversion. Call once at start, before other threads exist.
  static void Calibrate() noexcept;
  // Whether Ticks reads the processor's counter.
  [[nodiscard]] static bool UsesProcessorCounter() noexcept { return uses_counter_; }

  [[nodiscard]] static uint64_t Ticks() noexcept {
#if defined(__x86_64__)
    if (uses_counter_) [[likely]]
      return __rdtsc();
#endif
    return MonotonicNanoseconds();
  }
  [[nodiscard]] static uint64_t ToNanoseconds(uint64_t ticks) noexcept;
  [[nodiscard]] static uint64_t ToMicroseconds(uint64_t ticks) noexcept { return ToNanoseconds(ticks) / 1000; }
  [[nodiscard]] static uint64_t FromMicroseconds(uint64_t microseconds) noexcept;

 private:
  [[nodiscard]] static uint64_t MonotonicNanoseconds() noexcept;
  [[nodiscard]] static bool DetectCounter() noexcept;

  static const bool uses_counter_;  // Constant after static initialisation.
};

}  // namespace cachenode
