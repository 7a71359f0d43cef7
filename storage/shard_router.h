// Which shard, bucket and tag a key has: one 64-bit hash, each of its bits used once.
//
// Bits 63-20: position, the key's place in hash order (bucket index = position scaled by the bucket count).
// Bits 16-9: tag, compared 11 at a time in a bucket; 0 means an empty slot, so the value 0 is mapped to 1.
// Bits 8-0: shard, masked to the number of shards (at most 512).
// Thread-safety: values and pure functions.
#pragma once

#include <cstdint>
#include <string_view>

#include "storage/base/hash.h"
#include "storage/scan_cursor.h"

namespace cachenode {

inline constexpr uint32_t kShardsMax = 512;

class KeyHash {
 public:
  KeyHash() noexcept = default;
  explicit constexpr KeyHash(uint64_t value) noexcept : value_(value) {}
  [[nodiscard]] static KeyHash Of(std::string_view key) noexcept { return KeyHash(HashKey(key)); }

  [[nodiscard]] constexpr uint64_t value() const noexcept { return value_; }
  // The top 44 bits in place: bits 63-20 of the hash, the rest zero.
  [[nodiscard]] constexpr uint64_t scaled_position() const noexcept { return value_ & ~((uint64_t{1} << 20) - 1); }
  [[nodiscard]] constexpr uint64_t position() const noexcept { return value_ >> (64 - kPositionBits); }
  [[nodiscard]] constexpr uint8_t tag() const noexcept {
    const auto bits = static_cast<uint8_t>(value_ >> 9);
    return static_cast<uint8_t>(bits + (bits == 0));
  }
  [[nodiscard]] constexpr uint32_t shard(uint32_t shard_mask) const noexcept {
    return static_cast<uint32_t>(value_) & shard_mask;
  }

 private:
  uint64_t value_ = 0;
};

// The number of shards for `worker_count` workers: a power of two, at least 16 each, at most kShardsMax.
[[nodiscard]] constexpr uint32_t ShardCountFor(uint32_t worker_count) noexcept {
  uint32_t count = 16;
  while (count < 16 * worker_count && count < kShardsMax) count *= 2;
  return count;
}

}  // namespace cachenode
