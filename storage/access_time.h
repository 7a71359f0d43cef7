// The time of an entry's last access in 24 bits, fine or coarse as the highest of them says.
//
// Fine: Unix time in eighths of a second modulo 2^23, 12 days; every access is noted so. Coarse: in units of two
// seconds, 194 days; what was not used for some days is given this by Shard::AgeSlice, long before its fine time comes
// round. A small cache under load changes its keys within a second: by whole seconds, half of its victims would be
// drawn by lot.
// Thread-safety: pure functions.
#pragma once

#include <cstdint>

namespace cachenode::recency {

inline constexpr uint32_t kCoarseBit = uint32_t{1} << 23;
inline constexpr uint32_t kTimeMask = kCoarseBit - 1;
inline constexpr uint32_t kEighthMs = 125;
inline constexpr uint32_t kCoarseSeconds = 2;
// What is idle for longer gets a coarse time: half of what a fine one can tell, 6 days.
inline constexpr uint32_t kFineEighthsMax = uint32_t{1} << 22;
// A time so little ahead is now: clocks are set back, and threads read them one after the other.
inline constexpr uint32_t kAheadEighthsMax = uint32_t{1} << 19;

[[nodiscard]] constexpr uint32_t FineTime(int64_t unix_ms) noexcept {
  return static_cast<uint32_t>(unix_ms / kEighthMs) & kTimeMask;
}

[[nodiscard]] constexpr uint32_t CoarseTime(int64_t unix_s) noexcept {
  return (static_cast<uint32_t>(unix_s / kCoarseSeconds) & kTimeMask) | kCoarseBit;
}

// Time since the last access, in eighths of a second.
[[nodiscard]] constexpr uint32_t IdleEighths(int64_t now_ms, uint32_t access) noexcept {
  if ((access & kCoarseBit) != 0) {
    const int64_t now_s = now_ms / 1000;
    const uint32_t units = (CoarseTime(now_s) - access) & kTimeMask;
    return (units * kCoarseSeconds + static_cast<uint32_t>(now_s % kCoarseSeconds)) * (1000 / kEighthMs);
  }
  const uint32_t eighths = (FineTime(now_ms) - access) & kTimeMask;
  return eighths > kTimeMask - kAheadEighthsMax ? 0 : eighths;
}

[[nodiscard]] constexpr uint32_t IdleSeconds(int64_t now_ms, uint32_t access) noexcept {
  return IdleEighths(now_ms, access) / (1000 / kEighthMs);
}

// The bits of a key not used for `seconds`, which come round after 194 days.
[[nodiscard]] constexpr uint32_t TimeOfIdle(int64_t now_ms, uint32_t seconds) noexcept {
  if (seconds < kFineEighthsMax / (1000 / kEighthMs)) return FineTime(now_ms - int64_t{seconds} * 1000);
  return CoarseTime(now_ms / 1000 - int64_t{seconds});
}

// The same time in coarse form if it is due, else as it is.
[[nodiscard]] constexpr uint32_t Aged(int64_t now_ms, uint32_t access) noexcept {
  if ((access & kCoarseBit) != 0 || IdleEighths(now_ms, access) < kFineEighthsMax) return access;
  return TimeOfIdle(now_ms, IdleSeconds(now_ms, access));
}

}  // namespace cachenode::recency
