// What changes of the configuration mean for the node as a managed service sees it: the events that tell of them, and
// whether a restart could bring those that wait.
//
// Thread-safety: under the world lock, or before clients come.
#pragma once

#include <span>
#include <string>

#include "server/config/config_store.h"
#include "server/node/node_events.h"
#include "server/server_parts.h"

namespace cachenode {

// A CONFIG SET that changed parameters of the engine's family, the parameter group, the node type or who is admitted is
// an event; others are none.
void RecordChanges(NodeEvents& events, const ConfigStore& config, const ConfigChanges& changes);
// The pending changes are about to be applied.
void RecordApplying(NodeEvents& events, std::span<const ConfigPair> pending);
// What had waited has come with a restart.
void RecordApplied(NodeEvents& events, const ConfigStore& config, std::span<const ConfigPair> changes);
// A restart that was to bring what waits did not happen.
void RecordNotApplied(NodeEvents& events, std::span<const ConfigPair> pending, std::string_view reason);

// Why this node could not go on with the configuration `after`, as a sentence, or nothing: options that contradict each
// other on its type, and, when the type changes, data in use that the new one has no memory for.
std::string RestartProblem(const ServerParts& parts, const Config& after, bool type_changes);

}  // namespace cachenode
