#include "storage/fifo_queues.h"

#include <gtest/gtest.h>

#include <string>

namespace cachenode {
namespace {

KeyHash HashOf(int i) { return KeyHash::Of("key:" + std::to_string(i)); }

TEST(FifoQueues, NewKeysBeginInTheSmallQueueUnused) {
  FifoQueues queues;
  const uint32_t access = queues.Enter(HashOf(1), 1);
  EXPECT_FALSE(FifoQueues::IsInMain(access));
  EXPECT_EQ(FifoQueues::Uses(access), 0U);
  EXPECT_LT(access, uint32_t{1} << 24);
}

TEST(FifoQueues, UsesStopAtThree) {
  FifoQueues queues;
  uint32_t access = queues.Enter(HashOf(1), 1);
  for (uint32_t uses = 1; uses <= 5; ++uses) {
    access = FifoQueues::Used(access);
    EXPECT_EQ(FifoQueues::Uses(access), std::min(uses, 3U));
  }
  EXPECT_EQ(FifoQueues::Uses(FifoQueues::WithUses(access, 1)), 1U);
  EXPECT_EQ(FifoQueues::Uses(FifoQueues::WithUses(access, 200)), 3U);
  EXPECT_FALSE(FifoQueues::IsInMain(access));
}

TEST(FifoQueues, AgeCountsWhatTheOwnQueueTookSince) {
  FifoQueues queues;
  const uint32_t first = queues.Enter(HashOf(1), 1);
  const uint32_t main = queues.EnterMain(2);
  for (int i = 2; i < 12; ++i) static_cast<void>(queues.Enter(HashOf(i), 10));
  EXPECT_EQ(queues.Age(first), 11U);
  EXPECT_EQ(queues.Age(main), 1U);
  EXPECT_TRUE(FifoQueues::IsInMain(main));
  EXPECT_EQ(FifoQueues::Uses(main), 2U);
}

TEST(FifoQueues, TicketsWrapWithoutLosingTheOrder) {
  FifoQueues queues;
  for (uint32_t i = 0; i < FifoQueues::kTicketsMax - 5; ++i) static_cast<void>(queues.EnterMain(0));
  const uint32_t older = queues.EnterMain(0);
  for (int i = 0; i < 10; ++i) static_cast<void>(queues.EnterMain(0));
  const uint32_t younger = queues.EnterMain(0);
  EXPECT_EQ(queues.Age(older), 12U);
  EXPECT_EQ(queues.Age(younger), 1U);
}

TEST(FifoQueues, ALargeShardCountsInCoarserUnits) {
  constexpr uint64_t kKeys = uint64_t{1} << 24;  // 2^18 keys is the largest count with units of one.
  FifoQueues queues;
  const uint32_t first = queues.Enter(HashOf(0), kKeys);
  for (int i = 0; i < 128 * 10; ++i) static_cast<void>(queues.EnterMain(0));
  for (int i = 1; i < 128 * 10; ++i) static_cast<void>(queues.Enter(HashOf(i), kKeys));
  EXPECT_EQ(queues.Age(first), 10U);
}

TEST(FifoQueues, TheGhostBringsAKeyBackIntoMainOnce) {
  FifoQueues queues;
  static_cast<void>(queues.Enter(HashOf(1), 100));
  queues.Remember(HashOf(1), 100);
  EXPECT_TRUE(FifoQueues::IsInMain(queues.Enter(HashOf(1), 100)));
  EXPECT_FALSE(FifoQueues::IsInMain(queues.Enter(HashOf(1), 100)));
}

TEST(FifoQueues, TheGhostForgetsTheOldestAndIsBounded) {
  constexpr int kKeys = 10'000;
  FifoQueues queues;
  for (int i = 0; i < 3 * kKeys; ++i) queues.Remember(HashOf(i), kKeys);
  int old_known = 0;
  int new_known = 0;
  for (int i = 0; i < kKeys; ++i) old_known += FifoQueues::IsInMain(queues.Enter(HashOf(i), kKeys)) ? 1 : 0;
  for (int i = 3 * kKeys - kKeys / 2; i < 3 * kKeys; ++i) {
    new_known += FifoQueues::IsInMain(queues.Enter(HashOf(i), kKeys)) ? 1 : 0;
  }
  EXPECT_LT(old_known, kKeys / 20);
  EXPECT_GT(new_known, kKeys / 2 * 9 / 10);
  EXPECT_LT(queues.ghost_bytes(), kKeys * 3U);
  queues.Remember(HashOf(1), uint64_t{1} << 40);
  EXPECT_EQ(queues.ghost_bytes(), FifoQueues::kGhostBytesMax);
}

}  // namespace
}  // namespace cachenode
