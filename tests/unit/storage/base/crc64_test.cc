#include "storage/base/crc64.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "storage/base/random.h"

namespace cachenode {
namespace {

// One bit at a time, straight from the definition.
uint64_t BitwiseCrc(uint64_t crc, std::string_view bytes) {
  constexpr uint64_t kPolynomial = 0xad93d23594c935a9U;
  uint64_t polynomial_reflected = 0;
  for (int bit = 0; bit < 64; ++bit) {
    if ((kPolynomial >> bit & 1) != 0) polynomial_reflected |= uint64_t{1} << (63 - bit);
  }
  for (const char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? polynomial_reflected : 0);
  }
  return crc;
}

std::string RandomBytes(Random& random, size_t size) {
  std::string bytes(size, ' ');
  for (char& c : bytes) c = static_cast<char>(random.Next());
  return bytes;
}

TEST(Crc64, HasTheCheckValue) {
  EXPECT_EQ(Crc64(0, std::string_view("123456789")), 0xe9c6d914c4b8d9caU);
  EXPECT_EQ(Crc64Portable(0, std::string_view("123456789")), 0xe9c6d914c4b8d9caU);
  EXPECT_EQ(Crc64(0, {}), 0U);
  EXPECT_EQ(Crc64(77, {}), 77U);
}

TEST(Crc64, AgreesWithTheBitwiseModelAtEverySize) {
  Random random(1);
  const std::string bytes = RandomBytes(random, 1200);
  for (size_t size = 0; size <= bytes.size(); ++size) {
    const std::string_view part = std::string_view(bytes).substr(random.Below(2), size);
    const uint64_t start = size % 3 == 0 ? 0 : random.Next();
    const uint64_t expected = BitwiseCrc(start, part);
    ASSERT_EQ(Crc64(start, part), expected) << size;
    ASSERT_EQ(Crc64Portable(start, part), expected) << size;
  }
}

TEST(Crc64, CanBeComputedInPieces) {
  Random random(2);
  const std::string bytes = RandomBytes(random, 100'000);
  const uint64_t expected = Crc64Portable(0, bytes);
  uint64_t crc = 0;
  for (size_t at = 0; at < bytes.size();) {
    const std::string_view piece = std::string_view(bytes).substr(at, random.Below(2000));
    crc = Crc64(crc, piece);
    at += piece.size();
  }
  EXPECT_EQ(crc, expected);
  EXPECT_EQ(Crc64(0, bytes), expected);
}

TEST(Crc64Combine, JoinsChecksums) {
  Random random(3);
  for (const size_t size_b : {size_t{0}, size_t{1}, size_t{7}, size_t{255}, size_t{4096}, size_t{65537}}) {
    const std::string a = RandomBytes(random, random.Below(3000));
    const std::string b = RandomBytes(random, size_b);
    EXPECT_EQ(Crc64Combine(Crc64(0, a), Crc64(0, b), size_b), Crc64(0, a + b)) << size_b;
  }
}

TEST(Crc64Combine, TakesLengthsNoBufferCouldHave) {
  // Appending 2^40 zeros at once is appending 2^39 zeros twice.
  const uint64_t half = uint64_t{1} << 39;
  EXPECT_EQ(Crc64Combine(12345, 0, 2 * half), Crc64Combine(Crc64Combine(12345, 0, half), 0, half));
}

}  // namespace
}  // namespace cachenode
