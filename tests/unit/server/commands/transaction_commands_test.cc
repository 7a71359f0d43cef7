#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "server/transaction/transaction_state.h"
#include "server/transaction/watch_table.h"
#include "tests/support/server/command_harness.h"

namespace cachenode {
namespace {

constexpr std::string_view kExecAborted = "-EXECABORT Transaction discarded because of previous errors.";

TEST(Multi, QueuesUntilExecAndAnswersEachCommand) {
  CommandHarness redis;
  EXPECT_EQ(redis.Run("multi"), "+OK");
  EXPECT_EQ(redis.Run("set a 1"), "+QUEUED");
  EXPECT_EQ(redis.Run("incr a"), "+QUEUED");
  EXPECT_EQ(redis.Run("lpush a x"), "+QUEUED");
  EXPECT_EQ(redis.Run("get a"), "+QUEUED");
  EXPECT_EQ(redis.RunAs(redis.Connect(), "exists a"), ":0");
  EXPECT_EQ(redis.Run("exec"), "*4 +OK :2 -WRONGTYPE Operation against a key holding the wrong kind of value $1 2");
  EXPECT_EQ(redis.Run("exec"), "-ERR EXEC without MULTI");
  EXPECT_EQ(redis.Run("get a"), "$1 2");
}

TEST(Multi, DoesNotNestAndDiscardForgets) {
  CommandHarness redis;
  EXPECT_EQ(redis.Run("discard"), "-ERR DISCARD without MULTI");
  EXPECT_EQ(redis.Run("multi"), "+OK");
  EXPECT_EQ(redis.Run("multi"), "-ERR MULTI calls can not be nested");
  EXPECT_EQ(redis.Run("watch a"), "-ERR WATCH inside MULTI is not allowed");
  EXPECT_EQ(redis.Run("set a 1"), "+QUEUED");
  EXPECT_EQ(redis.Run("discard"), "+OK");
  EXPECT_EQ(redis.Run("exists a"), ":0");
  // Neither mistake spoils the transaction.
  redis.Run("multi");
  redis.Run("multi");
  redis.Run("set a 1");
  EXPECT_EQ(redis.Run("exec"), "*1 +OK");
}

TEST(Multi, ARequestThatCannotBeQueuedAbortsExec) {
  for (const char* wrong : {"nosuchcommand", "get", "config nosuch", "client reply", "subscribe", "save x"}) {
    CommandHarness redis;
    redis.Run("multi");
    EXPECT_EQ(redis.Run("set a 1"), "+QUEUED");
    EXPECT_EQ(redis.Run(wrong).front(), '-') << wrong;
    EXPECT_EQ(redis.Run("set b 1"), "+QUEUED");
    EXPECT_EQ(redis.Run("exec"), kExecAborted) << wrong;
    EXPECT_EQ(redis.Run("exists a b"), ":0");
    EXPECT_EQ(redis.Run("set a 1"), "+OK");
  }
}

TEST(Multi, RefusesWhatMayNotBeQueued) {
  CommandHarness redis;
  redis.Run("multi");
  EXPECT_EQ(redis.Run("save"), "-ERR Command not allowed inside a transaction");
  EXPECT_EQ(redis.Run("exec"), kExecAborted);
}

TEST(Multi, AWrongExecEndsTheTransactionToo) {
  CommandHarness redis;
  redis.Run("multi");
  redis.Run("set a 1");
  EXPECT_EQ(redis.Run("exec now"),
            "-EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command");
  EXPECT_EQ(redis.Run("get a"), "$-1");
}

TEST(Multi, RunsWithResp3AndSelectInside) {
  CommandHarness redis;
  redis.Run("hset h f v");
  redis.Run("multi");
  redis.Run("hello 3");
  redis.Run("hgetall h");
  redis.Run("select 1");
  redis.Run("set other 1");
  const std::string reply = redis.Run("exec");
  EXPECT_NE(reply.find("%1 $1 f $1 v"), std::string::npos) << reply;
  EXPECT_EQ(redis.Run("get other"), "$1 1");
  EXPECT_EQ(redis.Run("select 0"), "+OK");
  EXPECT_EQ(redis.Run("get other"), "_");
}

TEST(Multi, ResetLeavesTheTransaction) {
  CommandHarness redis;
  redis.Run("watch a");
  redis.Run("multi");
  redis.Run("set a 1");
  EXPECT_EQ(redis.Run("reset"), "+RESET");
  EXPECT_EQ(redis.Run("get a"), "$-1");
  EXPECT_EQ(redis.parts().watches->key_count(), 0U);
  EXPECT_EQ(redis.Run("exec"), "-ERR EXEC without MULTI");
}

TEST(Multi, NestedCommandsCountAsCalls) {
  CommandHarness redis;
  redis.Run("multi");
  redis.Run("set a 1");
  redis.Run("lpush a 1");
  redis.Run("exec");
  const std::string stats = redis.Run("info commandstats");
  EXPECT_NE(stats.find("cmdstat_set:calls=1"), std::string::npos) << stats;
  EXPECT_NE(stats.find("cmdstat_exec:calls=1"), std::string::npos) << stats;
  EXPECT_NE(redis.Run("info errorstats").find("errorstat_WRONGTYPE:count=1"), std::string::npos);
}

TEST(Multi, RefusesToQueueWithoutMemory) {
  CommandHarness redis;
  redis.Run("multi");
  EXPECT_EQ(redis.Run("set a 1"), "+QUEUED");
  redis.RunAs(redis.Connect(), "config set maxmemory 1");
  EXPECT_EQ(redis.Run("get a"), "-OOM command not allowed when used memory > 'maxmemory'.");
  EXPECT_EQ(redis.Run("exec"),
            "-EXECABORT Transaction discarded because of: OOM command not allowed when used memory > 'maxmemory'.");
}

// What another client, or the client itself, does between WATCH and EXEC; whether EXEC still runs.
struct WatchCase {
  const char* before;
  const char* change;
  bool runs;
};

class WatchedKey : public testing::TestWithParam<WatchCase> {};

TEST_P(WatchedKey, DecidesOverExec) {
  CommandHarness redis;
  Session& other = redis.Connect();
  redis.RunAs(other, GetParam().before);
  EXPECT_EQ(redis.Run("watch key key"), "+OK");
  redis.RunAs(other, GetParam().change);
  redis.Run("multi");
  redis.Run("ping");
  EXPECT_EQ(redis.Run("exec"), GetParam().runs ? "*1 +PONG" : "*-1");
  // It watches nothing any more, whatever EXEC answered.
  EXPECT_EQ(redis.parts().watches->key_count(), 0U);
  redis.RunAs(other, GetParam().change);
  redis.Run("multi");
  EXPECT_EQ(redis.Run("exec"), "*0");
}

INSTANTIATE_TEST_SUITE_P(
    Transaction, WatchedKey,
    testing::Values(WatchCase{"set key 1", "get key", true}, WatchCase{"set key 1", "set key 1", false},
                    WatchCase{"set key 1", "set key2 1", true}, WatchCase{"set key 1", "del key", false},
                    WatchCase{"ping", "del key", true}, WatchCase{"ping", "set key 1", false},
                    WatchCase{"set other 1", "rename other key", false}, WatchCase{"rpush key a", "lpop key", false},
                    WatchCase{"set key 1", "expire key 100", false}, WatchCase{"set key 1", "persist key", true},
                    WatchCase{"set key 1", "flushall", false}, WatchCase{"ping", "flushall", true},
                    WatchCase{"set key 1", "flushdb", false}, WatchCase{"set key 1", "swapdb 0 1", false},
                    WatchCase{"ping", "swapdb 0 1", true}, WatchCase{"set key 1", "swapdb 2 3", true},
                    WatchCase{"set key 1", "swapdb 0 0", true}, WatchCase{"set key 1", "move key 3", false},
                    WatchCase{"sadd key a", "sadd key a", true}, WatchCase{"sadd key a", "sadd key b", false}));

TEST(Watch, FailsWhenTheKeyExpired) {
  CommandHarness redis;
  redis.Run("set key 1 px 100");
  redis.Run("watch key");
  redis.clock().Advance(std::chrono::milliseconds(101));
  redis.Run("multi");
  EXPECT_EQ(redis.Run("exec"), "*-1");
}

TEST(Watch, AKeyThatHadExpiredIsMissing) {
  CommandHarness redis;
  redis.Run("set key 1 px 100");
  redis.clock().Advance(std::chrono::milliseconds(101));
  redis.Run("watch key");
  redis.RunAs(redis.Connect(), "del key");
  redis.Run("multi");
  EXPECT_EQ(redis.Run("exec"), "*0");
}

TEST(Watch, FailsInResp3WithNull) {
  CommandHarness redis;
  redis.Run("watch key");
  redis.RunAs(redis.Connect(), "set key 1");
  redis.Run("multi");
  EXPECT_EQ(redis.RunResp3("exec"), "_");
}

TEST(Watch, UnwatchAndDiscardForget) {
  CommandHarness redis;
  Session& other = redis.Connect();
  redis.Run("watch key");
  redis.RunAs(other, "set key 1");
  EXPECT_EQ(redis.Run("unwatch"), "+OK");
  redis.Run("multi");
  EXPECT_EQ(redis.Run("exec"), "*0");
  redis.Run("watch key");
  redis.RunAs(other, "set key 1");
  redis.Run("multi");
  redis.Run("discard");
  redis.Run("multi");
  EXPECT_EQ(redis.Run("exec"), "*0");
}

TEST(Watch, ShowsInClientListAndInfo) {
  CommandHarness redis([](Config& config) { config.engine_version = *EngineVersion::Parse("7.4"); });
  redis.Run("watch a b");
  EXPECT_NE(redis.Run("client info").find(" watch=2 "), std::string::npos);
  const std::string clients = redis.Run("info clients");
  EXPECT_NE(clients.find("watching_clients:1"), std::string::npos) << clients;
  EXPECT_NE(clients.find("total_watched_keys:2"), std::string::npos) << clients;
  redis.RunAs(redis.Connect(), "set a 1");
  EXPECT_NE(redis.RunAs(redis.Connect(), "client list").find("flags=d "), std::string::npos);
  redis.Run("multi");
  redis.Run("ping");
  EXPECT_NE(redis.RunAs(redis.Connect(), "client list").find("flags=xd "), std::string::npos);
}

}  // namespace
}  // namespace cachenode
