// Random rules against a plain model of sets: what is allowed, and that each way to describe a selector gives it again.
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "server/acl/acl_user.h"
#include "server/command_table.h"
#include "server/commands/families.h"
#include "storage/base/glob.h"
#include "storage/base/random.h"
#include "tests/support/property.h"

namespace cachenode {
namespace {

// What the rules mean, in the plainest way.
struct Model {
  std::set<std::string> commands;  // Full names.
  bool future = false;
  std::map<std::string, std::set<std::string>> first_arguments;
  bool all_keys = false;
  std::map<std::string, int> keys;
  bool all_channels = false;
  std::set<std::string> channels;
};

constexpr std::string_view kPatterns[] = {"a*", "b?", "*c", "d", "[ab]x"};
constexpr std::string_view kKeys[] = {"a", "ab", "bx", "c", "abc", "d", "ax", "e"};

class AclRulesProperty : public testing::Test {
 protected:
  static void Set(Model& model, const Command& command, bool allow) {
    model.first_arguments.erase(command.full_name);
    const auto change = [&](const std::string& name) {
      if (allow) {
        model.commands.insert(name);
      } else {
        model.commands.erase(name);
      }
    };
    change(command.full_name);
    for (const auto& sub : command.subcommands) change(sub->full_name);
  }

  void SetAll(Model& model, bool allow) {
    model.commands.clear();
    model.first_arguments.clear();
    model.future = allow;
    for (uint32_t id = 0; allow && id < commands_.count(); ++id) model.commands.insert(commands_.by_id(id).full_name);
  }

  // One rule and its meaning.
  std::string RandomRule(Model& model) {
    const bool allow = random_.Below(2) == 0;
    const std::string sign = allow ? "+" : "-";
    switch (random_.Below(9)) {
      case 0:
        if (random_.Below(4) != 0) break;
        SetAll(model, allow);
        return allow ? "allcommands" : "nocommands";
      case 1:
      case 2: {
        const AclCategoryName& category = AclCategoryAt(random_.Below(kAclCategoryCount));
        for (uint32_t id = 0; id < commands_.count(); ++id) {
          const Command& command = commands_.by_id(id);
          if ((command.acl_categories & category.category) != 0) Set(model, command, allow);
        }
        return sign + "@" + std::string(category.name);
      }
      case 3: {
        const Command& command = *commands_.Find("select");
        if (!allow) break;
        model.first_arguments[command.full_name].insert("0");
        return "+select|0";
      }
      case 4: {
        const std::string pattern(kPatterns[random_.Below(std::size(kPatterns))]);
        if (model.all_keys) break;
        const int access = static_cast<int>(random_.Below(3)) + 1;
        model.keys[pattern] |= access;
        return (access == 3 ? "~" : access == 1 ? "%R~" : "%W~") + pattern;
      }
      case 5: {
        const std::string pattern(kPatterns[random_.Below(std::size(kPatterns))]);
        if (model.all_channels) break;
        model.channels.insert(pattern);
        return "&" + pattern;
      }
      case 6:
        model.keys.clear();
        model.all_keys = random_.Below(3) == 0;
        return model.all_keys ? "allkeys" : "resetkeys";
      case 7:
        model.channels.clear();
        model.all_channels = random_.Below(3) == 0;
        return model.all_channels ? "allchannels" : "resetchannels";
      default:
        break;
    }
    const Command& command = commands_.by_id(random_.Below(commands_.count()));
    Set(model, command, allow);
    return sign + command.full_name;
  }

  void Compare(const AclSelector& selector, const Model& model) {
    for (uint32_t id = 0; id < commands_.count(); ++id) {
      const std::string& name = commands_.by_id(id).full_name;
      ASSERT_EQ(selector.AllowsId(id), model.commands.contains(name)) << name;
    }
    ASSERT_EQ(selector.AllowsId(commands_.count()), model.future);
    const std::vector<std::string_view> select0 = {"select", "0"};
    const Command& select = *commands_.Find("select");
    AclRequestKeys no_keys(select, select0);
    const bool expected = model.commands.contains("select") || model.first_arguments.contains("select");
    ASSERT_EQ(selector.Check(select, select0, no_keys).denial != AclDenial::kCommand, expected);
    for (const std::string_view key : kKeys) {
      for (const uint8_t access : {kAclReadAccess, kAclWriteAccess, kAclFullAccess}) {
        bool may = model.all_keys;
        for (const auto& [pattern, given] : model.keys) may |= (given & access) == access && GlobMatch(pattern, key);
        ASSERT_EQ(selector.MayAccessKey(key, access), may) << key;
      }
      bool may = model.all_channels;
      for (const std::string& pattern : model.channels) may |= GlobMatch(pattern, key);
      ASSERT_EQ(selector.MayAccessChannel(key, false), may) << key;
    }
  }

  CommandTable commands_{AllFamilies()};
  Random random_{PropertySeed()};
};

TEST_F(AclRulesProperty, MeanWhatTheModelMeansAndCanBeReadBack) {
  SCOPED_TRACE(PropertyTrace());
  const size_t rounds = PropertyRounds(60);
  for (size_t round = 0; round < rounds; ++round) {
    Model model;
    AclUser user("u", commands_, {});
    std::string given;
    for (size_t i = random_.Below(30); i > 0; --i) {
      const std::string rule = RandomRule(model);
      given.append(rule).append(" ");
      ASSERT_EQ(user.Apply(rule), AclRuleError::kNone) << given;
    }
    SCOPED_TRACE(given);
    Compare(user.root(), model);
    for (const AclStyle style : {AclStyle::kAsGiven, AclStyle::kShortest}) {
      std::string text = user.root().Describe(style);
      SCOPED_TRACE(text);
      AclUser again("u", commands_, {});
      ASSERT_EQ(again.Apply("(" + text + ")"), AclRuleError::kNone);
      Compare(again.other_selectors().front(), model);
    }
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace cachenode
