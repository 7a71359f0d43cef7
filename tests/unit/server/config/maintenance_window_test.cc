#include "server/config/maintenance_window.h"

#include <gtest/gtest.h>

#include <string>

namespace cachenode {
namespace {

constexpr int64_t kMinuteMs = 60000;
// 1970-01-04 was a Sunday.
constexpr int64_t kSundayMs = int64_t{3} * 24 * 60 * kMinuteMs;

MaintenanceWindow Window(const std::string& text) {
  MaintenanceWindow window;
  EXPECT_EQ(MaintenanceWindow::Parse(text, window), "") << text;
  return window;
}
std::string Problem(const std::string& text) {
  MaintenanceWindow window;
  return MaintenanceWindow::Parse(text, window);
}

TEST(MaintenanceWindow, ReadsDaysAndTimes) {
  const MaintenanceWindow window = Window("Sun:23:00-mon:01:30");
  EXPECT_EQ(window.begin(), 23 * 60);
  EXPECT_EQ(window.length(), 150);
  EXPECT_EQ(Window("sat:23:30-sun:00:30").length(), 60);
  EXPECT_EQ(Window("wed:05:00-thu:05:00").length(), 24 * 60);
  for (const char* bad : {"", "sun:23:00", "sun:23:00-", "sun:24:00-mon:01:30", "sun:23:60-mon:01:30",
                          "day:23:00-mon:01:30", "sun:23:00-mon:01:3", "sun:23:00_mon:01:30", "sun:+3:00-mon:01:30"}) {
    EXPECT_NE(Problem(bad).find("argument must be a weekly window"), std::string::npos) << bad;
  }
  EXPECT_NE(Problem("sun:23:00-sun:23:59").find("60 minutes to 24 hours"), std::string::npos);
  EXPECT_NE(Problem("sun:23:00-mon:23:01").find("60 minutes to 24 hours"), std::string::npos);
  EXPECT_NE(Problem("sun:23:00-sun:23:00").find("60 minutes to 24 hours"), std::string::npos);
}

TEST(MaintenanceWindow, ContainsItsMinutesOnly) {
  const MaintenanceWindow window = Window("sat:23:30-sun:00:30");
  EXPECT_TRUE(window.Contains(kSundayMs));
  EXPECT_TRUE(window.Contains(kSundayMs + 30 * kMinuteMs - 1));
  EXPECT_FALSE(window.Contains(kSundayMs + 30 * kMinuteMs));
  EXPECT_TRUE(window.Contains(kSundayMs - 30 * kMinuteMs));
  EXPECT_FALSE(window.Contains(kSundayMs - 30 * kMinuteMs - 1));
  EXPECT_TRUE(window.Contains(kSundayMs + int64_t{7 * 52} * 24 * 60 * kMinuteMs));
}

TEST(MaintenanceWindow, OverlapsDailyHoursAcrossMidnight) {
  const MaintenanceWindow window = Window("sun:23:00-mon:01:00");
  EXPECT_TRUE(window.Overlaps({0, 60}));
  EXPECT_TRUE(window.Overlaps({22 * 60 + 30, 31}));
  EXPECT_FALSE(window.Overlaps({22 * 60, 60}));
  EXPECT_FALSE(window.Overlaps({60, 60}));
  EXPECT_TRUE(window.Overlaps({59, 60}));
  EXPECT_TRUE(window.Overlaps({12 * 60, 12 * 60}));
}

}  // namespace
}  // namespace cachenode
