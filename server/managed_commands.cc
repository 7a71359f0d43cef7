#include "server/managed_commands.h"

#include <string_view>

namespace cachenode {
namespace {

struct HiddenCommand {
  std::string_view full_name;
  int major;  // The Redis version from which on the service hides it.
  int minor;
};

constexpr HiddenCommand kHidden[] = {
    // One a line, as the service lists them.
    // clang-format off
    {"bgrewriteaof", 0, 0},
    {"bgsave", 0, 0},
    {"debug", 0, 0},
    {"migrate", 0, 0},
    {"save", 0, 0},
    {"slaveof", 0, 0},
    {"shutdown", 0, 0},
    {"sync", 0, 0},
    {"config", 0, 0},
    {"psync", 0, 0},
    {"replicaof", 5, 0},
    {"acl|deluser", 6, 0},
    {"acl|load", 6, 0},
    {"acl|save", 6, 0},
    {"acl|setuser", 6, 0},
    {"cluster|addslots", 0, 0},
    {"cluster|addslotsrange", 0, 0},
    {"cluster|bumpepoch", 0, 0},
    {"cluster|delslots", 0, 0},
    {"cluster|delslotsrange", 0, 0},
    {"cluster|failover", 0, 0},
    {"cluster|flushslots", 0, 0},
    {"cluster|forget", 0, 0},
    {"cluster|links", 0, 0},
    {"cluster|meet", 0, 0},
    {"cluster|setslot", 0, 0},
    // clang-format on
};
constexpr std::string_view kHiddenOfConfig[] = {"config|set", "config|rewrite"};

}  // namespace

void HideManagedCommands(CommandTable& commands, const Config& config) {
  if (config.managed_mode == ManagedMode::kNo) return;
  const bool config_stays = config.managed_mode == ManagedMode::kConfigReadOnly;
  for (const HiddenCommand& hidden : kHidden) {
    if (hidden.full_name == "config" && config_stays) continue;
    if (config.engine_version.AtLeast(hidden.major, hidden.minor)) commands.Hide(hidden.full_name);
  }
  if (config_stays) {
    for (const std::string_view name : kHiddenOfConfig) commands.Hide(name);
  }
  commands.BuildIndex();
}

}  // namespace cachenode
