// The parts of a running node that commands and workers reach: a plain list of references, filled by server.cc (and by
// the test harness) and passed on; nobody below owns any of them, and there is no global.
//
// Thread-safety: the struct is constant once filled; each part states its own rule.
#pragma once

#include <vector>

namespace cachenode {

class AclStore;
class BackgroundPool;
class Clock;
class ClientRegistry;
class ClientTracking;
class CommandLog;
class CommandTable;
class ConfigStore;
class Dispatcher;
class KeyEventListener;
class Keyspace;
class LatencyMonitor;
class Log;
class MonitorFeed;
class NodeEvents;
class NotificationSender;
struct NodeState;
class PersistenceService;
class PubSub;
class ScriptEngine;
class ServerControl;
class SessionListener;
class SlowLog;
class SnapshotService;
class StatsHub;
class WaitTable;
class WatchTable;
class WorldLock;

struct ServerParts {
  NodeState* state = nullptr;  // server/node_state.h: loading, failing snapshots, debug switches.
  Log* log = nullptr;          // storage/base/log.h
  Clock* clock = nullptr;
  ConfigStore* config = nullptr;              // server/config/config_store.h: options and their current values.
  const CommandTable* commands = nullptr;     // server/command_table.h
  Keyspace* keyspace = nullptr;               // storage/keyspace.h
  WorldLock* world = nullptr;                 // server/world_lock.h: how a command gets the whole node to itself.
  ClientRegistry* clients = nullptr;          // server/client_registry.h: every session by id.
  StatsHub* stats = nullptr;                  // server/stats/stats_hub.h: all workers' counters added up.
  SlowLog* slowlog = nullptr;                 // server/stats/slowlog.h
  LatencyMonitor* latency = nullptr;          // server/stats/latency_monitor.h
  PersistenceService* persistence = nullptr;  // server/persistence_service.h: save, load, their state and policy.
  ServerControl* control = nullptr;           // server/server_control.h: shutdown, restart, pause, debug switches.
  BackgroundPool* background = nullptr;       // server/background_pool.h
  Dispatcher* dispatcher = nullptr;           // Of worker 0; for harnesses and scripts.
  WatchTable* watches = nullptr;              // server/transaction/watch_table.h: who watches which key.
  WaitTable* waits = nullptr;                 // server/blocking/wait_table.h: who waits for which key.
  PubSub* pubsub = nullptr;                   // server/pubsub/pubsub.h: channels, their subscribers, messages.
  MonitorFeed* monitors = nullptr;            // server/monitor/monitor_feed.h: who sees every request.
  ClientTracking* tracking = nullptr;         // server/tracking/client_tracking.h: who has read which key.
  AclStore* acl = nullptr;                    // server/acl/acl_store.h: users and what they may do.
  ScriptEngine* scripts = nullptr;            // server/script/script_engine.h: EVAL and functions.
  NodeEvents* events = nullptr;               // server/node/node_events.h: what happened to this node.
  CommandLog* command_log = nullptr;          // server/stats/command_log.h: large requests and replies.
  SnapshotService* snapshots = nullptr;       // server/node/snapshot_service.h: named snapshots.
  // Who is told of events: server/node/notification_sender.h. Null in harnesses.
  NotificationSender* notifications = nullptr;
  // In the order they are told. Filled before the workers start; a part that is not there (harnesses) is not listed.
  std::vector<KeyEventListener*> key_listeners = {};     // server/key_events.h
  std::vector<SessionListener*> session_listeners = {};  // server/session_listener.h
};

}  // namespace cachenode
