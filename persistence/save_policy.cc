#include "persistence/save_policy.h"

namespace cachenode {

const SavePoint* SavePolicy::Due(const State& state) const noexcept {
  if (!state.last_try_ok && state.now_s - state.last_try_s <= kRetrySeconds) return nullptr;
  for (const SavePoint& point : points_) {
    if (state.changes_since_save >= static_cast<uint64_t>(point.changes) &&
        state.now_s - state.last_save_s > point.seconds) {
      return &point;
    }
  }
  return nullptr;
}

}  // namespace cachenode
