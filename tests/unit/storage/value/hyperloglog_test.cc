#include "storage/value/hyperloglog.h"

#include <gtest/gtest.h>

#include <cmath>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "storage/base/random.h"

namespace cachenode {
namespace {

constexpr size_t kSparseMax = 3000;

std::string MakeWith(uint64_t first, uint64_t count, size_t sparse_bytes_max) {
  std::string hll = MakeHyperLogLog();
  for (uint64_t i = first; i < first + count; ++i) {
    EXPECT_NE(RaiseRegister(hll, HllPlaceOf(std::to_string(i)), sparse_bytes_max), HllEdit::kCorrupt);
  }
  return hll;
}

TEST(HyperLogLog, EmptyIsOneRunOfZeros) {
  const std::string hll = MakeHyperLogLog();
  EXPECT_EQ(hll, std::string("HYLL\x01\0\0\0\0\0\0\0\0\0\0\0\x7f\xff", 18));
  ASSERT_TRUE(IsHyperLogLog(hll));
  const HyperLogLogView view(hll);
  EXPECT_TRUE(view.IsSparse());
  EXPECT_EQ(view.CachedEstimate(), 0U);
  EXPECT_EQ(view.Estimate(), 0U);
  EXPECT_EQ(view.DescribeRuns(), "Z:16384");
}

// The runs redis-server 7.0.15 makes of the same elements.
TEST(HyperLogLog, PlacesElementsWhereRedisDoes) {
  const auto runs_of = [](std::initializer_list<std::string_view> elements) {
    std::string hll = MakeHyperLogLog();
    for (const std::string_view element : elements) {
      EXPECT_EQ(RaiseRegister(hll, HllPlaceOf(element), kSparseMax), HllEdit::kChanged);
    }
    return HyperLogLogView(hll).DescribeRuns();
  };
  EXPECT_EQ(runs_of({"a", "b", "c", "hello"}), "Z:8436 v:1,1 Z:779 v:1,1 Z:3494 v:2,1 Z:3068 v:1,1 Z:603");
  EXPECT_EQ(runs_of({""}), "Z:5938 v:2,1 Z:10445");
  EXPECT_EQ(runs_of({"0123456789abcdefghijklmnop"}), "Z:15481 v:1,1 Z:902");
}

TEST(HyperLogLog, SplitsAndJoinsRuns) {
  std::string hll = MakeHyperLogLog();
  const auto raise = [&hll](uint32_t index, uint8_t value) {
    EXPECT_EQ(RaiseRegister(hll, {index, value}, kSparseMax), HllEdit::kChanged);
    return HyperLogLogView(hll).DescribeRuns();
  };
  EXPECT_EQ(raise(0, 3), "v:3,1 Z:16383");
  EXPECT_EQ(raise(16383, 3), "v:3,1 Z:16382 v:3,1");
  EXPECT_EQ(raise(2, 3), "v:3,1 z:1 v:3,1 Z:16380 v:3,1");
  EXPECT_EQ(raise(1, 3), "v:3,3 Z:16380 v:3,1");
  EXPECT_EQ(raise(3, 3), "v:3,4 Z:16379 v:3,1");
  EXPECT_EQ(raise(4, 3), "v:3,4 v:3,1 Z:16378 v:3,1");
  EXPECT_EQ(raise(1, 7), "v:3,1 v:7,1 v:3,3 Z:16378 v:3,1") << "what is right of it joins";
  EXPECT_EQ(RaiseRegister(hll, {1, 6}, kSparseMax), HllEdit::kUnchanged);
  EXPECT_EQ(RaiseRegister(hll, {100, 33}, kSparseMax), HllEdit::kChanged);
  EXPECT_FALSE(HyperLogLogView(hll).IsSparse()) << "no run holds 33";
  EXPECT_EQ(HyperLogLogView(hll).Register(100), 33);
  EXPECT_EQ(HyperLogLogView(hll).Register(1), 7);
  EXPECT_EQ(HyperLogLogView(hll).Register(16383), 3);
}

TEST(HyperLogLog, BecomesDenseOnlyWhenItWouldOutgrowTheLimit) {
  std::string hll = MakeHyperLogLog();
  uint32_t index = 100;
  while (HyperLogLogView(hll).IsSparse()) {
    ASSERT_LE(hll.size(), 60U);
    ASSERT_EQ(RaiseRegister(hll, {index, 5}, 60), HllEdit::kChanged);
    index += 100;
  }
  EXPECT_EQ(hll.size(), kHllDenseBytes);
  for (uint32_t i = 100; i < index; i += 100) EXPECT_EQ(HyperLogLogView(hll).Register(i), 5);
  EXPECT_EQ(HyperLogLogView(hll).Register(index), 0);
}

TEST(HyperLogLog, BothFormsAgreeWhateverIsAdded) {
  Random random(7);
  for (int round = 0; round < 8; ++round) {
    std::string sparse = MakeHyperLogLog();
    std::string dense = sparse;
    ASSERT_TRUE(MakeDense(dense));
    for (uint64_t i = random.Below(600); i > 0; --i) {
      const HllPlace place{static_cast<uint32_t>(random.Below(random.Below(2) == 0 ? 300 : kHllRegisterCount)),
                           static_cast<uint8_t>(1 + random.Below(4))};
      const bool changed = RaiseDenseRegister(dense.data(), place);
      ASSERT_EQ(RaiseRegister(sparse, place, 100'000), changed ? HllEdit::kChanged : HllEdit::kUnchanged);
    }
    ASSERT_EQ(HyperLogLogView(sparse).Estimate(), HyperLogLogView(dense).Estimate());
    for (uint32_t i = 0; i < kHllRegisterCount; ++i) {
      ASSERT_EQ(HyperLogLogView(sparse).Register(i), HyperLogLogView(dense).Register(i)) << i;
    }
    ASSERT_TRUE(MakeDense(sparse));
    ASSERT_EQ(sparse, dense);
  }
}

TEST(HyperLogLog, EstimatesWithinSixDeviations) {
  for (const uint64_t count : {10ULL, 1000ULL, 20'000ULL, 300'000ULL}) {
    const std::string hll = MakeWith(0, count, kSparseMax);
    const double estimate = static_cast<double>(HyperLogLogView(hll).Estimate().value());
    const double wanted = static_cast<double>(count);
    EXPECT_NEAR(estimate, wanted, std::ceil(wanted * 6 * 1.04 / 128)) << count;
  }
}

TEST(HyperLogLog, UnionIsTheGreatestOfEachRegister) {
  const auto registers = std::make_unique<HllRegisters>();
  ASSERT_TRUE(HyperLogLogView(MakeWith(0, 300, kSparseMax)).MergeInto(*registers));
  ASSERT_TRUE(HyperLogLogView(MakeWith(200, 5000, kSparseMax)).MergeInto(*registers));
  EXPECT_EQ(EstimateOf(*registers), HyperLogLogView(MakeWith(0, 5200, kSparseMax)).Estimate());
}

TEST(HyperLogLog, EstimateIsCachedUntilDropped) {
  std::string hll = MakeHyperLogLog();
  SetCachedEstimate(hll.data(), 12345);
  EXPECT_EQ(HyperLogLogView(hll).CachedEstimate(), 12345U);
  DropCachedEstimate(hll.data());
  EXPECT_EQ(HyperLogLogView(hll).CachedEstimate(), std::nullopt);
}

TEST(HyperLogLog, RefusesOtherStrings) {
  std::string dense = MakeHyperLogLog();
  ASSERT_TRUE(MakeDense(dense));
  ASSERT_TRUE(IsHyperLogLog(dense));
  EXPECT_FALSE(IsHyperLogLog(dense + "x"));
  EXPECT_FALSE(IsHyperLogLog(std::string_view(dense).substr(1)));
  EXPECT_FALSE(IsHyperLogLog(""));
  EXPECT_FALSE(IsHyperLogLog("HYLL\x01"));
  std::string other = MakeHyperLogLog();
  other[4] = 2;
  EXPECT_FALSE(IsHyperLogLog(other));
  EXPECT_TRUE(IsHyperLogLog(std::string_view(MakeHyperLogLog()).substr(0, kHllHeaderBytes))) << "runs come later";
}

TEST(HyperLogLog, RunsThatDoNotCoverTheRegistersAreCorrupt) {
  for (const std::string_view runs : {std::string_view(""), std::string_view("\x7f"), std::string_view("\x7f\xfe"),
                                      std::string_view("\x7f\xff\x80"), std::string_view("\x80\x7f\xff")}) {
    std::string hll = MakeHyperLogLog().substr(0, kHllHeaderBytes).append(runs);
    ASSERT_TRUE(IsHyperLogLog(hll));
    EXPECT_EQ(HyperLogLogView(hll).Estimate(), std::nullopt);
    const auto registers = std::make_unique<HllRegisters>();
    EXPECT_FALSE(HyperLogLogView(hll).MergeInto(*registers));
    const std::string before = hll;
    EXPECT_FALSE(MakeDense(hll));
    EXPECT_EQ(hll, before);
  }
  std::string short_by_one = MakeHyperLogLog();
  short_by_one.back() = '\xfe';
  EXPECT_EQ(RaiseRegister(short_by_one, {16383, 1}, kSparseMax), HllEdit::kCorrupt);
  EXPECT_EQ(RaiseRegister(short_by_one, {16382, 1}, kSparseMax), HllEdit::kChanged);
}

}  // namespace
}  // namespace cachenode
