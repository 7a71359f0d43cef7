#include "server/acl/acl_user.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "server/acl/acl_file.h"
#include "server/acl/acl_log.h"
#include "server/acl/acl_password.h"
#include "server/command_table.h"
#include "server/commands/families.h"

namespace cachenode {
namespace {

class AclUserTest : public testing::Test {
 protected:
  void ApplyAll(AclUser& user, std::initializer_list<std::string_view> rules) {
    for (const std::string_view rule : rules) EXPECT_EQ(user.Apply(rule), AclRuleError::kNone) << rule;
  }
  AclVerdict Check(const AclUser& user, std::initializer_list<std::string_view> words) {
    const std::vector<std::string_view> args(words);
    return user.Check(*commands_.FindForArgs(args), args);
  }

  CommandTable commands_{AllFamilies()};
  AclUser user_{"u", commands_, {}};
};

TEST_F(AclUserTest, LogsInOnlyWhenItIsOnAndThePasswordFits) {
  EXPECT_FALSE(user_.MayLogIn(""));
  ApplyAll(user_, {">one", ">two"});
  EXPECT_FALSE(user_.MayLogIn("one"));
  ApplyAll(user_, {"on"});
  EXPECT_TRUE(user_.MayLogIn("one"));
  EXPECT_TRUE(user_.MayLogIn("two"));
  EXPECT_FALSE(user_.MayLogIn("three"));
  EXPECT_FALSE(user_.is_open());
  ApplyAll(user_, {"nopass"});
  EXPECT_TRUE(user_.MayLogIn("three"));
  EXPECT_TRUE(user_.password_hashes().empty());
  ApplyAll(user_, {"resetpass"});
  EXPECT_FALSE(user_.MayLogIn("one"));
}

TEST_F(AclUserTest, PasswordsAreKeptAsHashes) {
  const std::string hash = HashPassword("one");
  EXPECT_EQ(hash, "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed");
  EXPECT_TRUE(IsPasswordHash(hash));
  EXPECT_FALSE(IsPasswordHash(hash.substr(1)));
  EXPECT_FALSE(IsPasswordHash(std::string(64, 'G')));
  ApplyAll(user_, {"#" + hash, ">one"});
  EXPECT_EQ(user_.password_hashes().size(), 1U);
  EXPECT_EQ(user_.Describe(AclStyle::kAsGiven), "u off #" + hash + " resetchannels -@all");
  EXPECT_EQ(user_.Apply("<two"), AclRuleError::kNoSuchPassword);
  EXPECT_EQ(user_.Apply("#x"), AclRuleError::kBadPasswordHash);
  ApplyAll(user_, {"!" + hash});
  EXPECT_TRUE(user_.password_hashes().empty());
}

TEST_F(AclUserTest, OneSelectorMustAllowAllOfIt) {
  ApplyAll(user_, {"(+get ~g)", "(+set ~s)"});
  EXPECT_TRUE(Check(user_, {"get", "g"}).allows());
  EXPECT_EQ(Check(user_, {"get", "s"}).denial, AclDenial::kKey);
  EXPECT_EQ(Check(user_, {"ping"}).denial, AclDenial::kCommand);
  ApplyAll(user_, {"clearselectors"});
  EXPECT_EQ(Check(user_, {"get", "g"}).denial, AclDenial::kCommand);
}

TEST_F(AclUserTest, EveryKeyMustBeAllowedByTheSelectorThatAllowsTheCommand) {
  const std::vector<std::string_view> args = {"sort", "a", "by", "w_*"};
  const Command& sort = *commands_.Find("sort");
  ApplyAll(user_, {"(+sort ~a)", "(+get %R~*)"});
  EXPECT_FALSE(user_.CheckWithEveryKey(sort, args, kAclReadAccess));
  ApplyAll(user_, {"(+sort %R~*)"});
  EXPECT_TRUE(user_.CheckWithEveryKey(sort, args, kAclReadAccess));
  EXPECT_FALSE(user_.CheckWithEveryKey(sort, args, kAclWriteAccess));
}

TEST_F(AclUserTest, RefusedSelectorsChangeNothing) {
  for (const std::string_view rule : {"(", "(on)", "(+nosuch)", "(\"+get)", "(~*  ~a)"}) {
    EXPECT_NE(user_.Apply(rule), AclRuleError::kNone) << rule;
  }
  EXPECT_TRUE(user_.other_selectors().empty());
  ApplyAll(user_, {"()", "(\"~a\\\"b\")"});
  EXPECT_EQ(user_.other_selectors()[1].KeyRules(), "~a\"b");
}

TEST_F(AclUserTest, ResetLeavesWhatAcLPubsubDefaultSays) {
  ApplyAll(user_, {"on", "nopass", "+@all", "~*", "&*", "(+get)"});
  EXPECT_TRUE(user_.MayDoEverything());
  ApplyAll(user_, {"reset"});
  EXPECT_EQ(user_.Describe(AclStyle::kAsGiven), "u off sanitize-payload resetchannels -@all");
  user_.SetBeginning({.all_channels = true});
  ApplyAll(user_, {"reset", "(+get)"});
  EXPECT_EQ(user_.Describe(AclStyle::kAsGiven), "u off sanitize-payload &* -@all (&* -@all +get)");
}

TEST_F(AclUserTest, TellsWhetherSubscriptionsAreSafe) {
  AclUser before("u", commands_, {});
  ApplyAll(before, {"&a", "&b*"});
  ApplyAll(user_, {"&a"});
  EXPECT_FALSE(user_.CoversChannelsOf(before));
  ApplyAll(user_, {"(&b*)"});
  EXPECT_TRUE(user_.CoversChannelsOf(before));
  ApplyAll(before, {"allchannels"});
  EXPECT_FALSE(user_.CoversChannelsOf(before));
  ApplyAll(user_, {"(&*)"});
  EXPECT_TRUE(user_.CoversChannelsOf(before));
}

TEST(AclRules, JoinsSelectorsThatWereSplit) {
  const AclRules joined = JoinAclSelectors({"on", "(+get", "~a", "&b)", "(+set)", "off"});
  EXPECT_FALSE(joined.unmatched);
  EXPECT_EQ(joined.rules, (std::vector<std::string>{"on", "(+get ~a &b)", "(+set)", "off"}));
  EXPECT_EQ(JoinAclSelectors({"on", "(+get", "~a"}).unmatched, 1U);
  // One that begins inside of another takes its place.
  EXPECT_EQ(JoinAclSelectors({"(+get", "(~a", ")"}).rules, std::vector<std::string>{"(~a )"});
  EXPECT_TRUE(JoinAclSelectors({}).rules.empty());
}

TEST(AclRules, SecretsDoNotShow) {
  EXPECT_EQ(WithoutAclSecret(">p"), "(redacted)");
  EXPECT_EQ(WithoutAclSecret("!p"), "(redacted)");
  EXPECT_EQ(WithoutAclSecret("+get"), "+get");
  EXPECT_EQ(WithoutAclSecret(""), "");
}

class AclFileTest : public testing::Test {
 protected:
  std::string Errors(std::string_view text) { return ParseAclFile(text, "f", commands_, {}).errors; }
  CommandTable commands_{AllFamilies()};
};

TEST_F(AclFileTest, ReadsUsers) {
  const AclFileContent content =
      ParseAclFile("user a on >x ~* +@all\n\n  user b (+get ~a) off\r\n", "f", commands_, {});
  EXPECT_EQ(content.errors, "");
  ASSERT_EQ(content.users.size(), 2U);
  EXPECT_TRUE(content.users.at("a")->MayLogIn("x"));
  EXPECT_EQ(content.users.at("b")->other_selectors().size(), 1U);
}

TEST_F(AclFileTest, NamesEveryFault) {
  EXPECT_EQ(Errors("usr a\n"), "f:1 should start with user keyword followed by the username. ");
  EXPECT_EQ(Errors("user a on\nuser a off\n"), "WARNING: Duplicate user 'a' found on line 2. ");
  EXPECT_EQ(Errors("user a (+get\n"), "f:1: Unmatched parenthesis in selector definition.");
  EXPECT_EQ(Errors("user a +nosuch +@nosuch\n"),
            "f:1: Error in applying operation '+nosuch': Unknown command or category name in ACL. "
            "f:1: Error in applying operation '+@nosuch': Unknown command or category name in ACL. ");
  EXPECT_EQ(Errors("user a #short foo\n"),
            "f:1: The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters. ");
}

class AclLogTest : public testing::Test {
 protected:
  void Add(std::string_view object, int64_t now_ms, AclLogReason reason = AclLogReason::kKey) {
    log_.Add({.reason = reason, .object = object, .user = "u", .client_info = "id=1"}, now_ms, 3);
  }
  AclLog log_;
};

TEST_F(AclLogTest, GroupsWhatIsAlikeForAMinute) {
  Add("a", 1000);
  Add("b", 2000);
  Add("a", 61'000);
  std::vector<AclLogEntry> entries = log_.Newest(10);
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[0].object, "a");
  EXPECT_EQ(entries[0].count, 2U);
  EXPECT_EQ(entries[0].created_ms, 1000);
  EXPECT_EQ(entries[0].updated_ms, 61'000);
  Add("a", 121'001);
  entries = log_.Newest(10);
  ASSERT_EQ(entries.size(), 3U);
  EXPECT_EQ(entries[0].count, 1U);
  EXPECT_EQ(entries[0].id, 2U);
}

TEST_F(AclLogTest, KeepsTheNewest) {
  for (const std::string_view object : {"a", "b", "c", "d"}) Add(object, 1000);
  EXPECT_EQ(log_.Newest(10).size(), 3U);
  EXPECT_EQ(log_.Newest(10).back().object, "b");
  EXPECT_EQ(log_.Newest(1).front().object, "d");
  log_.Clear();
  EXPECT_TRUE(log_.Newest(10).empty());
}

TEST_F(AclLogTest, CountsByReason) {
  Add("a", 1);
  Add("a", 2);
  Add("get", 3, AclLogReason::kCommand);
  EXPECT_EQ(log_.CountOf(AclLogReason::kKey), 2U);
  EXPECT_EQ(log_.CountOf(AclLogReason::kCommand), 1U);
  log_.ResetCounts();
  EXPECT_EQ(log_.CountOf(AclLogReason::kKey), 0U);
}

TEST_F(AclLogTest, KeepsTheBeginningOfALongKey) {
  Add(std::string(10'000, 'x'), 1);
  EXPECT_EQ(log_.Newest(1).front().object.size(), AclLog::kObjectBytesMax);
}

}  // namespace
}  // namespace cachenode
