// The largest value seen during the last few seconds.
//
// Thread-safety: one owner. Memory: kSeconds numbers.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace cachenode {

class RecentPeak {
 public:
  // How long a value counts, to the second; Redis' window for the buffers of clients.
  static constexpr int64_t kSeconds = 8;

  // `now_s` never goes back by much; a clock that was put back starts the window anew.
  void Note(uint64_t value, int64_t now_s) noexcept {
    Advance(now_s);
    uint64_t& peak = peaks_[SlotOf(now_s)];
    peak = std::max(peak, value);
  }
  // Forgets what is older than the window.
  void Advance(int64_t now_s) noexcept {
    if (now_s == last_s_) return;
    if (now_s < last_s_ || now_s - last_s_ >= kSeconds) {
      peaks_.fill(0);
    } else {
      for (int64_t second = last_s_ + 1; second <= now_s; ++second) peaks_[SlotOf(second)] = 0;
    }
    last_s_ = now_s;
  }
  [[nodiscard]] uint64_t Value() const noexcept { return *std::max_element(peaks_.begin(), peaks_.end()); }

 private:
  static size_t SlotOf(int64_t second) noexcept { return static_cast<size_t>(second % kSeconds); }

  std::array<uint64_t, kSeconds> peaks_{};  // By second.
  int64_t last_s_ = 0;
};

}  // namespace cachenode
