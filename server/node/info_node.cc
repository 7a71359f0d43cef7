// INFO node: what this node is and what it is doing.
#include <fmt/format.h>

#include "server/config/config.h"
#include "server/config/config_store.h"
#include "server/config/node_type.h"
#include "server/config/parameter_table.h"
#include "server/node/node_identity.h"
#include "server/node_state.h"
#include "server/stats/info_sections.h"

namespace cachenode::info {
namespace {

using T = InfoText;
using S = InfoSource;
using N = std::string_view;

std::string GroupNames(const Config& config) {
  std::string names;
  for (const SecurityGroups::Group& group : config.security_groups.groups()) {
    names.append(names.empty() ? "" : ",").append(group.name);
  }
  return names;
}

// "cache-node-type=cache.r5.large,databases=32"
std::string PendingText(const S& source) {
  std::string text;
  for (const ConfigPair& change : source.parts.config->Pending()) {
    text += fmt::format("{}{}={}", text.empty() ? "" : ",", change.name, change.value);
  }
  return text;
}

std::string_view ModeName(ManagedMode mode) {
  switch (mode) {
    case ManagedMode::kNo:
      return "no";
    case ManagedMode::kYes:
      return "yes";
    case ManagedMode::kConfigReadOnly:
      return "config-readonly";
  }
  return "no";
}

constexpr InfoField kNode[] = {
    {"cluster_id", [](T& text, N name, const S& source) { text.Line(name, source.config.cluster_id); }},
    {"node_id", [](T& text, N name, const S&) { text.Line(name, kNodeId); }},
    {"node_status", [](T& text, N name, const S& source) { text.Line(name, source.parts.state->status.name()); }},
    {"node_serving",
     [](T& text, N name, const S& source) {
       text.Line(name, NodeStatus::IsServing(source.parts.state->status.name()));
     }},
    {"endpoint", [](T& text, N name, const S& source) { text.Line(name, EndpointOf(source.config)); }},
    {"engine", [](T& text, N name, const S& source) { text.Line(name, EngineNameOf(source.config)); }},
    {"engine_version", [](T& text, N name, const S& source) { text.Line(name, EngineNumberOf(source.config)); }},
    {"cache_node_type", [](T& text, N name, const S& source) { text.Line(name, source.config.cache_node_type); }},
    {"backups_allowed", [](T& text, N name, const S& source) { text.Line(name, NodeMayBackUp(source.config)); }},
    {"parameter_group",
     [](T& text, N name, const S& source) {
       const std::optional<ActiveGroup>& group = source.parts.config->Group();
       text.Line(name, group ? group->name : std::string());
     }},
    {"parameter_group_family",
     [](T& text, N name, const S& source) {
       const std::optional<ActiveGroup>& group = source.parts.config->Group();
       text.Line(name, ParameterFamilies()[group ? group->family : FamilyOf(source.config.engine_version)]);
     }},
    {"parameter_apply_status",
     [](T& text, N name, const S& source) {
       text.Line(name, source.parts.config->Pending().empty() ? "in-sync" : "pending-reboot");
     }},
    {"pending_changes", [](T& text, N name, const S& source) { text.Line(name, PendingText(source)); }},
    {"maintenance_window",
     [](T& text, N name, const S& source) { text.Line(name, source.config.preferred_maintenance_window); }},
    {"managed_mode", [](T& text, N name, const S& source) { text.Line(name, ModeName(source.config.managed_mode)); }},
    {"num_cache_nodes", [](T& text, N name, const S& source) { text.Line(name, source.config.num_cache_nodes); }},
    {"auto_minor_version_upgrade",
     [](T& text, N name, const S& source) {
       text.Line(name, source.config.auto_minor_version_upgrade ? "yes" : "no");
     }},
    {"preferred_zone", [](T& text, N name, const S& source) { text.Line(name, source.config.preferred_zone); }},
    {"subnet_group", [](T& text, N name, const S& source) { text.Line(name, source.config.subnet_group); }},
    {"vpc", [](T& text, N name, const S& source) { text.Line(name, source.config.vpc); }},
    {"security_groups", [](T& text, N name, const S& source) { text.Line(name, GroupNames(source.config)); }},
    {"notification_topic_arn",
     [](T& text, N name, const S& source) { text.Line(name, source.config.notification_topic_arn); }},
};

}  // namespace

std::span<const InfoField> NodeFields() { return kNode; }

}  // namespace cachenode::info
