#include "server/node/maintenance_timer.h"

#include <gtest/gtest.h>

#include "server/config/option_table.h"

namespace cachenode {
namespace {

constexpr int64_t kMinuteMs = 60000;
constexpr int64_t kDayMs = 24 * 60 * kMinuteMs;
constexpr int64_t kSundayMs = 3 * kDayMs;  // 1970-01-04

class MaintenanceTimerTest : public testing::Test {
 protected:
  [[nodiscard]] bool IsDueAt(int64_t now_ms, bool has_pending = true) const {
    return timer_.IsDue(config_, has_pending, now_ms);
  }
  Config config_ = DefaultConfig({1, "/"});
  MaintenanceTimer timer_;
};

TEST_F(MaintenanceTimerTest, WithoutAWindowChangesWaitForTheOperator) {
  EXPECT_FALSE(IsDueAt(kSundayMs));
  EXPECT_FALSE(IsDueAt(kSundayMs + 7 * kDayMs));
}

TEST_F(MaintenanceTimerTest, ChangesAreDueInsideTheWindow) {
  config_.preferred_maintenance_window = "sun:05:00-sun:06:00";
  EXPECT_FALSE(IsDueAt(kSundayMs + 299 * kMinuteMs));
  EXPECT_TRUE(IsDueAt(kSundayMs + 300 * kMinuteMs));
  EXPECT_FALSE(IsDueAt(kSundayMs + 300 * kMinuteMs, false));
  EXPECT_FALSE(IsDueAt(kSundayMs + 360 * kMinuteMs));
  EXPECT_FALSE(IsDueAt(kSundayMs + kDayMs + 300 * kMinuteMs));
  EXPECT_TRUE(IsDueAt(kSundayMs + 7 * kDayMs + 300 * kMinuteMs));
}

TEST_F(MaintenanceTimerTest, ApplyImmediatelyWaitsForNothing) {
  config_.apply_immediately = true;
  EXPECT_TRUE(IsDueAt(kSundayMs));
  EXPECT_FALSE(IsDueAt(kSundayMs, false));
}

TEST_F(MaintenanceTimerTest, AFailureIsTriedAgainLater) {
  config_.apply_immediately = true;
  timer_.NoteFailure(kSundayMs);
  EXPECT_FALSE(IsDueAt(kSundayMs + MaintenanceTimer::kRetryMs - 1));
  EXPECT_TRUE(IsDueAt(kSundayMs + MaintenanceTimer::kRetryMs));
}

}  // namespace
}  // namespace cachenode
