// Lets a loop sleep for a few microseconds before it polls again, when that lets one poll find many readable clients
// instead of one.
//
// Why: a server that is faster than its clients wakes for every single request, and a wake-up costs as much as the
//   request (measured at 50 clients without pipelining: 0.7 polls a request). With many clients at work nobody waits
//   longer for it: who is served a little later finds the loop less busy. With few clients it would only add delay.
// Thread-safety: one object per worker, used by its thread.
// Limits: sleeps at most kSleepUsMax; never while fewer than kClientsMin clients were read from in the last window, or
//   fewer than kReadsPerMsMin reads came in a millisecond, or the last turn found kReadsPerTurnEnough clients anyway.
#pragma once

#include <cstdint>

namespace cachenode {

class PollCoalescer {
 public:
  static constexpr uint32_t kSleepUsMax = 50;
  static constexpr uint32_t kSleepUsMin = 10;
  static constexpr uint64_t kWindowUs = 2000;
  static constexpr uint32_t kClientsMin = 24;
  static constexpr uint32_t kReadsPerMsMin = 40;
  static constexpr uint32_t kReadsPerTurnEnough = 8;
  static constexpr uint32_t kReadsWanted = 12;  // That a turn should find.

  // A client's stamp: the window in which it was last read from.
  using Stamp = uint32_t;

  // A client was read from.
  void NoteRead(Stamp& stamp) noexcept {
    ++turn_reads_;
    ++window_reads_;
    if (stamp == window_) return;
    stamp = window_;
    ++window_clients_;
  }

  // At the end of a turn: the microseconds to sleep before polling; 0 for none. `now_ticks`: cycle clock.
  [[nodiscard]] uint32_t SleepUsAfterTurn(uint64_t now_ticks) noexcept;

 private:
  void CloseWindow(uint64_t now_ticks) noexcept;

  uint32_t turn_reads_ = 0;
  uint32_t window_reads_ = 0;
  uint32_t window_clients_ = 0;
  Stamp window_ = 1;
  uint32_t sleep_us_ = 0;  // By the last window.
  uint64_t window_begin_ticks_ = 0;
};

}  // namespace cachenode
