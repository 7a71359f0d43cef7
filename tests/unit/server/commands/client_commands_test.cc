#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/config/config.h"
#include "tests/support/server/command_harness.h"

namespace cachenode {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Client, NameIsKeptAndTakenBack) {
  CommandHarness redis;
  EXPECT_EQ(redis.Run("client getname"), "$-1");
  EXPECT_EQ(redis.RunResp3("client getname"), "_");
  EXPECT_EQ(redis.Run("client setname one"), "+OK");
  EXPECT_EQ(redis.Run("client setname 'a b'"),
            "-ERR Client names cannot contain spaces, newlines or special characters.");
  EXPECT_EQ(redis.Run("client getname"), "$3 one");
  EXPECT_EQ(redis.Run("client setname ''"), "+OK");
  EXPECT_EQ(redis.Run("client getname"), "$-1");
}

TEST(Client, LineHasTheFieldsOfTheEngineVersion) {
  CommandHarness seven;
  const std::string line = seven.Run("client info");
  EXPECT_THAT(line, HasSubstr(" db=0 sub=0 psub=0 ssub=0 multi=-1 qbuf="));
  EXPECT_THAT(line, HasSubstr("cmd=client|info user=default redir=-1 resp=2\n"));

  CommandHarness newer([](Config& config) { config.engine_version = *EngineVersion::Parse("7.4"); });
  EXPECT_THAT(newer.Run("client info"), HasSubstr("multi=-1 watch=0 qbuf="));
  EXPECT_THAT(newer.Run("client info"), HasSubstr("resp=2 lib-name= lib-ver=\n"));

  CommandHarness valkey([](Config& config) { config.engine_version = *EngineVersion::Parse("valkey-9.1"); });
  EXPECT_EQ(valkey.Run("client capa redirect other"), "+OK");
  EXPECT_THAT(valkey.Run("client info"), HasSubstr("flags=N capa=r db=0"));
  EXPECT_THAT(valkey.Run("client info"), HasSubstr("tot-net-in=0 tot-net-out=0 tot-cmds=0\n"));

  CommandHarness older([](Config& config) { config.engine_version = *EngineVersion::Parse("5.0"); });
  const std::string old_line = older.Run("client list");
  EXPECT_THAT(old_line, HasSubstr("events=r cmd=client\n"));
  EXPECT_THAT(old_line, Not(HasSubstr("laddr")));
}

TEST(Client, LineTellsAgeIdleTimeAndFlags) {
  CommandHarness redis;
  redis.clock().Advance(std::chrono::seconds(7));
  EXPECT_EQ(redis.Run("client no-evict on"), "+OK");
  EXPECT_EQ(redis.Run("client no-touch ON"), "+OK");
  EXPECT_THAT(redis.Run("client info"), HasSubstr("age=7 idle=7 flags=eT "));
  EXPECT_EQ(redis.Run("client no-touch maybe"), "-ERR syntax error");
  EXPECT_EQ(redis.Run("reset"), "+RESET");
  EXPECT_THAT(redis.Run("client info"), HasSubstr("flags=N "));
}

TEST(Client, NoTouchLeavesIdleTimesAlone) {
  CommandHarness redis;
  EXPECT_EQ(redis.Run("set k v"), "+OK");
  redis.clock().Advance(std::chrono::seconds(30));
  EXPECT_EQ(redis.Run("client no-touch on"), "+OK");
  EXPECT_EQ(redis.Run("get k"), "$1 v");
  EXPECT_EQ(redis.Run("object idletime k"), ":30");
  EXPECT_EQ(redis.Run("client no-touch off"), "+OK");
  EXPECT_EQ(redis.Run("get k"), "$1 v");
  EXPECT_EQ(redis.Run("object idletime k"), ":0");
}

TEST(Client, ListFiltersMustAllHold) {
  CommandHarness redis;
  Session& two = redis.Connect();
  EXPECT_EQ(redis.RunAs(two, "client setname two"), "+OK");
  EXPECT_EQ(redis.RunAs(two, "select 3"), "+OK");
  EXPECT_THAT(redis.Run("client list name two"), HasSubstr("name=two "));
  EXPECT_EQ(redis.Run("client list name two db 0"), "$0 ");
  EXPECT_THAT(redis.Run("client list db 3 user default type normal ip 127.0.0.1"), HasSubstr("name=two "));
  EXPECT_THAT(redis.Run("client list not-db 3"), Not(HasSubstr("name=two ")));
  EXPECT_EQ(redis.Run("client list not-db 3 skipme yes"), "$0 ");
  EXPECT_THAT(redis.Run("client list addr " + two.peer_address), HasSubstr("name=two "));
  EXPECT_EQ(redis.Run("client list not-laddr 127.0.0.1:6379"), "$0 ");
  redis.clock().Advance(std::chrono::seconds(5));
  EXPECT_EQ(redis.Run("client list maxage 6"), "$0 ");
  EXPECT_THAT(redis.Run("client list maxage 5 not-name two"), HasSubstr("id=1 "));
  EXPECT_EQ(redis.Run("client list flags c"), "$0 ");
}

TEST(Client, ListOfIdsKeepsTheirOrder) {
  CommandHarness redis;
  redis.RunAs(redis.Connect(), "client setname two");
  const std::string both = redis.Run("client list id 2 1 99 -5");
  EXPECT_LT(both.find("id=2 "), both.find("id=1 "));
  EXPECT_EQ(redis.Run("client list id 1 x"), "-ERR Invalid client ID");
  EXPECT_EQ(redis.Run("client list id 1 name"), "-ERR syntax error");
  EXPECT_THAT(redis.Run("client list id 1 2 not-name two"), HasSubstr("id=1 "));
}

TEST(Client, WrongFiltersAreNamed) {
  CommandHarness redis;
  EXPECT_EQ(redis.Run("client list db 16"), "-ERR DB number should be between 0 and 15");
  EXPECT_EQ(redis.Run("client list not-db x"), "-ERR NOT-DB is not an integer or out of range");
  EXPECT_EQ(redis.Run("client list flags ="), "-ERR Unknown flags found in the provided filter: =");
  EXPECT_EQ(redis.Run("client list not-capa x"), "-ERR Unknown capa found in the NOT-CAPA filter: x");
  EXPECT_EQ(redis.Run("client kill idle x"), "-ERR idle is not an integer or out of range");
  EXPECT_EQ(redis.Run("client kill maxage 0"), "-ERR maxage should be greater than 0");
  EXPECT_EQ(redis.Run("client kill type odd"), "-ERR Unknown client type 'odd'");
  EXPECT_EQ(redis.Run("client kill user nobody"), "-ERR No such user 'nobody'");
  EXPECT_EQ(redis.Run("client kill id 0"), "-ERR client-id should be greater than 0");
}

TEST(Client, KillClosesOthersAtOnceAndTheCallerAfterItsReply) {
  CommandHarness redis;
  Session& two = redis.Connect();
  Session& three = redis.Connect();
  EXPECT_EQ(redis.Run("client kill " + two.peer_address), "+OK");
  EXPECT_EQ(two.closing, Closing::kNow);
  EXPECT_EQ(redis.Run("client kill " + two.peer_address), "-ERR No such client");
  EXPECT_EQ(redis.Run("client kill id 1"), ":0") << "SKIPME is yes by default";
  EXPECT_EQ(redis.Run("client kill type normal"), ":1");
  EXPECT_EQ(three.closing, Closing::kNow);
  EXPECT_EQ(redis.Run("client kill id 1 skipme no"), ":1");
  EXPECT_EQ(redis.session().closing, Closing::kAfterReply);
}

TEST(Client, PauseHoldsWritesUntilItsTimeIsOver) {
  CommandHarness redis;
  EXPECT_EQ(redis.Run("client pause 1000 write"), "+OK");
  EXPECT_EQ(redis.Run("set k v"), "") << "waits";
  EXPECT_EQ(redis.Run("get k"), "$-1");
  redis.clock().Advance(std::chrono::milliseconds(1000));
  EXPECT_EQ(redis.Run("set k v"), "+OK");
  EXPECT_EQ(redis.Run("client pause -1"), "-ERR timeout is negative");
  EXPECT_EQ(redis.Run("client pause 9223372036854775807"), "-ERR timeout is out of range");
}

TEST(Client, ReplySkipAndOffAreSilent) {
  CommandHarness redis;
  EXPECT_EQ(redis.Run("client reply skip"), "");
  EXPECT_EQ(redis.Run("ping"), "");
  EXPECT_EQ(redis.Run("ping"), "+PONG");
  EXPECT_EQ(redis.Run("client reply off"), "");
  EXPECT_EQ(redis.Run("client reply skip"), "");
  EXPECT_EQ(redis.Run("ping"), "");
  EXPECT_EQ(redis.Run("client reply on"), "+OK");
}

TEST(Client, SetinfoKeepsLibraryNameAndVersion) {
  CommandHarness redis;
  EXPECT_EQ(redis.Run("client setinfo lib-name redis-py"), "+OK");
  EXPECT_EQ(redis.Run("client setinfo LIB-VER 1.2"), "+OK");
  EXPECT_THAT(redis.Run("client list lib-name redis-py lib-ver 1.2"), HasSubstr("id=1 "));
  EXPECT_EQ(redis.Run("client setinfo lib-name 'a b'"),
            "-ERR LIB-NAME cannot contain spaces, newlines or special characters.");
  EXPECT_EQ(redis.Run("client setinfo lib x"), "-ERR Unrecognized option 'lib'");
}

TEST(Client, UnblockFindsNobodyWaiting) {
  CommandHarness redis;
  EXPECT_EQ(redis.Run("client unblock 1"), ":0");
  EXPECT_EQ(redis.Run("client unblock 1 odd"), "-ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
  EXPECT_EQ(redis.Run("client unblock x error"), "-ERR value is not an integer or out of range");
}

}  // namespace
}  // namespace cachenode
