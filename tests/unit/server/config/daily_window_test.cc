#include "server/config/daily_window.h"

#include <gtest/gtest.h>

namespace cachenode {
namespace {

constexpr int64_t kMidnightS = 1'699'920'000;  // 2023-11-14 00:00 UTC.
constexpr int64_t kHourS = 3600;

DailyWindow Window(std::string_view text) {
  Result<DailyWindow> window = ParseDailyWindow(text);
  EXPECT_TRUE(window.ok()) << window.status().text();
  return window ? *window : DailyWindow();
}

TEST(DailyWindow, IsReadAndWritten) {
  for (const char* text : {"05:00-09:00", "23:30-00:30", "00:00-23:59", "22:15-21:15"}) {
    EXPECT_EQ(FormatDailyWindow(Window(text)), text);
  }
  EXPECT_EQ(Window("23:30-00:30").minutes, 60);
  EXPECT_EQ(FormatDailyWindow({}), "");
  for (const char* bad :
       {"", "5:00-9:00", "05:00-24:00", "05:60-09:00", "05:00_09:00", "05:00-09:00 ", "ab:cd-ef:gh"}) {
    EXPECT_EQ(ParseDailyWindow(bad).status().text(),
              "argument must be a time of the day in UTC, hh24:mi-hh24:mi, as in 05:00-09:00")
        << bad;
  }
  EXPECT_EQ(ParseDailyWindow("05:00-05:59").status().text(),
            "argument must be a window of at least 60 minutes, this one has 59");
  EXPECT_EQ(ParseDailyWindow("05:00-05:00").status().text(),
            "argument must be a window of at least 60 minutes, this one has 0");
}

TEST(DailyWindow, KnowsWhenItIsOpen) {
  const DailyWindow window = Window("05:00-06:00");
  EXPECT_FALSE(window.Contains(kMidnightS + 5 * kHourS - 1));
  EXPECT_TRUE(window.Contains(kMidnightS + 5 * kHourS));
  EXPECT_TRUE(window.Contains(kMidnightS + 6 * kHourS - 1));
  EXPECT_FALSE(window.Contains(kMidnightS + 6 * kHourS));
  EXPECT_EQ(window.LastBegin(kMidnightS), kMidnightS - 19 * kHourS);
  const DailyWindow late = Window("23:00-01:00");
  EXPECT_TRUE(late.Contains(kMidnightS));
  EXPECT_TRUE(late.Contains(kMidnightS + 23 * kHourS));
  EXPECT_FALSE(late.Contains(kMidnightS + kHourS));
  EXPECT_EQ(late.LastBegin(kMidnightS + kHourS / 2), kMidnightS - kHourS);
}

TEST(DailyWindow, KnowsWhatItOverlaps) {
  EXPECT_TRUE(Window("05:00-06:00").Overlaps(Window("05:59-07:00")));
  EXPECT_FALSE(Window("05:00-06:00").Overlaps(Window("06:00-07:00")));
  EXPECT_TRUE(Window("23:00-01:00").Overlaps(Window("00:30-02:00")));
  EXPECT_TRUE(Window("00:30-02:00").Overlaps(Window("23:00-01:00")));
  EXPECT_TRUE(Window("05:00-06:00").Overlaps({300, DailyWindow::kMinutesPerDay}));
  EXPECT_FALSE(Window("05:00-06:00").Overlaps({}));
}

}  // namespace
}  // namespace cachenode
