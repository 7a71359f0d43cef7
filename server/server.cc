#include "server/server.h"

#include <pthread.h>
#include <unistd.h>

#include <fmt/format.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <utility>

#include "server/banner.h"
#include "server/commands/families.h"
#include "server/config/config.h"
#include "server/crash_details.h"
#include "server/lock_report.h"
#include "server/managed_commands.h"
#include "server/migrate/abandoned_migrates.h"
#include "server/migrate/migrate_table.h"
#include "server/node/node_changes.h"
#include "server/node/node_identity.h"
#include "server/node/snapshot_service.h"
#include "server/process/process_limits.h"
#include "server/process/start_pages.h"
#include "server/process/unfinished_file.h"
#include "server/s3_settings.h"
#include "server/stats/info_sections.h"
#include "server/stats/memory_report.h"
#include "server/worker.h"
#include "storage/base/cycle_clock.h"
#include "storage/base/memory_ceiling.h"
#include "storage/base/system_error.h"

namespace cachenode {

namespace {

ConfigStore::Start StartOf(const LaunchConfig& launch) {
  return {.config = launch.loaded->config,
          .defaults = launch.loaded->defaults,
          .file_path = launch.file_path,
          .group = launch.loaded->group,
          .machine_bytes = MachineMemoryForProcess()};
}

KeyspaceOptions KeyspaceOptionsOf(const Config& config, RetireList& retired, ValueReclaimer& reclaimer) {
  KeyspaceOptions options;
  const auto workers = static_cast<uint32_t>(config.io_threads);
  options.shard_count = ShardCountFor(workers);
  options.database_count = static_cast<uint32_t>(config.databases);
  options.threaded = workers > 1;
  options.maxmemory_bytes = config.maxmemory;
  options.arena_reserve_bytes = static_cast<uint64_t>(config.arena_reserve);
  options.retire_list = options.threaded ? &retired : nullptr;
  options.reclaimer = &reclaimer;
  return options;
}

// The one port that INFO, the title and the log name.
int64_t ShownPort(const Config& config) { return config.port != 0 ? config.port : config.tls_port; }

// Groups whose options the assembly itself must act on.
constexpr ApplyGroup kOwnGroups[] = {ApplyGroup::kListeners,   ApplyGroup::kTls,       ApplyGroup::kMetrics,
                                     ApplyGroup::kClientLimit, ApplyGroup::kOomScore,  ApplyGroup::kProcessTitle,
                                     ApplyGroup::kWatchdog,    ApplyGroup::kDirectory, ApplyGroup::kLogging};

}  // namespace

Server::Server(LaunchConfig launch, ProcessTitle& title)
    : log_sink_(clock_),
      log_(log_sink_, launch.loaded->config.loglevel),
      launch_(std::move(launch)),
      title_(title),
      config_(StartOf(launch_)),
      commands_(AllFamilies()),
      world_(config_.Current().io_threads == 1),
      retired_(world_),
      events_(log_, clock_, config_.Current().cluster_id),
      notifications_(log_, events_.source_identifier(), [this] { return NotificationSettings(); }),
      stats_(worker_count(), commands_.count()),
      clients_(worker_count()),
      acl_(config_, commands_, clients_, log_),
      background_([this] { PinThread(config_.Share()->bio_cpulist, log_); }),
      admission_(parts_, workers_) {
  events_.SetListener([this](const NodeEvent& event) { notifications_.Enqueue(event); });
}

Server::~Server() { CrashReport::SetDetails({}); }

// Any thread.
NotificationSender::Settings Server::NotificationSettings() {
  const std::shared_ptr<const Config> config = config_.Share();
  return {.url = config->notification_url,
          .topic_arn = config->notification_topic_arn,
          .sns_endpoint = config->sns_endpoint,
          .ca_file = config->notification_ca_file,
          .timeout_ms = config->notification_timeout * 1000,
          .attempts_max = config->notification_max_attempts,
          .aws = S3OptionsOf(*config, log_)};
}

uint32_t Server::worker_count() const { return static_cast<uint32_t>(config_.Current().io_threads); }

int Server::Run() {
  if (!Prepare() || !MakeWorkers()) return 1;
  Announce();
  RunWorkers();
  return exit_code_.load();
}

// Everything a client could notice the lack of, before the first one is accepted.
bool Server::Prepare() {
  const Config& config = config_.Current();
  const LogSinkOptions log_options{config.logfile, config.syslog_enabled, config.syslog_ident, config.syslog_facility};
  if (Status failed = log_sink_.Open(log_options); !failed.ok()) {
    CN_LOG(log_, kWarning, "{}", failed.text());
    return false;
  }
  CN_LOG(log_, kWarning, "oO0OoO0OoO0Oo Cachenode is starting oO0OoO0OoO0Oo");
  CN_LOG(log_, kWarning, "Cachenode version={}, Redis version={}, bits=64, pid={}, just started", CACHENODE_VERSION,
         config.engine_version.RedisVersionText(), getpid());
  CN_LOG(log_, kWarning, "{}",
         launch_.file_path.empty() ? "No config file specified, using the default config." : "Configuration loaded");
  for (const std::string& warning : launch_.loaded->warnings) CN_LOG(log_, kWarning, "{}", warning);
  for (const std::string& warning : IdentityWarnings(config)) CN_LOG(log_, kWarning, "{}", warning);
  for (const RenamedCommand& renamed : launch_.loaded->renamed_commands) {
    const Status failed = commands_.Rename(renamed.old_name, renamed.new_name);
    if (failed.ok()) continue;
    ConfigError error = renamed.place;
    error.reason = failed.text();
    std::fputs(error.Report(config.engine_version.RedisVersionText()).c_str(), stderr);
    return false;
  }
  HideManagedCommands(commands_, config);
  if (const std::string conflict = SnapshotService::ConflictIn(config); !conflict.empty()) {
    CN_LOG(log_, kWarning, "{}", conflict);
    return false;
  }
  if (const Status failed = acl_.LoadAtStart(launch_.loaded->users); !failed.ok()) {
    CN_LOG(log_, kWarning, "{}", failed.text());
    return false;
  }
  LoadKeptEvents();
  SetUnfinishedFile(UnfinishedSnapshotName());  // The working directory is `dir`.
  CrashReport::SetEnabled(config.crash_log_enabled);
  CrashReport::SetExitsOnPanic(config.use_exit_on_panic);
  CrashReport::Install(log_);
  supervisor_ = std::make_unique<Supervisor>(config.supervised, log_);
  state_.status.AddListener([this](std::string_view name) { OnStatus(name); });
  if (config.disable_thp) DisableHugePages();
  CheckBacklog(config.tcp_backlog, log_);
  PinThread(config.server_cpulist, log_);
  CycleClock::Calibrate();
  const uint64_t fitting = RaiseFileLimit(static_cast<uint64_t>(config.maxclients), log_);
  if (fitting == 0) return false;
  if (fitting < static_cast<uint64_t>(config.maxclients)) {
    return config_.SetInternally("maxclients", std::to_string(fitting)).ok();
  }
  return true;
}

void Server::ReadMemoryCeiling() {
  state_.memory_ceiling_bytes = MemoryCeilingFor(ReadGroupMemoryLimit("/proc/self/cgroup", "/sys/fs/cgroup"));
  if (state_.memory_ceiling_bytes != 0) {
    CN_LOG(log_, kNotice, "The control group allows {} MB for keys and buffers; writes beyond are refused or evict.",
           state_.memory_ceiling_bytes >> 20);
  }
}

bool Server::MakeWorkers() {
  const Config& config = config_.Current();
  encoding_limits_.emplace(config_);
  keyspace_ = std::make_unique<Keyspace>(KeyspaceOptionsOf(config, retired_, reclaimer_));
  state_.identity = MakeIdentity(clock_.NowMs());
  ReadMemoryCeiling();
  parts_ = {.state = &state_,
            .log = &log_,
            .clock = &clock_,
            .config = &config_,
            .commands = &commands_,
            .keyspace = keyspace_.get(),
            .world = &world_,
            .clients = &clients_,
            .stats = &stats_,
            .slowlog = &slowlog_,
            .latency = &latency_,
            .control = &control_,
            .background = &background_};
  client_services_ = std::make_unique<ClientServices>(parts_);
  parts_.acl = &acl_;
  parts_.events = &events_;
  parts_.notifications = &notifications_;
  for (uint32_t i = 0; i < worker_count(); ++i) {
    maintenance_.push_back(std::make_unique<KeyspaceMaintenance>(parts_, i, worker_count()));
    workers_.push_back(std::make_unique<Worker>(WorkerSetup{i, &log_, &clock_}, parts_, stats_.worker(i)));
    if (Status failed = workers_.back()->Open(); !failed.ok()) {
      CN_LOG(log_, kWarning, "Cannot make an event loop: {}", failed.text());
      return false;
    }
    workers_.back()->AddCronTask([this, i](Worker& worker, int64_t) { maintenance_[i]->Run(worker); });
  }
  CrashReport::SetDetails([this] { CrashDetails{parts_, config_.Current().crash_memcheck_enabled}.Write(); });
  Worker& first = *workers_.front();
  parts_.dispatcher = &first.dispatcher();
  persistence_ = std::make_unique<PersistenceService>(parts_, log_, PersistenceHooks());
  parts_.persistence = persistence_.get();
  snapshots_ = std::make_unique<SnapshotService>(parts_, log_);
  parts_.snapshots = snapshots_.get();
  parts_.session_listeners.push_back(snapshots_.get());
  snapshots_->Start();
  config_.SetChangeListener([this](const ConfigChanges& changes) {
    RecordChanges(events_, config_, changes);
    NoteModifying(config_.Current().apply_immediately);
  });
  config_.SetRestartCheck(
      [this](const Config& after, bool type_changes) { return RestartProblem(parts_, after, type_changes); });
  first.AddCronTask([this](Worker& worker, int64_t now_ms) { PeriodicWork(worker, now_ms); });
  if (!OpenListeners(first)) return false;
  const auto busy_ms = [this](uint32_t i) { return workers_[i]->BusyMs(); };
  watchdog_ =
      std::make_unique<Watchdog>(log_, worker_count(), busy_ms, [this] { return LockReport(*keyspace_, world_); });
  signals_ = std::make_unique<SignalHandlers>(first.loop(), [this](int number) { StopBySignal(number); });
  ConnectControl();
  for (const ApplyGroup group : kOwnGroups) config_.Subscribe(group, *this);
  return true;
}

// Last of what a client could notice the lack of: from here on connections come.
bool Server::OpenListeners(Worker& first) {
  const Config& config = config_.Current();
  listeners_ = std::make_unique<ListenerSet>(
      first.loop(), log_,
      [this](IncomingConnection incoming) { admission_.Admit(std::move(incoming), config_.Current()); },
      [&first](std::function<void()> action) {
        first.mailbox().Post(MakeLetter([action = std::move(action)](Worker&) { action(); }));
      });
  if (config.tls_port != 0 && !ConfigureTls(config).ok()) {
    CN_LOG(log_, kWarning, "Failed to configure TLS. Check logs for more info.");
    return false;
  }
  if (!listeners_->Open(config).ok() || !StartMetrics(config).ok()) return false;
  first.SetPumpedDescriptors([this] {
    std::vector<Worker::PumpedDescriptor> pumped;
    for (const int descriptor : listeners_->Descriptors()) {
      pumped.push_back({descriptor, [this, descriptor] { listeners_->AcceptFrom(descriptor); }});
    }
    return pumped;
  });
  return true;
}

void Server::ConnectControl() {
  ControlHooks hooks;
  hooks.save = [this](const ShutdownRequest& request) { return SaveForShutdown(request); };
  hooks.stop = [this](int exit_code) {
    exit_code_.store(exit_code);
    // Whoever sees its connection end finds nobody listening.
    if (listeners_ != nullptr) listeners_->Refuse();
    for (auto& worker : workers_) worker->Stop();
  };
  hooks.resume_parked = [this] {
    for (auto& worker : workers_) {
      worker->mailbox().Post(MakeLetter([](Worker& there) { there.ResumeParked(); }));
    }
  };
  state_.migrations = std::make_shared<MigrateTable>(hooks.resume_parked);
  parts_.session_listeners.push_back(state_.migrations.get());
  control_.SetHooks(std::move(hooks));
}

PersistenceService::Hooks Server::PersistenceHooks() {
  PersistenceService::Hooks hooks;
  hooks.on_every_worker = [this](const std::function<void(Worker&)>& action) {
    for (auto& worker : workers_) worker->mailbox().Post(MakeLetter(action));
  };
  hooks.on_first_worker = [this](const std::function<void(Worker&)>& action) {
    workers_.front()->mailbox().Post(MakeLetter(action));
  };
  hooks.resume_parked = [this] {
    for (auto& worker : workers_) {
      worker->mailbox().Post(MakeLetter([](Worker& there) { there.ResumeParked(); }));
    }
  };
  hooks.on_loaded = [this] { OnLoaded(); };
  hooks.on_load_failed = [this](LoadExitCode exit_code) {
    state_.status.MoveTo(NodePhase::kRestoreFailed);
    exit_code_.store(static_cast<int>(exit_code));
    for (auto& worker : workers_) worker->Stop();
  };
  return hooks;
}

void Server::OnLoaded() {
  const std::shared_ptr<const Config> config = config_.Share();
  state_.status.MoveTo(NodePhase::kServing);
  CN_LOG(log_, kNotice, "Endpoint: {} (node {} of {})", EndpointOf(*config), kNodeId, config->cluster_id);
  if (listeners_->port_count() != 0) CN_LOG(log_, kNotice, "Ready to accept connections");
  const std::string& unix_path = config->unixsocket;
  if (!unix_path.empty()) CN_LOG(log_, kNotice, "The server is now ready to accept connections at {}", unix_path);
  RecordStart(*config);
  std::remove(KeptEvents().Path().c_str());
  supervisor_->Notify("STATUS=Ready to accept connections\nREADY=1\n");
  ReleaseStartPages();
}

// A data set of this node's own means that it was there before.
void Server::RecordStart(const Config& config) {
  const bool was_there = !launch_.applied.empty() ||
                         (config.s3_snapshot_location.empty() && persistence_->Load().progress.total_bytes != 0);
  if (was_there) {
    events_.Record(NodeEventKind::kRebooted, "Cache node 0001 restarted");
    RecordApplied(events_, config_, launch_.applied);
  } else {
    events_.Record(NodeEventKind::kProvisioningComplete, "Cache cluster created");
  }
}

// Any thread: who watches the process sees what the node is doing.
void Server::OnStatus(std::string_view name) {
  CN_LOG(log_, kNotice, "Node status: {}", name);
  supervisor_->Notify(fmt::format("STATUS={}\n", name));
}

// What tells the outside that the node is there.
void Server::Announce() {
  const Config& config = config_.Current();
  pid_file_ = std::make_unique<PidFile>(
      config.daemonize && config.pidfile.empty() ? "/var/run/redis.pid" : config.pidfile, log_);
  if (config.set_proc_title) ApplyTitle(config);
  const Status failed = oom_score_.Apply(config.oom_score_adj, config.oom_score_adj_values[0]);
  if (!failed.ok()) CN_LOG(log_, kWarning, "{}", failed.text());
  watchdog_->SetPeriod(config.watchdog_period);
  const std::string version = config.engine_version.RedisVersionText();
  if (config.always_show_logo || (isatty(STDOUT_FILENO) != 0 && config.logfile.empty() && !config.syslog_enabled)) {
    log_sink_.WriteRaw(LogLevel::kNotice, MakeBanner({version, ShownPort(config), getpid(), worker_count()}));
  } else {
    CN_LOG(log_, kNotice, "Running mode=standalone, port={}.", ShownPort(config));
  }
  CN_LOG(log_, kWarning, "Server initialized");
}

void Server::RunWorkers() {
  NoteStartupMemory(parts_);
  persistence_->StartLoad();
  if (state_.loading.load()) state_.status.MoveTo(NodePhase::kRestoring);  // Its end is told to worker 0, later.
  for (uint32_t i = 1; i < worker_count(); ++i) threads_.emplace_back([this, i] { RunWorker(i); });
  RunWorker(0);
  for (std::thread& thread : threads_) thread.join();
  events_.Record(NodeEventKind::kNote, "Cache node 0001 shutdown");
  metrics_.reset();
  state_.migrations->Stop();
  snapshots_->Stop();
  background_.Drain(BackgroundPool::Lane::kTransfer);  // Its jobs write to workers.
  persistence_->Stop();
  notifications_.Stop();
  signals_.reset();
  watchdog_.reset();
  pid_file_.reset();
  listeners_.reset();
  CN_LOG(log_, kWarning, "Redis is now ready to exit, bye bye...");
}

void Server::RunWorker(uint32_t index) {
  if (index != 0) {
    pthread_setname_np(pthread_self(), fmt::format("cn_worker_{}", index).c_str());
    // Signals that stop the node are worker 0's.
    sigset_t stops;
    sigemptyset(&stops);
    sigaddset(&stops, SIGTERM);
    sigaddset(&stops, SIGINT);
    pthread_sigmask(SIG_BLOCK, &stops, nullptr);
  }
  watchdog_->RegisterThread(index);
  persistence_->RegisterThread(workers_[index]->seat());
  workers_[index]->Run();
}

// Not on the loop: the arrays that all shards' resizes leave at about the same time take milliseconds to unmap.
void Server::FreeRetired() {
  auto garbage = std::make_shared<QuiescentRetireList::Garbage>(retired_.TakePassed());
  if (garbage->empty()) return;
  // Where the lane is full they are freed here.
  static_cast<void>(background_.Submit(BackgroundPool::Lane::kLazyFree,
                                       [garbage = std::move(garbage)]() mutable { garbage.reset(); }));
}

void Server::PeriodicWork(Worker& worker, int64_t now_ms) {
  stats_.Sample(clock_.MonotonicUs() / 1000);
  FreeRetired();
  NotePeakMemory(parts_);
  persistence_->Poll();
  snapshots_->Tick(now_ms);
  control_.EndPauseIfDue(now_ms);
  if (state_.migrations != nullptr) {
    state_.migrations->CloseIdleTargets();
    EndAbandonedMigrates(worker, *state_.migrations);
  }
  const uint64_t clients = clients_.Count();
  if (clients > stats_.peak_clients.load(std::memory_order_relaxed)) stats_.peak_clients.store(clients);
  MaintainNode(worker, now_ms);
  if (control_.stopping()) worker.Stop();
}

// --- Shutting down ---------------------------------------------------------------------------------------------------

void Server::StopBySignal(int signal_number) {
  const bool is_interrupt = signal_number == SIGINT;
  CN_LOG(log_, kWarning, "Received {} scheduling shutdown...", is_interrupt ? "SIGINT" : "SIGTERM");
  Worker& worker = *workers_.front();
  const WorldExclusive exclusive(world_, worker.seat());
  const Config& config = config_.Current();
  control_.NoteSignal(signal_number);
  const uint32_t flags = is_interrupt ? config.shutdown_on_sigint : config.shutdown_on_sigterm;
  if (!control_.Shutdown(ShutdownRequest::FromFlags(flags)).ok()) {
    CN_LOG(log_, kWarning, "Errors trying to shut down the server. Check the logs for more information.");
    SignalHandlers::Rearm();
  }
}

Status Server::SaveForShutdown(const ShutdownRequest& request) {
  CN_LOG(log_, kWarning, "User requested shutdown...");
  supervisor_->Notify("STOPPING=1\n");
  if (Status failed = snapshots_->TakeFinal(request); !failed.ok() && !request.force) return failed;
  return persistence_->SaveForShutdown(request);
}

// --- Options that change what the process is -------------------------------------------------------------------------

Status Server::Apply(ApplyGroup group, const Config& before, const Config& after) {
  switch (group) {
    case ApplyGroup::kTls:
      if (after.tls_port == 0) return Status::Ok();  // Read when it is needed.
      return ConfigureTls(after);
    case ApplyGroup::kMetrics:
      return MoveMetrics(before, after);
    case ApplyGroup::kListeners: {
      if (after.tls_port != 0 && before.tls_port == 0) {
        if (Status failed = ConfigureTls(after); !failed.ok()) return failed;
      }
      Status failed = listeners_->Rebind(before, after);
      if (failed.ok() && after.set_proc_title) ApplyTitle(after);
      if (failed.ok()) return Status::Ok();
      return Status::Text(before.bind != after.bind ? "Failed to bind to specified addresses."
                                                    : "Unable to listen on this port. Check server logs.");
    }
    case ApplyGroup::kClientLimit:
      return ApplyClientLimit(after);
    case ApplyGroup::kOomScore: {
      const Status failed = oom_score_.Apply(after.oom_score_adj, after.oom_score_adj_values[0]);
      if (failed.ok()) return Status::Ok();
      CN_LOG(log_, kWarning, "{}", failed.text());
      return Status::Text("Failed to set current oom_score_adj. Check server logs.");
    }
    case ApplyGroup::kProcessTitle:
      if (after.set_proc_title) ApplyTitle(after);
      return Status::Ok();
    case ApplyGroup::kWatchdog:
      watchdog_->SetPeriod(after.watchdog_period);
      CrashReport::SetEnabled(after.crash_log_enabled);
      CrashReport::SetExitsOnPanic(after.use_exit_on_panic);
      return Status::Ok();
    case ApplyGroup::kDirectory:
      if (chdir(after.dir.c_str()) == 0) return Status::Ok();
      return Status::Text(SystemErrorText(errno));
    case ApplyGroup::kLogging:
      log_.SetLevel(after.loglevel);
      return Status::Ok();
    default:
      return Status::Ok();
  }
}

// Connections from now on are encrypted as `config` says; those that exist stay as they are.
Status Server::ConfigureTls(const Config& config) {
  Result<std::shared_ptr<const TlsContext>> made = TlsContext::Create(config, tls_.get());
  if (made) {
    tls_ = *std::move(made);
    listeners_->SetTls(tls_);
    return Status::Ok();
  }
  CN_LOG(log_, kWarning, "{}", made.error().text());
  return Status::Text("Unable to update TLS configuration. Check server logs.");
}

Status Server::StartMetrics(const Config& config) {
  if (config.metrics_port == 0) return Status::Ok();
  Worker& first = *workers_.front();
  const auto ask = [this, &first](std::string section, MetricsEndpoint::OnInfo on_info) {
    first.mailbox().Post(MakeLetter([this, section = std::move(section), on_info = std::move(on_info)](Worker& there) {
      const std::string_view name = section;
      on_info(MakeInfo(parts_, there.config(), {&name, 1}));
    }));
  };
  Result<std::unique_ptr<MetricsEndpoint>> started =
      MetricsEndpoint::Start(config.metrics_bind, static_cast<uint16_t>(config.metrics_port), ask);
  if (started) {
    metrics_ = *std::move(started);
    return Status::Ok();
  }
  CN_LOG(log_, kWarning, "{}", started.error().text());
  return Status::Text("Unable to listen on this port. Check server logs.");
}

// The port that is there is given up first, as the new one may be the same at another address.
Status Server::MoveMetrics(const Config& before, const Config& after) {
  metrics_.reset();
  Status failed = StartMetrics(after);
  if (failed.ok()) return failed;
  const Status back = StartMetrics(before);
  if (!back.ok()) CN_LOG(log_, kWarning, "The former metrics-port is lost, too.");
  return failed;
}

Status Server::ApplyClientLimit(const Config& after) {
  const auto wanted = static_cast<uint64_t>(after.maxclients);
  const uint64_t fitting = RaiseFileLimit(wanted, log_);
  if (fitting >= wanted) return Status::Ok();
  return Status::Text(
      fmt::format("The operating system is not able to handle the specified number of clients, try with {}", fitting));
}

void Server::ApplyTitle(const Config& config) {
  TitleFacts facts;
  facts.title = title_.program();
  facts.port = config.port;
  facts.tls_port = config.tls_port;
  facts.config_file = launch_.file_path;
  facts.unix_socket = config.unixsocket;
  const std::string host = config.bind.empty() ? std::string("*") : config.bind.front();
  const int64_t port = ShownPort(config);
  facts.listen_address = port != 0 ? fmt::format("{}:{}", host, port) : fmt::format("{}:0", config.unixsocket);
  title_.Set(ExpandTitle(config.proc_title_template, facts));
}

}  // namespace cachenode
