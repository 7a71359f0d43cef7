#include "storage/base/cycle_clock.h"

#include <atomic>
#include <ctime>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace cachenode {

namespace {

__extension__ using Wide = unsigned __int128;

// Nanoseconds per tick with 32 fractional bits; 0 until measured. Written at most a few times, with near-equal values.
constinit std::atomic<uint64_t> nanoseconds_per_tick{0};

constexpr uint64_t kIdentity = uint64_t{1} << 32;
constexpr uint64_t kMeasureNs = 2'000'000;

uint64_t Rate() noexcept {
  const uint64_t rate = nanoseconds_per_tick.load(std::memory_order_relaxed);
  if (rate != 0) [[likely]]
    return rate;
  CycleClock::Calibrate();
  return nanoseconds_per_tick.load(std::memory_order_relaxed);
}

}  // namespace

const bool CycleClock::uses_counter_ = CycleClock::DetectCounter();

bool CycleClock::DetectCounter() noexcept {
#if defined(__x86_64__)
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  constexpr unsigned kInvariantBit = 1U << 8;
  return __get_cpuid(0x80000007U, &eax, &ebx, &ecx, &edx) != 0 && (edx & kInvariantBit) != 0;
#else
  return false;
#endif
}

uint64_t CycleClock::MonotonicNanoseconds() noexcept {
  timespec now{};
  static_cast<void>(::clock_gettime(CLOCK_MONOTONIC, &now));
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000U + static_cast<uint64_t>(now.tv_nsec);
}

void CycleClock::Calibrate() noexcept {
  uint64_t rate = kIdentity;
  if (uses_counter_) {
    const uint64_t start_ns = MonotonicNanoseconds();
    const uint64_t start_ticks = Ticks();
    uint64_t now_ns = start_ns;
    while (now_ns - start_ns < kMeasureNs) now_ns = MonotonicNanoseconds();
    const uint64_t ticks = Ticks() - start_ticks;
    if (ticks != 0) rate = static_cast<uint64_t>((static_cast<Wide>(now_ns - start_ns) << 32) / ticks);
  }
  nanoseconds_per_tick.store(rate != 0 ? rate : kIdentity, std::memory_order_relaxed);
}

uint64_t CycleClock::ToNanoseconds(uint64_t ticks) noexcept {
  return static_cast<uint64_t>((static_cast<Wide>(ticks) * Rate()) >> 32);
}

uint64_t CycleClock::FromMicroseconds(uint64_t microseconds) noexcept {
  return static_cast<uint64_t>((static_cast<Wide>(microseconds) * 1000U << 32) / Rate());
}

}  // namespace cachenode
