// All users, and which of them each client is.
//
// Thread-safety: what changes users runs under the exclusive world lock (rows marked kExclusive, CONFIG SET) or before
//   the workers start; what only reads them, from inside the world. The log takes care of itself.
// Invariants: there is always a user "default"; a session holds its user in acl_user and carries kRestrictedUser
//   exactly when that user may do less than everything, so that others cost nothing.
// Limits: kAclUsersMax users.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/acl/acl_file.h"
#include "server/acl/acl_log.h"
#include "server/acl/acl_user.h"
#include "server/config/config_store.h"
#include "storage/base/status.h"

namespace cachenode {

class ClientRegistry;
class CommandTable;
class Log;
struct Session;

class AclStore final : public ConfigApplier {
 public:
  static constexpr std::string_view kDefaultUser = "default";

  // Makes the default user, with the password of requirepass. All outlive this object.
  AclStore(ConfigStore& config, const CommandTable& commands, ClientRegistry& clients, Log& log);

  // --- At the start ---
  // The `user` directives, each without its first word, and the ACL file, of which there may be one kind only. The
  // error's text is a line for the log.
  Status LoadAtStart(std::span<const std::string> user_lines);

  // --- Clients ---
  // Logs `session` in. False when the password is wrong, or the user unknown or off; then nothing has changed.
  [[nodiscard]] bool LogIn(Session& session, std::string_view name, std::string_view password) const;
  // As a new connection begins: the default user, logged in if that needs no password.
  void BecomeDefault(Session& session) const;
  // Whether clients that did not log in may do what the default user may.
  [[nodiscard]] bool default_is_open() const { return default_is_open_.load(std::memory_order_relaxed); }

  // --- Users ---
  [[nodiscard]] const AclUsers& users() const { return users_; }
  // Null when there is no such user.
  [[nodiscard]] std::shared_ptr<const AclUser> Find(std::string_view name) const;
  // Makes or changes a user: all rules or none. Clients that subscribe to what they no longer may are closed. The
  // error's text is the reply. `caller` gets its reply before it is closed; null at the start.
  Status SetUser(std::string_view name, std::vector<std::string> rules, Session* caller);
  // Removes users and closes their clients; how many there were. Error: the reply, when "default" is among them.
  Result<int64_t> DeleteUsers(std::span<const std::string_view> names, Session* caller);
  // What follows "user" in a file, one for each user.
  [[nodiscard]] std::vector<std::string> Lines() const;
  // The lines CONFIG REWRITE writes: none when an ACL file holds them.
  [[nodiscard]] std::vector<std::string> ConfigLines() const;
  [[nodiscard]] AclStyle style() const;

  // --- The file ---
  // Replaces all users by those of the ACL file, or changes nothing. The error's text is the reply.
  Status LoadFile(Session* caller);
  // Blocks on the disk.
  Status SaveFile() const;

  [[nodiscard]] AclLog& log() { return acl_log_; }
  [[nodiscard]] const AclLog& log() const { return acl_log_; }

  // requirepass changed: it is the default user's password from now on.
  Status Apply(ApplyGroup group, const Config& before, const Config& after) override;

 private:
  [[nodiscard]] AclUser::Beginning BeginningOf() const;
  [[nodiscard]] AclUser MakeDefault() const;
  Status LoadConfigured(std::string_view line);
  Status ApplyRules(AclUser& user, std::vector<std::string> rules) const;
  [[nodiscard]] Status ReadFile(AclUsers& users) const;
  void SetDefaultPassword(std::string_view password);
  void Publish(AclUser user, Session* caller);
  // The user of a name before a change; null when there was none.
  using UserBefore = std::function<std::shared_ptr<const AclUser>(const std::string& name)>;
  // Gives every client the user that is valid now, and closes those that have none or subscribe to too much.
  void Reattach(const UserBefore& before, Session* caller);
  void Close(Session& session, const Session* caller) const;
  static void Attach(Session& session, const std::shared_ptr<const AclUser>& user);

  // Constant after construction.
  const ConfigStore& config_;
  const CommandTable& commands_;
  ClientRegistry& clients_;
  Log& server_log_;
  // Written under the exclusive world lock.
  AclUsers users_;
  std::atomic<bool> default_is_open_{true};
  AclLog acl_log_;
};

}  // namespace cachenode
