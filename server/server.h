// A running node: all parts, built in dependency order, started, and stopped in reverse.
//
// Thread-safety: made, run and destroyed on the main thread, which becomes worker 0. Apply is called under the
// exclusive
//   world lock, by whichever worker runs CONFIG SET.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "server/acl/acl_store.h"
#include "server/admission.h"
#include "server/background_pool.h"
#include "server/client_registry.h"
#include "server/client_services.h"
#include "server/command_table.h"
#include "server/config/command_line.h"
#include "server/config/config_store.h"
#include "server/encoding_limits.h"
#include "server/keyspace_maintenance.h"
#include "server/lazy_free.h"
#include "server/net/listener.h"
#include "server/node/event_file.h"
#include "server/node/maintenance_timer.h"
#include "server/node/node_events.h"
#include "server/node/notification_sender.h"
#include "server/node_state.h"
#include "server/persistence_service.h"
#include "server/process/crash_report.h"
#include "server/process/daemon.h"
#include "server/process/process_limits.h"
#include "server/process/process_title.h"
#include "server/process/restart.h"
#include "server/process/signals.h"
#include "server/quiescence.h"
#include "server/server_control.h"
#include "server/server_parts.h"
#include "server/stats/latency_monitor.h"
#include "server/stats/log_sink.h"
#include "server/stats/metrics_endpoint.h"
#include "server/stats/slowlog.h"
#include "server/stats/stats_hub.h"
#include "server/world_lock.h"
#include "storage/base/clock.h"
#include "storage/keyspace.h"

namespace cachenode {

class Server final : private ConfigApplier {
 public:
  // The process already is what the configuration asks for (background, working directory).
  Server(LaunchConfig launch, ProcessTitle& title);
  ~Server() override;
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Serves until a shutdown; returns the process' exit code. What stops the start is in the log.
  int Run();
  // After Run: how to start the process again in its place, if that is why it ended.
  [[nodiscard]] std::optional<RestartPlan> TakeRestart();

 private:
  Status Apply(ApplyGroup group, const Config& before, const Config& after) override;
  Status ConfigureTls(const Config& config);
  Status StartMetrics(const Config& config);
  Status MoveMetrics(const Config& before, const Config& after);
  Status ApplyClientLimit(const Config& after);
  void ApplyTitle(const Config& config);

  // server_restart.cc
  void MaintainNode(Worker& worker, int64_t now_ms);
  [[nodiscard]] bool MayApplyPending(int64_t now_ms);
  [[nodiscard]] std::string RestartInPlace();
  [[nodiscard]] std::string RestartState() const;
  // What happened before a restart in place is told of after it.
  [[nodiscard]] EventFile KeptEvents() const;
  void LoadKeptEvents();
  // Whether the node is being modified: changes wait, and they are applied as soon as that is possible. Under the world
  // lock.
  void NoteModifying(bool is_due);

  [[nodiscard]] bool Prepare();
  void ReadMemoryCeiling();
  [[nodiscard]] bool MakeWorkers();
  [[nodiscard]] bool OpenListeners(Worker& first);
  void ConnectControl();
  void Announce();
  void RunWorkers();
  void RunWorker(uint32_t index);
  void FreeRetired();
  void PeriodicWork(Worker& worker, int64_t now_ms);
  void StopBySignal(int signal_number);
  Status SaveForShutdown(const ShutdownRequest& request);
  [[nodiscard]] PersistenceService::Hooks PersistenceHooks();
  [[nodiscard]] NotificationSender::Settings NotificationSettings();
  // The data set is there: clients that ask now get answers.
  void OnLoaded();
  void RecordStart(const Config& config);
  void OnStatus(std::string_view name);
  [[nodiscard]] uint32_t worker_count() const;

  SystemClock clock_;
  ServerLogSink log_sink_;
  Log log_;
  const CrashReportEnd crash_report_end_;
  LaunchConfig launch_;
  ProcessTitle& title_;
  ConfigStore config_;
  CommandTable commands_;
  NodeState state_;
  WorldLock world_;
  QuiescentRetireList retired_;
  std::unique_ptr<Keyspace> keyspace_;
  NodeEvents events_;
  NotificationSender notifications_;
  StatsHub stats_;
  SlowLog slowlog_;
  LatencyMonitor latency_;
  ClientRegistry clients_;
  AclStore acl_;
  ServerControl control_;
  BackgroundPool background_;
  BackgroundReclaimer reclaimer_{background_, state_};
  std::optional<EncodingLimits> encoding_limits_;  // Made once the options are read.
  ServerParts parts_;
  std::unique_ptr<ClientServices> client_services_;
  std::vector<std::unique_ptr<KeyspaceMaintenance>> maintenance_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<PersistenceService> persistence_;
  std::unique_ptr<SnapshotService> snapshots_;
  Admission admission_;
  std::shared_ptr<const TlsContext> tls_;  // Null until it is needed. Under the exclusive world lock.
  std::unique_ptr<ListenerSet> listeners_;
  std::unique_ptr<MetricsEndpoint> metrics_;
  std::unique_ptr<SignalHandlers> signals_;
  std::unique_ptr<Watchdog> watchdog_;
  std::unique_ptr<Supervisor> supervisor_;
  std::unique_ptr<PidFile> pid_file_;
  std::vector<std::thread> threads_;
  MaintenanceTimer maintenance_timer_;         // Worker 0.
  std::optional<NodeStatus::Work> modifying_;  // Under the exclusive world lock.
  std::optional<RestartPlan> restart_;         // Worker 0, then the end of Run.
  OomScore oom_score_;
  std::atomic<int> exit_code_{0};
};

}  // namespace cachenode
