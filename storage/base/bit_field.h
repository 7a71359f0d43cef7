// Integers of 1 to 64 bits anywhere in a run of bytes, and what happens when a number does not fit.
//
// Thread-safety: pure functions. None allocates. The first bit of a field is its most significant one.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace cachenode {

// Signed fields have 1 to 64 bits, unsigned ones 1 to 63, so that int64_t holds either.
struct BitFieldType {
  bool is_signed;
  uint8_t bits;
};

enum class BitOverflow : uint8_t {
  kWrap,      // Keep the low bits.
  kSaturate,  // The nearest number that fits.
  kFail,      // No number.
};

// Bits behind the end of `bytes` are zero.
[[nodiscard]] int64_t LoadBitField(std::string_view bytes, uint64_t offset_bits, BitFieldType type) noexcept;
// Requires that the field lies in `bytes` and the number in the field.
void StoreBitField(std::span<char> bytes, uint64_t offset_bits, BitFieldType type, int64_t number) noexcept;

// `number` as it fits into a field; nothing when it does not and `overflow` is kFail. For an unsigned field a negative
// number counts as the huge unsigned one with the same bits.
[[nodiscard]] std::optional<int64_t> FitIntoBitField(int64_t number, BitFieldType type, BitOverflow overflow) noexcept;
// The same for number + increment, which is exact before it is fitted. `number` lies in the field.
[[nodiscard]] std::optional<int64_t> AddToBitField(int64_t number, int64_t increment, BitFieldType type,
                                                   BitOverflow overflow) noexcept;

}  // namespace cachenode
