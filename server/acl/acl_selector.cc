#include "server/acl/acl_selector.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "server/acl/acl_channels.h"
#include "server/acl/acl_summary.h"
#include "server/command_table.h"
#include "storage/base/bytes.h"
#include "storage/base/glob.h"

namespace cachenode {

namespace {

constexpr size_t kBitsPerWord = 64;

// Reads "~", "%R~", "%W~" or "%RW~" off the front of `rule`. 0 when it is none of them.
uint8_t TakeKeyAccess(std::string_view& rule) {
  if (rule.front() == '~') {
    rule.remove_prefix(1);
    return kAclFullAccess;
  }
  uint8_t access = 0;
  for (size_t i = 1; i < rule.size(); ++i) {
    const char letter = ToUpperAscii(rule[i]);
    if (letter == '~' && access != 0) {
      rule.remove_prefix(i + 1);
      return access;
    }
    const uint8_t bit = letter == 'R' ? kAclReadAccess : letter == 'W' ? kAclWriteAccess : 0;
    if (bit == 0 || (access & bit) != 0) return 0;
    access |= bit;
  }
  // Without a tilde the pattern is empty, as redis-server reads it.
  rule = {};
  return access;
}

std::string_view PrefixOf(uint8_t access) {
  if (access == kAclReadAccess) return "%R~";
  return access == kAclWriteAccess ? "%W~" : "~";
}

// The command "get" or "config|get" by the name in its row, whatever it was renamed to.
const Command* FindOriginal(const CommandTable& commands, std::string_view full_name) {
  const size_t bar = full_name.find('|');
  const std::string_view name = full_name.substr(0, bar);
  for (const auto& command : commands.commands()) {
    if (!EqualsIgnoreCase(command->spec->name, name)) continue;
    return bar == std::string_view::npos ? command.get() : command->FindSubcommand(full_name.substr(bar + 1));
  }
  return nullptr;
}

}  // namespace

uint8_t AclAccessOf(uint16_t key_flags) noexcept {
  uint8_t access = 0;
  if ((key_flags & kKeyAccess) != 0) access |= kAclReadAccess;
  if ((key_flags & (kKeyInsert | kKeyDelete | kKeyUpdate)) != 0) access |= kAclWriteAccess;
  return access;
}

const std::vector<KeyPosition>& AclRequestKeys::Find() {
  if (is_found_) return positions_;
  is_found_ = true;
  // What is wrong with the arguments, the command itself says before it touches a key.
  if (FindKeysOf(command_, args_, positions_) == KeySearch::kInvalid) positions_.clear();
  return positions_;
}

AclSelector::AclSelector(const CommandTable& commands, bool all_channels)
    : commands_(&commands), all_channels_(all_channels), allowed_(commands.count() / kBitsPerWord + 1) {}

// --- Rules -----------------------------------------------------------------------------------------------------------

AclRuleError AclSelector::Apply(std::string_view rule) {
  bool is_known = false;
  const AclRuleError error = ApplyAll(rule, is_known);
  if (is_known) return error;
  if (rule.empty()) return AclRuleError::kSyntax;
  if (rule.front() == '~' || rule.front() == '%') return AddKeyPattern(rule);
  if (rule.front() == '&') return AddChannel(rule.substr(1));
  if (rule.front() != '+' && rule.front() != '-') return AclRuleError::kSyntax;
  const bool allow = rule.front() == '+';
  rule.remove_prefix(1);
  if (rule.starts_with('@')) return ApplyCategory(rule.substr(1), allow);
  return ApplyCommand(rule, allow);
}

// The rules that are one word.
AclRuleError AclSelector::ApplyAll(std::string_view rule, bool& is_known) {
  const auto is = [rule](std::string_view word) { return EqualsIgnoreCase(rule, word); };
  is_known = true;
  if (is("allkeys") || is("~*") || is("resetkeys")) {
    all_keys_ = !is("resetkeys");
    key_patterns_.clear();
  } else if (is("allchannels") || is("&*") || is("resetchannels")) {
    all_channels_ = !is("resetchannels");
    channels_.clear();
  } else if (is("allcommands") || is("+@all")) {
    SetAllCommands(true);
  } else if (is("nocommands") || is("-@all")) {
    SetAllCommands(false);
  } else {
    is_known = false;
  }
  return AclRuleError::kNone;
}

void AclSelector::SetAllCommands(bool allow) {
  std::fill(allowed_.begin(), allowed_.end(), allow ? UINT64_MAX : 0);
  all_commands_ = allow;
  first_arguments_.clear();
  given_rules_.clear();
}

AclRuleError AclSelector::AddKeyPattern(std::string_view rule) {
  if (all_keys_) return AclRuleError::kAfterAllKeys;
  const uint8_t access = TakeKeyAccess(rule);
  if (access == 0 || AclTextHasBlanks(rule)) return AclRuleError::kSyntax;
  const auto same = std::find_if(key_patterns_.begin(), key_patterns_.end(),
                                 [rule](const KeyPattern& pattern) { return pattern.pattern == rule; });
  if (same != key_patterns_.end()) {
    same->access |= access;
  } else {
    key_patterns_.push_back({std::string(rule), access});
  }
  return AclRuleError::kNone;
}

AclRuleError AclSelector::AddChannel(std::string_view channel) {
  if (all_channels_) return AclRuleError::kAfterAllChannels;
  if (AclTextHasBlanks(channel)) return AclRuleError::kSyntax;
  if (std::find(channels_.begin(), channels_.end(), channel) == channels_.end()) channels_.emplace_back(channel);
  return AclRuleError::kNone;
}

AclRuleError AclSelector::ApplyCommand(std::string_view name, bool allow) {
  const size_t bar = name.rfind('|');
  if (allow && bar != std::string_view::npos) return AllowPart(name, name.substr(0, bar), name.substr(bar + 1));
  const Command* command = FindOriginal(*commands_, name);
  if (command == nullptr) return AclRuleError::kUnknownCommand;
  Change(*command, allow);
  Remember(command->full_name, allow);
  return AclRuleError::kNone;
}

// "+config|get", or "+select|0" where the command has no subcommands.
AclRuleError AclSelector::AllowPart(std::string_view name, std::string_view first, std::string_view last) {
  const Command* command = FindOriginal(*commands_, first);
  if (command == nullptr) return AclRuleError::kUnknownCommand;
  if (command->parent != nullptr) return AclRuleError::kFirstArgumentOfSubcommand;
  if (last.empty()) return AclRuleError::kSyntax;
  if (!command->subcommands.empty()) {
    const Command* sub = FindOriginal(*commands_, name);
    if (sub == nullptr) return AclRuleError::kUnknownCommand;
    Change(*sub, true);
  } else {
    std::vector<std::string>& allowed = first_arguments_[command->id];
    const bool is_there = std::any_of(allowed.begin(), allowed.end(),
                                      [last](const std::string& other) { return EqualsIgnoreCase(other, last); });
    if (!is_there) allowed.emplace_back(last);
  }
  Remember(name, true);
  return AclRuleError::kNone;
}

AclRuleError AclSelector::ApplyCategory(std::string_view name, bool allow) {
  const uint32_t category = FindAclCategory(name);
  if (category == 0) return AclRuleError::kUnknownCommand;
  for (uint32_t id = 0; id < commands_->count(); ++id) {
    const Command& command = commands_->by_id(id);
    if ((command.acl_categories & category) != 0) Change(command, allow);
  }
  Remember(std::string("@").append(name), allow);
  return AclRuleError::kNone;
}

// A container brings its subcommands along.
void AclSelector::Change(const Command& command, bool allow) {
  SetBit(command.id, allow);
  first_arguments_.erase(command.id);
  for (const auto& sub : command.subcommands) SetBit(sub->id, allow);
}

void AclSelector::SetBit(uint32_t id, bool allow) {
  const uint64_t bit = uint64_t{1} << (id % kBitsPerWord);
  if (allow) {
    allowed_[id / kBitsPerWord] |= bit;
  } else {
    allowed_[id / kBitsPerWord] &= ~bit;
    all_commands_ = false;
  }
}

void AclSelector::Remember(std::string_view name, bool allow) {
  const std::string lower = LowerCased(name);
  std::erase_if(given_rules_, [&lower](const GivenRule& rule) {
    return rule.name.starts_with(lower) && (rule.name.size() == lower.size() || rule.name[lower.size()] == '|');
  });
  given_rules_.push_back({lower, allow});
}

// --- Checks ----------------------------------------------------------------------------------------------------------

AclVerdict AclSelector::Check(const Command& command, Args args, AclRequestKeys& keys) const {
  if (!MayRun(command, args)) return {AclDenial::kCommand, 0};
  if (!all_keys_ && (!command.spec->keys.empty() || command.spec->find_keys != nullptr)) {
    for (const KeyPosition& key : keys.Find()) {
      if (!MayAccessKey(args[key.index], AclAccessOf(key.flags))) return {AclDenial::kKey, key.index};
    }
  }
  if (!all_channels_) return CheckChannels(command, args);
  return {};
}

bool AclSelector::MayRun(const Command& command, Args args) const {
  if (all_commands_ || command.Is(kNoAuth) || AllowsId(command.id)) return true;
  const auto found = first_arguments_.find(command.id);
  if (found == first_arguments_.end() || args.size() < 2) return false;
  return std::any_of(found->second.begin(), found->second.end(),
                     [&](const std::string& allowed) { return EqualsIgnoreCase(allowed, args[1]); });
}

AclVerdict AclSelector::CheckChannels(const Command& command, Args args) const {
  const AclChannelArguments channels = ChannelArgumentsOf(command);
  const size_t end = std::min(args.size(), channels.end);
  for (size_t i = channels.begin; i < end; ++i) {
    if (!MayAccessChannel(args[i], channels.are_patterns)) return {AclDenial::kChannel, static_cast<uint32_t>(i)};
  }
  return {};
}

bool AclSelector::MayAccessKey(std::string_view key, uint8_t access) const {
  if (all_keys_) return true;
  return std::any_of(key_patterns_.begin(), key_patterns_.end(), [&](const KeyPattern& pattern) {
    return (pattern.access & access) == access && GlobMatch(pattern.pattern, key);
  });
}

bool AclSelector::MayAccessEveryKey(uint8_t access) const {
  if (all_keys_) return true;
  return std::any_of(key_patterns_.begin(), key_patterns_.end(), [access](const KeyPattern& pattern) {
    return (pattern.access & access) == access && pattern.pattern == "*";
  });
}

bool AclSelector::MayAccessChannel(std::string_view channel, bool is_pattern) const {
  if (all_channels_) return true;
  return std::any_of(channels_.begin(), channels_.end(), [&](const std::string& allowed) {
    return is_pattern ? allowed == channel : GlobMatch(allowed, channel);
  });
}

// --- Words -----------------------------------------------------------------------------------------------------------

std::string AclSelector::CommandRules(AclStyle style) const {
  if (style == AclStyle::kShortest) return SummarizeCommandRules(*this, *commands_);
  std::string text = AllowsId(commands_->count()) ? "+@all" : "-@all";
  for (const GivenRule& rule : given_rules_) text.append(rule.allow ? " +" : " -").append(rule.name);
  return text;
}

std::string AclSelector::KeyRules() const {
  if (all_keys_) return "~*";
  std::string text;
  for (const KeyPattern& pattern : key_patterns_) {
    if (!text.empty()) text.push_back(' ');
    text.append(PrefixOf(pattern.access)).append(pattern.pattern);
  }
  return text;
}

std::string AclSelector::ChannelRules() const {
  if (all_channels_) return "&*";
  std::string text;
  for (const std::string& channel : channels_) {
    if (!text.empty()) text.push_back(' ');
    text.append("&").append(channel);
  }
  return text;
}

std::string AclSelector::Describe(AclStyle style) const {
  std::string text = KeyRules();
  if (!text.empty()) text.push_back(' ');
  if (!all_channels_) text.append("resetchannels ");
  const std::string channels = ChannelRules();
  if (!channels.empty()) text.append(channels).push_back(' ');
  return text.append(CommandRules(style));
}

}  // namespace cachenode
