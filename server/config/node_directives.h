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
};

}  // namespace cachenode
