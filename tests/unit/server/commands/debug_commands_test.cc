// DEBUG: what each subcommand answers, and what it does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "server/config/config.h"
#include "server/server_control.h"
#include "storage/base/allocator_knobs.h"
#include "tests/support/server/command_harness.h"

namespace cachenode {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class DebugCommand : public testing::Test {
 protected:
  CommandHarness redis{[](Config& config) { config.enable_debug_command = DangerousAccess::kYes; }};
};

TEST(DebugAccess, IsRefusedUnlessAllowed) {
  CommandHarness closed([](Config& config) { config.enable_debug_command = DangerousAccess::kNo; });
  EXPECT_THAT(closed.Run("debug digest"), StartsWith("-ERR DEBUG command not allowed."));
  CommandHarness local([](Config& config) { config.enable_debug_command = DangerousAccess::kLocalOnly; });
  Session& far = local.Connect();
  far.peer_address = "192.0.2.7:4000";
  EXPECT_THAT(local.Run("debug digest"), StartsWith("+0000"));
  EXPECT_THAT(local.RunAs(far, "debug digest"), StartsWith("-ERR DEBUG command not allowed."));
}

TEST_F(DebugCommand, RefusesUnknownWordsAndWrongCounts) {
  for (const std::string line : {"nosuch", "digest x", "sleep", "htstats", "htstats 0 1", "htstats-key", "error",
                                 "replybuffer resizing", "change-repl-id x", "populate", "object", "mallctl"}) {
    const std::string word = line.substr(0, line.find(' '));
    EXPECT_EQ(redis.Run("debug " + line),
              "-ERR unknown subcommand or wrong number of arguments for '" + word + "'. Try DEBUG HELP.");
  }
  EXPECT_THAT(redis.Run("debug help"), HasSubstr("+HTSTATS-KEY "));
}

TEST_F(DebugCommand, DigestsDependOnTheDataAlone) {
  EXPECT_EQ(redis.Run("debug digest"), "+" + std::string(40, '0'));
  redis.Run("mset a 1 b 2");
  const std::string digest = redis.Run("debug digest");
  EXPECT_NE(digest, "+" + std::string(40, '0'));
  redis.Run("flushall");
  redis.Run("mset b 2 a 1");
  EXPECT_EQ(redis.Run("debug digest"), digest);
  redis.Run("set a 3");
  EXPECT_NE(redis.Run("debug digest"), digest);
  redis.Run("set c 2");
  const std::string values = redis.Run("debug digest-value b c nosuch");
  const std::string value = values.substr(3, 41);
  EXPECT_EQ(values, "*3 " + value + " " + value + " +" + std::string(40, '0'));
}

TEST_F(DebugCommand, PopulateMakesKeysAndKeepsThoseThere) {
  redis.Run("set key:1 mine");
  EXPECT_EQ(redis.Run("debug populate 3"), "+OK");
  EXPECT_EQ(redis.Run("mget key:0 key:1 key:2 key:3"), "*4 $7 value:0 $4 mine $7 value:2 $-1");
  EXPECT_EQ(redis.Run("debug populate 1 other 10"), "+OK");
  EXPECT_EQ(redis.Run("strlen other:0"), ":10");
  EXPECT_EQ(redis.Run("debug populate 1 short 3"), "+OK");
  EXPECT_EQ(redis.Run("get short:0"), "$3 val");
  EXPECT_EQ(redis.Run("debug populate -1"), "-ERR value is out of range, must be positive");
  EXPECT_EQ(redis.Run("debug populate x"), "-ERR value is out of range, must be positive");
}

TEST_F(DebugCommand, ObjectAndSdslenDescribeAValue) {
  redis.Run("set k 12345");
  redis.Run("set text hello");
  EXPECT_THAT(redis.Run("debug object k"), HasSubstr(" refcount:1 encoding:int serializedlength:3 lru:"));
  // Redis' LRU clock: the seconds of the last access in 24 bits.
  const int64_t set_s = redis.clock().NowMs() / 1000;
  redis.clock().Advance(std::chrono::seconds(30));
  EXPECT_THAT(redis.Run("debug object k"),
              HasSubstr(" lru:" + std::to_string(set_s & 0xFFFFFF) + " lru_seconds_idle:30"));
  EXPECT_EQ(redis.Run("debug object nosuch"), "-ERR no such key");
  EXPECT_THAT(redis.Run("debug sdslen text"), StartsWith("+key_sds_len:4, key_sds_avail:0, key_zmalloc: "));
  EXPECT_THAT(redis.Run("debug sdslen text"), HasSubstr("val_sds_len:5, "));
  EXPECT_EQ(redis.Run("debug sdslen k"), "-ERR Not an sds encoded string.");
  EXPECT_EQ(redis.Run("debug sdslen nosuch"), "-ERR no such key");
}

TEST_F(DebugCommand, SwitchesTakeEffect) {
  const NodeState& state = *redis.parts().state;
  EXPECT_EQ(redis.Run("debug set-active-expire 0"), "+OK");
  EXPECT_FALSE(state.active_expire.load());
  EXPECT_EQ(redis.Run("debug set-active-expire 1"), "+OK");
  EXPECT_TRUE(state.active_expire.load());
  EXPECT_EQ(redis.Run("debug set-skip-checksum-validation 1"), "+OK");
  EXPECT_TRUE(state.skip_checksums.load());
  EXPECT_EQ(redis.Run("debug pause-cron 1"), "+OK");
  EXPECT_TRUE(redis.parts().control->cron_paused());
  EXPECT_EQ(redis.Run("debug pause-cron x"), "-ERR value is not an integer or out of range");
  const std::string before = state.identity.replication_id;
  EXPECT_EQ(redis.Run("debug change-repl-id"), "+OK");
  EXPECT_EQ(state.identity.replication_id.size(), 40U);
  EXPECT_NE(state.identity.replication_id, before);
}

TEST_F(DebugCommand, HtstatsCountsTheAskedDatabaseOnly) {
  redis.Run("debug populate 500");
  redis.Run("set key:0 v ex 100");
  redis.Run("select 3");
  redis.Run("mset a 1 b 2");
  const std::string other = redis.Run("debug htstats 3");
  EXPECT_THAT(other, HasSubstr("\n number of elements: 2\n"));
  EXPECT_THAT(other, HasSubstr("[Expires HT]\nHash table 0 stats (main hash table):\nNo stats available"));
  const std::string main = redis.Run("debug htstats 0");
  EXPECT_THAT(main, HasSubstr("\n number of elements: 500\n"));
  EXPECT_THAT(main.substr(main.find("[Expires HT]")), HasSubstr("\n number of elements: 1\n different slots: 1\n"));
  EXPECT_THAT(redis.Run("debug htstats 1"), HasSubstr("No stats available for empty dictionaries\n[Expires HT]"));
  EXPECT_EQ(redis.Run("debug htstats 16"), "-ERR Out of range database");
  EXPECT_EQ(redis.Run("debug htstats x"), "-ERR value is not an integer or out of range");
}

TEST_F(DebugCommand, HtstatsKeyRefusesWhatIsNoTable) {
  redis.Run("set k v");
  EXPECT_EQ(redis.Run("debug htstats-key k"),
            "-ERR The value stored at the specified key is not represented using an hash table");
  EXPECT_EQ(redis.Run("debug htstats-key nosuch"), "-ERR no such key");
}

TEST_F(DebugCommand, ReplybufferChecksItsWords) {
  EXPECT_EQ(redis.Run("debug replybuffer peak-reset-time never"), "+OK");
  EXPECT_EQ(redis.Run("debug replybuffer PEAK-RESET-TIME 100"), "+OK");
  EXPECT_EQ(redis.Run("debug replybuffer peak-reset-time x"), "-ERR value is not an integer or out of range");
  EXPECT_EQ(redis.Run("debug replybuffer resizing 0"), "+OK");
  EXPECT_THAT(redis.Run("debug replybuffer other 0"), HasSubstr("for 'replybuffer'. Try DEBUG HELP."));
}

TEST_F(DebugCommand, MallctlReadsKnobsAndNeverFollowsWrongOnes) {
  if (!memory::HasKnobs()) {
    EXPECT_THAT(redis.Run("debug mallctl background_thread"), HasSubstr("for 'mallctl'. Try DEBUG HELP."));
    EXPECT_THAT(redis.Run("debug mallctl-str version"), HasSubstr("for 'mallctl-str'. Try DEBUG HELP."));
    return;
  }
  EXPECT_EQ(redis.Run("debug mallctl nosuch.knob"), "-ERR No such file or directory");
  EXPECT_EQ(redis.Run("debug mallctl background_thread x"), "-ERR value is not an integer or out of range");
  EXPECT_EQ(redis.Run("debug mallctl arenas.narenas 5"), "-ERR Operation not permitted");
  EXPECT_THAT(redis.Run("debug mallctl arenas.page"), ":4096");
  EXPECT_EQ(redis.Run("debug mallctl arena.0.extent_hooks 5"), "-ERR Operation not permitted");
  EXPECT_THAT(redis.Run("debug mallctl-str version"), HasSubstr("5."));
  EXPECT_EQ(redis.Run("debug mallctl-str nosuch"), "-ERR No such file or directory");
  EXPECT_EQ(redis.Run("debug mallctl-str stats.allocated"), "-ERR Invalid argument");
  EXPECT_EQ(redis.Run("debug mallctl-str arenas.dirty_decay_ms text"), "-ERR Invalid argument");
  EXPECT_EQ(redis.Run("debug mallctl-str thread.tcache.flush VOID"), "+OK");
  EXPECT_EQ(redis.Run("debug mallctl-str arena.0.reset VOID"), "-ERR Operation not permitted");
}

TEST_F(DebugCommand, TestsThatAnswer) {
  EXPECT_EQ(redis.Run("debug error 'SOME text'"), "-SOME text");
  EXPECT_EQ(redis.Run("debug sleep 0"), "+OK");
  EXPECT_EQ(redis.Run("debug sleep x"), "-ERR value is not a valid float");
  EXPECT_EQ(redis.Run("debug stringmatch-test"), "+OK");
  EXPECT_THAT(redis.Run("debug structsize"), StartsWith("+bits:64 "));
  EXPECT_EQ(redis.Run("debug protocol integer"), ":12345");
}

}  // namespace
}  // namespace cachenode
