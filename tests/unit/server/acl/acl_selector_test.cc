#include "server/acl/acl_selector.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "server/command_table.h"
#include "server/commands/families.h"
#include "storage/base/bytes.h"

namespace cachenode {
namespace {

class AclSelectorTest : public testing::Test {
 protected:
  AclRuleError Apply(std::string_view rule) { return selector_.Apply(rule); }
  void ApplyAll(std::initializer_list<std::string_view> rules) {
    for (const std::string_view rule : rules) EXPECT_EQ(Apply(rule), AclRuleError::kNone) << rule;
  }
  AclVerdict Check(std::initializer_list<std::string_view> words) {
    const std::vector<std::string_view> args(words);
    const Command* command = commands_.FindForArgs(args);
    AclRequestKeys keys(*command, args);
    return selector_.Check(*command, args, keys);
  }
  std::string AsGiven() { return selector_.CommandRules(AclStyle::kAsGiven); }
  std::string Shortest() { return selector_.CommandRules(AclStyle::kShortest); }

  CommandTable commands_{AllFamilies()};
  AclSelector selector_{commands_, false};
};

TEST_F(AclSelectorTest, BeginsWithNothing) {
  EXPECT_EQ(selector_.Describe(AclStyle::kAsGiven), "resetchannels -@all");
  EXPECT_EQ(Check({"get", "k"}).denial, AclDenial::kCommand);
  EXPECT_FALSE(selector_.MayDoEverything());
}

TEST_F(AclSelectorTest, CommandsThatNeedNoLoginAreAlwaysAllowed) {
  EXPECT_TRUE(Check({"auth", "x"}).allows());
  EXPECT_TRUE(Check({"reset"}).allows());
}

TEST_F(AclSelectorTest, AContainerBringsItsSubcommands) {
  ApplyAll({"+config", "-config|set"});
  EXPECT_TRUE(Check({"config", "get", "x"}).allows());
  EXPECT_EQ(Check({"config", "set", "x", "1"}).denial, AclDenial::kCommand);
}

TEST_F(AclSelectorTest, AFirstArgumentAllowsACommandOnlyWithIt) {
  ApplyAll({"+select|0", "+SELECT|0", "+select|1"});
  EXPECT_TRUE(Check({"select", "0"}).allows());
  EXPECT_FALSE(Check({"select", "2"}).allows());
  EXPECT_EQ(selector_.first_arguments().begin()->second.size(), 2U);
  ApplyAll({"-select"});
  EXPECT_FALSE(Check({"select", "0"}).allows());
}

TEST_F(AclSelectorTest, KeysAreCheckedByWhatIsDoneWithThem) {
  ApplyAll({"+@all", "%R~r*", "%W~w*", "~b*"});
  EXPECT_TRUE(Check({"get", "r1"}).allows());
  EXPECT_EQ(Check({"get", "w1"}).denial, AclDenial::kKey);
  EXPECT_TRUE(Check({"set", "w1", "v"}).allows());
  EXPECT_FALSE(Check({"set", "w1", "v", "get"}).allows());
  EXPECT_TRUE(Check({"set", "b1", "v", "GET"}).allows());
  EXPECT_TRUE(Check({"bitfield", "r1", "get", "u8", "0"}).allows());
  EXPECT_FALSE(Check({"bitfield", "r1", "incrby", "u8", "0", "1"}).allows());
  const AclVerdict verdict = Check({"mget", "r1", "b1", "x"});
  EXPECT_EQ(verdict.denial, AclDenial::kKey);
  EXPECT_EQ(verdict.argument, 3U);
}

TEST_F(AclSelectorTest, ThePatternOfAKeyGainsAccess) {
  ApplyAll({"%R~a", "%W~a"});
  EXPECT_EQ(selector_.KeyRules(), "~a");
  EXPECT_EQ(Apply("%~a"), AclRuleError::kSyntax);
  EXPECT_EQ(Apply("%Q~a"), AclRuleError::kSyntax);
  EXPECT_EQ(Apply("%RWR~a"), AclRuleError::kSyntax);
  EXPECT_EQ(Apply("~a\tb"), AclRuleError::kSyntax);
  EXPECT_EQ(Apply(""), AclRuleError::kSyntax);
  ApplyAll({"allkeys"});
  EXPECT_EQ(Apply("~a"), AclRuleError::kAfterAllKeys);
}

TEST_F(AclSelectorTest, PatternsToSubscribeToAreMeantLiterally) {
  ApplyAll({"&news:*", "&*.x"});
  EXPECT_TRUE(selector_.MayAccessChannel("news:1", false));
  EXPECT_FALSE(selector_.MayAccessChannel("news:1", true));
  EXPECT_TRUE(selector_.MayAccessChannel("news:*", true));
  EXPECT_FALSE(selector_.MayAccessChannel("other", false));
}

TEST_F(AclSelectorTest, RulesAreKeptAsGivenButForThoseThatBecameVoid) {
  ApplyAll({"+@all", "-@hash", "-@slow", "+hget"});
  EXPECT_EQ(AsGiven(), "+@all -@hash -@slow +hget");
  ApplyAll({"-@hash"});
  EXPECT_EQ(AsGiven(), "+@all -@slow +hget -@hash");
  ApplyAll({"+@hash"});
  EXPECT_EQ(AsGiven(), "+@all -@slow +hget +@hash");
  ApplyAll({"-@all", "+config|get", "+config|set", "+CONFIG"});
  EXPECT_EQ(AsGiven(), "-@all +config");
  ApplyAll({"-config|get"});
  EXPECT_EQ(AsGiven(), "-@all +config -config|get");
}

TEST_F(AclSelectorTest, TheShortestRulesNameCategoriesFirst) {
  for (size_t i = 0; i < kAclCategoryCount; ++i) {
    const std::string category(AclCategoryAt(i).name);
    ApplyAll({"-@all", "+@" + category});
    const bool has_commands = Shortest() != "-@all";
    if (!has_commands) continue;
    ApplyAll({"+@all", "-@" + category});
    EXPECT_EQ(Shortest(), "+@all -@" + category);
    ApplyAll({"-@all", "+@" + category});
    EXPECT_EQ(Shortest(), "-@all +@" + category);
  }
  ApplyAll({"+@all", "-@string", "+get", "-config|set"});
  EXPECT_EQ(Shortest(), "+@all -@string -config|set +get");
  ApplyAll({"-@all", "+select|0"});
  EXPECT_EQ(Shortest(), "-@all +select|0");
}

TEST_F(AclSelectorTest, AllCommandsIsMoreThanEachOne) {
  for (const auto& command : commands_.commands()) ApplyAll({"+" + command->name});
  EXPECT_EQ(AsGiven().substr(0, 5), "-@all");
  EXPECT_FALSE(selector_.MayDoEverything());
  ApplyAll({"+@all", "allkeys", "allchannels"});
  EXPECT_TRUE(selector_.MayDoEverything());
  ApplyAll({"-get", "+get"});
  EXPECT_FALSE(selector_.MayDoEverything());
}

TEST_F(AclSelectorTest, RenamedCommandsAreMeantByTheirOldName) {
  ASSERT_TRUE(commands_.Rename("get", "fetch").ok());
  EXPECT_EQ(Apply("+fetch"), AclRuleError::kUnknownCommand);
  ApplyAll({"+get", "~*"});
  EXPECT_TRUE(Check({"fetch", "k"}).allows());
  EXPECT_EQ(AsGiven(), "-@all +get");
}

TEST_F(AclSelectorTest, ARefusedRuleChangesNothing) {
  ApplyAll({"+get", "~a", "&b"});
  const std::string before = selector_.Describe(AclStyle::kAsGiven);
  for (const std::string_view rule : {"+nosuch", "-nosuch", "+@nosuch", "+config|nosuch", "+config|get|x", "+config|",
                                      "+get|", "x", "+", "-", "+@", "%", "~ ", "& ", "-select|0", "+get|a|b"}) {
    EXPECT_NE(Apply(rule), AclRuleError::kNone) << rule;
  }
  EXPECT_EQ(selector_.Describe(AclStyle::kAsGiven), before);
}

}  // namespace
}  // namespace cachenode
