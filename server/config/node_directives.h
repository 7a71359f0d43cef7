// Options that say what this node is, in the words of a managed cache service.
//
// Thread-safety: plain values, see config.h.
#pragma once

#include <cstdint>
#include <string>

#include "server/config/security_groups.h"

namespace cachenode {

// The node of a cluster of one.
inline constexpr const char* kNodeId = "0001";

// Which commands are hidden, as a managed service hides them.
enum class ManagedMode : uint8_t { kNo, kYes, kConfigReadOnly };

struct NodeDirectives {
  std::string cluster_id;  // 1 to 50 lower-case letters, digits and hyphens.
  int64_t num_cache_nodes = 0;
  bool auto_minor_version_upgrade = false;
  // Labels: shown, and nothing else.
  std::string preferred_zone;
  std::string subnet_group;
  std::string vpc;
  std::string notification_topic_arn;
  SecurityGroups security_groups;  // Together with allow_cidr: where clients may sit.

  // Size.
  std::string cache_node_type;          // A name of server/config/node_type.h.
  int64_t reserved_memory = 0;          // Bytes taken from the type's memory.
  int64_t reserved_memory_percent = 0;  // The same in per cent, unless reserved_memory says it.

  // Management.
  std::string parameter_group;  // A default group's name, or an absolute path; empty: none.
  std::string rename_commands;  // server/config/renamed_commands.h
  ManagedMode managed_mode{};
  std::string preferred_maintenance_window;  // server/config/maintenance_window.h; empty: none.
  bool apply_immediately = false;

  // Parameters of the service without an effect here: kept, so that its groups stay valid, and shown.
  bool close_on_replica_write = false;
  bool replica_allow_chaining = false;
  bool lua_replicate_commands = false;
  bool extended_redis_compatibility = false;
  int64_t list_max_ziplist_entries = 0;
  int64_t list_max_ziplist_value = 0;
  int64_t cluster_databases = 0;
  int64_t search_default_timeout_ms = 0;
  bool search_enable_partial_results = false;
  std::string search_fanout_target_mode;
};

}  // namespace cachenode
