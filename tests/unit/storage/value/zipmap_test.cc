#include "storage/value/zipmap.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "storage/value/listpack.h"

namespace cachenode {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

std::string Length(size_t length) {
  if (length < 254) return std::string(1, static_cast<char>(length));
  std::string text("\xFE\0\0\0\0", 5);
  for (size_t i = 0; i < 4; ++i) text[1 + i] = static_cast<char>(length >> (8 * i));
  return text;
}

std::string Frame(const Pairs& pairs, size_t unused) {
  std::string zipmap(1, static_cast<char>(pairs.size() < 254 ? pairs.size() : 254));
  for (const auto& [field, value] : pairs) {
    zipmap += Length(field.size()) + field + Length(value.size()) + static_cast<char>(unused) + value;
    zipmap.append(unused, '?');
  }
  return zipmap + '\xFF';
}

bool IsValid(std::string_view bytes) {
  size_t count = 0;
  return IsValidZipmap(bytes, count);
}

Pairs ReadAll(const std::string& zipmap) {
  Pairs pairs;
  ZipmapReader reader(zipmap);
  for (std::string_view field, value; reader.Next(field, value);) pairs.emplace_back(field, value);
  return pairs;
}

TEST(Zipmap, ReadsShortAndLongStringsAndPassesOverUnusedBytes) {
  const Pairs pairs = {
      {"foo", "bar"}, {"", ""}, {std::string(253, 'a'), std::string(254, 'b')}, {std::string(70'000, 'c'), "12"}};
  for (const size_t unused : {0U, 1U, 4U}) {
    const std::string zipmap = Frame(pairs, unused);
    size_t count = 0;
    ASSERT_TRUE(IsValidZipmap(zipmap, count));
    EXPECT_EQ(count, 4U);
    EXPECT_EQ(ReadAll(zipmap), pairs);
    std::string listpack;
    ASSERT_TRUE(ConvertZipmap(zipmap, listpack));
    ASSERT_TRUE(IsValidListpack(listpack, count));
    EXPECT_EQ(count, 8U);
    EXPECT_EQ(ListpackView(listpack).At(ListpackView(listpack).Seek(-1)).number, 12);
  }
}

TEST(Zipmap, CountIsUnknownFrom254Pairs) {
  Pairs pairs;
  for (int i = 0; i < 300; ++i) pairs.emplace_back("f" + std::to_string(i), "v");
  size_t count = 0;
  ASSERT_TRUE(IsValidZipmap(Frame(pairs, 0), count));
  EXPECT_EQ(count, 300U);
}

TEST(Zipmap, RefusesBytesThatAreNone) {
  const std::string good = Frame({{"foo", "bar"}, {std::string(300, 'a'), "x"}}, 1);
  ASSERT_TRUE(IsValid(good));
  EXPECT_TRUE(IsValid(std::string("\0\xFF", 2)));
  for (size_t size = 0; size < good.size(); ++size) EXPECT_FALSE(IsValid(std::string_view(good).substr(0, size)));
  const auto with = [&good](size_t at, int byte) {
    std::string bad = good;
    bad[at] = static_cast<char>(byte);
    return bad;
  };
  EXPECT_FALSE(IsValid(with(0, 1)));     // Wrong count.
  EXPECT_FALSE(IsValid(with(0, 0xFF)));  // No count.
  EXPECT_FALSE(IsValid(with(5, 0xFF)));  // The end where a value should begin.
  EXPECT_FALSE(IsValid(with(6, 0xF0)));  // More unused bytes than there are, or a pair that starts elsewhere.
  EXPECT_FALSE(IsValid(with(1, 0xFE)));  // A length that is beyond all.
  std::string listpack;
  EXPECT_FALSE(ConvertZipmap(with(0, 1), listpack));
}

}  // namespace
}  // namespace cachenode
