// The cursor of SCAN and its relatives: a place in hash order, independent of the table's size.
//
// cursor = position << shard_bits | shard. The position is the top 44 bits of the key's hash; everything before it (in
// this shard) has been returned. A resize moves keys between buckets but never across positions, so a key that stays
// is returned at least once; keys of the one bucket that straddles the position may come twice.
// Invariant: a cursor is below 2^53, so that clients that keep numbers in doubles do not lose bits. 0 starts and ends.
#pragma once

#include <cstdint>

namespace cachenode {

inline constexpr unsigned kPositionBits = 44;
inline constexpr uint64_t kPositionEnd = uint64_t{1} << kPositionBits;

struct ScanCursor {
  uint32_t shard = 0;
  uint64_t position = 0;

  [[nodiscard]] static constexpr ScanCursor Decode(uint64_t cursor, unsigned shard_bits) noexcept {
    return {static_cast<uint32_t>(cursor & ((uint64_t{1} << shard_bits) - 1)), cursor >> shard_bits};
  }
  [[nodiscard]] constexpr uint64_t Encode(unsigned shard_bits) const noexcept { return position << shard_bits | shard; }
};

}  // namespace cachenode
