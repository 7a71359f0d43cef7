// The 24 bits in each entry that say how recently or how often it was used.
//
// Under most policies: the time of the last access (access_time.h). Under an LFU policy: Unix minutes modulo 2^16 of
// the last decay, then an 8-bit counter that grows with the logarithm of the number of accesses and shrinks by one per
// lfu-decay-time.
// Under an S3-FIFO policy: what FifoQueues says.
// Thread-safety: pure functions, but for the random generator in the context, which is the thread's own.
#pragma once

#include <algorithm>
#include <cstdint>

#include "storage/access_context.h"
#include "storage/base/random.h"
#include "storage/fifo_queues.h"

namespace cachenode::recency {

// A new key starts above 0, so that it is not the first to go.
inline constexpr uint32_t kLfuInitial = 5;
inline constexpr uint32_t kLfuMax = 255;

[[nodiscard]] inline uint32_t DecayedCounter(uint32_t access, uint32_t lfu_clock, int decay_minutes) noexcept {
  const uint32_t counter = access & 0xFFU;
  if (decay_minutes <= 0) return counter;
  const uint32_t elapsed = (lfu_clock - (access >> 8)) & 0xFFFFU;
  return counter - std::min(counter, elapsed / static_cast<uint32_t>(decay_minutes));
}

[[nodiscard]] inline uint32_t LogIncremented(uint32_t counter, const AccessContext& context) noexcept {
  if (counter >= kLfuMax) return kLfuMax;
  const double above = counter > kLfuInitial ? static_cast<double>(counter - kLfuInitial) : 0.0;
  const double chance = 1.0 / (above * context.lfu_options.log_factor + 1.0);
  return counter + (context.random->Unit() < chance ? 1U : 0U);
}

// The bits of a key just made; under S3-FIFO FifoQueues::Enter says them.
[[nodiscard]] inline uint32_t Fresh(const AccessContext& context) noexcept {
  return context.recency == Recency::kFrequency ? context.lfu_clock << 8 | kLfuInitial : context.lru_clock;
}

// The bits after one more access.
[[nodiscard]] inline uint32_t Touched(uint32_t access, const AccessContext& context) noexcept {
  if (context.recency == Recency::kTime) [[likely]]
    return context.lru_clock;
  if (context.recency == Recency::kFifo) return FifoQueues::Used(access);
  const uint32_t counter = DecayedCounter(access, context.lfu_clock, context.lfu_options.decay_minutes);
  return context.lfu_clock << 8 | LogIncremented(counter, context);
}

}  // namespace cachenode::recency
