// Where clients find this node, and what it says about itself at its start.
//
// Thread-safety: pure functions of the configuration; the name of this machine is asked from the system.
#pragma once

#include <string>
#include <vector>

#include "server/config/config.h"

namespace cachenode {

// "10.0.0.7:6379": the first address the node listens on; the machine's name where that is all addresses; the path of
// the Unix socket where there is no port.
[[nodiscard]] std::string EndpointOf(const Config& config);

// "redis" or "valkey".
[[nodiscard]] std::string_view EngineNameOf(const Config& config);
// Without the engine's name: "7.4.0", "8.1.0".
[[nodiscard]] std::string EngineNumberOf(const Config& config);

// Sentences for the log about options that are taken, and do less than their names promise.
[[nodiscard]] std::vector<std::string> IdentityWarnings(const Config& config);

}  // namespace cachenode
