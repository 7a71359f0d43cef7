#include "server/acl/acl_rule.h"

#include <algorithm>
#include <array>
#include <utility>

#include "server/command_spec.h"
#include "storage/base/bytes.h"

namespace cachenode {

namespace {

constexpr std::array<AclCategoryName, kAclCategoryCount> kCategories = {{
    {"keyspace", kAclKeyspace},
    {"read", kAclRead},
    {"write", kAclWrite},
    {"set", kAclSet},
    {"sortedset", kAclSortedSet},
    {"list", kAclList},
    {"hash", kAclHash},
    {"string", kAclString},
    {"bitmap", kAclBitmap},
    {"hyperloglog", kAclHyperLogLog},
    {"geo", kAclGeo},
    {"stream", kAclStream},
    {"pubsub", kAclPubSub},
    {"admin", kAclAdmin},
    {"fast", kAclFast},
    {"slow", kAclSlow},
    {"blocking", kAclBlocking},
    {"dangerous", kAclDangerous},
    {"connection", kAclConnection},
    {"transaction", kAclTransaction},
    {"scripting", kAclScripting},
}};

}  // namespace

std::string_view AclRuleErrorText(AclRuleError error) noexcept {
  switch (error) {
    case AclRuleError::kNone:
      return {};
    case AclRuleError::kSyntax:
      return "Syntax error";
    case AclRuleError::kUnknownCommand:
      return "Unknown command or category name in ACL";
    case AclRuleError::kAfterAllKeys:
      return "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any effect. "
             "Try 'resetkeys' to start with an empty list of patterns";
    case AclRuleError::kAfterAllChannels:
      return "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any "
             "effect. Try 'resetchannels' to start with an empty list of channels";
    case AclRuleError::kNoSuchPassword:
      return "The password you are trying to remove from the user does not exist";
    case AclRuleError::kBadPasswordHash:
      return "The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters";
    case AclRuleError::kFirstArgumentOfSubcommand:
      return "Allowing first-arg of a subcommand is not supported";
  }
  return {};
}

bool AclTextHasBlanks(std::string_view text) noexcept {
  return std::any_of(text.begin(), text.end(), [](char c) { return IsSpaceAscii(c) || c == '\0'; });
}

AclRules JoinAclSelectors(std::vector<std::string> arguments) {
  AclRules joined;
  std::string selector;
  for (size_t i = 0; i < arguments.size(); ++i) {
    std::string& argument = arguments[i];
    const bool closes = !argument.empty() && argument.back() == ')';
    if (!argument.empty() && argument.front() == '(' && !closes) {
      selector = std::move(argument);  // One that was open is forgotten.
      joined.unmatched = i;
    } else if (joined.unmatched) {
      selector.append(" ").append(UpToZero(argument));
      if (!closes) continue;
      joined.rules.push_back(std::exchange(selector, {}));
      joined.unmatched.reset();
    } else {
      joined.rules.push_back(std::move(argument));
    }
  }
  return joined;
}

std::string_view WithoutAclSecret(std::string_view rule) noexcept {
  const bool is_secret = !rule.empty() && std::string_view("><#!").find(rule.front()) != std::string_view::npos;
  return is_secret ? std::string_view("(redacted)") : rule;
}

const AclCategoryName& AclCategoryAt(size_t index) noexcept { return kCategories[index]; }

uint32_t FindAclCategory(std::string_view name) noexcept {
  for (const AclCategoryName& category : kCategories) {
    if (EqualsIgnoreCase(category.name, name)) return category.category;
  }
  return 0;
}

}  // namespace cachenode
