// The weekly hours in which a node may restart itself: "sun:23:00-mon:01:30", UTC.
//
// Thread-safety: a value.
// Limits: 60 minutes to 24 hours long.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "server/config/daily_window.h"

namespace cachenode {

class MaintenanceWindow {
 public:
  static constexpr int kMinutesMin = 60;
  static constexpr int kMinutesMax = 24 * 60;

  // Reads "ddd:hh24:mi-ddd:hh24:mi" in any letter case. The reason why not, or empty; `window` is then that window.
  static std::string Parse(std::string_view text, MaintenanceWindow& window);

  // Whether the moment (Unix milliseconds) lies inside.
  [[nodiscard]] bool Contains(int64_t now_ms) const;
  // Whether some minute lies in this window and in a daily one.
  [[nodiscard]] bool Overlaps(const DailyWindow& daily) const;

  // Minutes since Sunday 00:00, and how many minutes from there.
  [[nodiscard]] int begin() const { return begin_; }
  [[nodiscard]] int length() const { return length_; }

 private:
  int begin_ = 0;
  int length_ = 0;
};

}  // namespace cachenode
