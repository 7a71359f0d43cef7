// When a node that waits for a restart may have it: inside preferred-maintenance-window, or at once with
// apply-immediately.
//
// Thread-safety: one thread (worker 0).
#pragma once

#include <cstdint>
#include <limits>

#include "server/config/config.h"

namespace cachenode {

class MaintenanceTimer {
 public:
  // After a restart that failed the next try waits.
  static constexpr int64_t kRetryMs = 10 * 60 * 1000;

  // Whether the pending changes are to be applied now (Unix milliseconds).
  [[nodiscard]] bool IsDue(const Config& config, bool has_pending, int64_t now_ms) const;
  void NoteFailure(int64_t now_ms) { not_before_ms_ = now_ms + kRetryMs; }

 private:
  int64_t not_before_ms_ = std::numeric_limits<int64_t>::min();
};

}  // namespace cachenode
