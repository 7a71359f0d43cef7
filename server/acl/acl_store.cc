#include "server/acl/acl_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "server/client_registry.h"
#include "server/config/config.h"
#include "server/config/config_file.h"
#include "server/config/config_rewrite.h"
#include "server/pubsub/subscriptions.h"
#include "server/session.h"
#include "storage/base/bytes.h"
#include "storage/base/log.h"
#include "storage/base/quoting.h"

namespace cachenode {

namespace {

// Whether a client holds a subscription that `user` may not have.
bool SubscribesBeyond(const Session& session, const AclUser& user) {
  if (session.subscriptions == nullptr) return false;
  for (const ChannelKind kind : {ChannelKind::kChannel, ChannelKind::kShard, ChannelKind::kPattern}) {
    const bool is_pattern = kind == ChannelKind::kPattern;
    for (const auto& [name, membership] : session.subscriptions->Of(kind)) {
      if (!user.MayAccessChannel(name, is_pattern)) return true;
    }
  }
  return false;
}

// Closes nobody, but leaves the client no permission in what is left of its life.
void Deauthenticate(Session& session) {
  session.user = AclStore::kDefaultUser;
  session.authenticated = false;
}

}  // namespace

AclStore::AclStore(ConfigStore& config, const CommandTable& commands, ClientRegistry& clients, Log& log)
    : config_(config), commands_(commands), clients_(clients), server_log_(log) {
  users_.emplace(kDefaultUser, std::make_shared<AclUser>(MakeDefault()));
  SetDefaultPassword(config.Current().requirepass);
  config.Subscribe(ApplyGroup::kAuthentication, *this);
}

AclUser::Beginning AclStore::BeginningOf() const {
  const Config& config = config_.Current();
  return {.all_channels = config.acl_pubsub_default == ChannelsDefault::kAllChannels,
          .sanitizes_payload = config.engine_version.AtLeast(7, 2)};
}

AclUser AclStore::MakeDefault() const {
  AclUser user(std::string(kDefaultUser), commands_, BeginningOf());
  for (const std::string_view rule : {"+@all", "~*", "&*", "on", "nopass"}) {
    static_cast<void>(user.Apply(rule));  // None of these is ever refused.
  }
  return user;
}

// --- The start -------------------------------------------------------------------------------------------------------

Status AclStore::LoadAtStart(std::span<const std::string> user_lines) {
  const std::string& file = config_.Current().aclfile;
  if (!file.empty() && !user_lines.empty()) {
    return Status::WithText(Err::kConfig,
                            "Users are defined in the configuration file, and 'aclfile' names another file for them. "
                            "Use one of the two: with both, it is not certain who may do what.");
  }
  for (const std::string& line : user_lines) {
    if (Status failed = LoadConfigured(line); !failed.ok()) return failed;
  }
  if (file.empty()) return Status::Ok();
  AclUsers users;
  if (const Status failed = ReadFile(users); !failed.ok()) {
    return Status::WithText(Err::kConfig,
                            fmt::format("Aborting Redis startup because of ACL errors: {}", failed.text()));
  }
  users_ = std::move(users);
  default_is_open_ = Find(kDefaultUser)->is_open();
  return Status::Ok();
}

Status AclStore::LoadConfigured(std::string_view line) {
  std::vector<std::string> words;
  if (!SplitQuotedWords(line, words) || words.empty()) {
    return Status::WithText(Err::kConfig, "A 'user' directive has unbalanced quotes or no name");
  }
  const std::string name = std::move(words.front());
  words.erase(words.begin());
  if (AclTextHasBlanks(name)) return Status::WithText(Err::kConfig, "Spaces not allowed in ACL usernames");
  AclUser user(name, commands_, BeginningOf());
  if (name == kDefaultUser) static_cast<void>(user.Apply("reset"));
  AclRules joined = JoinAclSelectors(std::move(words));
  if (joined.unmatched) {
    return Status::WithText(Err::kConfig,
                            fmt::format("Unmatched parenthesis in a selector of the user named '{}'", name));
  }
  for (const std::string& rule : joined.rules) {
    if (const AclRuleError error = user.Apply(rule); error != AclRuleError::kNone) {
      return Status::WithText(Err::kConfig, fmt::format("Error loading ACL rule '{}' for the user named '{}': {}",
                                                        WithoutAclSecret(rule), name, AclRuleErrorText(error)));
    }
  }
  if (!user.is_on()) {
    CN_LOG(server_log_, kNotice, "The user '{}' is disabled: no 'on' is among its rules. Clients cannot log in as it.",
           name);
  }
  Publish(std::move(user), nullptr);
  return Status::Ok();
}

// --- Clients ---------------------------------------------------------------------------------------------------------

void AclStore::Attach(Session& session, const std::shared_ptr<const AclUser>& user) {
  session.user = user->name();
  if (user->MayDoEverything()) {
    session.acl_user.reset();
    session.conditions &= ~static_cast<uint32_t>(kRestrictedUser);
  } else {
    session.acl_user = user;
    session.conditions |= kRestrictedUser;
  }
}

bool AclStore::LogIn(Session& session, std::string_view name, std::string_view password) const {
  const std::shared_ptr<const AclUser> user = Find(name);
  if (user == nullptr || !user->MayLogIn(password)) return false;
  session.authenticated = true;
  Attach(session, user);
  return true;
}

void AclStore::BecomeDefault(Session& session) const {
  session.authenticated = default_is_open();
  Attach(session, users_.find(kDefaultUser)->second);
}

void AclStore::Close(Session& session, const Session* caller) const {
  Deauthenticate(session);
  Attach(session, users_.find(kDefaultUser)->second);
  if (&session == caller) {
    session.closing = Closing::kAfterReply;
  } else {
    clients_.Kill(session);
  }
}

void AclStore::Reattach(const UserBefore& before, Session* caller) {
  std::vector<Session*> doomed;
  clients_.ForEach([&](Session& session) {
    const std::shared_ptr<const AclUser> user = Find(session.user);
    if (user == nullptr) {
      doomed.push_back(&session);
      return;
    }
    const std::shared_ptr<const AclUser> old = before(session.user);
    if (old == user) return;
    const bool may_lose = old == nullptr || !user->CoversChannelsOf(*old);
    if (may_lose && SubscribesBeyond(session, *user)) {
      doomed.push_back(&session);
    } else {
      Attach(session, user);
    }
  });
  for (Session* session : doomed) Close(*session, caller);
}

// --- Users -----------------------------------------------------------------------------------------------------------

AclStyle AclStore::style() const {
  return config_.Current().engine_version.AtLeast(7, 2) ? AclStyle::kAsGiven : AclStyle::kShortest;
}

std::shared_ptr<const AclUser> AclStore::Find(std::string_view name) const {
  const auto found = users_.find(name);
  return found == users_.end() ? nullptr : found->second;
}

Status AclStore::ApplyRules(AclUser& user, std::vector<std::string> rules) const {
  const std::vector<std::string> given = rules;
  const AclRules joined = JoinAclSelectors(std::move(rules));
  if (joined.unmatched) {
    return Status::Text(
        fmt::format("ERR Unmatched parenthesis in acl selector starting at '{}'.", UpToZero(given[*joined.unmatched])));
  }
  for (const std::string& rule : joined.rules) {
    if (const AclRuleError error = user.Apply(rule); error != AclRuleError::kNone) {
      return Status::Text(
          fmt::format("ERR Error in ACL SETUSER modifier '{}': {}", UpToZero(rule), AclRuleErrorText(error)));
    }
  }
  return Status::Ok();
}

Status AclStore::SetUser(std::string_view name, std::vector<std::string> rules, Session* caller) {
  if (AclTextHasBlanks(name)) return Status::Text("ERR Usernames can't contain spaces or null characters");
  const std::shared_ptr<const AclUser> before = Find(name);
  if (before == nullptr && users_.size() >= kAclUsersMax) return Status::Text("ERR too many users");
  AclUser user = before != nullptr ? *before : AclUser(std::string(name), commands_, BeginningOf());
  user.SetBeginning(BeginningOf());
  if (Status failed = ApplyRules(user, std::move(rules)); !failed.ok()) return failed;
  Publish(std::move(user), caller);
  return Status::Ok();
}

void AclStore::Publish(AclUser user, Session* caller) {
  const auto after = std::make_shared<const AclUser>(std::move(user));
  const std::shared_ptr<const AclUser> old = Find(after->name());
  users_.insert_or_assign(after->name(), after);
  default_is_open_ = Find(kDefaultUser)->is_open();
  Reattach([&](const std::string& name) { return name == after->name() ? old : Find(name); }, caller);
}

Result<int64_t> AclStore::DeleteUsers(std::span<const std::string_view> names, Session* caller) {
  if (std::find(names.begin(), names.end(), kDefaultUser) != names.end()) {
    return Status::Text("ERR The 'default' user cannot be removed");
  }
  int64_t deleted = 0;
  for (const std::string_view name : names) {
    const auto found = users_.find(name);
    if (found == users_.end()) continue;
    users_.erase(found);
    ++deleted;
  }
  if (deleted != 0) Reattach([this](const std::string& name) { return Find(name); }, caller);
  return deleted;
}

std::vector<std::string> AclStore::Lines() const {
  std::vector<std::string> lines;
  for (const auto& [name, user] : users_) lines.push_back(user->Describe(style()));
  return lines;
}

std::vector<std::string> AclStore::ConfigLines() const {
  return config_.Current().aclfile.empty() ? Lines() : std::vector<std::string>();
}

void AclStore::SetDefaultPassword(std::string_view password) {
  AclUser user = *Find(kDefaultUser);
  static_cast<void>(user.Apply("resetpass"));  // None of these is ever refused.
  static_cast<void>(user.Apply(password.empty() ? std::string("nopass") : std::string(">").append(password)));
  Publish(std::move(user), nullptr);
}

Status AclStore::Apply(ApplyGroup /*group*/, const Config& /*before*/, const Config& after) {
  SetDefaultPassword(after.requirepass);
  return Status::Ok();
}

// --- The file --------------------------------------------------------------------------------------------------------

Status AclStore::ReadFile(AclUsers& users) const {
  const std::string& path = config_.Current().aclfile;
  const Result<std::string> text = ReadConfigBytes(path);
  if (!text) {
    return Status::Text(fmt::format("Error loading ACLs, opening file '{}': {}", path, text.status().text()));
  }
  AclFileContent content = ParseAclFile(*text, path, commands_, BeginningOf());
  if (!content.errors.empty()) {
    return Status::Text(content.errors.append(
        "WARNING: ACL errors detected, no change to the previously active ACL rules was performed"));
  }
  if (!content.users.contains(kDefaultUser)) {
    content.users.emplace(kDefaultUser, std::make_shared<AclUser>(MakeDefault()));
  }
  users = std::move(content.users);
  return Status::Ok();
}

Status AclStore::LoadFile(Session* caller) {
  AclUsers after;
  if (const Status failed = ReadFile(after); !failed.ok()) return Status::Text(fmt::format("ERR {}", failed.text()));
  const AclUsers before = std::exchange(users_, std::move(after));
  default_is_open_ = Find(kDefaultUser)->is_open();
  // Before engine 7.4 every client of another user than the default one is closed, whatever became of its user.
  if (!config_.Current().engine_version.AtLeast(7, 4)) {
    std::vector<Session*> doomed;
    clients_.ForEach([&doomed](Session& session) {
      if (session.user != kDefaultUser) doomed.push_back(&session);
    });
    for (Session* session : doomed) Close(*session, caller);
  }
  const auto old_of = [&before](const std::string& name) {
    const auto found = before.find(name);
    return found == before.end() ? nullptr : found->second;
  };
  Reattach(old_of, caller);
  return Status::Ok();
}

Status AclStore::SaveFile() const {
  std::string text;
  for (const std::string& line : Lines()) text.append("user ").append(line).append("\n");
  const Status done = ReplaceFile(config_.Current().aclfile, text);
  if (done.ok()) return Status::Ok();
  CN_LOG(server_log_, kWarning, "Writing ACL file for ACL SAVE: {}", done.text());
  return Status::Text(
      "ERR There was an error trying to save the ACLs. Please check the server logs for more information");
}

}  // namespace cachenode
