// ACL and what it does to clients, in the wording of engine 7.4 where a transcript cannot ask the reference.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <string>

#include "server/acl/acl_check.h"
#include "server/acl/acl_store.h"
#include "server/config/config.h"
#include "tests/support/scratch_folder.h"
#include "tests/support/server/command_harness.h"

namespace cachenode {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

void Engine74(Config& config) { config.engine_version = *EngineVersion::Parse("7.4"); }

TEST(Acl, NewerEnginesNameTheUser) {
  CommandHarness redis(Engine74);
  Session& client = redis.Connect();
  EXPECT_EQ(redis.Run("acl setuser u on nopass +get +config|get ~a &c"), "+OK");
  EXPECT_EQ(redis.RunAs(client, "auth u x"), "+OK");
  EXPECT_EQ(redis.RunAs(client, "set a 1"), "-NOPERM User u has no permissions to run the 'set' command");
  EXPECT_EQ(redis.RunAs(client, "config set a 1"), "-NOPERM User u has no permissions to run the 'config|set' command");
  EXPECT_EQ(redis.RunAs(client, "get b"), "-NOPERM No permissions to access a key");
  EXPECT_EQ(redis.RunAs(client, "get a"), "$-1");
  EXPECT_EQ(redis.Run("acl dryrun u get b"), "$47 User u has no permissions to access the 'b' key");
  EXPECT_EQ(redis.Run("acl dryrun u set b c"), "$50 User u has no permissions to run the 'set' command");
}

TEST(Acl, NewerEnginesKeepRulesAsGivenAndSayThatPayloadsAreChecked) {
  CommandHarness redis(Engine74);
  EXPECT_EQ(redis.Run("acl setuser u +@all -@hash -@slow +hget"), "+OK");
  EXPECT_EQ(redis.Run("acl list"),
            "*2 $51 user default on nopass sanitize-payload ~* &* +@all "
            "$67 user u off sanitize-payload resetchannels +@all -@hash -@slow +hget");
}

TEST(Acl, NewerEnginesShowTimesInTheLog) {
  CommandHarness redis(Engine74);
  redis.Run("auth nobody x");
  EXPECT_THAT(redis.RunResp3("acl log"), StartsWith("*1 %10 $5 count :1 $6 reason $4 auth $7 context $8 toplevel"));
  EXPECT_THAT(redis.Run("acl log"), HasSubstr("$8 entry-id :0 $17 timestamp-created :"));
}

TEST(Acl, AUserWithEverythingCostsNothing) {
  CommandHarness redis;
  EXPECT_EQ(redis.session().acl_user, nullptr);
  EXPECT_EQ(redis.session().conditions & kRestrictedUser, 0U);
  EXPECT_EQ(redis.Run("acl setuser default -flushall"), "+OK");
  EXPECT_NE(redis.session().acl_user, nullptr);
  EXPECT_EQ(redis.session().conditions & kRestrictedUser, kRestrictedUser);
  EXPECT_THAT(redis.Run("flushall"), StartsWith("-NOPERM"));
  EXPECT_EQ(redis.Run("acl setuser default +@all"), "+OK");
  EXPECT_EQ(redis.session().acl_user, nullptr);
  EXPECT_EQ(redis.session().conditions & kRestrictedUser, 0U);
}

TEST(Acl, CountsRefusalsByReason) {
  CommandHarness redis;
  Session& client = redis.Connect();
  redis.Run("acl setuser u on nopass +get ~a");
  redis.RunAs(client, "auth u x");
  redis.RunAs(client, "get b");
  redis.RunAs(client, "get c");
  redis.RunAs(client, "set a 1");
  redis.RunAs(client, "auth u");
  EXPECT_THAT(redis.Run("info stats"), HasSubstr("acl_access_denied_auth:0 acl_access_denied_cmd:1 "
                                                 "acl_access_denied_key:2 acl_access_denied_channel:0 "));
  redis.Run("config resetstat");
  EXPECT_THAT(redis.Run("info stats"), HasSubstr("acl_access_denied_cmd:0 acl_access_denied_key:0 "));
}

TEST(Acl, ClientsOfARemovedUserAreClosed) {
  CommandHarness redis;
  Session& own = redis.Connect();
  Session& other = redis.Connect();
  redis.Run("acl setuser u on nopass +@all ~*");
  redis.RunAs(own, "auth u x");
  redis.RunAs(other, "auth u x");
  EXPECT_EQ(redis.RunAs(own, "acl deluser u"), ":1");
  EXPECT_EQ(own.closing, Closing::kAfterReply);
  EXPECT_FALSE(own.authenticated);
  EXPECT_NE(other.closing, Closing::kNo);
  EXPECT_EQ(redis.session().closing, Closing::kNo);
}

TEST(Acl, SecretsStayOutOfTheSlowLog) {
  CommandHarness redis([](Config& config) { config.slowlog_log_slower_than = 0; });
  redis.Run("acl setuser bob on >hunter2 +get");
  redis.Run("auth bob hunter2");
  redis.Run("hello 3 auth bob hunter2");
  const std::string log = redis.Run("slowlog get -1");
  EXPECT_EQ(log.find("hunter2"), std::string::npos) << log;
  EXPECT_EQ(log.find("bob"), std::string::npos) << log;
}

TEST(Acl, TheFileIsReadAndWritten) {
  const ScratchFolder folder;
  const std::string path = folder.File("users.acl");
  std::ofstream(path) << "user alice on nopass +get ~a\n";
  CommandHarness redis([&path](Config& config) { config.aclfile = path; });
  Session& client = redis.Connect();
  EXPECT_EQ(redis.Run("acl load"), "+OK");
  EXPECT_EQ(redis.Run("acl users"), "*2 $5 alice $7 default");
  EXPECT_EQ(redis.RunAs(client, "auth alice x"), "+OK");
  EXPECT_EQ(redis.Run("acl setuser bob on nopass +set"), "+OK");
  EXPECT_EQ(redis.Run("acl save"), "+OK");
  std::ofstream(path, std::ios::app) << "user alice off\n";
  EXPECT_THAT(redis.Run("acl load"), HasSubstr("WARNING: Duplicate user 'alice' found on line 4. WARNING: ACL errors "
                                               "detected, no change to the previously active ACL rules was performed"));
  EXPECT_EQ(client.closing, Closing::kNo);
  std::ofstream(path) << "user bob on nopass +set\n";
  EXPECT_EQ(redis.Run("acl load"), "+OK");
  EXPECT_NE(client.closing, Closing::kNo);
  EXPECT_EQ(redis.Run("acl users"), "*2 $3 bob $7 default");
  std::remove(path.c_str());
  EXPECT_THAT(redis.Run("acl load"), StartsWith("-ERR Error loading ACLs, opening file '"));
}

TEST(Acl, NewerEnginesKeepClientsWhoseUserIsStillThere) {
  const ScratchFolder folder;
  const std::string path = folder.File("users.acl");
  std::ofstream(path) << "user alice on nopass +get ~a\n";
  CommandHarness redis([&path](Config& config) {
    Engine74(config);
    config.aclfile = path;
  });
  Session& client = redis.Connect();
  redis.Run("acl load");
  redis.RunAs(client, "auth alice x");
  std::ofstream(path) << "user alice on nopass +set ~a\n";
  EXPECT_EQ(redis.Run("acl load"), "+OK");
  EXPECT_EQ(client.closing, Closing::kNo);
  EXPECT_EQ(redis.RunAs(client, "set a 1"), "+OK");
  EXPECT_EQ(redis.RunAs(client, "get a"), "-NOPERM User alice has no permissions to run the 'get' command");
}

TEST(Acl, UsersOfTheConfigurationAreLoaded) {
  CommandHarness redis;
  AclStore& store = *redis.parts().acl;
  const std::vector<std::string> lines = {"alice on >x (+get ~a)", "default on nopass ~* &* +@all -flushall"};
  EXPECT_TRUE(store.LoadAtStart(lines).ok());
  EXPECT_EQ(redis.Run("acl users"), "*2 $5 alice $7 default");
  EXPECT_THAT(redis.Run("flushall"), StartsWith("-NOPERM"));
  const std::vector<std::string> wrong = {"bob on foo"};
  EXPECT_EQ(store.LoadAtStart(wrong).text(), "Error loading ACL rule 'foo' for the user named 'bob': Syntax error");
  const std::vector<std::string> secret = {"bob on #geheim"};
  EXPECT_EQ(std::string(store.LoadAtStart(secret).text()).find("geheim"), std::string::npos);
}

TEST(Acl, UsersStandInOnePlaceOnly) {
  CommandHarness redis([](Config& config) { config.aclfile = "/no/such/file"; });
  const std::vector<std::string> lines = {"alice on"};
  EXPECT_THAT(std::string(redis.parts().acl->LoadAtStart(lines).text()), HasSubstr("Use one of the two"));
  EXPECT_THAT(std::string(redis.parts().acl->LoadAtStart({}).text()), HasSubstr("No such file or directory"));
}

TEST(Acl, ErrorsInScriptsAndTransactionsHaveTheirOwnWords) {
  CommandHarness redis;
  const Command& get = *redis.commands().Find("get");
  const EngineVersion old_engine = *EngineVersion::Parse("7.0");
  const EngineVersion new_engine = *EngineVersion::Parse("7.4");
  const AclVerdict key{AclDenial::kKey, 1};
  const AclVerdict command{AclDenial::kCommand, 0};
  EXPECT_EQ(PermissionErrorInScript(old_engine, redis.session(), get, command),
            "ERR The user executing the script can't run this command or subcommand");
  EXPECT_EQ(PermissionErrorInScript(new_engine, redis.session(), get, command),
            "ERR ACL failure in script: User default has no permissions to run the 'get' command");
  EXPECT_EQ(PermissionErrorInScript(new_engine, redis.session(), get, key),
            "ERR ACL failure in script: No permissions to access a key");
  EXPECT_THAT(PermissionErrorInExec(key), HasSubstr("reason: no permission to touch the specified keys"));
}

}  // namespace
}  // namespace cachenode
