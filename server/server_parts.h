// The parts of a running node that commands and workers reach: a plain list of references, filled by server.cc (and by
// the test harness) and passed on; nobody below owns any of them, and there is no global.
//
// Thread-safety: the struct is constant once filled; each part states its own rule.
#pragma once

namespace cachenode {

class BackgroundPool;
class Clock;
class ClientRegistry;
class CommandTable;
class ConfigStore;
class Dispatcher;
class Keyspace;
class LatencyMonitor;
class Log;
struct NodeState;
class PersistenceService;
class ServerControl;
class SlowLog;
class StatsHub;
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
};

}  // namespace cachenode
