// Commands without sockets, threads or time of their own: a keyspace of one shard, a clock that stands still, and
// replies as text.
//
// Thread-safety: one test thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/reply_buffer.h"
#include "server/acl/acl_store.h"
#include "server/background_pool.h"
#include "server/client_registry.h"
#include "server/client_services.h"
#include "server/command_table.h"
#include "server/config/config_store.h"
#include "server/dispatcher.h"
#include "server/encoding_limits.h"
#include "server/node/node_events.h"
#include "server/node_state.h"
#include "server/server_control.h"
#include "server/server_parts.h"
#include "server/session.h"
#include "server/stats/latency_monitor.h"
#include "server/stats/slowlog.h"
#include "server/stats/stats_hub.h"
#include "server/world_lock.h"
#include "storage/base/log.h"
#include "storage/keyspace.h"
#include "tests/support/fake_clock.h"

namespace cachenode {

class CommandHarness {
 public:
  // `adjust` changes options before the node is made. Without it: the defaults, engine version 7.0.
  explicit CommandHarness(const std::function<void(Config&)>& adjust = {});
  ~CommandHarness();
  CommandHarness(const CommandHarness&) = delete;
  CommandHarness& operator=(const CommandHarness&) = delete;

  // Executes a command of the first client, written as redis-cli reads it (quotes, "\x00"). The reply in RESP2 with a
  // blank in the place of each line end but the last, which is cut off: "+OK", "$5 hello", "*2 :1 $-1". Empty: none.
  std::string Run(std::string_view line);
  // The same with RESP3 for this one command.
  std::string RunResp3(std::string_view line);
  // The same as another client.
  std::string RunAs(Session& session, std::string_view line);
  // Arguments as they are, the reply as it goes over the wire.
  std::string RunRaw(Session& session, const std::vector<std::string>& args);

  // One more client; lives as long as the harness.
  Session& Connect();

  [[nodiscard]] FakeClock& clock() { return clock_; }
  [[nodiscard]] Session& session() { return *sessions_.front(); }
  [[nodiscard]] Keyspace& keyspace() { return *keyspace_; }
  [[nodiscard]] ServerParts& parts() { return parts_; }
  [[nodiscard]] const CommandTable& commands() const { return commands_; }

 private:
  FakeClock clock_;
  ChunkPool chunks_;
  NodeState state_;
  SlowLog slowlog_;
  LatencyMonitor latency_;
  ServerControl control_;
  BackgroundPool background_;
  WorldLock world_;
  ClientRegistry clients_;
  ConfigStore config_;
  CommandTable commands_;
  NullLogSink log_sink_;
  Log log_{log_sink_};
  NodeEvents events_{log_, clock_, "a-node"};
  AclStore acl_;
  StatsHub stats_;
  ServerParts parts_;
  std::optional<EncodingLimits> encoding_limits_;
  std::unique_ptr<Keyspace> keyspace_;
  std::unique_ptr<ClientServices> client_services_;
  std::unique_ptr<Dispatcher> dispatcher_;
  std::vector<std::unique_ptr<Session>> sessions_;
};

}  // namespace cachenode
