// When to try again: exponential backoff with full jitter, so that many nodes that were refused together do not come
// back together.
//
// Thread-safety: one thread at a time. Errors: none.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace cachenode {

inline constexpr int64_t kRetryBaseMs = 100;
inline constexpr int64_t kRetryCapMs = 20000;

class RetryPolicy {
 public:
  RetryPolicy(int attempts_max, uint64_t seed) : attempts_max_(attempts_max), state_(seed) {}

  [[nodiscard]] int attempts_max() const { return attempts_max_; }

  // Milliseconds to wait after attempt number `attempt` (from 1) failed: random, below base * 2^attempt and the cap,
  // but at least `at_least_ms` (what the store asked for, itself capped).
  int64_t BackoffMs(int attempt, int64_t at_least_ms) {
    const int doublings = std::clamp(attempt, 0, 16);
    const int64_t ceiling = std::min(kRetryCapMs, kRetryBaseMs << doublings);
    const int64_t jittered = static_cast<int64_t>(NextRandom() % static_cast<uint64_t>(ceiling + 1));
    return std::max(jittered, std::clamp<int64_t>(at_least_ms, 0, kRetryCapMs));
  }

 private:
  // SplitMix64.
  uint64_t NextRandom() {
    state_ += 0x9e3779b97f4a7c15U;
    uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9U;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebU;
    return mixed ^ (mixed >> 31);
  }

  int attempts_max_;
  uint64_t state_;
};

// A Retry-After header in whole seconds as milliseconds; 0 when it is missing or of another form.
int64_t RetryAfterMs(std::string_view header);

}  // namespace cachenode
