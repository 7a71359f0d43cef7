// The part of ConfigStore that node types and parameter groups decide: what may be set, and what waits for a restart.
#include <fmt/format.h>

#include <algorithm>

#include "server/config/config_rewrite.h"
#include "server/config/config_store.h"
#include "server/config/node_type.h"
#include "server/config/option_value.h"
#include "server/config/parameter_group.h"
#include "server/config/special_options.h"
#include "storage/base/bytes.h"

namespace cachenode {
namespace {

Status PendingFailed(std::string_view name, std::string_view reason) {
  return Status::Text(
      fmt::format("ERR CONFIG SET failed (possibly related to argument '{}') - {}", LowerCased(name), reason));
}

std::string Joined(const std::vector<std::string>& words) { return fmt::format("{}", fmt::join(words, " ")); }

// Why a restart with this group would fail, or empty.
std::string GroupProblem(const Config& config) {
  if (config.parameter_group.empty()) return {};
  const GroupOutcome outcome = ReadParameterGroup(config.parameter_group, config.engine_version);
  if (outcome.error) {
    const ConfigError& error = *outcome.error;
    return error.line == 0 ? error.reason : fmt::format("line {} of {}: {}", error.line, error.label, error.reason);
  }
  if (FamilySuits(outcome.group->family, config.engine_version)) return {};
  return fmt::format("the group is of family {}, engine-version {} takes {}",
                     ParameterFamilies()[outcome.group->family], config.engine_version.Text(),
                     ParameterFamilies()[FamilyOf(config.engine_version)]);
}

}  // namespace

std::string ConfigStore::RefusedByNode(const Change& change) const {
  const OptionSpec& option = *change.option;
  const NodeType& type = NodeTypeOf(current_);
  if (option.name == "maxmemory" && type.memory_bytes != 0) {
    return fmt::format("maxmemory is fixed by cache-node-type {}", type.name);
  }
  if (!group_) return {};
  if (option.special == &kClientOutputBufferLimit) {
    return "parameter groups have a parameter for each of its numbers, client-output-buffer-limit-<class>-<limit>";
  }
  const Parameter* parameter = ParameterOfOption(group_->family, option);
  if (parameter == nullptr) return {};
  if (group_->is_read_only) return fmt::format("parameter group '{}' is read-only", group_->name);
  const std::string_view family = ParameterFamilies()[group_->family];
  if (!parameter->is_modifiable) return fmt::format("family {} does not let this parameter be modified", family);
  const std::string value = Joined(change.words);
  if (IsPermitted(*parameter, value)) return {};
  return fmt::format("'{}' is no value family {} permits, {}", value, family, PermittedText(*parameter));
}

bool ConfigStore::WaitsForReboot(const OptionSpec& option) const {
  if (option.Has(kOptionAtReboot)) return true;
  const Parameter* parameter = group_ ? ParameterOfOption(group_->family, option) : nullptr;
  return parameter != nullptr && parameter->is_at_reboot && parameter->is_modifiable;
}

Config ConfigStore::AfterReboot(std::string_view without) const {
  Config after = current_;
  for (const ConfigPair& change : pending_) {
    if (change.name == without) continue;
    const OptionSpec* option = FindOption(change.name);
    const Status parsed = ParseOption(*option, after, ValueWords(*option, change.value), false);
    static_cast<void>(parsed.ok());  // It was taken with that value.
    // A new type brings its own limit.
    if (change.name == "cache-node-type" && NodeTypeOf(after).memory_bytes != 0) after.maxmemory = 0;
  }
  return after;
}

std::string ConfigStore::RestartText(std::span<const std::string> user_lines) const {
  const Config after = AfterReboot();
  return RewriteText({}, {after, defaults_, user_lines, false});
}

std::string ConfigStore::ProblemOf(const Config& after) const {
  std::string problem = NodeTypeProblem(after, machine_bytes_);
  if (problem.empty()) problem = GroupProblem(after);
  return problem;
}

std::string ConfigStore::PendingProblem(std::string_view without) const {
  const Config after = AfterReboot(without);
  std::string problem = ProblemOf(after);
  if (problem.empty() && restart_check_) {
    problem = restart_check_(after, after.cache_node_type != current_.cache_node_type);
  }
  return problem;
}

void ConfigStore::DropPending(std::string_view name) {
  std::erase_if(pending_, [name](const ConfigPair& change) { return change.name == name; });
}

// Puts `changes` into `pending`, or says why a restart could not bring them together with those made at once.
Status ConfigStore::CheckPending(std::span<const Change> at_once, std::span<const Change> changes,
                                 std::vector<ConfigPair>& pending) const {
  Config after = AfterReboot();
  for (const Change& change : at_once) {
    const Status parsed = ParseOption(*change.option, after, change.words, false);
    static_cast<void>(parsed.ok());  // SetAll says what is wrong with it.
  }
  bool type_changes = false;
  for (const Change& change : changes) {
    const OptionSpec& option = *change.option;
    const Status parsed = ParseOption(option, after, change.words, false);
    if (!parsed) return PendingFailed(change.asked_name, parsed.text());
    const std::string refused = RefusedByFeature(option, after, defaults_);
    if (!refused.empty()) return PendingFailed(change.asked_name, refused);
    std::erase_if(pending, [&option](const ConfigPair& pair) { return pair.name == option.name; });
    if (option.name == "cache-node-type") type_changes = after.cache_node_type != current_.cache_node_type;
    std::string value = FormatOption(option, after);
    if (value == FormatOption(option, current_)) continue;
    pending.push_back({std::string(option.name), std::move(value)});
  }
  std::string problem = changes.empty() ? std::string() : ProblemOf(after);
  if (problem.empty() && !pending.empty() && restart_check_) problem = restart_check_(after, type_changes);
  if (problem.empty()) return Status::Ok();
  return PendingFailed((changes.empty() ? at_once : changes).front().asked_name, problem);
}

}  // namespace cachenode
