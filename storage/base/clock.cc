#include "storage/base/clock.h"

#include <ctime>

namespace cachenode {

namespace {

int64_t ReadUs(clockid_t id) noexcept {
  timespec now{};
  static_cast<void>(::clock_gettime(id, &now));
  return int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
}

}  // namespace

int64_t SystemClock::NowUs() const noexcept { return ReadUs(CLOCK_REALTIME); }
int64_t SystemClock::MonotonicUs() const noexcept { return ReadUs(CLOCK_MONOTONIC); }

}  // namespace cachenode
