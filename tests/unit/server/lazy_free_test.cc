#include "server/lazy_free.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "server/background_pool.h"
#include "server/config/config.h"
#include "server/node_state.h"
#include "tests/support/server/command_harness.h"

namespace cachenode {
namespace {

// How many objects were freed in the background, once nothing waits.
uint64_t Freed(CommandHarness& redis) {
  redis.parts().background->Drain(BackgroundPool::Lane::kLazyFree);
  return redis.parts().state->lazily_freed.load();
}

void PutLong(CommandHarness& redis) {
  redis.RunRaw(redis.session(), {"SET", "long", std::string(kBackgroundBytesMin + 1, 'x')});
}

TEST(LazyFree, EveryKeyOfAFlushInTheBackgroundCounts) {
  for (const bool lazily : {false, true}) {
    CommandHarness redis([lazily](Config& config) { config.lazyfree_lazy_user_flush = lazily; });
    uint64_t expected = 0;
    const std::vector<std::pair<const char*, bool>> flushes = {{"flushdb", lazily},     {"flushall", lazily},
                                                               {"flushdb sync", false}, {"flushall sync", false},
                                                               {"flushdb async", true}, {"flushall async", true}};
    for (const auto& [command, in_background] : flushes) {
      redis.Run("mset a 1 b 2 c 3");
      EXPECT_EQ(redis.Run(command), "+OK");
      EXPECT_EQ(redis.Run("dbsize"), ":0");
      if (in_background) expected += 3;
      EXPECT_EQ(Freed(redis), expected) << command;
    }
    redis.Run("set a 1");
    redis.Run("select 5");
    redis.Run("mset a 1 b 2");
    redis.Run("flushdb async");
    EXPECT_EQ(Freed(redis), expected + 2);
  }
}

TEST(LazyFree, LongStringsGoWhereTheOptionOrTheCommandSays) {
  for (const bool lazily : {false, true}) {
    CommandHarness redis([lazily](Config& config) {
      config.lazyfree_lazy_user_del = lazily;
      config.lazyfree_lazy_expire = lazily;
    });
    PutLong(redis);
    EXPECT_EQ(redis.Run("del long"), ":1");
    EXPECT_EQ(Freed(redis), lazily ? 1U : 0U);
    PutLong(redis);
    EXPECT_EQ(redis.Run("pexpire long -1"), ":1");
    EXPECT_EQ(Freed(redis), lazily ? 2U : 0U);
    PutLong(redis);
    EXPECT_EQ(redis.Run("unlink long"), ":1");
    EXPECT_EQ(Freed(redis), lazily ? 3U : 1U);
    EXPECT_EQ(redis.Run("exists long"), ":0");
  }
}

TEST(LazyFree, ShortStringsAreFreedAtOnce) {
  CommandHarness redis;
  redis.Run("set key value");
  EXPECT_EQ(redis.Run("unlink key"), ":1");
  EXPECT_EQ(Freed(redis), 0U);
}

}  // namespace
}  // namespace cachenode
