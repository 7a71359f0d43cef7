#include "server/client_services.h"

#include "server/node_state.h"
#include "server/server_parts.h"
#include "server/stats/command_log.h"
#include "server/tracking/client_tracking.h"
#include "server/transaction/watch_table.h"

namespace cachenode {

struct ClientServices::Services {
  explicit Services(ServerParts& parts) : watches(*parts.keyspace, parts.state->key_interest), tracking(parts) {}

  WatchTable watches;
  ClientTracking tracking;
  CommandLog command_log;
};

ClientServices::ClientServices(ServerParts& parts) : services_(std::make_unique<Services>(parts)) {
  Services& services = *services_;
  parts.watches = &services.watches;
  parts.tracking = &services.tracking;
  parts.command_log = &services.command_log;
  parts.key_listeners = {&services.watches, &services.tracking};
  parts.session_listeners = {&services.watches, &services.tracking};
}

ClientServices::~ClientServices() = default;

}  // namespace cachenode
