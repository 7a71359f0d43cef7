#include "server/client_services.h"

#include "server/blocking/wait_table.h"
#include "server/client_registry.h"
#include "server/monitor/monitor_feed.h"
#include "server/node_state.h"
#include "server/pubsub/keyspace_notifier.h"
#include "server/pubsub/pubsub.h"
#include "server/script/script_engine.h"
#include "server/server_parts.h"
#include "server/session.h"
#include "server/stats/command_log.h"
#include "server/stats/stats_hub.h"
#include "server/tracking/client_tracking.h"
#include "server/transaction/watch_table.h"
#include "storage/base/log.h"

namespace cachenode {
namespace {

void NoteLoss(const ServerParts& parts, const Session& session) {
  parts.stats->worker(session.worker_index).output_buffer_limit_disconnections.Increment();
  if (parts.log == nullptr) return;
  CN_LOG(*parts.log, kWarning,
         "Client id={} addr={} scheduled to be closed ASAP: more than {} bytes of messages wait for its worker.",
         session.id, session.peer_address, WorkerInbox::kBytesMax);
}

}  // namespace

struct ClientServices::Services {
  explicit Services(ServerParts& parts)
      : watches(*parts.keyspace, parts.state->key_interest, *parts.clock),
        waits(parts, parts.clients->worker_count()),
        tracking(parts),
        pubsub(parts.clients->worker_count(), [&parts](const Session& session) { NoteLoss(parts, session); }),
        notifier(parts, pubsub),
        monitors(parts, pubsub),
        scripts(parts) {}

  WatchTable watches;
  WaitTable waits;
  ClientTracking tracking;
  PubSub pubsub;
  KeyspaceNotifier notifier;
  MonitorFeed monitors;
  ScriptEngine scripts;
  CommandLog command_log;
};

ClientServices::ClientServices(ServerParts& parts) : services_(std::make_unique<Services>(parts)) {
  Services& services = *services_;
  parts.watches = &services.watches;
  parts.waits = &services.waits;
  parts.tracking = &services.tracking;
  parts.pubsub = &services.pubsub;
  parts.monitors = &services.monitors;
  parts.scripts = &services.scripts;
  parts.command_log = &services.command_log;
  parts.key_listeners = {&services.watches, &services.waits, &services.tracking, &services.notifier};
  parts.clients->SetKillObserver([&services](Session& session) { services.pubsub.Withdraw(session); });
  // Waits first: until a session has left them, another worker may be answering it and reads what others take apart.
  parts.session_listeners = {&services.waits, &services.watches, &services.tracking, &services.pubsub,
                             &services.scripts};
}

ClientServices::~ClientServices() = default;

}  // namespace cachenode
