#include "server/lazy_free.h"

#include <gtest/gtest.h>

#include <future>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/background_pool.h"
#include "server/config/config.h"
#include "server/node_state.h"
#include "storage/base/memory.h"
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

// The thread that frees, kept from it.
class HeldThread {
 public:
  explicit HeldThread(BackgroundPool& pool) {
    EXPECT_TRUE(pool.Submit(BackgroundPool::Lane::kLazyFree, [ended = ended_.get_future().share()] { ended.wait(); }));
  }
  ~HeldThread() { ended_.set_value(); }
  HeldThread(const HeldThread&) = delete;
  HeldThread& operator=(const HeldThread&) = delete;

 private:
  std::promise<void> ended_;
};

// A stream with a group whose only consumer has `count` entries pending.
void PutPending(CommandHarness& redis, int count) {
  redis.Run("xgroup create s g $ mkstream");
  for (int i = 1; i <= count; ++i) redis.Run("xadd s " + std::to_string(i) + "-0 f v");
  redis.Run("xreadgroup group g c streams s >");
}

TEST(LazyFree, ManyPendingEntriesOfAStreamAreFreedInTheBackground) {
  for (const char* const command : {"xgroup destroy s g", "xgroup delconsumer s g c"}) {
    CommandHarness redis;
    PutPending(redis, 5000);
    EXPECT_EQ(Freed(redis), 0U);
    const size_t used_bytes = memory::UsedBytes();
    std::optional<HeldThread> held(*redis.parts().background);
    EXPECT_NE(redis.Run(command).substr(0, 2), "-E");
    EXPECT_EQ(redis.Run("xpending s g").find("$3 c"), std::string::npos) << "the group forgot them at once";
    const uint64_t waiting_bytes = redis.parts().state->lazily_pending_bytes.load();
    EXPECT_GT(waiting_bytes, kBackgroundBytesMin) << command;
    EXPECT_GT(memory::UsedBytes() + kBackgroundBytesMin, used_bytes) << "nothing of it is freed by " << command;
    held.reset();
    EXPECT_EQ(Freed(redis), 1U) << command;
    EXPECT_EQ(redis.parts().state->lazily_pending_bytes.load(), 0U);
    EXPECT_LT(memory::UsedBytes() + waiting_bytes, used_bytes + kBackgroundBytesMin) << "all of it after " << command;
  }
}

TEST(LazyFree, FewPendingEntriesAreFreedAtOnce) {
  for (const char* const command : {"xgroup destroy s g", "xgroup delconsumer s g c"}) {
    CommandHarness redis;
    PutPending(redis, 10);
    EXPECT_NE(redis.Run(command).substr(0, 2), "-E");
    EXPECT_EQ(Freed(redis), 0U);
  }
}

}  // namespace
}  // namespace cachenode
