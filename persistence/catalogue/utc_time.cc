#include "persistence/catalogue/utc_time.h"

#include <fmt/format.h>

#include <chrono>

namespace cachenode {
namespace {

constexpr std::string_view kPattern = "0000-00-00T00:00:00Z";

int NumberAt(std::string_view text, size_t place, size_t digits) {
  int number = 0;
  for (const char digit : text.substr(place, digits)) number = number * 10 + (digit - '0');
  return number;
}

}  // namespace

UtcTime UtcTimeOf(int64_t unix_s) {
  const std::chrono::sys_seconds moment{std::chrono::seconds(unix_s)};
  const auto midnight = std::chrono::floor<std::chrono::days>(moment);
  const std::chrono::year_month_day date(midnight);
  const std::chrono::hh_mm_ss clock(moment - midnight);
  UtcTime time;
  time.year = static_cast<int>(date.year());
  time.month = static_cast<int>(static_cast<unsigned>(date.month()));
  time.day = static_cast<int>(static_cast<unsigned>(date.day()));
  time.hour = static_cast<int>(clock.hours().count());
  time.minute = static_cast<int>(clock.minutes().count());
  time.second = static_cast<int>(clock.seconds().count());
  return time;
}

int64_t UnixSecondsOf(const UtcTime& time) {
  const std::chrono::year_month_day date{std::chrono::year(time.year),
                                         std::chrono::month(static_cast<unsigned>(time.month)),
                                         std::chrono::day(static_cast<unsigned>(time.day))};
  const auto midnight = std::chrono::sys_days(date).time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(midnight).count() +
         (int64_t{time.hour} * 60 + time.minute) * 60 + time.second;
}

std::string FormatUtcTime(int64_t unix_s) {
  const UtcTime time = UtcTimeOf(unix_s);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", time.year, time.month, time.day, time.hour, time.minute,
                     time.second);
}

std::optional<int64_t> ParseUtcTime(std::string_view text) {
  if (text.size() != kPattern.size()) return std::nullopt;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (kPattern[i] == '0' ? !digit : text[i] != kPattern[i]) return std::nullopt;
  }
  UtcTime time;
  time.year = NumberAt(text, 0, 4);
  time.month = NumberAt(text, 5, 2);
  time.day = NumberAt(text, 8, 2);
  time.hour = NumberAt(text, 11, 2);
  time.minute = NumberAt(text, 14, 2);
  time.second = NumberAt(text, 17, 2);
  if (time.month < 1 || time.month > 12) return std::nullopt;
  const int64_t unix_s = UnixSecondsOf(time);
  if (FormatUtcTime(unix_s) != text) return std::nullopt;
  return unix_s;
}

}  // namespace cachenode
