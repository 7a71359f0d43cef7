// Blocking commands, one worker: who waits, who is served, in which order, and what is left behind.
#include "server/blocking/wait_table.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "server/blocking/blocked_client.h"
#include "server/config/config.h"
#include "tests/support/server/command_harness.h"

namespace cachenode {
namespace {

using std::chrono::milliseconds;

class Blocking : public ::testing::Test {
 protected:
  Blocking() : Blocking("7.4") {}
  explicit Blocking(std::string_view engine)
      : redis([engine](Config& config) { config.engine_version = *EngineVersion::Parse(engine); }) {}

  // What came for a client that waited, on one line as Run gives it; empty when it still waits.
  std::string Receive(Session& session) {
    redis.parts().waits->ExpireDue(0, redis.clock().NowUs() / 1000);
    std::string text = session.replies.ToString();
    session.replies.Clear();
    std::string line;
    for (size_t at = 0; at < text.size();) {
      const size_t end = text.find("\r\n", at);
      if (!line.empty()) line.push_back(' ');
      line.append(text, at, end - at);
      at = end + 2;
    }
    return line;
  }
  // Sends a command that finds nothing.
  void Wait(Session& session, std::string_view line) {
    EXPECT_EQ(redis.RunAs(session, line), "");
    EXPECT_NE(session.blocked, nullptr) << line;
  }
  std::string InfoLine(std::string_view name) {
    const std::string info = redis.Run("info");
    const size_t begin = info.find(std::string(name) + ":");
    if (begin == std::string::npos) return "none";
    return info.substr(begin, info.find(' ', begin) - begin);
  }

  CommandHarness redis;
  Session& one = redis.Connect();
  Session& two = redis.Connect();
  Session& three = redis.Connect();
};

class BlockingSeven : public Blocking {
 protected:
  BlockingSeven() : Blocking("7.0") {}
};

// --- Lists -----------------------------------------------------------------------------------------------------------

TEST_F(Blocking, PopsAtOnceWhatIsThere) {
  redis.Run("rpush b x y z");
  EXPECT_EQ(redis.Run("blpop a b 1"), "*2 $1 b $1 x");
  EXPECT_EQ(redis.Run("brpop a b 1"), "*2 $1 b $1 z");
  EXPECT_EQ(redis.Run("blmpop 1 2 a b left count 5"), "*2 $1 b *1 $1 y");
  EXPECT_EQ(redis.Run("exists b"), ":0");
}

TEST_F(Blocking, FirstBlockedIsFirstServed) {
  Wait(one, "blpop k 0");
  Wait(two, "blpop k 0");
  EXPECT_EQ(redis.Run("rpush k a"), ":1");
  EXPECT_EQ(Receive(one), "*2 $1 k $1 a");
  EXPECT_EQ(Receive(two), "");
  EXPECT_EQ(redis.Run("rpush k b c"), ":2");
  EXPECT_EQ(Receive(two), "*2 $1 k $1 b");
  EXPECT_EQ(redis.Run("lrange k 0 -1"), "*1 $1 c");
}

TEST_F(Blocking, RepliesInTheVersionOfTheClient) {
  one.resp_version = 3;
  Wait(one, "bzpopmin z 0");
  redis.Run("zadd z 1.5 m");
  EXPECT_EQ(Receive(one), "*3 $1 z $1 m ,1.5");
  Wait(one, "blpop k 0.01");
  redis.clock().Advance(milliseconds(10));
  EXPECT_EQ(Receive(one), "_");
}

TEST_F(Blocking, AKeyNamedTwiceCountsOnce) {
  Wait(one, "blpop k k 0");
  EXPECT_EQ(InfoLine("total_blocking_keys"), "total_blocking_keys:1");
  redis.Run("rpush k a b");
  EXPECT_EQ(Receive(one), "*2 $1 k $1 a");
  EXPECT_EQ(redis.Run("llen k"), ":1");
  EXPECT_EQ(InfoLine("total_blocking_keys"), "total_blocking_keys:0");
}

TEST_F(Blocking, LeavesAllQueuesWhenServedFromOne) {
  Wait(one, "blpop a b c 0");
  Wait(two, "blpop c 0");
  redis.Run("rpush b 1");
  EXPECT_EQ(Receive(one), "*2 $1 b $1 1");
  redis.Run("rpush c 2");
  EXPECT_EQ(Receive(one), "");
  EXPECT_EQ(Receive(two), "*2 $1 c $1 2");
}

TEST_F(Blocking, AnotherTypeServesNobody) {
  Wait(one, "blpop k 0");
  redis.Run("set k x");
  redis.Run("del k");
  redis.Run("zadd k 1 m");
  EXPECT_EQ(Receive(one), "");
  redis.Run("del k");
  redis.Run("rpush k v");
  EXPECT_EQ(Receive(one), "*2 $1 k $1 v");
}

TEST_F(Blocking, WhoeverMakesTheKeyServes) {
  redis.Run("rpush src 1");
  Wait(one, "blpop k 0");
  redis.Run("rename src k");
  EXPECT_EQ(Receive(one), "*2 $1 k $1 1");
  redis.Run("rpush src 2");
  Wait(one, "blpop k 0");
  redis.Run("copy src k");
  EXPECT_EQ(Receive(one), "*2 $1 k $1 2");
  Wait(one, "blpop k 0");
  redis.Run("sort src store k");
  EXPECT_EQ(Receive(one), "*2 $1 k $1 2");
  Wait(one, "blpop k 0");
  redis.Run("lmove src k left left");
  EXPECT_EQ(Receive(one), "*2 $1 k $1 2");
  redis.Run("select 1");
  redis.Run("rpush k 3");
  Wait(one, "blpop k 0");
  redis.Run("move k 0");
  EXPECT_EQ(Receive(one), "*2 $1 k $1 3");
  redis.Run("rpush k 4");
  Wait(one, "blpop k 0");
  redis.Run("swapdb 0 1");
  EXPECT_EQ(Receive(one), "*2 $1 k $1 4");
}

TEST_F(Blocking, AnExpiredKeyServesNobody) {
  redis.Run("select 1");
  redis.Run("rpush k 1");
  redis.Run("pexpire k 5");
  Wait(one, "blpop k 0");
  redis.clock().Advance(milliseconds(6));
  redis.Run("swapdb 0 1");
  EXPECT_EQ(Receive(one), "");
}

// --- Moves -----------------------------------------------------------------------------------------------------------

TEST_F(Blocking, MovesServeThoseWhoWaitForTheDestination) {
  Wait(one, "blmove a b left right 0");
  Wait(two, "brpoplpush b c 0");
  Wait(three, "blpop c 0");
  redis.Run("rpush a x");
  EXPECT_EQ(Receive(one), "$1 x");
  EXPECT_EQ(Receive(two), "$1 x");
  EXPECT_EQ(Receive(three), "*2 $1 c $1 x");
  EXPECT_EQ(redis.Run("exists a b c"), ":0");
}

TEST_F(Blocking, ACircleOfMovesEnds) {
  Wait(one, "brpoplpush a b 0");
  Wait(two, "brpoplpush b a 0");
  redis.Run("rpush a x");
  EXPECT_EQ(Receive(one), "$1 x");
  EXPECT_EQ(Receive(two), "$1 x");
  EXPECT_EQ(redis.Run("lrange a 0 -1"), "*1 $1 x");
  Wait(one, "brpoplpush self self 0");
  redis.Run("rpush self y z");
  EXPECT_EQ(Receive(one), "$1 z");
  EXPECT_EQ(redis.Run("lrange self 0 -1"), "*2 $1 z $1 y");
}

TEST_F(Blocking, AWrongDestinationIsTheMoversErrorAndTakesNothing) {
  redis.Run("set dst x");
  Wait(one, "blmove src dst left right 0");
  Wait(two, "blpop src 0");
  redis.Run("rpush src 1");
  EXPECT_EQ(Receive(one), "-WRONGTYPE Operation against a key holding the wrong kind of value");
  EXPECT_EQ(Receive(two), "*2 $3 src $1 1");
}

// --- Sorted sets -----------------------------------------------------------------------------------------------------

TEST_F(Blocking, SortedSetsServeFromTheEndAskedFor) {
  Wait(one, "bzpopmax z 0");
  Wait(two, "bzmpop 0 1 z min count 2");
  redis.Run("zadd z 1 a 2 b 3 c 4 d");
  EXPECT_EQ(Receive(one), "*3 $1 z $1 d $1 4");
  EXPECT_EQ(Receive(two), "*2 $1 z *2 *2 $1 a $1 1 *2 $1 b $1 2");
  EXPECT_EQ(redis.Run("zrange z 0 -1"), "*1 $1 c");
}

// --- Streams ---------------------------------------------------------------------------------------------------------

TEST_F(Blocking, ReadersOfAStreamAllGetTheEntry) {
  redis.Run("xadd s 1-0 f old");
  Wait(one, "xread block 0 streams s $");
  Wait(two, "xread count 1 block 0 streams other s 0 1-0");
  redis.Run("xadd s 2-0 f new");
  EXPECT_EQ(Receive(one), "*1 *2 $1 s *1 *2 $3 2-0 *2 $1 f $3 new");
  EXPECT_EQ(Receive(two), "*1 *2 $1 s *1 *2 $3 2-0 *2 $1 f $3 new");
}

TEST_F(Blocking, AGroupGivesAnEntryOnce) {
  redis.Run("xgroup create s g $ mkstream");
  Wait(one, "xreadgroup group g alice block 0 streams s >");
  Wait(two, "xreadgroup group g bob block 0 streams s >");
  redis.Run("xadd s 1-0 f v");
  EXPECT_EQ(Receive(one), "*1 *2 $1 s *1 *2 $3 1-0 *2 $1 f $1 v");
  EXPECT_EQ(Receive(two), "");
  EXPECT_EQ(redis.Run("xpending s g"), "*4 :1 $3 1-0 $3 1-0 *1 *2 $5 alice $1 1");
}

TEST_F(Blocking, AGroupThatGoesEndsTheWait) {
  const std::string no_group = "-NOGROUP No such key 's' or consumer group 'g' in XREADGROUP with GROUP option";
  redis.Run("xgroup create s g $ mkstream");
  Wait(one, "xreadgroup group g c block 0 streams s >");
  EXPECT_EQ(InfoLine("total_blocking_keys_on_nokey"), "total_blocking_keys_on_nokey:1");
  redis.Run("xgroup destroy s g");
  EXPECT_EQ(Receive(one), no_group);
  EXPECT_EQ(InfoLine("total_blocking_keys_on_nokey"), "total_blocking_keys_on_nokey:0");
  redis.Run("xgroup create s g $");
  Wait(one, "xreadgroup group g c block 0 streams s >");
  redis.Run("flushall");
  EXPECT_EQ(Receive(one), no_group);
  redis.Run("xgroup create s g $ mkstream");
  Wait(one, "xreadgroup group g c block 0 streams s >");
  redis.Run("set s x");
  EXPECT_EQ(Receive(one), "-WRONGTYPE Operation against a key holding the wrong kind of value");
}

TEST_F(BlockingSeven, AGroupThatGoesIsToldInTheOldWords) {
  for (const std::string_view how : {"del s", "set s x", "flushall", "rename s t"}) {
    redis.Run("flushall");
    redis.Run("xgroup create s g $ mkstream");
    Wait(one, "xreadgroup group g c block 0 streams s >");
    redis.Run(how);
    EXPECT_EQ(Receive(one), "-UNBLOCKED the stream key no longer exists") << how;
  }
  redis.Run("flushall");
  redis.Run("xgroup create s g $ mkstream");
  Wait(one, "xreadgroup group g c block 0 streams s >");
  redis.Run("xgroup destroy s g");
  EXPECT_EQ(Receive(one), "-NOGROUP the consumer group this client was blocked on no longer exists");
}

// --- Time ------------------------------------------------------------------------------------------------------------

TEST_F(Blocking, TimeoutsAreExactAndInOrder) {
  Wait(one, "blpop k 0.5");
  Wait(two, "blmove k d left left 0.2");
  Wait(three, "xread block 300 streams k $");
  EXPECT_EQ(InfoLine("clients_in_timeout_table"), "clients_in_timeout_table:3");
  redis.clock().Advance(milliseconds(199));
  EXPECT_EQ(Receive(two), "");
  redis.clock().Advance(milliseconds(1));
  EXPECT_EQ(Receive(two), "*-1");
  redis.clock().Advance(milliseconds(100));
  EXPECT_EQ(Receive(three), "*-1");
  EXPECT_EQ(Receive(one), "");
  redis.clock().Advance(milliseconds(200));
  EXPECT_EQ(Receive(one), "*-1");
  EXPECT_EQ(InfoLine("clients_in_timeout_table"), "clients_in_timeout_table:0");
  EXPECT_EQ(InfoLine("total_blocking_keys"), "total_blocking_keys:0");
  redis.Run("rpush k v");
  EXPECT_EQ(redis.Run("llen k"), ":1");
}

TEST_F(Blocking, OnlyGoodTimeoutsAreTaken) {
  EXPECT_EQ(redis.Run("blpop k abc"), "-ERR timeout is not a float or out of range");
  EXPECT_EQ(redis.Run("blpop k -0.1"), "-ERR timeout is negative");
  EXPECT_EQ(redis.Run("blpop k 1e30"), "-ERR timeout is out of range");
  EXPECT_EQ(redis.Run("xread block abc streams k $"), "-ERR timeout is not an integer or out of range");
  EXPECT_EQ(redis.Run("xread block 9223372036854775807 streams k $"), "-ERR timeout is out of range");
  EXPECT_EQ(redis.Run("wait 1 -1"), "-ERR timeout is negative");
  Wait(one, "blpop k 0.0001");
  redis.clock().Advance(milliseconds(1));
  EXPECT_EQ(Receive(one), "*-1");
}

TEST_F(BlockingSeven, TooLargeTimeoutsAreCalledNegative) {
  EXPECT_EQ(redis.Run("blpop k 1e30"), "-ERR timeout is negative");
  Wait(one, "blpop k 9223372036854775");
  EXPECT_EQ(InfoLine("clients_in_timeout_table"), "clients_in_timeout_table:0");
}

TEST_F(Blocking, WaitAnswersWithoutReplicas) {
  EXPECT_EQ(redis.Run("wait 0 0"), ":0");
  EXPECT_EQ(redis.Run("waitaof 0 0 0"), "*2 :0 :0");
  EXPECT_EQ(redis.Run("waitaof 1 0 0"), "-ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.");
  EXPECT_EQ(redis.Run("waitaof 2 0 0"), "-ERR value is out of range, value must between 0 and 1");
  Wait(one, "wait 1 50");
  Wait(two, "waitaof 0 2 50");
  redis.clock().Advance(milliseconds(50));
  EXPECT_EQ(Receive(one), ":0");
  EXPECT_EQ(Receive(two), "*2 :0 :0");
}

// --- Leaving early ---------------------------------------------------------------------------------------------------

TEST_F(Blocking, UnblockEndsAWaitOnce) {
  const std::string id = std::to_string(one.id);
  EXPECT_EQ(redis.Run("client unblock " + id), ":0");
  Wait(one, "blpop k 0");
  EXPECT_EQ(redis.Run("client unblock " + id), ":1");
  EXPECT_EQ(Receive(one), "*-1");
  EXPECT_EQ(redis.Run("client unblock " + id), ":0");
  Wait(one, "blpop k 0");
  EXPECT_EQ(redis.Run("client unblock " + id + " error"), ":1");
  EXPECT_EQ(Receive(one), "-UNBLOCKED client unblocked via CLIENT UNBLOCK");
  Wait(one, "wait 1 0");
  EXPECT_EQ(redis.Run("client unblock " + id + " timeout"), ":1");
  EXPECT_EQ(Receive(one), ":0");
  EXPECT_EQ(redis.Run("client unblock " + id + " soon"), "-ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
}

TEST_F(Blocking, WhoLeavesIsNotServed) {
  Wait(one, "blpop k 10");
  Wait(two, "blpop k 10");
  redis.parts().waits->OnSessionEnd(one);
  redis.Run("rpush k v");
  EXPECT_EQ(Receive(one), "");
  EXPECT_EQ(Receive(two), "*2 $1 k $1 v");
  EXPECT_EQ(InfoLine("clients_in_timeout_table"), "clients_in_timeout_table:0");
}

TEST_F(Blocking, TheListShowsWhoWaits) {
  Wait(one, "blpop k 0");
  const std::string line = redis.Run("client list id " + std::to_string(one.id));
  EXPECT_NE(line.find(" flags=b "), std::string::npos) << line;
  EXPECT_NE(line.find(" cmd=blpop "), std::string::npos) << line;
}

// --- Transactions and statistics -------------------------------------------------------------------------------------

TEST_F(Blocking, NothingWaitsInsideATransaction) {
  redis.Run("multi");
  redis.Run("blpop k 0");
  redis.Run("blmove k d left left 0");
  redis.Run("xread block 0 streams k $");
  redis.Run("wait 1 0");
  EXPECT_EQ(redis.Run("exec"), "*4 *-1 $-1 *-1 :0");
}

TEST_F(Blocking, ATransactionServesAtItsEnd) {
  Wait(one, "blpop k 0");
  redis.Run("multi");
  redis.Run("rpush k a");
  redis.Run("lpush k b");
  redis.Run("rpush k c");
  redis.Run("exec");
  EXPECT_EQ(Receive(one), "*2 $1 k $1 b");
  Wait(two, "blpop gone 0");
  redis.Run("multi");
  redis.Run("rpush gone a");
  redis.Run("del gone");
  redis.Run("set gone a");
  redis.Run("exec");
  EXPECT_EQ(Receive(two), "");
}

TEST_F(Blocking, AServedMoveTouchesWatchedKeys) {
  Wait(one, "brpoplpush src dst 0");
  redis.RunAs(two, "watch dst");
  redis.Run("rpush src x");
  redis.RunAs(two, "multi");
  redis.RunAs(two, "get a");
  EXPECT_EQ(redis.RunAs(two, "exec"), "*-1");
}

TEST_F(Blocking, CallsAreCountedWhenTheyEnd) {
  Wait(one, "blpop k 0");
  EXPECT_EQ(redis.Run("info commandstats").find("cmdstat_blpop:"), std::string::npos);
  redis.Run("rpush k v");
  EXPECT_NE(redis.Run("info commandstats").find("cmdstat_blpop:calls=1,"), std::string::npos);
}

TEST_F(BlockingSeven, CallsAreCountedWhenTheyBegin) {
  Wait(one, "blpop k 0");
  EXPECT_NE(redis.Run("info commandstats").find("cmdstat_blpop:calls=1,"), std::string::npos);
  redis.Run("rpush k v");
  EXPECT_NE(redis.Run("info commandstats").find("cmdstat_blpop:calls=1,"), std::string::npos);
}

TEST_F(Blocking, ReplyModesHoldForWhatComesLater) {
  redis.RunAs(one, "client reply skip");
  Wait(one, "blpop k 0");
  redis.Run("rpush k a b");
  EXPECT_EQ(Receive(one), "");
  EXPECT_EQ(redis.RunAs(one, "ping"), "+PONG");
  redis.RunAs(one, "client reply off");
  redis.Run("del k");
  Wait(one, "blpop k 0");
  redis.Run("rpush k a");
  EXPECT_EQ(Receive(one), "");
  EXPECT_EQ(redis.RunAs(one, "client reply on"), "+OK");
}

TEST_F(Blocking, ManyWaitsLeaveNothingBehind) {
  for (int i = 0; i < 20000; ++i) {
    Wait(one, "blpop k" + std::to_string(i % 100) + " k 0.01");
    Wait(two, "blmove k" + std::to_string(i % 100) + " d left left 5");
    redis.clock().Advance(milliseconds(10));
    ASSERT_EQ(Receive(one), "*-1");
    redis.parts().waits->OnSessionEnd(two);
  }
  EXPECT_EQ(redis.parts().waits->KeyCount(), 0);
  EXPECT_EQ(redis.parts().waits->DeadlineCount(), 0);
  EXPECT_FALSE(redis.parts().waits->AnyMoves());
}

}  // namespace
}  // namespace cachenode
