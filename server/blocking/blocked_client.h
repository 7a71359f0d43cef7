// What a client that waits for keys, for time, or for other nodes is waiting for.
//
// Thread-safety: the client's own worker, but where a field says otherwise.
#pragma once

#include <cstdint>

namespace cachenode {

struct BlockedClient {
  int64_t deadline_ms = 0;  // Unix milliseconds; 0: none.
};

}  // namespace cachenode
