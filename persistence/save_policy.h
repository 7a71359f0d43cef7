// When to save by itself: the `save` points, and whether writes are refused after a failed snapshot.
//
// Thread-safety: immutable configuration is swapped under the world lock; the questions are pure functions of what they
//   are given.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "persistence/snapshot_choices.h"

namespace cachenode {

class SavePolicy {
 public:
  // How long a failed snapshot keeps save points from trying again.
  static constexpr int64_t kRetrySeconds = 5;

  struct State {
    int64_t now_s = 0;        // Unix seconds, as all times here.
    int64_t last_save_s = 0;  // When the last good snapshot ended.
    int64_t last_try_s = 0;   // When the last background snapshot began.
    bool last_try_ok = true;
    uint64_t changes_since_save = 0;
  };

  void SetPoints(std::vector<SavePoint> points) { points_ = std::move(points); }
  [[nodiscard]] const std::vector<SavePoint>& points() const noexcept { return points_; }
  void SetStopWritesOnError(bool stop) noexcept { stop_writes_on_error_ = stop; }

  // The save point that asks for a snapshot now, or null.
  [[nodiscard]] const SavePoint* Due(const State& state) const noexcept;
  // Whether writes are answered with MISCONF: the last background snapshot failed and somebody relies on them.
  [[nodiscard]] bool RefusesWrites(bool last_try_ok) const noexcept {
    return !last_try_ok && stop_writes_on_error_ && !points_.empty();
  }

 private:
  std::vector<SavePoint> points_;
  bool stop_writes_on_error_ = true;
};

}  // namespace cachenode
