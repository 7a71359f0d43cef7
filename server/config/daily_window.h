// A time of the day in UTC in which something may begin: "05:00-09:00".
//
// Thread-safety: a value and pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "storage/base/result.h"

namespace cachenode {

struct DailyWindow {
  static constexpr int64_t kMinutesPerDay = 24 * 60;
  static constexpr int64_t kMinutesMin = 60;

  int64_t begin_minute = 0;  // Of the day.
  int64_t minutes = 0;       // 0: no window.

  [[nodiscard]] bool empty() const { return minutes == 0; }
  // The Unix second in which the window that has begun last before or at `now_s` began.
  [[nodiscard]] int64_t LastBegin(int64_t now_s) const;
  [[nodiscard]] bool Contains(int64_t now_s) const { return !empty() && now_s - LastBegin(now_s) < minutes * 60; }
  // Whether the two have a minute in common, `other` being that of a single day or longer than one.
  [[nodiscard]] bool Overlaps(const DailyWindow& other) const;
  friend bool operator==(const DailyWindow&, const DailyWindow&) = default;
};

// "HH:MM-HH:MM", wrapping at midnight. Error: a reason for an option's value: its form, or less than 60 minutes.
Result<DailyWindow> ParseDailyWindow(std::string_view text);
[[nodiscard]] std::string FormatDailyWindow(const DailyWindow& window);  // Empty for none.

}  // namespace cachenode
