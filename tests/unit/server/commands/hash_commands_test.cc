#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "storage/access_context.h"
#include "storage/expiry_cycle.h"
#include "tests/support/server/command_harness.h"

namespace cachenode {
namespace {

// What active expiry does in the background.
void ExpireNow(CommandHarness& redis, int64_t now_ms) {
  AccessContext context;
  context.SetNow(now_ms);
  ExpiryCycle(redis.keyspace(), 0, 1).Run(context, 1'000'000);
}

TEST(HashFieldExpiry, FieldsPastTheirDeadlineAreHiddenUntilTheyGo) {
  CommandHarness redis;
  EXPECT_EQ(redis.Run("hset h a 1 b 2"), ":2");
  EXPECT_EQ(redis.Run("hpexpire h 100 fields 1 a"), "*1 :1");
  redis.clock().Advance(std::chrono::milliseconds(99));
  EXPECT_EQ(redis.Run("hget h a"), "$1 1");
  redis.clock().Advance(std::chrono::milliseconds(1));
  EXPECT_EQ(redis.Run("hget h a"), "$-1");
  EXPECT_EQ(redis.Run("hmget h a b"), "*2 $-1 $1 2");
  EXPECT_EQ(redis.Run("hexists h a"), ":0");
  EXPECT_EQ(redis.Run("hstrlen h a"), ":0");
  EXPECT_EQ(redis.Run("hgetall h"), "*2 $1 b $1 2");
  EXPECT_EQ(redis.Run("hkeys h"), "*1 $1 b");
  EXPECT_EQ(redis.Run("hrandfield h -2"), "*2 $1 b $1 b");
  EXPECT_EQ(redis.Run("hrandfield h 5"), "*1 $1 b");
  EXPECT_EQ(redis.Run("hscan h 0"), "*2 $1 0 *2 $1 b $1 2");
  EXPECT_EQ(redis.Run("httl h fields 1 a"), "*1 :-2");
  EXPECT_EQ(redis.Run("hexpire h 10 fields 1 a"), "*1 :-2");
  EXPECT_EQ(redis.Run("hlen h"), ":2");
  ExpireNow(redis, redis.clock().NowMs());
  EXPECT_EQ(redis.Run("hlen h"), ":1");
}

TEST(HashFieldExpiry, WritingAnExpiredFieldMakesItAnew) {
  CommandHarness redis;
  EXPECT_EQ(redis.Run("hset h a 5 b 6"), ":2");
  EXPECT_EQ(redis.Run("hpexpire h 100 fields 2 a b"), "*2 :1 :1");
  redis.clock().Advance(std::chrono::milliseconds(100));
  EXPECT_EQ(redis.Run("hsetnx h a x"), ":1");
  EXPECT_EQ(redis.Run("hincrby h b 1"), ":1");
  EXPECT_EQ(redis.Run("httl h fields 2 a b"), "*2 :-1 :-1");
}

TEST(HashFieldExpiry, TheKeyGoesWithItsLastField) {
  CommandHarness redis;
  EXPECT_EQ(redis.Run("hset h a 1"), ":1");
  EXPECT_EQ(redis.Run("hpexpire h 100 fields 1 a"), "*1 :1");
  redis.clock().Advance(std::chrono::milliseconds(100));
  EXPECT_EQ(redis.Run("exists h"), ":1");
  ExpireNow(redis, redis.clock().NowMs());
  EXPECT_EQ(redis.Run("exists h"), ":0");
}

TEST(Hset, TheLastOfTwoEqualNamesCounts) {
  CommandHarness redis;
  EXPECT_EQ(redis.Run("hset h a 1 b 2 a 3"), ":2");
  EXPECT_EQ(redis.Run("hget h a"), "$1 3");
}

}  // namespace
}  // namespace cachenode
