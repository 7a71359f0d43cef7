// The 16-bit deadline of a bucket: a lower bound of the earliest deadline among its entries.
//
// Unit: one second, rounded down. 0 means that no entry has a deadline. Other values are 1 + seconds modulo 65535, read
// in the half circle around now: [now - 32767 s, now + 32767 s] (9.1 hours). A later deadline is stored as the end of
// the circle, so the bucket is looked at early and gets a new hint then; one in the past is stored as now.
// Rule: a hint may be early, never late, as long as it is looked at within 9.1 hours after it became due. Whoever scans
//   hints must know a lower bound of all of them that does not wrap (the group's earliest_ms), made of what BoundMs
//   says of each deadline; when that is overdue by more than kTrustMs, every bucket with a hint counts as due.
#pragma once

#include <algorithm>
#include <cstdint>

namespace cachenode::expiry_hint {

inline constexpr int64_t kModulus = 65535;
inline constexpr int64_t kHorizonSeconds = 32767;
inline constexpr int64_t kTrustMs = 30000 * 1000;

// Requires deadline_ms >= 0 and now_ms >= 0.
[[nodiscard]] constexpr uint16_t Encode(int64_t deadline_ms, int64_t now_ms) noexcept {
  const int64_t now = now_ms / 1000;
  int64_t seconds = deadline_ms / 1000;
  if (seconds > now + kHorizonSeconds) seconds = now + kHorizonSeconds;
  if (seconds < now) seconds = now;
  return static_cast<uint16_t>(1 + seconds % kModulus);
}

// What the deadline's hint does not come before, but for the rest of a second.
[[nodiscard]] constexpr int64_t BoundMs(int64_t deadline_ms, int64_t now_ms) noexcept {
  return std::min(deadline_ms, now_ms + kHorizonSeconds * 1000);
}

// The second the hint stands for, as milliseconds. Requires hint != 0.
[[nodiscard]] constexpr int64_t DecodeMs(uint16_t hint, int64_t now_ms) noexcept {
  const int64_t now = now_ms / 1000;
  int64_t ahead = (hint - 1 - now % kModulus + kModulus) % kModulus;  // [0, 65534]
  if (ahead > kHorizonSeconds) ahead -= kModulus;                     // [-32767, 32767]
  return (now + ahead) * 1000;
}

[[nodiscard]] constexpr bool IsDue(uint16_t hint, int64_t now_ms) noexcept {
  return hint != 0 && DecodeMs(hint, now_ms) <= now_ms;
}

// The hint for a bucket with `hint` when an entry with `deadline_ms` comes in.
[[nodiscard]] constexpr uint16_t Earlier(uint16_t hint, int64_t deadline_ms, int64_t now_ms) noexcept {
  const uint16_t added = Encode(deadline_ms, now_ms);
  if (hint == 0 || DecodeMs(added, now_ms) < DecodeMs(hint, now_ms)) return added;
  return hint;
}

}  // namespace cachenode::expiry_hint
