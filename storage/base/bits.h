// Counting and finding bits in runs of bytes. Bit 0 of a run is the most significant bit of its first byte.
//
// Thread-safety: pure functions.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace cachenode {

// How many bits of `bytes` are set. About 0.3 ns a word where the processor counts bits itself.
[[nodiscard]] uint64_t CountBits(std::string_view bytes) noexcept;

// How many bits in [first, last] (bit positions, both included) are set. Requires first <= last < 8 * bytes.size().
[[nodiscard]] inline uint64_t CountBitsIn(std::string_view bytes, uint64_t first, uint64_t last) noexcept {
  const uint64_t first_byte = first / 8;
  const uint64_t last_byte = last / 8;
  const auto head_mask = static_cast<uint8_t>(0xFFU >> (first % 8));
  const auto tail_mask = static_cast<uint8_t>(0xFFU << (7 - last % 8));
  const auto head = static_cast<uint8_t>(bytes[first_byte]);
  const auto tail = static_cast<uint8_t>(bytes[last_byte]);
  if (first_byte == last_byte)
    return static_cast<uint64_t>(std::popcount(static_cast<uint8_t>(head & head_mask & tail_mask)));
  return CountBits(bytes.substr(first_byte + 1, last_byte - first_byte - 1)) +
         static_cast<uint64_t>(std::popcount(static_cast<uint8_t>(head & head_mask))) +
         static_cast<uint64_t>(std::popcount(static_cast<uint8_t>(tail & tail_mask)));
}

}  // namespace cachenode
