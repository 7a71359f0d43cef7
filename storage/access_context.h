// What a caller brings along when it touches a key: the time, how recency is recorded, and who wants to hear of
// changes.
//
// Thread-safety: a value, made once per batch of commands and passed by reference; constant while a slot made with it
//   lives.
#pragma once

#include <cstdint>

#include "storage/access_time.h"

namespace cachenode {

class KeyObserver;
class Random;

// maxmemory-policy; the volatile ones last.
enum class EvictionPolicy : uint8_t {
  kNoEviction,
  kAllKeysLru,
  kAllKeysLfu,
  kAllKeysRandom,
  kAllKeysS3Fifo,
  kVolatileLru,
  kVolatileLfu,
  kVolatileRandom,
  kVolatileTtl,
  kVolatileS3Fifo,
};

// What the 24 access bits of an entry hold.
enum class Recency : uint8_t {
  kTime,       // The time of the last access: all policies but those below.
  kFrequency,  // LFU: minutes and a logarithmic counter.
  kFifo,       // S3-FIFO: see storage/fifo_queues.h.
};

[[nodiscard]] constexpr Recency RecencyOf(EvictionPolicy policy) noexcept {
  switch (policy) {
    case EvictionPolicy::kAllKeysLfu:
    case EvictionPolicy::kVolatileLfu:
      return Recency::kFrequency;
    case EvictionPolicy::kAllKeysS3Fifo:
    case EvictionPolicy::kVolatileS3Fifo:
      return Recency::kFifo;
    default:
      return Recency::kTime;
  }
}
[[nodiscard]] constexpr bool IsVolatileOnly(EvictionPolicy policy) noexcept {
  return policy >= EvictionPolicy::kVolatileLru;
}

struct LfuOptions {
  int log_factor = 10;    // lfu-log-factor.
  int decay_minutes = 1;  // lfu-decay-time; 0 never decays.
};

// What happens to a key found past its deadline.
enum class ExpiredKeys : uint8_t {
  kErase,  // It is erased, the observer is told, and it counts as missing.
  kHide,   // It counts as missing but stays (replica, loading, paused clients).
  kShow,   // It is there as if it had no deadline (the replication link itself, DEBUG).
};

struct AccessContext {
  int64_t now_ms = 0;      // Unix milliseconds; frozen for the length of a command.
  uint32_t lru_clock = 0;  // What an access is noted as, see access_time.h.
  uint32_t lfu_clock = 0;  // 16 bits: Unix minutes.
  Recency recency = Recency::kTime;
  bool touch = true;  // False for CLIENT NO-TOUCH and for commands that only look (OBJECT, TYPE, TTL).
  ExpiredKeys expired = ExpiredKeys::kErase;
  LfuOptions lfu_options;
  KeyObserver* observer = nullptr;  // Not owned; may be null.
  Random* random = nullptr;         // The thread's own; needed for Recency::kFrequency.

  // Sets the three clocks from one reading.
  void SetNow(int64_t unix_ms) noexcept {
    now_ms = unix_ms;
    lru_clock = recency::FineTime(unix_ms);
    lfu_clock = static_cast<uint32_t>(unix_ms / 60000) & 0xFFFFU;
  }
};

// What a write does to the key's deadline.
class Expiry {
 public:
  static const Expiry kKeep;   // The deadline stays as it is; a new key has none.
  static const Expiry kClear;  // The key will have none.
  // Unix milliseconds, 0 or later. A deadline in the past is stored as given: the next access finds the key expired.
  [[nodiscard]] static constexpr Expiry At(int64_t unix_ms) noexcept { return Expiry(unix_ms); }

  [[nodiscard]] constexpr bool IsKeep() const noexcept { return at_ms_ == kKeepMark; }
  [[nodiscard]] constexpr bool IsClear() const noexcept { return at_ms_ == kClearMark; }
  [[nodiscard]] constexpr int64_t at_ms() const noexcept { return at_ms_; }

 private:
  static constexpr int64_t kClearMark = -1;
  static constexpr int64_t kKeepMark = -2;
  explicit constexpr Expiry(int64_t at_ms) noexcept : at_ms_(at_ms) {}
  int64_t at_ms_;
};
inline constexpr Expiry Expiry::kKeep{Expiry::kKeepMark};
inline constexpr Expiry Expiry::kClear{Expiry::kClearMark};

// The largest deadline an entry can hold: 48 bits of Unix milliseconds, about the year 10889.
inline constexpr int64_t kExpireAtMsMax = (int64_t{1} << 48) - 1;

}  // namespace cachenode
