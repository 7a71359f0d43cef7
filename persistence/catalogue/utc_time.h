// Moments as dates in UTC, for names, metadata and windows of the day.
//
// Thread-safety: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cachenode {

// Of the proleptic Gregorian calendar; months and days count from 1.
struct UtcTime {
  int year = 1970;
  int month = 1;
  int day = 1;
  int hour = 0;
  int minute = 0;
  int second = 0;
};

[[nodiscard]] UtcTime UtcTimeOf(int64_t unix_s);
[[nodiscard]] int64_t UnixSecondsOf(const UtcTime& time);

// "2016-06-27T03:15:00Z", years 0 to 9999; empty for another text or a date that does not exist.
[[nodiscard]] std::string FormatUtcTime(int64_t unix_s);
[[nodiscard]] std::optional<int64_t> ParseUtcTime(std::string_view text);

}  // namespace cachenode
