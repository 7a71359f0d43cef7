// Two ways to the same checksum: eight table look-ups per eight bytes anywhere, and folding by carry-less
// multiplication where the processor has it.
//
// Polynomials are kept bit-reflected: bit 63 of a word is the coefficient of x^0. The carry-less product of two such
// words comes out one place too low, that is multiplied by x, so the folding constants carry one power of x less.
#include "storage/base/crc64.h"

#include <array>

#include "storage/base/bytes.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace cachenode {

namespace {

constexpr uint64_t kPolynomial = 0x95ac9329ac4bc9b5U;  // ad93d23594c935a9 reflected.
constexpr uint64_t kOne = uint64_t{1} << 63;

constexpr uint64_t TimesX(uint64_t value) noexcept { return (value >> 1) ^ ((value & 1) != 0 ? kPolynomial : 0); }

constexpr uint64_t Multiply(uint64_t a, uint64_t b) noexcept {
  uint64_t product = 0;
  for (; a != 0; a <<= 1) {
    if ((a & kOne) != 0) product ^= b;
    b = TimesX(b);
  }
  return product;
}

using Table = std::array<uint64_t, 256>;

constexpr std::array<Table, 8> kTables = [] {
  std::array<Table, 8> tables{};
  for (uint64_t i = 0; i < 256; ++i) {
    uint64_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = TimesX(crc);
    tables[0][i] = crc;
  }
  for (size_t slice = 1; slice < tables.size(); ++slice) {
    for (size_t i = 0; i < 256; ++i) {
      const uint64_t previous = tables[slice - 1][i];
      tables[slice][i] = tables[0][previous & 255] ^ (previous >> 8);
    }
  }
  return tables;
}();

// x^(8 * 2^k): appending 2^k zero bytes.
constexpr std::array<uint64_t, 64> kZeroBytes = [] {
  std::array<uint64_t, 64> powers{};
  uint64_t power = kOne;
  for (int bit = 0; bit < 8; ++bit) power = TimesX(power);
  for (uint64_t& entry : powers) {
    entry = power;
    power = Multiply(power, power);
  }
  return powers;
}();

#if defined(__x86_64__)

constexpr uint64_t PowerOfX(unsigned exponent) noexcept {
  uint64_t power = kOne;
  for (unsigned i = 0; i < exponent; ++i) power = TimesX(power);
  return power;
}

// Moves the two halves of a 16-byte block `bits` ahead. The first half holds the higher powers.
struct FoldStep {
  uint64_t first;
  uint64_t second;
};
constexpr FoldStep FoldBy(unsigned bits) noexcept { return {PowerOfX(bits + 64 - 1), PowerOfX(bits - 1)}; }
constexpr FoldStep kFold512 = FoldBy(512);
constexpr FoldStep kFold128 = FoldBy(128);
constexpr size_t kFoldBytesMin = 128;

[[gnu::target("pclmul,sse2")]] inline __m128i Constant(FoldStep step) noexcept {
  return _mm_set_epi64x(static_cast<int64_t>(step.second), static_cast<int64_t>(step.first));
}

[[gnu::target("pclmul,sse2")]] inline __m128i Load(const char* from) noexcept {
  __m128i block;
  std::memcpy(&block, from, sizeof block);
  return block;
}

[[gnu::target("pclmul,sse2")]] inline __m128i Fold(__m128i block, __m128i step, __m128i next) noexcept {
  const __m128i first = _mm_clmulepi64_si128(block, step, 0x00);
  const __m128i second = _mm_clmulepi64_si128(block, step, 0x11);
  return _mm_xor_si128(_mm_xor_si128(first, second), next);
}

// Requires bytes.size() >= 64.
[[gnu::target("pclmul,sse2")]] uint64_t Crc64Folded(uint64_t crc, std::span<const char> bytes) noexcept {
  const char* at = bytes.data();
  const char* const end = at + bytes.size();
  __m128i a = _mm_xor_si128(Load(at), _mm_set_epi64x(0, static_cast<int64_t>(crc)));
  __m128i b = Load(at + 16);
  __m128i c = Load(at + 32);
  __m128i d = Load(at + 48);
  const __m128i by_512 = Constant(kFold512);
  for (at += 64; end - at >= 64; at += 64) {
    a = Fold(a, by_512, Load(at));
    b = Fold(b, by_512, Load(at + 16));
    c = Fold(c, by_512, Load(at + 32));
    d = Fold(d, by_512, Load(at + 48));
  }
  const __m128i by_128 = Constant(kFold128);
  d = Fold(Fold(Fold(a, by_128, b), by_128, c), by_128, d);
  for (; end - at >= 16; at += 16) d = Fold(d, by_128, Load(at));
  char rest[16];
  std::memcpy(rest, &d, sizeof rest);
  return Crc64Portable(Crc64Portable(0, rest), {at, end});
}

const bool has_carryless_multiply = [] {
  __builtin_cpu_init();
  return __builtin_cpu_supports("pclmul") != 0;
}();

#endif

}  // namespace

uint64_t Crc64Portable(uint64_t crc, std::span<const char> bytes) noexcept {
  const char* at = bytes.data();
  const char* const end = at + bytes.size();
  for (; end - at >= 8; at += 8) {
    crc ^= LoadLittleEndian<uint64_t>(at);
    uint64_t next = 0;
    for (size_t slice = 0; slice < 8; ++slice) next ^= kTables[7 - slice][(crc >> (8 * slice)) & 255];
    crc = next;
  }
  for (; at != end; ++at) crc = kTables[0][(crc ^ static_cast<unsigned char>(*at)) & 255] ^ (crc >> 8);
  return crc;
}

uint64_t Crc64(uint64_t crc, std::span<const char> bytes) noexcept {
#if defined(__x86_64__)
  if (bytes.size() >= kFoldBytesMin && has_carryless_multiply) return Crc64Folded(crc, bytes);
#endif
  return Crc64Portable(crc, bytes);
}

uint64_t Crc64Combine(uint64_t crc_a, uint64_t crc_b, uint64_t size_b_bytes) noexcept {
  for (size_t k = 0; size_b_bytes != 0; ++k, size_b_bytes >>= 1) {
    if ((size_b_bytes & 1) != 0) crc_a = Multiply(crc_a, kZeroBytes[k]);
  }
  return crc_a ^ crc_b;
}

}  // namespace cachenode
