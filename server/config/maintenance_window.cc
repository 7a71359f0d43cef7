#include "server/config/maintenance_window.h"

#include <algorithm>
#include <iterator>

#include "storage/base/bytes.h"

namespace cachenode {
namespace {

constexpr std::string_view kDays[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
constexpr int kMinutesPerDay = 24 * 60;
constexpr int kMinutesPerWeek = 7 * kMinutesPerDay;
constexpr int kEpochDay = 4;  // 1970-01-01 was a Thursday.
constexpr int64_t kMsPerMinute = 60000;
constexpr size_t kMomentBytes = 9;  // "sun:23:00"

// A number of two digits below `limit`; -1 for anything else.
int TwoDigits(std::string_view text, int limit) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (text.size() != 2 || !std::ranges::all_of(text, is_digit)) return -1;
  const int value = (text[0] - '0') * 10 + (text[1] - '0');
  return value < limit ? value : -1;
}

// Minutes since Sunday 00:00 of "sun:23:00"; -1 for anything else.
int ParseMoment(std::string_view text) {
  if (text.size() != kMomentBytes || text[3] != ':' || text[6] != ':') return -1;
  const auto* day = std::ranges::find(kDays, text.substr(0, 3));
  const int hour = TwoDigits(text.substr(4, 2), 24);
  const int minute = TwoDigits(text.substr(7, 2), 60);
  if (day == std::end(kDays) || hour < 0 || minute < 0) return -1;
  return static_cast<int>(day - std::begin(kDays)) * kMinutesPerDay + hour * 60 + minute;
}

int MinuteOfWeek(int64_t now_ms) {
  const int64_t minutes = now_ms / kMsPerMinute + int64_t{kEpochDay} * kMinutesPerDay;
  return static_cast<int>(minutes % kMinutesPerWeek);
}

}  // namespace

std::string MaintenanceWindow::Parse(std::string_view text, MaintenanceWindow& window) {
  const std::string lower = LowerCased(text);
  const std::string_view moments = lower;
  const int begin = ParseMoment(moments.substr(0, std::min(kMomentBytes, moments.size())));
  const bool has_dash = moments.size() == 2 * kMomentBytes + 1 && moments[kMomentBytes] == '-';
  const int end = has_dash ? ParseMoment(moments.substr(kMomentBytes + 1)) : -1;
  if (begin < 0 || end < 0) return "argument must be a weekly window in UTC such as sun:23:00-mon:01:30";
  const int length = (end - begin + kMinutesPerWeek) % kMinutesPerWeek;
  if (length < kMinutesMin || length > kMinutesMax) return "a maintenance window is 60 minutes to 24 hours long";
  window.begin_ = begin;
  window.length_ = length;
  return {};
}

bool MaintenanceWindow::Contains(int64_t now_ms) const {
  const int since = (MinuteOfWeek(now_ms) - begin_ + kMinutesPerWeek) % kMinutesPerWeek;
  return since < length_;
}

bool MaintenanceWindow::Overlaps(const DailyWindow& daily) const {
  return daily.Overlaps({begin_ % kMinutesPerDay, length_});
}

}  // namespace cachenode
