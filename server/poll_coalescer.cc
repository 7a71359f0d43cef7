#include "server/poll_coalescer.h"

#include <algorithm>

#include "storage/base/cycle_clock.h"

namespace cachenode {

uint32_t PollCoalescer::SleepUsAfterTurn(uint64_t now_ticks) noexcept {
  if (now_ticks - window_begin_ticks_ >= CycleClock::FromMicroseconds(kWindowUs)) CloseWindow(now_ticks);
  const bool found_enough = turn_reads_ == 0 || turn_reads_ >= kReadsPerTurnEnough;
  turn_reads_ = 0;
  return found_enough ? 0 : sleep_us_;
}

void PollCoalescer::CloseWindow(uint64_t now_ticks) noexcept {
  const uint64_t elapsed_us = std::max<uint64_t>(1, CycleClock::ToMicroseconds(now_ticks - window_begin_ticks_));
  const bool is_busy = window_clients_ >= kClientsMin && window_reads_ * uint64_t{1000} >= kReadsPerMsMin * elapsed_us;
  sleep_us_ = 0;
  if (is_busy) {
    const uint64_t wanted_us = kReadsWanted * elapsed_us / window_reads_;
    sleep_us_ = static_cast<uint32_t>(std::clamp<uint64_t>(wanted_us, kSleepUsMin, kSleepUsMax));
  }
  window_reads_ = 0;
  window_clients_ = 0;
  ++window_;
  window_begin_ticks_ = now_ticks;
}

}  // namespace cachenode
