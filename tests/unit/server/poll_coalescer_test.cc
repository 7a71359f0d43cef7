#include "server/poll_coalescer.h"

#include <gtest/gtest.h>

#include <vector>

#include "storage/base/cycle_clock.h"

namespace cachenode {
namespace {

// Ends a turn as the worker does, `queued_us` being the thread's.
uint32_t EndTurn(PollCoalescer& coalescer, uint64_t now, uint64_t queued_us = 0) {
  if (coalescer.WindowIsOver(now)) coalescer.CloseWindow(now, queued_us);
  return coalescer.SleepUsAfterTurn();
}

struct Time {
  uint64_t now = CycleClock::FromMicroseconds(1000000);
  uint64_t queued_ticks = 0;  // Of it, how long the thread has waited for a CPU.
};

// Plays `windows` windows in which `clients` clients are read from in turns of one read each, `reads_per_ms` a
// millisecond, while the thread waits for a CPU `queued_permille` of the time (0: the figure is missing), and answers
// what the last turn was told to sleep.
uint32_t SleepAfter(PollCoalescer& coalescer, uint32_t clients, uint32_t reads_per_ms, int windows, Time& time,
                    uint64_t queued_permille = 0) {
  std::vector<PollCoalescer::Stamp> stamps(clients, 0);
  const uint64_t gap = CycleClock::FromMicroseconds(1000) / reads_per_ms;
  uint32_t sleep_us = 0;
  // A window lasts two milliseconds, or a read more.
  const auto reads = static_cast<uint32_t>(windows) * (reads_per_ms * 2 + 1);
  for (uint32_t i = 0; i < reads; ++i) {
    coalescer.NoteRead(stamps[i % clients]);
    time.now += gap;
    time.queued_ticks += gap * queued_permille / 1000;
    sleep_us = EndTurn(coalescer, time.now, queued_permille == 0 ? 0 : CycleClock::ToMicroseconds(time.queued_ticks));
  }
  return sleep_us;
}

TEST(PollCoalescer, SleepsWhenManyClientsComeOneByOne) {
  PollCoalescer coalescer;
  Time time;
  const uint32_t sleep_us = SleepAfter(coalescer, 50, 100, 3, time);
  EXPECT_GE(sleep_us, PollCoalescer::kSleepUsMin);
  EXPECT_LE(sleep_us, PollCoalescer::kUsual.sleep_us_max);
}

TEST(PollCoalescer, NeverDelaysFewClientsHoweverBusy) {
  PollCoalescer coalescer;
  Time time;
  EXPECT_EQ(SleepAfter(coalescer, PollCoalescer::kUsual.clients_min - 1, 1000, 3, time), 0U);
}

TEST(PollCoalescer, NeverDelaysManyClientsThatAreNearlyIdle) {
  PollCoalescer coalescer;
  Time time;
  EXPECT_EQ(SleepAfter(coalescer, 30, PollCoalescer::kUsual.reads_per_ms_min / 2, 3, time), 0U);
}

TEST(PollCoalescer, DoesNotSleepAfterATurnThatFoundEnoughOrNothing) {
  PollCoalescer coalescer;
  Time time;
  ASSERT_NE(SleepAfter(coalescer, 50, 100, 3, time), 0U);
  std::vector<PollCoalescer::Stamp> stamps(PollCoalescer::kReadsPerTurnEnough, 0);
  for (PollCoalescer::Stamp& stamp : stamps) coalescer.NoteRead(stamp);
  EXPECT_EQ(EndTurn(coalescer, time.now + 1), 0U);
  EXPECT_EQ(EndTurn(coalescer, time.now + 2), 0U);
}

TEST(PollCoalescer, StopsWhenTheClientsGo) {
  PollCoalescer coalescer;
  Time time;
  ASSERT_NE(SleepAfter(coalescer, 50, 100, 3, time), 0U);
  EXPECT_EQ(SleepAfter(coalescer, 1, 20, 3, time), 0U);
}

constexpr uint64_t kShort = 2 * PollCoalescer::kShortFromPermille;
constexpr int kUntilJudgedShort = 20;  // Windows.

TEST(PollCoalescer, SleepsNoMoreThanAPartOfWhatAClientTakes) {
  PollCoalescer coalescer;
  Time time;
  // 30 clients, 200 reads a millisecond: 150 us from request to request.
  const uint32_t sleep_us = SleepAfter(coalescer, 30, 200, 3, time);
  EXPECT_GE(sleep_us, 45U);
  EXPECT_LE(sleep_us, 50U);
}

TEST(PollCoalescer, WithCpusShortSleepsLongerAndForFewerClients) {
  PollCoalescer coalescer;
  Time time;
  // 20 clients, 10 reads a millisecond: a client takes 2 ms from request to request.
  EXPECT_EQ(SleepAfter(coalescer, 20, 10, kUntilJudgedShort, time), 0U);
  EXPECT_EQ(SleepAfter(coalescer, 20, 10, kUntilJudgedShort, time, kShort), PollCoalescer::kShort.sleep_us_max);
}

TEST(PollCoalescer, WithCpusShortSleepsNoMoreThanAPartOfWhatAClientTakes) {
  PollCoalescer coalescer;
  Time time;
  // 10 clients, 50 reads a millisecond: 200 us from request to request.
  const uint32_t sleep_us = SleepAfter(coalescer, 10, 50, kUntilJudgedShort, time, kShort);
  EXPECT_GE(sleep_us, 90U);
  EXPECT_LE(sleep_us, 100U);
}

TEST(PollCoalescer, WithCpusShortNeverDelaysFewClientsOrRareReads) {
  PollCoalescer coalescer;
  Time time;
  EXPECT_EQ(SleepAfter(coalescer, PollCoalescer::kShort.clients_min - 1, 100, kUntilJudgedShort, time, kShort), 0U);
  EXPECT_EQ(SleepAfter(coalescer, 20, PollCoalescer::kShort.reads_per_ms_min - 1, kUntilJudgedShort, time, kShort), 0U);
}

TEST(PollCoalescer, AFigureThatIsMissingOnceDoesNotMakeThemShort) {
  PollCoalescer coalescer;
  Time time;
  constexpr uint64_t kLittle = PollCoalescer::kShortFromPermille / 10;
  EXPECT_EQ(SleepAfter(coalescer, 20, 10, kUntilJudgedShort, time, kLittle), 0U);
  EXPECT_EQ(SleepAfter(coalescer, 20, 10, 1, time), 0U);
  EXPECT_EQ(SleepAfter(coalescer, 20, 10, 1, time, kLittle), 0U);
}

TEST(PollCoalescer, OneWaitForACpuDoesNotMakeThemShort) {
  PollCoalescer coalescer;
  Time time;
  EXPECT_EQ(SleepAfter(coalescer, 20, 10, kUntilJudgedShort, time), 0U);
  EXPECT_EQ(SleepAfter(coalescer, 20, 10, 1, time, PollCoalescer::kShortFromPermille * 3), 0U);
}

}  // namespace
}  // namespace cachenode
