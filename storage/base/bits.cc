#include "storage/base/bits.h"

#include "storage/base/bytes.h"

namespace cachenode {
namespace {

inline uint64_t CountWords(const char* from, size_t word_count) noexcept {
  // Four independent sums, so that the adds do not wait for each other.
  uint64_t sums[4] = {0, 0, 0, 0};
  size_t i = 0;
  for (; i + 4 <= word_count; i += 4) {
    uint64_t words[4];
    std::memcpy(words, from + i * 8, sizeof words);
    for (size_t k = 0; k < 4; ++k) sums[k] += static_cast<uint64_t>(std::popcount(words[k]));
  }
  for (; i < word_count; ++i) {
    uint64_t word = 0;
    std::memcpy(&word, from + i * 8, sizeof word);
    sums[0] += static_cast<uint64_t>(std::popcount(word));
  }
  return sums[0] + sums[1] + sums[2] + sums[3];
}

#if defined(__x86_64__)
// The same loop compiled for processors that count bits in one instruction, chosen when the program starts.
__attribute__((target("popcnt"))) uint64_t CountWordsByInstruction(const char* from, size_t word_count) noexcept {
  uint64_t sums[4] = {0, 0, 0, 0};
  size_t i = 0;
  for (; i + 4 <= word_count; i += 4) {
    uint64_t words[4];
    std::memcpy(words, from + i * 8, sizeof words);
    for (size_t k = 0; k < 4; ++k) sums[k] += static_cast<uint64_t>(__builtin_popcountll(words[k]));
  }
  for (; i < word_count; ++i) {
    uint64_t word = 0;
    std::memcpy(&word, from + i * 8, sizeof word);
    sums[0] += static_cast<uint64_t>(__builtin_popcountll(word));
  }
  return sums[0] + sums[1] + sums[2] + sums[3];
}
#endif

using CountFunction = uint64_t (*)(const char*, size_t) noexcept;

CountFunction Choose() noexcept {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("popcnt") != 0) return CountWordsByInstruction;
#endif
  return CountWords;
}

const CountFunction kCount = Choose();

// Up to 64 bits that begin anywhere in a byte: nine bytes.
__extension__ using WideWord = unsigned __int128;

// Where a field of bits lies.
struct FieldPlace {
  size_t first_byte;
  size_t byte_count;
  unsigned shift;  // Bits behind the field in its last byte.

  FieldPlace(uint64_t offset, unsigned count) noexcept
      : first_byte(static_cast<size_t>(offset / 8)),
        byte_count((offset % 8 + count + 7) / 8),
        shift(static_cast<unsigned>(byte_count * 8 - offset % 8 - count)) {}
};

WideWord LoadWide(std::string_view bytes, const FieldPlace& place) noexcept {
  WideWord word = 0;
  for (size_t i = place.first_byte; i < place.first_byte + place.byte_count; ++i) {
    word = word << 8 | (i < bytes.size() ? static_cast<uint8_t>(bytes[i]) : 0U);
  }
  return word;
}

constexpr uint64_t LowBits(unsigned count) noexcept { return ~uint64_t{0} >> (kBitFieldBitsMax - count); }

}  // namespace

uint64_t CountBits(std::string_view bytes) noexcept {
  const size_t word_count = bytes.size() / 8;
  uint64_t count = kCount(bytes.data(), word_count);
  for (const char byte : bytes.substr(word_count * 8)) {
    count += static_cast<uint64_t>(std::popcount(static_cast<uint8_t>(byte)));
  }
  return count;
}

std::optional<uint64_t> FindBit(std::string_view bytes, uint64_t first, uint64_t last, bool wanted) noexcept {
  // What is looked for as ones, with the bits before `first` taken out.
  const uint64_t flip = wanted ? 0 : ~uint64_t{0};
  const size_t last_byte = static_cast<size_t>(last / 8);
  size_t at = static_cast<size_t>(first / 8);
  uint64_t hit = (static_cast<uint8_t>(bytes[at]) ^ (flip & 0xFFU)) & (0xFFU >> (first % 8));
  if (hit == 0) {
    ++at;
    while (at + 8 <= last_byte + 1 && (LoadLittleEndian<uint64_t>(bytes.data() + at) ^ flip) == 0) at += 8;
    for (; at <= last_byte; ++at) {
      hit = static_cast<uint8_t>(bytes[at]) ^ (flip & 0xFFU);
      if (hit != 0) break;
    }
    if (hit == 0) return std::nullopt;
  }
  const uint64_t found = uint64_t{at} * 8 + static_cast<unsigned>(std::countl_zero(static_cast<uint8_t>(hit)));
  if (found > last) return std::nullopt;
  return found;
}

void CombineBits(BitOperation operation, char* __restrict__ to, const char* __restrict__ from, size_t size) noexcept {
  switch (operation) {
    case BitOperation::kAnd:
      for (size_t i = 0; i < size; ++i) to[i] = static_cast<char>(to[i] & from[i]);
      return;
    case BitOperation::kOr:
      for (size_t i = 0; i < size; ++i) to[i] = static_cast<char>(to[i] | from[i]);
      return;
    case BitOperation::kXor:
      for (size_t i = 0; i < size; ++i) to[i] = static_cast<char>(to[i] ^ from[i]);
      return;
  }
}

void InvertBits(char* __restrict__ to, const char* __restrict__ from, size_t size) noexcept {
  for (size_t i = 0; i < size; ++i) to[i] = static_cast<char>(~from[i]);
}

uint64_t LoadBits(std::string_view bytes, uint64_t offset, unsigned count) noexcept {
  const FieldPlace place(offset, count);
  return static_cast<uint64_t>(LoadWide(bytes, place) >> place.shift) & LowBits(count);
}

void StoreBits(std::span<char> bytes, uint64_t offset, unsigned count, uint64_t value) noexcept {
  const FieldPlace place(offset, count);
  const WideWord mask = static_cast<WideWord>(LowBits(count)) << place.shift;
  WideWord word = LoadWide({bytes.data(), bytes.size()}, place);
  word = (word & ~mask) | (static_cast<WideWord>(value) << place.shift & mask);
  for (size_t i = place.first_byte + place.byte_count; i-- > place.first_byte; word >>= 8) {
    bytes[i] = static_cast<char>(word & 0xFFU);
  }
}

}  // namespace cachenode
