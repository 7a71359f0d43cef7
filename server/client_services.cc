#include "server/client_services.h"

#include "server/blocking/wait_table.h"
#include "server/client_registry.h"
#include "server/node_state.h"
#include "server/server_parts.h"
#include "server/tracking/client_tracking.h"
#include "server/transaction/watch_table.h"

namespace cachenode {

struct ClientServices::Services {
  explicit Services(ServerParts& parts)
      : watches(*parts.keyspace, parts.state->key_interest),
        waits(parts, parts.clients->worker_count()),
        tracking(parts) {}

  WatchTable watches;
  WaitTable waits;
  ClientTracking tracking;
};

ClientServices::ClientServices(ServerParts& parts) : services_(std::make_unique<Services>(parts)) {
  Services& services = *services_;
  parts.watches = &services.watches;
  parts.waits = &services.waits;
  parts.tracking = &services.tracking;
  parts.key_listeners = {&services.watches, &services.waits, &services.tracking};
  parts.session_listeners = {&services.watches, &services.waits, &services.tracking};
}

ClientServices::~ClientServices() = default;

}  // namespace cachenode
