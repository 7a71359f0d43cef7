// The requests that were large, or had a large reply (COMMANDLOG); those that took long are in SlowLog.
//
// Thread-safety, limits: as SlowLog.
#pragma once

#include "server/stats/slowlog.h"

namespace cachenode {

class CommandLog {
 public:
  SlowLog large_requests;  // Amounts are the bytes of the request on the wire.
  SlowLog large_replies;   // Amounts are the bytes of the reply.
};

}  // namespace cachenode
