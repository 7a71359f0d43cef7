#include "storage/value/intset.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <limits>
#include <string>
#include <vector>

namespace cachenode {
namespace {

constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

std::string Make(std::initializer_list<int64_t> numbers) {
  std::string intset = MakeIntset();
  for (const int64_t number : numbers) AddToIntset(intset, number);
  return intset;
}

std::vector<int64_t> ReadAll(const std::string& intset) {
  std::vector<int64_t> numbers;
  const IntsetView set(intset);
  for (size_t i = 0; i < set.Count(); ++i) numbers.push_back(set.At(i));
  return numbers;
}

bool IsValid(std::string_view bytes) {
  size_t count = 0;
  return IsValidIntset(bytes, count);
}

TEST(Intset, KeepsNumbersSortedAndOnce) {
  std::string intset = MakeIntset();
  EXPECT_TRUE(AddToIntset(intset, 5));
  EXPECT_TRUE(AddToIntset(intset, -3));
  EXPECT_TRUE(AddToIntset(intset, 12));
  EXPECT_FALSE(AddToIntset(intset, 5));
  EXPECT_EQ(ReadAll(intset), (std::vector<int64_t>{-3, 5, 12}));
  EXPECT_EQ(intset, std::string("\x02\0\0\0\x03\0\0\0\xfd\xff\x05\0\x0c\0", 14));
  const IntsetView set(intset);
  EXPECT_TRUE(set.Contains(-3));
  EXPECT_FALSE(set.Contains(4));
  EXPECT_EQ(set.Find(6).index, 2U);
  EXPECT_EQ(set.Find(kMax).index, 3U);
  EXPECT_EQ(set.Find(kMin).index, 0U);
}

TEST(Intset, WidensForTheWidestNumber) {
  std::string intset = Make({1, 2, 3});
  EXPECT_EQ(IntsetView(intset).WidthBytes(), 2U);
  AddToIntset(intset, 32767);
  AddToIntset(intset, -32768);
  EXPECT_EQ(IntsetView(intset).WidthBytes(), 2U);
  AddToIntset(intset, 32768);
  EXPECT_EQ(IntsetView(intset).WidthBytes(), 4U);
  AddToIntset(intset, int64_t{INT32_MIN});
  EXPECT_EQ(IntsetView(intset).WidthBytes(), 4U);
  AddToIntset(intset, int64_t{INT32_MIN} - 1);
  EXPECT_EQ(IntsetView(intset).WidthBytes(), 8U);
  AddToIntset(intset, kMin);
  AddToIntset(intset, kMax);
  EXPECT_EQ(ReadAll(intset),
            (std::vector<int64_t>{kMin, int64_t{INT32_MIN} - 1, INT32_MIN, -32768, 1, 2, 3, 32767, 32768, kMax}));
  EXPECT_TRUE(IsValid(intset));
}

TEST(Intset, EraseKeepsTheWidth) {
  std::string intset = Make({1, 2, 100'000});
  const auto erase = [&intset](int64_t number) {
    const size_t size = IntsetEraseBytes(IntsetView(intset));
    EraseFromIntset(intset.data(), IntsetView(intset).Find(number).index);
    intset.resize(size);
    EXPECT_TRUE(IsValid(intset));
  };
  erase(100'000);
  EXPECT_EQ(ReadAll(intset), (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(IntsetView(intset).WidthBytes(), 4U);
  erase(1);
  erase(2);
  EXPECT_EQ(intset.size(), kEmptyIntsetBytes);
}

TEST(Intset, RefusesBytesThatAreNone) {
  const std::string good = Make({1, 70'000, -5});
  size_t count = 0;
  ASSERT_TRUE(IsValidIntset(good, count));
  EXPECT_EQ(count, 3U);
  for (size_t size = 0; size < good.size(); ++size) EXPECT_FALSE(IsValid(std::string_view(good).substr(0, size)));
  EXPECT_FALSE(IsValid(good + "x"));
  std::string bad = good;
  bad[0] = 3;  // No width.
  EXPECT_FALSE(IsValid(bad));
  bad = good;
  bad[4] = 4;  // Wrong count.
  EXPECT_FALSE(IsValid(bad));
  bad = good;
  bad[8] = bad[9] = bad[10] = 127;  // Out of order.
  bad[11] = 0;
  EXPECT_FALSE(IsValid(bad));
  EXPECT_FALSE(IsValid(std::string("\x02\0\0\0\x02\0\0\0\x05\0\x05\0", 12)));  // Twice the same.
  EXPECT_TRUE(IsValid(std::string("\x02\0\0\0\0\0\0\0", 8)));                  // Empty: for the caller to judge.
  EXPECT_FALSE(IsValid(std::string("\x08\0\0\0\xff\xff\xff\xff", 8)));
}

}  // namespace
}  // namespace cachenode
