#include <gtest/gtest.h>

#include <string>

#include "server/config/config.h"
#include "server/config/config_store.h"
#include "server/config/engine_version.h"
#include "tests/support/server/command_harness.h"

namespace cachenode {
namespace {

std::string Take(Session& session) {
  std::string text = session.replies.ToString();
  session.replies.Clear();
  return text;
}

TEST(Subscribe, ConfirmsEachNameAndCounts) {
  CommandHarness redis;
  EXPECT_EQ(redis.Run("subscribe a b a"), "*3 $9 subscribe $1 a :1 *3 $9 subscribe $1 b :2 *3 $9 subscribe $1 a :2");
  EXPECT_EQ(redis.Run("psubscribe p*"), "*3 $10 psubscribe $2 p* :3");
  EXPECT_EQ(redis.Run("ssubscribe s"), "*3 $10 ssubscribe $1 s :1");
  EXPECT_EQ(redis.Run("unsubscribe"), "*3 $11 unsubscribe $1 a :2 *3 $11 unsubscribe $1 b :1");
  EXPECT_EQ(redis.Run("unsubscribe"), "*3 $11 unsubscribe $-1 :1");
  EXPECT_EQ(redis.Run("punsubscribe p* q*"), "*3 $12 punsubscribe $2 p* :0 *3 $12 punsubscribe $2 q* :0");
  EXPECT_EQ(redis.Run("sunsubscribe"), "*3 $12 sunsubscribe $1 s :0");
}

TEST(Subscribe, ARespTwoClientMayDoLittleElse) {
  CommandHarness redis;
  redis.Run("subscribe a");
  EXPECT_EQ(redis.Run("get k"),
            "-ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in "
            "this context");
  EXPECT_EQ(redis.Run("ping"), "*2 $4 pong $0 ");
  EXPECT_EQ(redis.Run("ping hi"), "*2 $4 pong $2 hi");
  EXPECT_EQ(redis.Run("unsubscribe a"), "*3 $11 unsubscribe $1 a :0");
  EXPECT_EQ(redis.Run("ping"), "+PONG");
  redis.Run("subscribe a");
  EXPECT_EQ(redis.Run("reset"), "+RESET");
  EXPECT_EQ(redis.Run("get k"), "$-1");
}

TEST(Subscribe, ARespThreeClientMayDoEverything) {
  CommandHarness redis;
  redis.session().resp_version = 3;
  EXPECT_EQ(redis.Run("subscribe a"), ">3 $9 subscribe $1 a :1");
  EXPECT_EQ(redis.Run("get k"), "_");
  EXPECT_EQ(redis.Run("unsubscribe"), ">3 $11 unsubscribe $1 a :0");
  EXPECT_EQ(redis.Run("unsubscribe"), ">3 $11 unsubscribe _ :0");
}

TEST(Publish, AMessageToItselfStandsBeforeTheReplyAsOldAsSevenAndBehindItLater) {
  for (const char* version : {"7.0", "7.4"}) {
    CommandHarness redis([version](Config& config) { config.engine_version = *EngineVersion::Parse(version); });
    redis.session().resp_version = 3;
    redis.Run("subscribe c");
    const std::string message = ">3 $7 message $1 c $1 m";
    EXPECT_EQ(redis.Run("publish c m"), version == std::string("7.0") ? message + " :1" : ":1 " + message);
  }
}

TEST(Publish, SilencedClientsGetMessagesAndConfirmations) {
  CommandHarness redis;
  redis.session().resp_version = 3;
  EXPECT_EQ(redis.Run("client reply off"), "");
  EXPECT_EQ(redis.Run("subscribe c"), ">3 $9 subscribe $1 c :1");
  EXPECT_EQ(redis.Run("ping"), "");
  EXPECT_EQ(redis.Run("publish c m"), ">3 $7 message $1 c $1 m");
}

TEST(PubSubCommand, TellsWhatIsSubscribedTo) {
  CommandHarness redis;
  Session& other = redis.Connect();
  redis.RunAs(other, "subscribe news weather");
  redis.RunAs(other, "psubscribe n*");
  redis.RunAs(other, "ssubscribe part");
  EXPECT_EQ(redis.Run("pubsub channels n*"), "*1 $4 news");
  EXPECT_EQ(redis.Run("pubsub numsub news none"), "*4 $4 news :1 $4 none :0");
  EXPECT_EQ(redis.Run("pubsub numsub"), "*0");
  EXPECT_EQ(redis.Run("pubsub numpat"), ":1");
  EXPECT_EQ(redis.Run("pubsub shardchannels"), "*1 $4 part");
  EXPECT_EQ(redis.Run("pubsub shardnumsub part news"), "*4 $4 part :1 $4 news :0");
  EXPECT_EQ(redis.Run("pubsub channels a b"),
            "-ERR unknown subcommand or wrong number of arguments for 'channels'. Try PUBSUB HELP.");
  EXPECT_EQ(redis.Run("client list type pubsub").find("id=1 "), std::string::npos);
  EXPECT_NE(redis.Run("client list type pubsub").find(" flags=P db=0 sub=2 psub=1 ssub=1 "), std::string::npos);
}

TEST(Notifications, AreSentAsTheOptionAsks) {
  CommandHarness redis;
  Session& listener = redis.Connect();
  redis.RunAs(listener, "psubscribe *");
  redis.Run("set k v");
  EXPECT_EQ(Take(listener), "");
  redis.Run("config set notify-keyspace-events E$n");
  redis.Run("set k w");
  EXPECT_EQ(Take(listener), "*4\r\n$8\r\npmessage\r\n$1\r\n*\r\n$18\r\n__keyevent@0__:set\r\n$1\r\nk\r\n");
  redis.Run("set j w");
  EXPECT_EQ(Take(listener),
            "*4\r\n$8\r\npmessage\r\n$1\r\n*\r\n$18\r\n__keyevent@0__:new\r\n$1\r\nj\r\n"
            "*4\r\n$8\r\npmessage\r\n$1\r\n*\r\n$18\r\n__keyevent@0__:set\r\n$1\r\nj\r\n");
  redis.Run("del j");
  EXPECT_EQ(Take(listener), "");
  redis.Run("config set notify-keyspace-events Kg");
  redis.Run("del k");
  EXPECT_EQ(Take(listener), "*4\r\n$8\r\npmessage\r\n$1\r\n*\r\n$16\r\n__keyspace@0__:k\r\n$3\r\ndel\r\n");
  redis.Run("config set notify-keyspace-events \"\"");
}

// --- MONITOR ---------------------------------------------------------------------------------------------------------

TEST(Monitor, ShowsRequestsWithoutSecrets) {
  CommandHarness redis;
  Session& monitor = redis.Connect();
  EXPECT_EQ(redis.RunAs(monitor, "monitor"), "+OK");
  EXPECT_EQ(redis.RunAs(monitor, "monitor"), "");
  redis.Run("set k \"a\\x00\\n\"");
  std::string line = Take(monitor);
  ASSERT_GT(line.size(), 18U);
  EXPECT_EQ(line.substr(18), " [0 127.0.0.1:50001] \"set\" \"k\" \"a\\x00\\n\"\r\n");
  redis.Run("auth name password");
  EXPECT_EQ(Take(monitor).substr(18), " [0 127.0.0.1:50001] \"auth\" \"(redacted)\" \"(redacted)\"\r\n");
  redis.Run("config set requirepass x");
  EXPECT_EQ(Take(monitor), "");
  redis.Run("incr k");
  EXPECT_EQ(Take(monitor).substr(18), " [0 127.0.0.1:50001] \"incr\" \"k\"\r\n");
  EXPECT_EQ(redis.RunAs(monitor, "get k"), "-ERR Replica can't interact with the keyspace");
  EXPECT_NE(redis.Run("client list").find(" flags=O "), std::string::npos);
  EXPECT_EQ(redis.RunAs(monitor, "reset"), "+RESET");
  redis.Run("get k");
  EXPECT_EQ(Take(monitor), "");
}

}  // namespace
}  // namespace cachenode
