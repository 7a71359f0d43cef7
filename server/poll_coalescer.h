// Lets a loop sleep for a few microseconds before it polls again, when that lets one poll find many readable clients
// instead of one.
//
// Why: a server that is faster than its clients wakes for every single request, and a wake-up costs as much as the
//   request (measured at 50 clients without pipelining: 0.7 polls a request). With many clients at work nobody waits
//   longer for it: who is served a little later finds the loop less busy. With few clients it would only add delay.
//   Where threads wait for a CPU, workers or others, each wake-up also takes one from somebody, and the clients wait
//   for that: then it pays for fewer clients and longer, but never for long against what a client takes anyway.
// Thread-safety: one object per worker, used by its thread.
// Limits: struct Limits, of which there are two sets; never sleeps after a turn that found kReadsPerTurnEnough clients.
#pragma once

#include <cstdint>

namespace cachenode {

class PollCoalescer {
 public:
  struct Limits {
    uint32_t sleep_us_max;
    uint32_t clients_min;       // Never sleeps while fewer were read from in the last window,
    uint32_t reads_per_ms_min;  // or fewer reads came in a millisecond of it.
    uint32_t reads_wanted;      // That a turn should find: BatchedIo takes them together.
    uint32_t part_of_round;     // Sleeps at most this part of the time from a client's request to its next.
  };
  static constexpr Limits kUsual{
      .sleep_us_max = 100, .clients_min = 24, .reads_per_ms_min = 40, .reads_wanted = 20, .part_of_round = 3};
  // With CPUs short.
  static constexpr Limits kShort{
      .sleep_us_max = 300, .clients_min = 8, .reads_per_ms_min = 5, .reads_wanted = 48, .part_of_round = 2};
  static constexpr uint32_t kReadsPerTurnEnough = 12;
  static constexpr uint32_t kSleepUsMin = 10;
  static constexpr uint64_t kWindowUs = 2000;
  // CPUs are short from this share of its time on that the thread waits for one. Pinned alone it is 1 %, with as many
  // busy threads as CPUs 15 to 40.
  static constexpr uint32_t kShortFromPermille = 100;

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

  // At the end of a turn, in this order. `now_ticks`: cycle clock. `queued_us`: CpuQueueTime::Us of the thread.
  [[nodiscard]] bool WindowIsOver(uint64_t now_ticks) const noexcept;
  void CloseWindow(uint64_t now_ticks, uint64_t queued_us) noexcept;
  // The microseconds to sleep before polling; 0 for none.
  [[nodiscard]] uint32_t SleepUsAfterTurn() noexcept;

 private:
  [[nodiscard]] uint32_t SleepUsFor(uint64_t elapsed_us) const noexcept;
  [[nodiscard]] const Limits& limits() const noexcept {
    return queued_permille_ >= kShortFromPermille ? kShort : kUsual;
  }

  uint32_t turn_reads_ = 0;
  uint32_t window_reads_ = 0;
  uint32_t window_clients_ = 0;
  Stamp window_ = 1;
  uint32_t sleep_us_ = 0;  // By the last window.
  uint64_t window_begin_ticks_ = 0;
  uint64_t queued_us_ = 0;        // When the last window ended.
  uint32_t queued_permille_ = 0;  // Of the thread's time, smoothed over windows.
};

}  // namespace cachenode
