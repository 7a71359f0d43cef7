// What a notification of an event says.
//
// Thread-safety: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "server/node/node_events.h"

namespace cachenode {

// As the service's topic has it: {"ElastiCache:SnapshotComplete":"my-node"}.
[[nodiscard]] std::string TopicMessage(const NodeEvent& event, std::string_view source_identifier);

// For an HTTP receiver: the same member first, then what NODE EVENTS tells of the event.
[[nodiscard]] std::string PostedMessage(const NodeEvent& event, std::string_view source_identifier);

// "http://host:port" of an address that may hold a secret in its path or before the host.
[[nodiscard]] std::string ShownAddress(std::string_view url);

}  // namespace cachenode
