#include "storage/base/bit_field.h"

#include "storage/base/bits.h"

namespace cachenode {
namespace {

// The sum of two 64-bit numbers needs 65 bits.
__extension__ using WideInteger = __int128;

// The low bits of `number`, as a field of this type reads them.
int64_t Truncate(uint64_t number, BitFieldType type) noexcept {
  const unsigned unused = kBitFieldBitsMax - type.bits;
  if (type.is_signed) return static_cast<int64_t>(number << unused) >> unused;
  return static_cast<int64_t>(number << unused >> unused);
}

std::optional<int64_t> Fit(WideInteger number, BitFieldType type, BitOverflow overflow) noexcept {
  const unsigned magnitude_bits = type.is_signed ? type.bits - 1U : type.bits;
  const WideInteger max = (WideInteger{1} << magnitude_bits) - 1;
  const WideInteger min = type.is_signed ? -max - 1 : 0;
  if (number >= min && number <= max) return static_cast<int64_t>(number);
  switch (overflow) {
    case BitOverflow::kFail:
      return std::nullopt;
    case BitOverflow::kSaturate:
      return static_cast<int64_t>(number > max ? max : min);
    case BitOverflow::kWrap:
      break;
  }
  return Truncate(static_cast<uint64_t>(number), type);
}

}  // namespace

int64_t LoadBitField(std::string_view bytes, uint64_t offset_bits, BitFieldType type) noexcept {
  return Truncate(LoadBits(bytes, offset_bits, type.bits), type);
}

void StoreBitField(std::span<char> bytes, uint64_t offset_bits, BitFieldType type, int64_t number) noexcept {
  StoreBits(bytes, offset_bits, type.bits, static_cast<uint64_t>(number));
}

std::optional<int64_t> FitIntoBitField(int64_t number, BitFieldType type, BitOverflow overflow) noexcept {
  return Fit(type.is_signed ? WideInteger{number} : WideInteger{static_cast<uint64_t>(number)}, type, overflow);
}

std::optional<int64_t> AddToBitField(int64_t number, int64_t increment, BitFieldType type,
                                     BitOverflow overflow) noexcept {
  return Fit(WideInteger{number} + increment, type, overflow);
}

}  // namespace cachenode
