#include "server/acl/acl_user.h"

#include <algorithm>
#include <utility>

#include "server/acl/acl_password.h"
#include "server/command_table.h"
#include "storage/base/bytes.h"
#include "storage/base/quoting.h"

namespace cachenode {

AclUser::AclUser(std::string name, const CommandTable& commands, Beginning beginning)
    : name_(std::move(name)),
      commands_(&commands),
      beginning_(beginning),
      sanitizing_(beginning.sanitizes_payload ? Sanitizing::kYes : Sanitizing::kUnsaid) {
  selectors_.emplace_back(commands, beginning.all_channels);
}

// --- Rules -----------------------------------------------------------------------------------------------------------

AclRuleError AclUser::Apply(std::string_view rule) {
  if (rule.empty() || ApplyFlag(rule)) return AclRuleError::kNone;
  if (rule.front() == '>' || rule.front() == '#') return AddPassword(rule);
  if (rule.front() == '<' || rule.front() == '!') return RemovePassword(rule);
  if (rule.front() == '(' && rule.back() == ')') return AddSelector(rule);
  return selectors_.front().Apply(rule);
}

// The rules that are one word and no matter of a selector.
bool AclUser::ApplyFlag(std::string_view rule) {
  const auto is = [rule](std::string_view word) { return EqualsIgnoreCase(rule, word); };
  if (is("on") || is("off")) {
    is_on_ = is("on");
  } else if (is("sanitize-payload")) {
    sanitizing_ = Sanitizing::kYes;
  } else if (is("skip-sanitize-payload")) {
    sanitizing_ = Sanitizing::kSkip;
  } else if (is("nopass") || is("resetpass")) {
    needs_no_password_ = is("nopass");
    password_hashes_.clear();
  } else if (is("clearselectors")) {
    selectors_.erase(selectors_.begin() + 1, selectors_.end());
  } else if (is("reset")) {
    Reset();
  } else {
    return false;
  }
  return true;
}

void AclUser::Reset() {
  is_on_ = false;
  needs_no_password_ = false;
  password_hashes_.clear();
  sanitizing_ = Sanitizing::kYes;
  selectors_.clear();
  selectors_.emplace_back(*commands_, beginning_.all_channels);
}

AclRuleError AclUser::AddPassword(std::string_view rule) {
  const std::string_view given = rule.substr(1);
  if (rule.front() == '#' && !IsPasswordHash(given)) return AclRuleError::kBadPasswordHash;
  std::string hash = rule.front() == '#' ? std::string(given) : HashPassword(given);
  if (std::find(password_hashes_.begin(), password_hashes_.end(), hash) == password_hashes_.end()) {
    password_hashes_.push_back(std::move(hash));
  }
  needs_no_password_ = false;
  return AclRuleError::kNone;
}

AclRuleError AclUser::RemovePassword(std::string_view rule) {
  const std::string_view given = rule.substr(1);
  if (rule.front() == '!' && !IsPasswordHash(given)) return AclRuleError::kBadPasswordHash;
  const std::string hash = rule.front() == '!' ? std::string(given) : HashPassword(given);
  return std::erase(password_hashes_, hash) != 0 ? AclRuleError::kNone : AclRuleError::kNoSuchPassword;
}

// "(+get ~a*)": rules in parentheses, with quotes where a rule needs them.
AclRuleError AclUser::AddSelector(std::string_view rule) {
  if (rule.size() < 2) return AclRuleError::kSyntax;
  std::vector<std::string> rules;
  if (!SplitQuotedWords(rule.substr(1, rule.size() - 2), rules)) return AclRuleError::kSyntax;
  AclSelector selector(*commands_, beginning_.all_channels);
  for (const std::string& inner : rules) {
    if (const AclRuleError error = selector.Apply(inner); error != AclRuleError::kNone) return error;
  }
  selectors_.push_back(std::move(selector));
  return AclRuleError::kNone;
}

// --- Login -----------------------------------------------------------------------------------------------------------

bool AclUser::MayLogIn(std::string_view password) const {
  if (!is_on_) return false;
  if (needs_no_password_) return true;
  const std::string hash = HashPassword(password);
  bool fits = false;
  for (const std::string& known : password_hashes_) fits = PasswordHashesEqual(hash, known) || fits;
  return fits;
}

// --- Permissions -----------------------------------------------------------------------------------------------------

bool AclUser::MayDoEverything() const {
  return std::any_of(selectors_.begin(), selectors_.end(),
                     [](const AclSelector& selector) { return selector.MayDoEverything(); });
}

AclVerdict AclUser::Check(const Command& command, Args args) const {
  AclRequestKeys keys(command, args);
  AclVerdict worst{AclDenial::kCommand, 0};
  for (const AclSelector& selector : selectors_) {
    const AclVerdict verdict = selector.Check(command, args, keys);
    if (verdict.allows()) return verdict;
    const bool tells_more =
        verdict.denial > worst.denial || (verdict.denial == worst.denial && verdict.argument > worst.argument);
    if (tells_more) worst = verdict;
  }
  return worst;
}

bool AclUser::CheckWithEveryKey(const Command& command, Args args, uint8_t access) const {
  AclRequestKeys keys(command, args);
  return std::any_of(selectors_.begin(), selectors_.end(), [&](const AclSelector& selector) {
    return selector.MayAccessEveryKey(access) && selector.Check(command, args, keys).allows();
  });
}

bool AclUser::MayAccessKey(std::string_view key, uint8_t access) const {
  return std::any_of(selectors_.begin(), selectors_.end(),
                     [&](const AclSelector& selector) { return selector.MayAccessKey(key, access); });
}

bool AclUser::MayAccessChannel(std::string_view channel, bool is_pattern) const {
  return std::any_of(selectors_.begin(), selectors_.end(),
                     [&](const AclSelector& selector) { return selector.MayAccessChannel(channel, is_pattern); });
}

bool AclUser::CoversChannelsOf(const AclUser& before) const {
  const auto lists = [this](const std::string& channel) {
    return std::any_of(selectors_.begin(), selectors_.end(), [&channel](const AclSelector& selector) {
      const std::vector<std::string>& listed = selector.channels();
      return selector.all_channels() || std::find(listed.begin(), listed.end(), channel) != listed.end();
    });
  };
  const bool all = std::any_of(selectors_.begin(), selectors_.end(),
                               [](const AclSelector& selector) { return selector.all_channels(); });
  if (all) return true;
  return std::all_of(before.selectors_.begin(), before.selectors_.end(), [&lists](const AclSelector& selector) {
    return !selector.all_channels() && std::all_of(selector.channels().begin(), selector.channels().end(), lists);
  });
}

// --- Words -----------------------------------------------------------------------------------------------------------

std::vector<std::string_view> AclUser::Flags() const {
  std::vector<std::string_view> flags = {is_on_ ? "on" : "off"};
  if (needs_no_password_) flags.emplace_back("nopass");
  if (sanitizing_ == Sanitizing::kSkip) flags.emplace_back("skip-sanitize-payload");
  if (sanitizing_ == Sanitizing::kYes) flags.emplace_back("sanitize-payload");
  return flags;
}

std::string AclUser::Describe(AclStyle style) const {
  std::string text = name_;
  for (const std::string_view flag : Flags()) text.append(" ").append(flag);
  for (const std::string& hash : password_hashes_) text.append(" #").append(hash);
  text.append(" ").append(root().Describe(style));
  for (const AclSelector& selector : other_selectors()) text.append(" (").append(selector.Describe(style)).append(")");
  return text;
}

}  // namespace cachenode
