#include "storage/base/bits.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "storage/base/bit_field.h"
#include "storage/base/random.h"

namespace cachenode {
namespace {

bool BitAt(std::string_view bytes, uint64_t at) {
  return at / 8 < bytes.size() && (static_cast<uint8_t>(bytes[at / 8]) >> (7 - at % 8) & 1) != 0;
}

std::string RandomBytes(Random& random, size_t size) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random.Next());
  return bytes;
}

TEST(Bits, CountsAsOneByOne) {
  Random random(1);
  for (int round = 0; round < 300; ++round) {
    const std::string bytes = RandomBytes(random, 1 + random.Below(120));
    const uint64_t first = random.Below(bytes.size() * 8);
    const uint64_t last = first + random.Below(bytes.size() * 8 - first);
    uint64_t expected = 0;
    for (uint64_t at = first; at <= last; ++at) expected += BitAt(bytes, at) ? 1U : 0U;
    ASSERT_EQ(CountBitsIn(bytes, first, last), expected);
  }
}

TEST(Bits, FindsTheFirstOneByOne) {
  Random random(2);
  for (int round = 0; round < 2000; ++round) {
    const bool wanted = random.Below(2) == 0;
    std::string bytes(1 + random.Below(60), wanted ? '\0' : '\xFF');
    for (uint64_t hits = random.Below(3); hits > 0; --hits) bytes[random.Below(bytes.size())] ^= 0x10;
    const uint64_t first = random.Below(bytes.size() * 8);
    const uint64_t last = first + random.Below(bytes.size() * 8 - first);
    uint64_t expected = first;
    while (expected <= last && BitAt(bytes, expected) != wanted) ++expected;
    const std::optional<uint64_t> found = FindBit(bytes, first, last, wanted);
    ASSERT_EQ(found.has_value(), expected <= last);
    if (found) {
      ASSERT_EQ(*found, expected);
    }
  }
}

TEST(Bits, FieldsLoadWhatWasStoredAndTouchNothingElse) {
  Random random(3);
  for (int round = 0; round < 5000; ++round) {
    std::string bytes = RandomBytes(random, 12);
    const std::string before = bytes;
    const unsigned count = 1 + static_cast<unsigned>(random.Below(kBitFieldBitsMax));
    const uint64_t offset = random.Below(bytes.size() * 8 - count + 1);
    const uint64_t value = random.Next() >> (kBitFieldBitsMax - count);
    StoreBits(bytes, offset, count, value);
    ASSERT_EQ(LoadBits(bytes, offset, count), value);
    for (uint64_t at = 0; at < bytes.size() * 8; ++at) {
      const bool inside = at >= offset && at < offset + count;
      const bool expected = inside ? (value >> (offset + count - 1 - at) & 1) != 0 : BitAt(before, at);
      ASSERT_EQ(BitAt(bytes, at), expected) << at;
    }
  }
}

TEST(Bits, FieldsBehindTheEndAreZero) {
  EXPECT_EQ(LoadBits("\xFF", 0, 16), 0xFF00U);
  EXPECT_EQ(LoadBits("\xFF", 4, 8), 0xF0U);
  EXPECT_EQ(LoadBits("\xFF", 800, 64), 0U);
  EXPECT_EQ(LoadBits("", 3, 64), 0U);
}

TEST(Bits, CombinesAndInverts) {
  std::string to = "\x0F\xFF\x55";
  CombineBits(BitOperation::kAnd, to.data(), "\x3C\x00\x55", 3);
  EXPECT_EQ(to, std::string("\x0C\x00\x55", 3));
  CombineBits(BitOperation::kOr, to.data(), "\x01\x02\x80", 3);
  EXPECT_EQ(to, "\x0D\x02\xD5");
  CombineBits(BitOperation::kXor, to.data(), "\xFF\xFF\xFF", 2);
  EXPECT_EQ(to, "\xF2\xFD\xD5");
  InvertBits(to.data(), "\xFF\x01\xAA", 3);
  EXPECT_EQ(to, std::string("\x00\xFE\x55", 3));
}

// Every small field against arithmetic on wide integers.
TEST(BitField, WrapsSaturatesAndFails) {
  for (const bool is_signed : {false, true}) {
    for (uint8_t bits = 1; bits <= 6; ++bits) {
      const BitFieldType type{is_signed, bits};
      const int64_t min = is_signed ? -(int64_t{1} << (bits - 1)) : 0;
      const int64_t size = int64_t{1} << bits;
      const int64_t max = min + size - 1;
      for (int64_t number = min; number <= max; ++number) {
        for (int64_t increment = -150; increment <= 150; ++increment) {
          const int64_t sum = number + increment;
          const bool fits = sum >= min && sum <= max;
          const int64_t wrapped = ((sum - min) % size + size) % size + min;
          ASSERT_EQ(AddToBitField(number, increment, type, BitOverflow::kWrap), wrapped);
          ASSERT_EQ(AddToBitField(number, increment, type, BitOverflow::kSaturate), std::clamp(sum, min, max));
          ASSERT_EQ(AddToBitField(number, increment, type, BitOverflow::kFail).has_value(), fits);
        }
      }
    }
  }
}

TEST(BitField, WidestFields) {
  constexpr BitFieldType kI64{true, 64};
  constexpr BitFieldType kU63{false, 63};
  EXPECT_EQ(AddToBitField(INT64_MAX, 1, kI64, BitOverflow::kWrap), INT64_MIN);
  EXPECT_EQ(AddToBitField(INT64_MAX, INT64_MAX, kI64, BitOverflow::kSaturate), INT64_MAX);
  EXPECT_EQ(AddToBitField(INT64_MIN, INT64_MIN, kI64, BitOverflow::kSaturate), INT64_MIN);
  EXPECT_EQ(AddToBitField(INT64_MAX, 1, kU63, BitOverflow::kWrap), 0);
  EXPECT_EQ(AddToBitField(0, -1, kU63, BitOverflow::kWrap), INT64_MAX);
  EXPECT_EQ(FitIntoBitField(-1, kU63, BitOverflow::kSaturate), INT64_MAX) << "a huge number without a sign";
  EXPECT_EQ(FitIntoBitField(-1, kU63, BitOverflow::kFail), std::nullopt);
  EXPECT_EQ(FitIntoBitField(-1, {true, 1}, BitOverflow::kFail), -1);
}

}  // namespace
}  // namespace cachenode
