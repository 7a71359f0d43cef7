// Connection, configuration, statistics and what tells about the node.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "server/config/config.h"
#include "server/config/option_table.h"
#include "tests/support/server/command_harness.h"

namespace cachenode {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

TEST(Connection, AnswersAndRefuses) {
  CommandHarness redis;
  EXPECT_EQ(redis.Run("ping"), "+PONG");
  EXPECT_EQ(redis.Run("ping x"), "$1 x");
  EXPECT_EQ(redis.Run("ping x y"), "-ERR wrong number of arguments for 'ping' command");
  EXPECT_EQ(redis.Run("echo 'a b'"), "$3 a b");
  EXPECT_EQ(redis.Run("select 16"), "-ERR DB index is out of range");
  EXPECT_EQ(redis.Run("nosuch a b"), "-ERR unknown command 'nosuch', with args beginning with: 'a' 'b' ");
  EXPECT_EQ(redis.Run("hello 4"), "-NOPROTO unsupported protocol version");
  EXPECT_THAT(redis.Run("hello 3"), StartsWith("%7 $6 server"));
  EXPECT_EQ(redis.Run("quit"), "+OK");
  EXPECT_EQ(redis.session().closing, Closing::kAfterReply);
}

TEST(Connection, PasswordComesFirst) {
  CommandHarness redis([](Config& config) { config.requirepass = "secret"; });
  EXPECT_EQ(redis.Run("get k"), "-NOAUTH Authentication required.");
  EXPECT_EQ(redis.Run("auth wrong"), "-WRONGPASS invalid username-password pair or user is disabled.");
  EXPECT_EQ(redis.Run("auth default secret"), "+OK");
  EXPECT_EQ(redis.Run("get k"), "$-1");
}

TEST(Connection, CountsWrongPasswords) {
  CommandHarness redis([](Config& config) { config.requirepass = "secret"; });
  redis.Run("auth wrong");
  redis.Run("hello 3 auth somebody secret");
  redis.Run("auth secret");
  EXPECT_THAT(redis.Run("info stats"), HasSubstr("acl_access_denied_auth:2 "));
  EXPECT_EQ(redis.Run("config resetstat"), "+OK");
  EXPECT_THAT(redis.Run("info stats"), HasSubstr("acl_access_denied_auth:0 "));
}

TEST(Maxmemory, KeepsTheTimeTheNodeIsOverItsLimit) {
  CommandHarness redis;
  EXPECT_EQ(redis.Run("config set maxmemory 1"), "+OK");
  EXPECT_EQ(redis.Run("set k v"), "-OOM command not allowed when used memory > 'maxmemory'.");
  redis.clock().Advance(std::chrono::seconds(2));
  EXPECT_THAT(redis.Run("info stats"),
              HasSubstr("total_eviction_exceeded_time:2000 current_eviction_exceeded_time:2000 "));
  EXPECT_EQ(redis.Run("config set maxmemory 0"), "+OK");
  redis.clock().Advance(std::chrono::seconds(3));
  EXPECT_THAT(redis.Run("info stats"),
              HasSubstr("total_eviction_exceeded_time:2000 current_eviction_exceeded_time:0 "));
}

TEST(ClientPause, KeepsExpiredKeysButDoesNotShowThem) {
  CommandHarness redis;
  EXPECT_EQ(redis.Run("set k v px 100"), "+OK");
  EXPECT_EQ(redis.Run("client pause 100000 write"), "+OK");
  redis.clock().Advance(std::chrono::milliseconds(200));
  EXPECT_EQ(redis.Run("get k"), "$-1");
  EXPECT_EQ(redis.Run("exists k"), ":0");
  EXPECT_EQ(redis.Run("pttl k"), ":-2");
  EXPECT_EQ(redis.Run("keys *"), "*0");
  EXPECT_EQ(redis.Run("scan 0"), "*2 $1 0 *0");
  EXPECT_EQ(redis.Run("randomkey"), "$1 k");
  EXPECT_EQ(redis.Run("dbsize"), ":1");
  EXPECT_EQ(redis.Run("client unpause"), "+OK");
  EXPECT_EQ(redis.Run("randomkey"), "$-1");
  EXPECT_EQ(redis.Run("get k"), "$-1");
  EXPECT_EQ(redis.Run("dbsize"), ":0");
}

TEST(ClientPause, EvictsNothing) {
  CommandHarness redis([](Config& config) { config.maxmemory_policy = EvictionPolicy::kAllKeysRandom; });
  EXPECT_EQ(redis.Run("set k v"), "+OK");
  EXPECT_EQ(redis.Run("client pause 100000 write"), "+OK");
  EXPECT_EQ(redis.Run("config set maxmemory 1"), "+OK");
  EXPECT_EQ(redis.Run("get k"), "$1 v");
  EXPECT_EQ(redis.Run("dbsize"), ":1");
  EXPECT_EQ(redis.Run("client unpause"), "+OK");
  EXPECT_EQ(redis.Run("get k"), "$-1");
}

TEST(Config, SetsAllOptionsOrNone) {
  CommandHarness redis;
  EXPECT_EQ(redis.Run("config set slowlog-max-len 7 hz 20"), "+OK");
  EXPECT_EQ(redis.Run("config get slowlog-max-len"), "*2 $15 slowlog-max-len $1 7");
  EXPECT_THAT(redis.Run("config set slowlog-max-len 8 hz nonsense"), StartsWith("-ERR CONFIG SET failed"));
  EXPECT_EQ(redis.Run("config get slowlog-max-len"), "*2 $15 slowlog-max-len $1 7");
}

TEST(Slowlog, KeepsWhatTookLong) {
  CommandHarness redis;
  EXPECT_EQ(redis.Run("config set slowlog-log-slower-than 0"), "+OK");
  EXPECT_EQ(redis.Run("slowlog reset"), "+OK");
  EXPECT_EQ(redis.Run("set k v"), "+OK");
  EXPECT_THAT(redis.Run("slowlog get 1"), HasSubstr("*3 $3 set $1 k $1 v"));
  EXPECT_EQ(redis.Run("slowlog get -2"), "-ERR count should be greater than or equal to -1");
}

TEST(Slowlog, HidesEveryOptionThatIsASecret) {
  CommandHarness redis;
  EXPECT_EQ(redis.Run("config set slowlog-log-slower-than 0"), "+OK");
  size_t count = 0;
  for (const OptionSpec* option : Options()) {
    if (!option->Has(kOptionSensitive)) continue;
    ++count;
    redis.Run("config set hz 12 " + std::string(option->name) + " hunter2");
    redis.Run("auth hunter2");  // Once requirepass took it.
    EXPECT_EQ(redis.Run("slowlog get -1").find("hunter2"), std::string::npos) << option->name;
  }
  EXPECT_GT(count, 4U);
  EXPECT_THAT(redis.Run("slowlog get -1"), HasSubstr("$2 hz $2 12 $11 requirepass $10 (redacted)"));
}

TEST(Latency, ShowsSpikesAndForgetsThem) {
  CommandHarness redis;
  LatencyMonitor& latency = *redis.parts().latency;
  latency.Add("command", 1'699'999'000, 5);
  latency.Add("command", 1'699'999'990, 20);
  latency.Add("expire-cycle", 1'699'999'999, 7);
  EXPECT_EQ(redis.Run("latency latest"), "*2 *4 $7 command :1699999990 :20 :20 *4 $12 expire-cycle :1699999999 :7 :7");
  EXPECT_EQ(redis.Run("latency history command"), "*2 *2 :1699999000 :5 *2 :1699999990 :20");
  EXPECT_THAT(redis.Run("latency graph command"), HasSubstr("command - high 20 ms, low 5 ms (all time high 20 ms)\n"));
  EXPECT_THAT(redis.Run("latency doctor"), HasSubstr("* command: 2 spikes, on average 12 ms, the worst 20 ms."));
  EXPECT_EQ(redis.Run("latency reset command nosuch"), ":1");
  EXPECT_EQ(redis.Run("latency history command"), "*0");
  EXPECT_EQ(redis.Run("latency graph command"), "-ERR No samples available for event 'command'");
}

TEST(Latency, HistogramNamesItsStepsAsRedisDoes) {
  CommandHarness redis;
  const Command& set = *redis.commands().Find("set");
  WorkerStats& stats = redis.parts().stats->worker(0);
  stats.RecordLatency(stats.command(set.id), 900);
  stats.RecordLatency(stats.command(set.id), 1500);
  stats.RecordLatency(stats.command(set.id), 20'000);
  stats.RecordLatency(stats.command(set.id), 100'000);
  EXPECT_EQ(redis.Run("latency histogram set nosuch"),
            "*2 $3 set *4 $5 calls :4 $14 histogram_usec *8 :1 :1 :2 :2 :33 :3 :132 :4");
  EXPECT_EQ(redis.RunResp3("latency histogram set"),
            "%1 $3 set %2 $5 calls :4 $14 histogram_usec %4 :1 :1 :2 :2 :33 :3 :132 :4");
  EXPECT_EQ(redis.Run("latency histogram nosuch"), "*0");
}

TEST(Memory, UsageGrowsWithTheValue) {
  CommandHarness redis;
  EXPECT_EQ(redis.Run("memory usage k"), "$-1");
  EXPECT_EQ(redis.Run("memory usage k samples -1"), "-ERR syntax error");
  EXPECT_EQ(redis.Run("set k v"), "+OK");
  EXPECT_EQ(redis.Run("set large " + std::string(100'000, 'x')), "+OK");
  const int64_t small = std::stoll(redis.Run("memory usage k").substr(1));
  const int64_t large = std::stoll(redis.Run("memory usage large samples 0").substr(1));
  EXPECT_GT(small, 0);
  EXPECT_GT(large, small + 99'000);
}

TEST(Memory, PurgeKeepsTheKeysOfASparseKeyspace) {
  CommandHarness redis;
  for (int i = 0; i < 2000; ++i) redis.Run("set key:" + std::to_string(i) + " value");
  for (int i = 0; i < 2000; ++i) {
    if (i % 10 != 0) redis.Run("del key:" + std::to_string(i));
  }
  EXPECT_EQ(redis.Run("memory purge"), "+OK");
  EXPECT_EQ(redis.Run("dbsize"), ":200");
  for (int i = 0; i < 2000; i += 10) EXPECT_EQ(redis.Run("get key:" + std::to_string(i)), "$5 value");
}

TEST(Function, AnswersForAnEmptyNode) {
  CommandHarness redis;
  EXPECT_EQ(redis.Run("function list withcode libraryname '*'"), "*0");
  EXPECT_EQ(redis.Run("function list libraryname"), "-ERR library name argument was not given");
  EXPECT_EQ(redis.Run("function flush sync"), "+OK");
  EXPECT_EQ(redis.Run("function flush now"), "-ERR FUNCTION FLUSH only supports SYNC|ASYNC option");
}

TEST(CommandCommand, ListsAndFindsKeys) {
  CommandHarness redis;
  EXPECT_EQ(redis.Run("command count"), ":" + std::to_string(redis.commands().commands().size()));
  EXPECT_EQ(redis.Run("command getkeys mset a 1 b 2"), "*2 $1 a $1 b");
  EXPECT_EQ(redis.Run("command getkeys ping"), "-ERR The command has no key arguments");
  EXPECT_EQ(redis.Run("command info nosuch"), "*1 $-1");
}

}  // namespace
}  // namespace cachenode
