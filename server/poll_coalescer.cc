#include "server/poll_coalescer.h"

#include <algorithm>

#include "storage/base/cycle_clock.h"

namespace cachenode {

bool PollCoalescer::WindowIsOver(uint64_t now_ticks) const noexcept {
  return now_ticks - window_begin_ticks_ >= CycleClock::FromMicroseconds(kWindowUs);
}

uint32_t PollCoalescer::SleepUsAfterTurn() noexcept {
  const bool found_enough = turn_reads_ == 0 || turn_reads_ >= kReadsPerTurnEnough;
  turn_reads_ = 0;
  return found_enough ? 0 : sleep_us_;
}

void PollCoalescer::CloseWindow(uint64_t now_ticks, uint64_t queued_us) noexcept {
  constexpr uint32_t kSmoothing = 8;  // Windows.
  const uint64_t elapsed_us = std::max<uint64_t>(1, CycleClock::ToMicroseconds(now_ticks - window_begin_ticks_));
  // The figure may be missing once, and is 0 then.
  const uint64_t waited_us = queued_us - std::min(queued_us, queued_us_);
  const uint64_t permille = std::min<uint64_t>(1000, waited_us * 1000 / elapsed_us);
  queued_permille_ = (queued_permille_ * (kSmoothing - 1) + static_cast<uint32_t>(permille)) / kSmoothing;
  queued_us_ = std::max(queued_us, queued_us_);
  sleep_us_ = SleepUsFor(elapsed_us);
  window_reads_ = 0;
  window_clients_ = 0;
  ++window_;
  window_begin_ticks_ = now_ticks;
}

uint32_t PollCoalescer::SleepUsFor(uint64_t elapsed_us) const noexcept {
  const Limits& use = limits();
  const bool is_busy =
      window_clients_ >= use.clients_min && window_reads_ * uint64_t{1000} >= use.reads_per_ms_min * elapsed_us;
  if (!is_busy) return 0;
  const uint64_t wanted_us = use.reads_wanted * elapsed_us / window_reads_;
  const uint64_t round_us = window_clients_ * elapsed_us / window_reads_;
  const uint64_t most_us = std::min<uint64_t>(round_us / use.part_of_round, use.sleep_us_max);
  return static_cast<uint32_t>(std::clamp<uint64_t>(wanted_us, kSleepUsMin, std::max<uint64_t>(most_us, kSleepUsMin)));
}

}  // namespace cachenode
