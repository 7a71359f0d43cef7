#include "server/node/node_changes.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "server/config/config.h"
#include "server/config/node_type.h"
#include "server/config/parameter_table.h"
#include "server/memory_guard.h"
#include "server/node/snapshot_service.h"

namespace cachenode {
namespace {

constexpr std::string_view kNodeTypeName = "cache-node-type";

FamilyIndex FamilyIn(const ConfigStore& config) {
  const std::optional<ActiveGroup>& group = config.Group();
  return group ? group->family : FamilyOf(config.Current().engine_version);
}

bool IsParameter(const ConfigStore& config, std::string_view name) {
  if (name == "parameter-group" || name == "rename-commands") return true;
  const OptionSpec* option = FindOption(name);
  return option != nullptr && ParameterOfOption(FamilyIn(config), *option) != nullptr;
}

bool AdmitsClients(std::string_view name) { return name == "security-group" || name == "allow-cidr"; }

// Appends "timeout=60" and so on of the changes that `is_meant` picks.
template <typename IsMeant>
void Collect(std::span<const ConfigPair> changes, std::string_view remark, IsMeant is_meant,
             std::vector<std::string>& texts) {
  for (const ConfigPair& change : changes) {
    if (is_meant(change.name)) texts.push_back(fmt::format("{}={}{}", change.name, change.value, remark));
  }
}

void RecordParameters(NodeEvents& events, const std::vector<std::string>& texts) {
  if (texts.empty()) return;
  events.Record(NodeEventKind::kParametersChanged,
                fmt::format("One or more cache cluster parameters have been changed: {}", fmt::join(texts, ", ")));
}

const ConfigPair* FindType(std::span<const ConfigPair> changes) {
  const auto found = std::ranges::find(changes, kNodeTypeName, &ConfigPair::name);
  return found == changes.end() ? nullptr : &*found;
}

}  // namespace

void RecordChanges(NodeEvents& events, const ConfigStore& config, const ConfigChanges& changes) {
  const auto is_parameter = [&config](std::string_view name) { return IsParameter(config, name); };
  std::vector<std::string> parameters;
  Collect(changes.at_once, "", is_parameter, parameters);
  Collect(changes.at_restart, " (pending-reboot)", is_parameter, parameters);
  RecordParameters(events, parameters);
  std::vector<std::string> admitted;
  Collect(changes.at_once, "", AdmitsClients, admitted);
  if (!admitted.empty()) {
    events.Record(
        NodeEventKind::kSecurityGroupModified,
        fmt::format("The list of cache security groups authorized for the cache cluster has been modified: {}",
                    fmt::join(admitted, ", ")));
  }
  if (const ConfigPair* type = FindType(changes.at_restart); type != nullptr) {
    events.Record(NodeEventKind::kNote, fmt::format("Modification of cache node type to {} is pending", type->value));
  }
}

void RecordApplying(NodeEvents& events, std::span<const ConfigPair> pending) {
  if (const ConfigPair* type = FindType(pending); type != nullptr) {
    events.Record(NodeEventKind::kNote, fmt::format("Applying modification to cache node type to {}", type->value));
  } else {
    events.Record(NodeEventKind::kNote, "Applying pending changes");
  }
}

void RecordApplied(NodeEvents& events, const ConfigStore& config, std::span<const ConfigPair> changes) {
  std::vector<std::string> parameters;
  Collect(
      changes, "", [&config](std::string_view name) { return IsParameter(config, name); }, parameters);
  RecordParameters(events, parameters);
  if (const ConfigPair* type = FindType(changes); type != nullptr) {
    events.Record(NodeEventKind::kScalingComplete,
                  fmt::format("Scaling for cache-cluster completed successfully: cache node type {}", type->value));
  }
}

void RecordNotApplied(NodeEvents& events, std::span<const ConfigPair> pending, std::string_view reason) {
  if (const ConfigPair* type = FindType(pending); type != nullptr) {
    events.Record(NodeEventKind::kScalingFailed,
                  fmt::format("Failed applying modification to cache node type to {}: {}", type->value, reason));
  } else {
    events.Record(NodeEventKind::kNote, fmt::format("Failed applying pending changes: {}", reason));
  }
}

std::string RestartProblem(const ServerParts& parts, const Config& after, bool type_changes) {
  if (std::string conflict = SnapshotService::ConflictIn(after); !conflict.empty()) return conflict;
  const NodeType& type = NodeTypeOf(after);
  if (!type_changes || type.memory_bytes == 0) return {};
  const uint64_t limit = NodeMemoryForKeys(after);
  const uint64_t used = MemoryGuard::UsedBytes(parts);
  const uint64_t counted = used - std::min(used, MemoryGuard::UncountedBytes(parts));
  if (counted <= limit) return {};
  return fmt::format("the data takes {} bytes of memory, {} has {} for it", counted, type.name, limit);
}

}  // namespace cachenode
