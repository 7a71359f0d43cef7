#include "persistence/rdb_encode.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "persistence/rdb_cursor.h"

namespace cachenode {
namespace {

using namespace std::string_literals;

std::string Encoded(std::string_view text, RdbCompression compression = RdbCompression::kLzf) {
  EncodeBuffer out;
  AppendRdbString(out, text, compression);
  return std::string(out.view());
}

std::string Decoded(std::string_view bytes) {
  RdbCursor cursor(bytes);
  RdbString text;
  std::string out;
  if (!cursor.ReadString(text) || cursor.Left() != 0 || !text.CopyTo(out)) return "<broken>";
  return out;
}

TEST(RdbEncode, LargeTextsAreReadIntoBlocks) {
  std::string large(RdbString::kIntoBlockMin, 'x');
  for (size_t i = 0; i < large.size(); i += 7) large[i] = static_cast<char>('a' + i % 23);
  for (const RdbCompression compression : {RdbCompression::kOff, RdbCompression::kLzf}) {
    std::string bytes = Encoded(large, compression);
    RdbCursor cursor(bytes);
    RdbString text;
    ASSERT_TRUE(cursor.ReadString(text));
    ASSERT_EQ(text.form, compression == RdbCompression::kLzf ? RdbString::Form::kLzf : RdbString::Form::kRaw);
    ASSERT_TRUE(text.IsForBlock());
    bool is_valid = false;
    const ByteBlockRef block = text.ReadIntoBlock(is_valid);
    EXPECT_TRUE(is_valid);
    ASSERT_TRUE(block);
    EXPECT_EQ(block->view(), large);
    if (compression != RdbCompression::kLzf) continue;
    text.bytes.remove_suffix(1);
    EXPECT_FALSE(text.ReadIntoBlock(is_valid));
    EXPECT_FALSE(is_valid);
  }
  const std::string bytes = Encoded(large.substr(1), RdbCompression::kOff);
  RdbCursor cursor(bytes);
  RdbString text;
  ASSERT_TRUE(cursor.ReadString(text));
  EXPECT_FALSE(text.IsForBlock());
}

TEST(RdbEncode, LengthsTakeTheShortestForm) {
  const auto encoded = [](uint64_t length) {
    EncodeBuffer out;
    AppendRdbLength(out, length);
    return std::string(out.view());
  };
  EXPECT_EQ(encoded(0), "\x00"s);
  EXPECT_EQ(encoded(63), "\x3F"s);
  EXPECT_EQ(encoded(64), "\x40\x40"s);
  EXPECT_EQ(encoded(16383), "\x7F\xFF"s);
  EXPECT_EQ(encoded(16384), "\x80\x00\x00\x40\x00"s);
  EXPECT_EQ(encoded(UINT32_MAX), "\x80\xFF\xFF\xFF\xFF"s);
  EXPECT_EQ(encoded(uint64_t{UINT32_MAX} + 1), "\x81\x00\x00\x00\x01\x00\x00\x00\x00"s);
  for (uint64_t length = 1; length != 0; length <<= 1) {
    for (const uint64_t value : {length - 1, length, length + 1}) {
      const std::string bytes = encoded(value);
      RdbCursor cursor(bytes);
      uint64_t back = 0;
      ASSERT_TRUE(cursor.ReadLength(back));
      EXPECT_EQ(back, value);
      EXPECT_EQ(cursor.Left(), 0U);
    }
  }
}

TEST(RdbEncode, OnlyCanonicalIntegersOf32BitsBecomeIntegers) {
  EXPECT_EQ(Encoded("0"), "\xC0\x00"s);
  EXPECT_EQ(Encoded("-128"), "\xC0\x80"s);
  EXPECT_EQ(Encoded("128"), "\xC1\x80\x00"s);
  EXPECT_EQ(Encoded("-32769"), "\xC2\xFF\x7F\xFF\xFF"s);
  EXPECT_EQ(Encoded("2147483647"), "\xC2\xFF\xFF\xFF\x7F"s);
  EXPECT_EQ(Encoded("-2147483648"), "\xC2\x00\x00\x00\x80"s);
  for (const char* text : {"2147483648", "-2147483649", "00", "+1", "-0", " 1", "1 ", "", "1.0", "99999999999"}) {
    EXPECT_EQ(Encoded(text), static_cast<char>(std::string_view(text).size()) + std::string(text));
  }
}

TEST(RdbEncode, CompressesOnlyWhatGainsFourBytesAndIsLongerThanTwenty) {
  EXPECT_EQ(Encoded(std::string(20, 'a'))[0], 20);
  EXPECT_EQ(static_cast<uint8_t>(Encoded(std::string(21, 'a'))[0]), kRdbStringLzf);
  EXPECT_EQ(Encoded(std::string(21, 'a'), RdbCompression::kOff)[0], 21);
  const std::string text = std::string(21, 'a') + "0123456789";
  EXPECT_EQ(Decoded(Encoded(text)), text);
}

TEST(RdbEncode, EveryStringComesBack) {
  for (size_t size = 0; size < 40000; size += 1 + size / 7) {
    for (const unsigned letters : {1U, 3U, 251U}) {
      std::string text;
      for (size_t i = 0; i < size; ++i) text.push_back(static_cast<char>((i * i + i / 3) % letters));
      EXPECT_EQ(Decoded(Encoded(text)), text);
      EXPECT_EQ(Decoded(Encoded(text, RdbCompression::kOff)), text);
    }
  }
}

TEST(RdbEncode, IntegersAndTheirTextAreTheSameBytes) {
  for (const int64_t value :
       {int64_t{0}, int64_t{-1}, int64_t{127}, int64_t{-129}, int64_t{40000}, int64_t{INT32_MIN},
        int64_t{INT32_MAX} + 1, std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max()}) {
    char bytes[kRdbStringOverheadMax + 20];
    char* end = PutRdbInteger(bytes, value);
    EXPECT_EQ(std::string(bytes, end), Encoded(std::to_string(value)));
  }
}

TEST(RdbEncode, PrefixesHaveTheirOpcodes) {
  const auto encoded = [](const RdbKeyPrefix& prefix) {
    char bytes[kRdbKeyPrefixBytesMax];
    return std::string(bytes, PutRdbKeyPrefix(bytes, prefix));
  };
  EXPECT_EQ(encoded({}), "");
  EXPECT_EQ(encoded({0x0102030405, -1, -1}), "\xFC\x05\x04\x03\x02\x01\0\0\0"s);
  EXPECT_EQ(encoded({-1, 70, -1}), "\xF8\x40\x46"s);
  EXPECT_EQ(encoded({-1, -1, 255}), "\xF9\xFF"s);
}

TEST(EncodeBuffer, GrowsAndKeepsItsBytes) {
  EncodeBuffer out;
  std::string want;
  for (int i = 0; i < 2000; ++i) {
    const std::string piece(static_cast<size_t>(i % 37), static_cast<char>('a' + i % 26));
    out.Append(piece);
    want += piece;
  }
  EXPECT_EQ(out.view(), want);
  EXPECT_FALSE(out.overflowed());
  EXPECT_EQ(out.Room(size_t{1} << 60), nullptr);
  EXPECT_TRUE(out.overflowed());
  EXPECT_EQ(out.view(), want);
}

}  // namespace
}  // namespace cachenode
