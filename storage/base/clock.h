// Time as the server sees it: wall clock for deadlines that outlive the process, a monotonic clock for durations.
//
// Thread-safety: SystemClock may be used from any thread. Tests use FakeClock of tests/support.
#pragma once

#include <cstdint>

namespace cachenode {

class Clock {
 public:
  virtual ~Clock() = default;
  // Unix time.
  [[nodiscard]] virtual int64_t NowUs() const noexcept = 0;
  [[nodiscard]] int64_t NowMs() const noexcept { return NowUs() / 1000; }
  // Never goes back; its zero means nothing.
  [[nodiscard]] virtual int64_t MonotonicUs() const noexcept = 0;
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] int64_t NowUs() const noexcept override;
  [[nodiscard]] int64_t MonotonicUs() const noexcept override;
};

}  // namespace cachenode
