#include "server/poll_coalescer.h"

#include <gtest/gtest.h>

#include <vector>

#include "storage/base/cycle_clock.h"

namespace cachenode {
namespace {

// Plays `windows` windows in which `clients` clients are read from in turns of one read each, `reads_per_ms` a
// millisecond, and answers what the last turn was told to sleep.
uint32_t SleepAfter(PollCoalescer& coalescer, uint32_t clients, uint32_t reads_per_ms, int windows, uint64_t& now) {
  std::vector<PollCoalescer::Stamp> stamps(clients, 0);
  const uint64_t gap = CycleClock::FromMicroseconds(1000) / reads_per_ms;
  uint32_t sleep_us = 0;
  const auto reads = static_cast<uint32_t>(windows) * reads_per_ms * 2;  // A window lasts two milliseconds.
  for (uint32_t i = 0; i < reads; ++i) {
    coalescer.NoteRead(stamps[i % clients]);
    now += gap;
    sleep_us = coalescer.SleepUsAfterTurn(now);
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
  EXPECT_EQ(coalescer.SleepUsAfterTurn(now + 1), 0U);
  EXPECT_EQ(coalescer.SleepUsAfterTurn(now + 2), 0U);
}

TEST(PollCoalescer, StopsWhenTheClientsGo) {
  PollCoalescer coalescer;
  uint64_t now = CycleClock::FromMicroseconds(1000000);
  ASSERT_NE(SleepAfter(coalescer, 50, 100, 3, now), 0U);
  EXPECT_EQ(SleepAfter(coalescer, 1, 20, 3, now), 0U);
}

}  // namespace
}  // namespace cachenode
