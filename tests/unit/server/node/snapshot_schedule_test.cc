#include "server/node/snapshot_schedule.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/support/property.h"

namespace cachenode {
namespace {

constexpr int64_t kMidnightS = 1'699'920'000;  // 2023-11-14 00:00 UTC.
constexpr int64_t kHourS = 3600;
constexpr int64_t kDayS = 24 * kHourS;
const DailyWindow kWindow{5 * 60, 120};  // 05:00-07:00

using Due = SnapshotSchedule::Due;

TEST(SnapshotSchedule, AsksOnceInEachWindow) {
  SnapshotSchedule schedule;
  int64_t newest_s = 0;
  int taken = 0;
  for (int64_t now_s = kMidnightS; now_s < kMidnightS + 10 * kDayS; now_s += 60) {
    const Due due = schedule.Ask(kWindow, now_s, newest_s);
    EXPECT_NE(due, Due::kMissed);
    if (due != Due::kSnapshot) continue;
    EXPECT_TRUE(kWindow.Contains(now_s));
    schedule.NoteTry(now_s);
    newest_s = now_s;
    ++taken;
  }
  EXPECT_EQ(taken, 10);
}

TEST(SnapshotSchedule, DoesNotRepeatWhatAnEarlierProcessTook) {
  const int64_t now_s = kMidnightS + 6 * kHourS;
  EXPECT_EQ(SnapshotSchedule().Ask(kWindow, now_s, now_s - 30 * 60), Due::kNothing);
  EXPECT_EQ(SnapshotSchedule().Ask(kWindow, now_s, now_s - kDayS), Due::kSnapshot);
  // The window was moved: what another window took an hour ago is enough for the day.
  EXPECT_EQ(SnapshotSchedule().Ask(kWindow, kMidnightS + 5 * kHourS, kMidnightS + 4 * kHourS), Due::kNothing);
  // A snapshot of the future (the clock was set back) is none.
  EXPECT_EQ(SnapshotSchedule().Ask(kWindow, now_s, now_s + kHourS), Due::kSnapshot);
}

TEST(SnapshotSchedule, TriesAgainAndThenSaysThatTheWindowWasMissed) {
  SnapshotSchedule schedule;
  int tries = 0;
  int missed = 0;
  for (int64_t now_s = kMidnightS; now_s < kMidnightS + 3 * kDayS; ++now_s) {
    switch (schedule.Ask(kWindow, now_s, 0)) {
      case Due::kNothing:
        break;
      case Due::kSnapshot:
        schedule.NoteTry(now_s);
        ++tries;
        break;
      case Due::kMissed:
        EXPECT_EQ((now_s - kMidnightS) % kDayS, 7 * kHourS);
        ++missed;
        break;
    }
  }
  EXPECT_EQ(tries, 3 * 2 * kHourS / SnapshotSchedule::kRetrySeconds);
  EXPECT_EQ(missed, 3);
}

TEST(SnapshotSchedule, IsOffWithoutAWindow) {
  SnapshotSchedule schedule;
  EXPECT_EQ(schedule.Ask({}, kMidnightS + 6 * kHourS, 0), Due::kNothing);
  EXPECT_FALSE(schedule.NeedsNewest({}, kMidnightS + 6 * kHourS));
}

TEST(SnapshotSchedule, TakesAtMostOneAWindowWhateverHappens) {
  SCOPED_TRACE(PropertyTrace());
  std::mt19937_64 random(PropertySeed());
  for (size_t round = 0; round < PropertyRounds(200); ++round) {
    const DailyWindow window{static_cast<int64_t>(random() % DailyWindow::kMinutesPerDay),
                             60 + static_cast<int64_t>(random() % (DailyWindow::kMinutesPerDay - 60))};
    SnapshotSchedule schedule;
    int64_t newest_s = 0;
    int64_t last_window_s = -1;
    for (int64_t now_s = kMidnightS; now_s < kMidnightS + 5 * kDayS;
         now_s += 1 + static_cast<int64_t>(random() % 2000)) {
      if (random() % 50 == 0) schedule = SnapshotSchedule();  // A restart.
      if (schedule.Ask(window, now_s, newest_s) != Due::kSnapshot) continue;
      schedule.NoteTry(now_s);
      if (random() % 3 == 0) continue;  // It failed.
      ASSERT_TRUE(window.Contains(now_s));
      ASSERT_NE(window.LastBegin(now_s), last_window_s);
      last_window_s = window.LastBegin(now_s);
      newest_s = now_s;
    }
  }
}

TEST(SnapshotSchedule, ChoosesAWindowThatStaysTheSame) {
  const DailyWindow window = SnapshotSchedule::DefaultWindow("my-redis");
  EXPECT_EQ(window, SnapshotSchedule::DefaultWindow("my-redis"));
  EXPECT_EQ(window.minutes, 60);
  EXPECT_TRUE(window.begin_minute >= 22 * 60 || window.begin_minute < 6 * 60);
}

}  // namespace
}  // namespace cachenode
