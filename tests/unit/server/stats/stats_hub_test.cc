#include "server/stats/stats_hub.h"

#include <gtest/gtest.h>

#include "server/stats/recent_peak.h"

namespace cachenode {
namespace {

TEST(RecentPeak, KeepsTheLargestValueForTheWindow) {
  constexpr int64_t kStart = 1'700'000'000;
  RecentPeak peak;
  EXPECT_EQ(peak.Value(), 0U);
  peak.Note(10, kStart);
  peak.Note(7, kStart);
  peak.Note(3, kStart + 2);
  EXPECT_EQ(peak.Value(), 10U);
  peak.Advance(kStart + RecentPeak::kSeconds - 1);
  EXPECT_EQ(peak.Value(), 10U);
  peak.Advance(kStart + RecentPeak::kSeconds);
  EXPECT_EQ(peak.Value(), 3U);
  peak.Advance(kStart + 100);
  EXPECT_EQ(peak.Value(), 0U);
}

TEST(RecentPeak, StartsAnewWhenTheClockIsPutBack) {
  RecentPeak peak;
  peak.Note(10, 1000);
  peak.Note(4, 900);
  EXPECT_EQ(peak.Value(), 4U);
}

TEST(ConditionTimer, AddsUpTheTimesItsConditionHeld) {
  ConditionTimer timer;
  timer.End(5);
  EXPECT_EQ(timer.TotalUs(10), 0U);
  timer.Begin(100);
  timer.Begin(150);
  EXPECT_EQ(timer.CurrentUs(160), 60U);
  EXPECT_EQ(timer.TotalUs(160), 60U);
  timer.End(200);
  EXPECT_EQ(timer.CurrentUs(300), 0U);
  timer.Begin(1000);
  EXPECT_EQ(timer.TotalUs(1001), 101U);
  timer.Reset();
  EXPECT_FALSE(timer.Runs());
  EXPECT_EQ(timer.TotalUs(2000), 0U);
}

}  // namespace
}  // namespace cachenode
