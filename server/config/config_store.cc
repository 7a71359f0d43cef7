#include "server/config/config_store.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <iterator>
#include <set>

#include "server/config/config.h"
#include "server/config/config_file.h"
#include "server/config/config_lines.h"
#include "server/config/config_rewrite.h"
#include "server/config/node_type.h"
#include "server/config/option_value.h"
#include "storage/base/bytes.h"
#include "storage/base/glob.h"
#include "storage/base/system_error.h"

namespace cachenode {
namespace {

// Enters the directory `dir` names.
class DirectoryApplier final : public ConfigApplier {
 public:
  Status Apply(ApplyGroup, const Config&, const Config& after) override {
    if (::chdir(after.dir.c_str()) == 0) return Status::Ok();
    return Status::WithText(Err::kConfig, SystemErrorText(errno));
  }
};

Status SetFailed(std::string_view name, std::string_view reason) {
  std::string text = fmt::format("ERR CONFIG SET failed (possibly related to argument '{}')", name);
  if (!reason.empty()) fmt::format_to(std::back_inserter(text), " - {}", reason);
  return Status::Text(std::move(text));
}

bool Allows(DangerousAccess access, const ConfigCaller& caller) {
  return access == DangerousAccess::kYes || (access == DangerousAccess::kLocalOnly && caller.is_local);
}

}  // namespace

ConfigStore::ConfigStore(Start start)
    : defaults_(std::move(start.defaults)),
      file_path_(std::move(start.file_path)),
      group_(std::move(start.group)),
      machine_bytes_(start.machine_bytes),
      directory_(std::make_unique<DirectoryApplier>()),
      current_(std::move(start.config)),
      shared_(std::make_shared<const Config>(current_)) {
  Subscribe(ApplyGroup::kDirectory, *directory_);
}

std::shared_ptr<const Config> ConfigStore::Share() const {
  const std::lock_guard lock(share_lock_);
  return shared_;
}

void ConfigStore::Publish(Config next) {
  auto shared = std::make_shared<const Config>(next);
  current_ = std::move(next);
  const std::lock_guard lock(share_lock_);
  shared_ = std::move(shared);
}

void ConfigStore::Subscribe(ApplyGroup group, ConfigApplier& applier) {
  assert(group != ApplyGroup::kNone);
  appliers_[static_cast<size_t>(group)].push_back(&applier);
}

Status ConfigStore::ApplyAll() {
  for (size_t group = 0; group < kApplyGroupCount; ++group) {
    Status applied = ApplyOne(static_cast<ApplyGroup>(group), current_, current_);
    if (!applied) return applied;
  }
  return Status::Ok();
}

std::vector<ConfigPair> ConfigStore::Get(std::span<const std::string_view> patterns) const {
  std::vector<ConfigPair> found;
  std::set<std::string_view> seen;
  const auto add = [&](std::string_view name, const OptionSpec& option) {
    if (seen.insert(name).second) found.push_back({std::string(name), FormatOption(option, current_)});
  };
  for (const std::string_view pattern : patterns) {
    if (GlobIsLiteral(pattern)) {
      const OptionSpec* option = FindOption(pattern);
      if (option == nullptr) continue;
      const std::string lower = LowerCased(pattern);
      const auto alias = std::ranges::find(option->aliases, std::string_view(lower));
      add(alias == option->aliases.end() ? option->name : *alias, *option);
      continue;
    }
    for (const OptionSpec* option : Options()) {
      if (option->Has(kOptionHidden)) continue;
      const std::string_view alias = option->aliases[kOldAlias];
      if (GlobMatch(pattern, option->name, CaseRule::kIgnore)) add(option->name, *option);
      if (!alias.empty() && GlobMatch(pattern, alias, CaseRule::kIgnore)) add(alias, *option);
    }
  }
  return found;
}

Status ConfigStore::CheckMutable(const Change& change, const ConfigCaller& caller) const {
  const OptionSpec& option = *change.option;
  if (std::string refused = RefusedByNode(change); !refused.empty()) return SetFailed(change.asked_name, refused);
  if (option.Has(kOptionImmutable) && !WaitsForReboot(option)) {
    Config copy = current_;
    const bool same = option.Has(kOptionOurs) && ParseOption(option, copy, change.words, false).ok() &&
                      FormatOption(option, copy) == FormatOption(option, current_);
    if (!same) return SetFailed(change.asked_name, "can't set immutable config");
  }
  if (option.Has(kOptionProtected) && !Allows(current_.enable_protected_configs, caller)) {
    return SetFailed(change.asked_name, "can't set protected config");
  }
  if (option.Has(kOptionDenyLoading) && caller.is_loading) return Err::kLoading;
  return Status::Ok();
}

// Unknown names are reported before anything else, then the first option that may not be set now.
Status ConfigStore::Resolve(std::span<const std::string_view> pairs, const ConfigCaller& caller,
                            std::vector<Change>& changes) const {
  for (size_t i = 0; i < pairs.size(); i += 2) {
    const OptionSpec* option = FindOption(pairs[i]);
    if (option == nullptr) {
      return Status::Text(fmt::format("ERR Unknown option or number of arguments for CONFIG SET - '{}'", pairs[i]));
    }
    changes.push_back({std::string(pairs[i]), option, ValueWords(*option, pairs[i + 1])});
  }
  for (size_t i = 0; i < changes.size(); ++i) {
    Status allowed = CheckMutable(changes[i], caller);
    if (!allowed) return allowed;
    for (size_t j = 0; j < i; ++j) {
      if (changes[j].option == changes[i].option) return SetFailed(changes[i].asked_name, "duplicate parameter");
    }
  }
  return Status::Ok();
}

Status ConfigStore::Set(std::span<const std::string_view> pairs, const ConfigCaller& caller) {
  if (pairs.size() % 2 != 0) return Err::kSyntax;
  std::vector<Change> changes;
  Status resolved = Resolve(pairs, caller, changes);
  if (!resolved) return resolved;
  const auto first_waiting = std::stable_partition(
      changes.begin(), changes.end(), [this](const Change& change) { return !WaitsForReboot(*change.option); });
  const std::span<const Change> at_once(changes.begin(), first_waiting);
  const std::span<const Change> waiting(first_waiting, changes.end());
  std::vector<ConfigPair> pending = pending_;
  Status later = CheckPending(at_once, waiting, pending);
  if (!later) return later;
  std::vector<std::string> before;
  for (const Change& change : at_once) before.push_back(FormatOption(*change.option, current_));
  Status done = SetAll(at_once);
  if (!done) return done;
  ConfigChanges told;
  for (size_t i = 0; i < at_once.size(); ++i) {
    std::string value = FormatOption(*at_once[i].option, current_);
    if (value != before[i]) told.at_once.push_back({std::string(at_once[i].option->name), std::move(value)});
  }
  std::ranges::copy_if(pending, std::back_inserter(told.at_restart),
                       [this](const ConfigPair& change) { return std::ranges::count(pending_, change) == 0; });
  pending_ = std::move(pending);
  if (change_listener_ && !(told.at_once.empty() && told.at_restart.empty())) change_listener_(told);
  return done;
}

Status ConfigStore::SetInternally(std::string_view name, std::string_view value) {
  const OptionSpec* option = FindOption(name);
  assert(option != nullptr);
  const Change change{std::string(name), option, ValueWords(*option, value)};
  return SetAll({&change, 1});
}

Status ConfigStore::SetAll(std::span<const Change> changes) {
  Config next = current_;
  std::vector<const Change*> changed;
  for (const Change& change : changes) {
    const OptionSpec& option = *change.option;
    const Status parsed = ParseOption(option, next, change.words, false);
    if (!parsed) return SetFailed(LowerCased(change.asked_name), parsed.text());
    const std::string refused = RefusedByFeature(option, next, defaults_);
    if (!refused.empty()) return SetFailed(LowerCased(change.asked_name), refused);
    const bool is_changed = FormatOption(option, next) != FormatOption(option, current_);
    if (is_changed || option.Has(kOptionVolatile)) changed.push_back(&change);
  }
  ClampOptions(next);
  ApplyNodeType(next);
  const std::string problem = NodeTypeProblem(next, 0);
  if (!problem.empty() && !changed.empty()) return SetFailed(LowerCased(changed.front()->asked_name), problem);
  Status applied = ApplyChanged(changed, next);
  if (!applied) return applied;
  Publish(std::move(next));
  return Status::Ok();
}

// Each group once, in the order of the options; what was done is undone when a later group refuses.
Status ConfigStore::ApplyChanged(std::span<const Change* const> changed, const Config& next) const {
  std::vector<ApplyGroup> done;
  for (const Change* change : changed) {
    const ApplyGroup group = change->option->apply;
    if (std::ranges::find(done, group) != done.end()) continue;
    const Status applied = ApplyOne(group, current_, next);
    if (applied) {
      done.push_back(group);
      continue;
    }
    for (const ApplyGroup undo : done) {
      const Status undone = ApplyOne(undo, next, current_);
      static_cast<void>(undone.ok());  // The old values worked before; there is nothing better to go back to.
    }
    return SetFailed(LowerCased(change->asked_name), applied.text());
  }
  return Status::Ok();
}

Status ConfigStore::ApplyOne(ApplyGroup group, const Config& before, const Config& after) const {
  const std::vector<ConfigApplier*>& appliers = appliers_[static_cast<size_t>(group)];
  for (size_t i = 0; i < appliers.size(); ++i) {
    Status applied = appliers[i]->Apply(group, before, after);
    if (applied) continue;
    for (size_t j = 0; j < i; ++j) {
      const Status undone = appliers[j]->Apply(group, after, before);
      static_cast<void>(undone.ok());
    }
    return applied;
  }
  return Status::Ok();
}

Status ConfigStore::Rewrite(std::span<const std::string> user_lines, bool all) const {
  if (file_path_.empty()) return Status::Text("ERR The server is running without a config file");
  // A file that was removed meanwhile is made anew.
  const bool is_there = ::access(file_path_.c_str(), F_OK) == 0;
  Result<std::string> old_text = is_there ? ReadConfigBytes(file_path_) : Result<std::string>(std::string());
  Status done;
  if (old_text) {
    const Config after = AfterReboot();
    const RewriteRequest request{after, defaults_, user_lines, all};
    done = ReplaceFile(file_path_, RewriteText(*old_text, request));
  } else {
    done = old_text.error();
  }
  if (done) return Status::Ok();
  return Status::Text(fmt::format("ERR Rewriting config file: {}", done.text()));
}

}  // namespace cachenode
