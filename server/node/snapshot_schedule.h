// When automatic snapshots are taken: once in each daily window, tried again in the same window when it fails.
//
// Thread-safety: owner thread only (worker 0).
// Invariant: after a snapshot that shows a moment of a window, none begins in the same window, whoever took it and
//   however often the node was restarted, and none sooner than a day less the window's length later.
#pragma once

#include <cstdint>
#include <string_view>

#include "server/config/daily_window.h"

namespace cachenode {

class SnapshotSchedule {
 public:
  // Between two tries in one window.
  static constexpr int64_t kRetrySeconds = 300;

  enum class Due : uint8_t {
    kNothing,
    kSnapshot,  // Begin one now and report it by NoteTry.
    kMissed,    // A window that the node saw is over and has no snapshot; told once for each.
  };
  // `newest_s`: the moment that the newest automatic snapshot shows; 0: there is none. Unix seconds.
  [[nodiscard]] Due Ask(const DailyWindow& window, int64_t now_s, int64_t newest_s);
  // Whether Ask would need to know the newest snapshot: looking it up costs reading a folder.
  [[nodiscard]] bool NeedsNewest(const DailyWindow& window, int64_t now_s) const;
  void NoteTry(int64_t now_s) { last_try_s_ = now_s; }
  // The options changed: the present window is looked at afresh.
  void Reset() { *this = {}; }

  // The window of a cluster whose user chose none: an hour between 22:00 and 06:00 UTC, always the same for one name.
  [[nodiscard]] static DailyWindow DefaultWindow(std::string_view cluster_id);

 private:
  int64_t settled_begin_s_ = -1;  // Of the last window that was served or given up.
  int64_t watched_begin_s_ = -1;  // Of the last window this node was up in.
  int64_t last_try_s_ = -1;
};

}  // namespace cachenode
