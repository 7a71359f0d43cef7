// A user: whether and how clients log in as it, and what they may then do.
//
// Thread-safety: a value while rules are applied; published as shared_ptr<const AclUser>, constant from then on. A
//   change makes a new one and swaps it (AclStore). Shared, because sessions of several workers hold it and the last to
//   let go is unknown.
// Invariants: there is a root selector; a user without passwords and without nopass cannot log in.
// Limits: a request is allowed when one selector alone allows all of it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/acl/acl_rule.h"
#include "server/acl/acl_selector.h"
#include "server/key_spec.h"

namespace cachenode {

class CommandTable;
struct Command;

class AclUser {
 public:
  // What a new user begins with.
  struct Beginning {
    bool all_channels = false;       // acl-pubsub-default allchannels
    bool sanitizes_payload = false;  // Shown by engines from 7.2 on.
  };

  // A user that is off, has no password and may do nothing. `commands` outlives it.
  AclUser(std::string name, const CommandTable& commands, Beginning beginning);

  // What "reset" and new selectors begin with from now on.
  void SetBeginning(Beginning beginning) { beginning_ = beginning; }

  // Applies one rule of ACL SETUSER ("on", ">secret", "+get", "~a*", "(+set ~b*)"). Nothing changes when it is refused.
  AclRuleError Apply(std::string_view rule);

  // --- Login ---
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] bool is_on() const { return is_on_; }
  [[nodiscard]] bool needs_no_password() const { return needs_no_password_; }
  // Whether a client may be this user without saying who it is.
  [[nodiscard]] bool is_open() const { return is_on_ && needs_no_password_; }
  // Whether the user is on and `password` is one of its passwords.
  [[nodiscard]] bool MayLogIn(std::string_view password) const;

  // --- Permissions ---
  // True only when Check allows every request; then nobody needs to call it.
  [[nodiscard]] bool MayDoEverything() const;
  // Whether a request may run. The keys and channels it names are checked with the command.
  [[nodiscard]] AclVerdict Check(const Command& command, Args args) const;
  // As Check, and the selector that allows the request must allow any key (SORT BY and GET look at keys nobody names).
  [[nodiscard]] bool CheckWithEveryKey(const Command& command, Args args, uint8_t access) const;
  [[nodiscard]] bool MayAccessKey(std::string_view key, uint8_t access) const;
  [[nodiscard]] bool MayAccessChannel(std::string_view channel, bool is_pattern) const;
  // Whether every channel that `before` could use is one this user can: then no subscription needs a look.
  [[nodiscard]] bool CoversChannelsOf(const AclUser& before) const;

  // --- Words ---
  // "on", "nopass", ... as ACL GETUSER lists them.
  [[nodiscard]] std::vector<std::string_view> Flags() const;
  [[nodiscard]] const std::vector<std::string>& password_hashes() const { return password_hashes_; }
  [[nodiscard]] const AclSelector& root() const { return selectors_.front(); }
  [[nodiscard]] std::span<const AclSelector> other_selectors() const { return std::span(selectors_).subspan(1); }
  // "alice on #... ~* resetchannels -@all +get": what follows the word "user" in a file.
  [[nodiscard]] std::string Describe(AclStyle style) const;

 private:
  enum class Sanitizing : uint8_t { kUnsaid, kYes, kSkip };

  bool ApplyFlag(std::string_view rule);
  AclRuleError AddPassword(std::string_view rule);
  AclRuleError RemovePassword(std::string_view rule);
  AclRuleError AddSelector(std::string_view rule);
  void Reset();

  std::string name_;
  const CommandTable* commands_;
  Beginning beginning_;
  bool is_on_ = false;
  bool needs_no_password_ = false;
  Sanitizing sanitizing_ = Sanitizing::kUnsaid;
  std::vector<std::string> password_hashes_;
  std::vector<AclSelector> selectors_;  // The root first.
};

}  // namespace cachenode
