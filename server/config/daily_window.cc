#include "server/config/daily_window.h"

#include <fmt/format.h>

namespace cachenode {
namespace {

constexpr int64_t kSecondsPerMinute = 60;
constexpr int64_t kSecondsPerDay = DailyWindow::kMinutesPerDay * kSecondsPerMinute;
constexpr std::string_view kPattern = "00:00-00:00";

int64_t NumberAt(std::string_view text, size_t place) { return (text[place] - '0') * 10 + (text[place + 1] - '0'); }

Status Malformed() {
  return Status::WithText(Err::kConfig,
                          "argument must be a time of the day in UTC, hh24:mi-hh24:mi, as in 05:00-09:00");
}

}  // namespace

int64_t DailyWindow::LastBegin(int64_t now_s) const {
  const int64_t midnight_s = now_s - (now_s % kSecondsPerDay + kSecondsPerDay) % kSecondsPerDay;
  const int64_t today_s = midnight_s + begin_minute * kSecondsPerMinute;
  return today_s <= now_s ? today_s : today_s - kSecondsPerDay;
}

bool DailyWindow::Overlaps(const DailyWindow& other) const {
  if (empty() || other.empty()) return false;
  if (other.minutes >= kMinutesPerDay) return true;
  const int64_t from_ours = (other.begin_minute - begin_minute + kMinutesPerDay) % kMinutesPerDay;
  const int64_t from_theirs = (begin_minute - other.begin_minute + kMinutesPerDay) % kMinutesPerDay;
  return from_ours < minutes || from_theirs < other.minutes;
}

Result<DailyWindow> ParseDailyWindow(std::string_view text) {
  if (text.size() != kPattern.size()) return Malformed();
  for (size_t i = 0; i < text.size(); ++i) {
    if (kPattern[i] == '0' ? text[i] < '0' || text[i] > '9' : text[i] != kPattern[i]) return Malformed();
  }
  const int64_t hours[] = {NumberAt(text, 0), NumberAt(text, 6)};
  const int64_t minutes[] = {NumberAt(text, 3), NumberAt(text, 9)};
  if (hours[0] > 23 || hours[1] > 23 || minutes[0] > 59 || minutes[1] > 59) return Malformed();
  DailyWindow window;
  window.begin_minute = hours[0] * 60 + minutes[0];
  window.minutes =
      (hours[1] * 60 + minutes[1] - window.begin_minute + DailyWindow::kMinutesPerDay) % DailyWindow::kMinutesPerDay;
  if (window.minutes >= DailyWindow::kMinutesMin) return window;
  return Status::WithText(Err::kConfig, fmt::format("argument must be a window of at least {} minutes, this one has {}",
                                                    DailyWindow::kMinutesMin, window.minutes));
}

std::string FormatDailyWindow(const DailyWindow& window) {
  if (window.empty()) return {};
  const int64_t end = (window.begin_minute + window.minutes) % DailyWindow::kMinutesPerDay;
  return fmt::format("{:02}:{:02}-{:02}:{:02}", window.begin_minute / 60, window.begin_minute % 60, end / 60, end % 60);
}

}  // namespace cachenode
