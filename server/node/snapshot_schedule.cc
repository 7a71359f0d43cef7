#include "server/node/snapshot_schedule.h"

namespace cachenode {
namespace {

constexpr int64_t kSecondsPerMinute = 60;
constexpr int64_t kSecondsPerDay = 24 * 60 * kSecondsPerMinute;

}  // namespace

bool SnapshotSchedule::NeedsNewest(const DailyWindow& window, int64_t now_s) const {
  if (!window.Contains(now_s) || window.LastBegin(now_s) == settled_begin_s_) return false;
  return last_try_s_ < 0 || now_s - last_try_s_ >= kRetrySeconds || now_s < last_try_s_;
}

SnapshotSchedule::Due SnapshotSchedule::Ask(const DailyWindow& window, int64_t now_s, int64_t newest_s) {
  if (window.empty()) return Due::kNothing;
  const bool inside = window.Contains(now_s);
  const int64_t begin_s = window.LastBegin(now_s);
  const bool left_another = watched_begin_s_ >= 0 && (!inside || watched_begin_s_ != begin_s);
  const bool missed = left_another && watched_begin_s_ != settled_begin_s_;
  if (left_another) settled_begin_s_ = watched_begin_s_;
  watched_begin_s_ = inside ? begin_s : -1;
  if (missed) return Due::kMissed;
  if (!inside || begin_s == settled_begin_s_) return Due::kNothing;
  const int64_t gap_s = kSecondsPerDay - window.minutes * kSecondsPerMinute;
  if (newest_s > 0 && newest_s <= now_s && (newest_s >= begin_s || now_s - newest_s < gap_s)) {
    settled_begin_s_ = begin_s;
    return Due::kNothing;
  }
  return NeedsNewest(window, now_s) ? Due::kSnapshot : Due::kNothing;
}

DailyWindow SnapshotSchedule::DefaultWindow(std::string_view cluster_id) {
  constexpr int64_t kBlockBegin = 22 * 60;
  constexpr uint64_t kChoices = 8;
  // Not the keyspace's hash, which has a seed: a restart must not move the window.
  uint64_t number = 0;
  for (const char letter : cluster_id) number = number * 31 + static_cast<unsigned char>(letter);
  const int64_t begin = kBlockBegin + static_cast<int64_t>(number % kChoices) * 60;
  return {begin % DailyWindow::kMinutesPerDay, DailyWindow::kMinutesMin};
}

}  // namespace cachenode
