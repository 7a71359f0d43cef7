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

// Plays `windows` windows in which `clients` clients are read from in turns of one read each, `reads_per_ms` a
// millisecond, while the thread waits for a CPU `queued_permille` of the time, and answers what the last turn was told
// to sleep.
uint32_t SleepAfter(PollCoalescer& coalescer, uint32_t clients, uint32_t reads_per_ms, int windows, uint64_t& now,
                    uint64_t queued_permille = 0) {
  std::vector<PollCoalescer::Stamp> stamps(clients, 0);
  const uint64_t gap = CycleClock::FromMicroseconds(1000) / reads_per_ms;
  uint32_t sleep_us = 0;
  const auto reads = static_cast<uint32_t>(windows) * reads_per_ms * 2;  // A window lasts two milliseconds.
  for (uint32_t i = 0; i < reads; ++i) {
    coalescer.NoteRead(stamps[i % clients]);
    now += gap;
    sleep_us = EndTurn(coalescer, now, CycleClock::ToMicroseconds(now) * queued_permille / 1000);
  }
  return sleep_us;
}

TEST(PollCoalescer, SleepsWhenManyClientsComeOneByOne) {
  PollCoalescer coalescer;
  uint64_t now = CycleClock::FromMicroseconds(1000000);
  const uint32_t sleep_us = SleepAfter(coalescer, 50, 100, 3, now);
  EXPECT_GE(sleep_us, PollCoalescer::kSleepUsMin);
  EXPECT_LE(sleep_us, PollCoalescer::kSleepUsMax);
}

TEST(PollCoalescer, NeverDelaysFewClientsHoweverBusy) {
  PollCoalescer coalescer;
  uint64_t now = CycleClock::FromMicroseconds(1000000);
  EXPECT_EQ(SleepAfter(coalescer, PollCoalescer::kClientsMin - 1, 1000, 3, now), 0U);
}

TEST(PollCoalescer, NeverDelaysManyClientsThatAreNearlyIdle) {
  PollCoalescer coalescer;
  uint64_t now = CycleClock::FromMicroseconds(1000000);
  EXPECT_EQ(SleepAfter(coalescer, 30, PollCoalescer::kReadsPerMsMin / 2, 3, now), 0U);
}

TEST(PollCoalescer, DoesNotSleepAfterATurnThatFoundEnoughOrNothing) {
  PollCoalescer coalescer;
  uint64_t now = CycleClock::FromMicroseconds(1000000);
  ASSERT_NE(SleepAfter(coalescer, 50, 100, 3, now), 0U);
  std::vector<PollCoalescer::Stamp> stamps(PollCoalescer::kReadsPerTurnEnough, 0);
  for (PollCoalescer::Stamp& stamp : stamps) coalescer.NoteRead(stamp);
  EXPECT_EQ(EndTurn(coalescer, now + 1), 0U);
  EXPECT_EQ(EndTurn(coalescer, now + 2), 0U);
}

TEST(PollCoalescer, StopsWhenTheClientsGo) {
  PollCoalescer coalescer;
  uint64_t now = CycleClock::FromMicroseconds(1000000);
  ASSERT_NE(SleepAfter(coalescer, 50, 100, 3, now), 0U);
  EXPECT_EQ(SleepAfter(coalescer, 1, 20, 3, now), 0U);
}

constexpr uint64_t kShort = 2 * PollCoalescer::kShortFromPermille;
constexpr int kUntilJudgedShort = 20;  // Windows.

TEST(PollCoalescer, SleepsNoMoreThanAPartOfWhatAClientTakes) {
  PollCoalescer coalescer;
  uint64_t now = CycleClock::FromMicroseconds(1000000);
  // 30 clients, 200 reads a millisecond: 150 us from request to request.
  const uint32_t sleep_us = SleepAfter(coalescer, 30, 200, 3, now);
  EXPECT_GE(sleep_us, 45U);
  EXPECT_LE(sleep_us, 50U);
}

TEST(PollCoalescer, WithCpusShortSleepsLongerAndForFewerClients) {
  PollCoalescer coalescer;
  uint64_t now = CycleClock::FromMicroseconds(1000000);
  // 20 clients, 10 reads a millisecond: a client takes 2 ms from request to request.
  EXPECT_EQ(SleepAfter(coalescer, 20, 10, kUntilJudgedShort, now), 0U);
  EXPECT_EQ(SleepAfter(coalescer, 20, 10, kUntilJudgedShort, now, kShort), PollCoalescer::kShortSleepUsMax);
}

TEST(PollCoalescer, WithCpusShortSleepsNoMoreThanAPartOfWhatAClientTakes) {
  PollCoalescer coalescer;
  uint64_t now = CycleClock::FromMicroseconds(1000000);
  // 10 clients, 50 reads a millisecond: 200 us from request to request.
  const uint32_t sleep_us = SleepAfter(coalescer, 10, 50, kUntilJudgedShort, now, kShort);
  EXPECT_GE(sleep_us, 60U);
  EXPECT_LE(sleep_us, 67U);
}

TEST(PollCoalescer, WithCpusShortNeverDelaysFewClientsOrRareReads) {
  PollCoalescer coalescer;
  uint64_t now = CycleClock::FromMicroseconds(1000000);
  EXPECT_EQ(SleepAfter(coalescer, PollCoalescer::kShortClientsMin - 1, 100, kUntilJudgedShort, now, kShort), 0U);
  EXPECT_EQ(SleepAfter(coalescer, 20, PollCoalescer::kShortReadsPerMsMin - 1, kUntilJudgedShort, now, kShort), 0U);
}

TEST(PollCoalescer, AFigureThatIsMissingOnceDoesNotMakeThemShort) {
  PollCoalescer coalescer;
  uint64_t now = CycleClock::FromMicroseconds(1000000);
  constexpr uint64_t kLittle = PollCoalescer::kShortFromPermille / 10;
  EXPECT_EQ(SleepAfter(coalescer, 20, 10, kUntilJudgedShort, now, kLittle), 0U);
  EXPECT_EQ(SleepAfter(coalescer, 20, 10, 1, now), 0U);
  EXPECT_EQ(SleepAfter(coalescer, 20, 10, 1, now, kLittle), 0U);
}

TEST(PollCoalescer, OneWaitForACpuDoesNotMakeThemShort) {
  PollCoalescer coalescer;
  uint64_t now = CycleClock::FromMicroseconds(1000000);
  EXPECT_EQ(SleepAfter(coalescer, 20, 10, kUntilJudgedShort, now), 0U);
  EXPECT_EQ(SleepAfter(coalescer, 20, 10, 1, now, PollCoalescer::kShortFromPermille * 3), 0U);
}

}  // namespace
}  // namespace cachenode
