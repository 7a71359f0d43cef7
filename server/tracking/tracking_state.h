// How one client wants to be told that keys it has read changed (CLIENT TRACKING).
//
// Thread-safety: the client's own worker; another thread under the exclusive world lock.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace cachenode {

struct TrackingState {
  uint64_t redirect_to = 0;  // Client id; 0: this client itself.
  std::vector<std::string> prefixes;
};

}  // namespace cachenode
