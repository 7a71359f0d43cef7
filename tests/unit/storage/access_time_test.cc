#include "storage/access_time.h"

#include <gtest/gtest.h>

#include "storage/keyspace.h"

namespace cachenode::recency {
namespace {

constexpr int64_t kNowMs = 1'700'000'000'250;
constexpr uint32_t kDayS = 86'400;
constexpr int64_t kDayMs = int64_t{kDayS} * 1000;

TEST(AccessTime, FineTimesTellEighthsOfASecond) {
  const uint32_t access = FineTime(kNowMs);
  EXPECT_EQ(IdleEighths(kNowMs, access), 0U);
  EXPECT_EQ(IdleEighths(kNowMs + 125, access), 1U);
  EXPECT_EQ(IdleEighths(kNowMs + 999, access), 7U);
  EXPECT_EQ(IdleSeconds(kNowMs + 999, access), 0U);
  EXPECT_EQ(IdleSeconds(kNowMs + 1000, access), 1U);
  EXPECT_EQ(IdleSeconds(kNowMs + 11 * kDayMs, access), 11 * kDayS);
}

TEST(AccessTime, WhatIsAheadIsNow) {
  EXPECT_EQ(IdleEighths(kNowMs, FineTime(kNowMs + 1000)), 0U);
  EXPECT_EQ(IdleEighths(kNowMs, FineTime(kNowMs + 18 * 3'600'000)), 0U);
}

TEST(AccessTime, ComesBackAsItWasGiven) {
  // Fine ones exactly, at any moment of a second; coarse ones within their unit.
  for (int64_t now_ms = kNowMs; now_ms < kNowMs + 4000; now_ms += 125) {
    for (const uint32_t seconds : {0U, 1U, 7U, 1000U, 5 * kDayS, kFineEighthsMax / 8 - 1}) {
      EXPECT_EQ(IdleSeconds(now_ms, TimeOfIdle(now_ms, seconds)), seconds);
      EXPECT_EQ(TimeOfIdle(now_ms, seconds) & kCoarseBit, 0U) << seconds;
    }
    for (const uint32_t seconds : {kFineEighthsMax / 8, 12 * kDayS, 100 * kDayS + 1, 194 * kDayS, (1U << 24) - 2}) {
      const uint32_t access = TimeOfIdle(now_ms, seconds);
      EXPECT_NE(access & kCoarseBit, 0U) << seconds;
      EXPECT_GE(IdleSeconds(now_ms, access), seconds);
      EXPECT_LE(IdleSeconds(now_ms, access), seconds + 1);
      EXPECT_LE(access, 0xFFFFFFU);
    }
  }
}

TEST(AccessTime, AgesWhenItIsDueAndOnlyOnce) {
  const uint32_t access = FineTime(kNowMs);
  EXPECT_EQ(Aged(kNowMs + 6 * kDayMs, access), access);
  const uint32_t aged = Aged(kNowMs + 7 * kDayMs, access);
  EXPECT_NE(aged, access);
  EXPECT_EQ(Aged(kNowMs + 100 * kDayMs, aged), aged);
  EXPECT_NEAR(IdleSeconds(kNowMs + 100 * kDayMs, aged), 100 * kDayS, 2);
}

TEST(AccessTime, RoundsOfAShardKeepItFromComingRound) {
  Keyspace keyspace{KeyspaceOptions{}};
  AccessContext context;
  context.SetNow(kNowMs);
  constexpr int kKeys = 5000;
  for (int i = 0; i < kKeys; ++i) {
    const uint32_t db = i % 2 == 0 ? 0 : 3;
    ASSERT_TRUE(keyspace.Locate(db, std::to_string(i), context).WriteString("v", Expiry::kClear).ok());
  }
  context.touch = false;
  int slices = 0;
  for (int day = 1; day <= 30; day += 3) {
    context.SetNow(kNowMs + day * kDayMs);
    for (uint32_t i = 0; i < keyspace.shard_count(); ++i) {
      Shard& shard = keyspace.shard(i);
      shard.Lock();
      for (++slices; !shard.AgeSlice(16, context.now_ms); ++slices) {
      }
      shard.Unlock();
    }
  }
  EXPECT_GT(slices, 10 * static_cast<int>(keyspace.shard_count()));  // No slice did a whole round.
  context.SetNow(kNowMs + 30 * kDayMs);
  for (int i = 0; i < kKeys; ++i) {
    const std::string key = std::to_string(i);
    ASSERT_NEAR(keyspace.Locate(i % 2 == 0 ? 0 : 3, key, context).IdleSeconds(), 30 * kDayS, 2) << i;
  }
}

}  // namespace
}  // namespace cachenode::recency
