#include "storage/base/lock_order.h"

#include <gtest/gtest.h>

namespace cachenode {
namespace {

#ifndef NDEBUG

TEST(LockOrder, TheWrittenOrderPasses) {
  lock_order::BeforeWait(LockRank::kScript);
  lock_order::Acquired(LockRank::kScript);
  lock_order::BeforeWait(LockRank::kWorld);
  lock_order::Acquired(LockRank::kWorld);
  for (const uint32_t shard : {0U, 3U, 511U}) {
    lock_order::BeforeWait(LockRank::kShard, shard);
    lock_order::Acquired(LockRank::kShard, shard);
  }
  lock_order::BeforeWait(LockRank::kLeaf);
  lock_order::Acquired(LockRank::kLeaf);
  lock_order::Released(LockRank::kLeaf);
  for (const uint32_t shard : {3U, 0U, 511U}) lock_order::Released(LockRank::kShard, shard);
  lock_order::AssertHoldsNone(LockRank::kShard);
  lock_order::Released(LockRank::kWorld);
  lock_order::Released(LockRank::kScript);
}

TEST(LockOrderDeathTest, ShardsDescendingStopTheProcess) {
  EXPECT_DEATH(
      {
        lock_order::Acquired(LockRank::kShard, 5);
        lock_order::BeforeWait(LockRank::kShard, 4);
      },
      "lock order violated: waiting for shard 4; held: shard 5");
}

TEST(LockOrderDeathTest, TheSameShardTwiceStopsTheProcess) {
  EXPECT_DEATH(
      {
        lock_order::Acquired(LockRank::kShard, 5);
        lock_order::BeforeWait(LockRank::kShard, 5);
      },
      "lock order violated");
}

TEST(LockOrderDeathTest, TheWorldAfterAShardStopsTheProcess) {
  EXPECT_DEATH(
      {
        lock_order::Acquired(LockRank::kShard, 1);
        lock_order::BeforeWait(LockRank::kWorld);
      },
      "lock order violated: waiting for world");
}

TEST(LockOrderDeathTest, ReleasingWhatIsNotHeldStopsTheProcess) {
  EXPECT_DEATH(lock_order::Released(LockRank::kShard, 2), "releasing unheld shard 2");
}

#endif

}  // namespace
}  // namespace cachenode
