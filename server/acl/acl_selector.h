// One set of permissions: which commands may run, on which keys, with which channels. A user has at least one.
//
// Thread-safety: a value; constant once its user is published.
// Invariants: commands are told by their ids in the command table, so a renamed command keeps its permissions; a
//   selector that allows all keys or channels lists no patterns.
// Cost: a check looks at one bit, and at each pattern for each key or channel.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "server/acl/acl_rule.h"
#include "server/key_spec.h"

namespace cachenode {

class CommandTable;
struct Command;

// What is done with a key, as bits.
inline constexpr uint8_t kAclReadAccess = 1;
inline constexpr uint8_t kAclWriteAccess = 2;
inline constexpr uint8_t kAclFullAccess = kAclReadAccess | kAclWriteAccess;
// The access that a command with these KeyFlag bits needs.
[[nodiscard]] uint8_t AclAccessOf(uint16_t key_flags) noexcept;

// The keys of one request, found when the first selector asks.
class AclRequestKeys {
 public:
  AclRequestKeys(const Command& command, Args args) : command_(command), args_(args) {}
  [[nodiscard]] const std::vector<KeyPosition>& Find();

 private:
  const Command& command_;
  const Args args_;
  std::vector<KeyPosition> positions_;
  bool is_found_ = false;
};

class AclSelector {
 public:
  struct KeyPattern {
    std::string pattern;
    uint8_t access = 0;  // kAclReadAccess, kAclWriteAccess or both.
  };

  // Allows nothing but, if wanted, channels. `commands` outlives the selector.
  AclSelector(const CommandTable& commands, bool all_channels);

  // Applies a rule about commands, keys or channels. Nothing changes when it is refused.
  AclRuleError Apply(std::string_view rule);

  [[nodiscard]] AclVerdict Check(const Command& command, Args args, AclRequestKeys& keys) const;
  [[nodiscard]] bool MayAccessKey(std::string_view key, uint8_t access) const;
  // Whether any key whatever may be accessed so.
  [[nodiscard]] bool MayAccessEveryKey(uint8_t access) const;
  // A pattern to subscribe to must be listed literally.
  [[nodiscard]] bool MayAccessChannel(std::string_view channel, bool is_pattern) const;
  [[nodiscard]] bool MayDoEverything() const { return all_commands_ && all_keys_ && all_channels_; }

  [[nodiscard]] bool all_channels() const { return all_channels_; }
  [[nodiscard]] const std::vector<std::string>& channels() const { return channels_; }
  // The bit of a command; of id count(), whether commands that are added later are allowed.
  [[nodiscard]] bool AllowsId(size_t id) const { return (allowed_[id / 64] >> (id % 64) & 1U) != 0; }
  [[nodiscard]] const std::map<uint32_t, std::vector<std::string>>& first_arguments() const { return first_arguments_; }

  // "+@all -flushall", "~a* %R~b", "&news" as ACL GETUSER shows them.
  [[nodiscard]] std::string CommandRules(AclStyle style) const;
  [[nodiscard]] std::string KeyRules() const;
  [[nodiscard]] std::string ChannelRules() const;
  // Everything, in the form of an ACL file.
  [[nodiscard]] std::string Describe(AclStyle style) const;

 private:
  AclRuleError ApplyAll(std::string_view rule, bool& is_known);
  AclRuleError AddKeyPattern(std::string_view rule);
  AclRuleError AddChannel(std::string_view channel);
  AclRuleError ApplyCommand(std::string_view name, bool allow);
  AclRuleError AllowPart(std::string_view name, std::string_view first, std::string_view last);
  AclRuleError ApplyCategory(std::string_view name, bool allow);
  void SetAllCommands(bool allow);
  void Change(const Command& command, bool allow);
  void SetBit(uint32_t id, bool allow);
  // Remembers a rule and forgets those it makes void.
  void Remember(std::string_view name, bool allow);
  [[nodiscard]] bool MayRun(const Command& command, Args args) const;
  [[nodiscard]] AclVerdict CheckChannels(const Command& command, Args args) const;

  struct GivenRule {
    std::string name;  // "get", "config|get", "@read", "select|0"; lower case.
    bool allow = false;
  };

  const CommandTable* commands_;
  bool all_commands_ = false;  // No command was taken away since all were allowed.
  bool all_keys_ = false;
  bool all_channels_ = false;
  std::vector<uint64_t> allowed_;  // A bit for each command id, and one for commands to come.
  std::map<uint32_t, std::vector<std::string>> first_arguments_;  // By command id: allowed values of argument 1.
  std::vector<KeyPattern> key_patterns_;
  std::vector<std::string> channels_;
  std::vector<GivenRule> given_rules_;  // Since all commands were allowed or refused.
};

}  // namespace cachenode
