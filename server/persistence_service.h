// Saving and loading as the node does it: binds the snapshotter and the restore to the loops, the configuration and the
// commands.
//
// Thread-safety: functions marked "world" need the exclusive world lock; Poll is worker 0's; the figures may be read by
//   any thread. The load at the start runs on a thread of its own while the loops answer -LOADING.
// Errors: replies or lines for the log, as said at each.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>

#include "persistence/restore.h"
#include "persistence/snapshot_host.h"
#include "persistence/snapshotter.h"
#include "server/config/config_store.h"
#include "server/load_exit_code.h"
#include "server/server_control.h"
#include "server/server_parts.h"
#include "server/snapshot_exporter.h"
#include "server/worker.h"
#include "server/world_lock.h"

namespace cachenode {

// How the load at the start went; for INFO.
struct LoadFigures {
  bool loading = false;
  RestoreProgress progress;  // Of the load that runs, or of the last one.
  uint64_t keys_loaded = 0;  // By the last load.
  uint64_t keys_expired = 0;
};

enum class LibraryPolicy : uint8_t;

class PersistenceService final : public SnapshotHost, public ConfigApplier {
 public:
  static constexpr uint32_t kSliceUs = 20;

  // What the assembly lends; all outlive this.
  struct Hooks {
    std::function<void(std::function<void(Worker&)>)> on_every_worker;  // Posts to all loops. Any thread.
    std::function<void(std::function<void(Worker&)>)> on_first_worker;  // Posts to worker 0. Any thread.
    std::function<void()> resume_parked;                                // Parked clients try again. Any thread.
    std::function<void()> on_loaded;                                    // The data set is there. Worker 0.
    std::function<void(LoadExitCode)> on_load_failed;                   // End the process with that code. Worker 0.
  };
  PersistenceService(const ServerParts& parts, Log& log, Hooks hooks);
  ~PersistenceService() override;

  // Each loop thread, before it runs: which seat in the world lock is its own.
  void RegisterThread(WorldLock::Seat& seat);

  // --- Start and end ---

  // Loads what the configuration names, if there is anything; the node answers -LOADING until it is done. Before the
  // loops run. Calls on_loaded or on_load_failed in the end, at once when there is nothing to load.
  void StartLoad();
  // SHUTDOWN: saves if asked to, or if save points are set. World. Error: the log has the reason.
  Status SaveForShutdown(const ShutdownRequest& request);
  // Saves for the restart that follows: into a file of its own, which the next start of this node prefers to any other
  // source, and which then becomes the data file (with save points) or disappears. World. Error: for the log.
  Status SaveForRestart();
  // Ends a load that is under way; called when the loops ended.
  void Stop();

  // --- Commands; world. Errors are replies. ---

  Status Save();
  Status BackgroundSave() { return snapshotter_.Start(); }
  [[nodiscard]] bool BackgroundSaveOrSchedule() { return snapshotter_.StartOrSchedule(); }
  // See SnapshotExporter::Start.
  Status StartExport(std::string_view name, std::string_view target) { return exporter_.Start(name, target); }
  [[nodiscard]] ExportFigures Exports() const { return exporter_.Figures(); }
  Result<Snapshotter::Cancelled> CancelBackgroundSave() { return snapshotter_.Cancel(); }
  struct ReloadOptions {
    bool save = true;
    bool flush = true;
    bool merge = false;
  };
  // A file that does not load leaves the data set as it is, except where only loading it shows that: see
  // Restore::CheckFile. With `flush` the node is empty then.
  Status Reload(const ReloadOptions& options);
  // Background saves that go elsewhere than into `dbfilename`, and are none of the saves that LASTSAVE tells.
  Status BackgroundJob(SnapshotJob job) { return snapshotter_.Start(std::move(job)); }
  // The same at once, instead of what runs. The error is for the log.
  Status SaveElsewhere(SinkFactory open_sink) { return snapshotter_.SaveElsewhereNow(std::move(open_sink)); }
  // FLUSHALL emptied the node: a running snapshot is pointless, and with save points the file is emptied as well.
  void OnFlushAll();

  // --- On the way ---

  // Worker 0, about ten times a second.
  void Poll();
  [[nodiscard]] bool SnapshotRunning() const { return snapshotter_.Running(); }
  // See Snapshotter::MustPark.
  [[nodiscard]] bool MustPark(const Shard& shard, uint32_t db, KeyHash hash) const CACHENODE_REQUIRES(shard) {
    return snapshotter_.MustPark(shard, db, hash);
  }
  [[nodiscard]] SnapshotFigures Snapshots() const { return snapshotter_.Figures(); }
  [[nodiscard]] LoadFigures Load() const;
  // What a node that begins with a snapshot may take at most: maxmemory and a quarter more, 16 MB at least, so that a
  // full node can load its own snapshot; never more than the machine or the control group has.
  [[nodiscard]] uint64_t RestoreLimitBytes(const Config& config) const;

  // --- SnapshotHost, ConfigApplier ---

  void RunExclusive(FunctionRef<void()> body) override;
  void WakeWalkers() noexcept override;
  void OnSnapshotRoom() noexcept override;
  void OnSnapshotOutcome() noexcept override;
  void OnSnapshotFinished() noexcept override;
  Status Apply(ApplyGroup group, const Config& before, const Config& after) override;
  // The sources of function libraries that the next files get. Exclusive world lock, or before the workers start.
  void SetFunctions(std::vector<std::string> sources) { snapshotter_.SetFunctions(std::move(sources)); }

 private:
  [[nodiscard]] Status LoadFunctions(std::vector<std::string> sources, LibraryPolicy policy);
  // Lets one loop walk for the snapshot in its idle time.
  class Walker final : public IdleWork {
   public:
    Walker(PersistenceService& service, unsigned index) : service_(service), index_(index) {}
    bool RunSlice(Worker& worker) override;
    [[nodiscard]] uint32_t BusyPercent() const override;

   private:
    PersistenceService& service_;
    const unsigned index_;
  };

  void ApplySettings(const Config& config);
  [[nodiscard]] RestoreOptions RestoreOptionsOf(const Config& config) const;
  void LoadOnThread(const Config& config);
  // `source` says where an error came from.
  [[nodiscard]] Status LoadFrom(const Config& config, Restore& restore, LoadSource& source);
  [[nodiscard]] Status LoadSnapshot(const Config& config, Restore& restore, LoadSource& source);
  [[nodiscard]] Status LoadObject(const Config& config, Restore& restore, LoadSource& source);
  void FinishLoad(Status status, LoadSource source);
  void FailLoad(const Status& status, LoadSource source);
  [[nodiscard]] WorldLock::Seat* CallerSeat();
  [[nodiscard]] static std::string DumpPath(const Config& config);
  [[nodiscard]] static std::string RestartPath(const Config& config);
  void SettleRestartFile(const Config& config);

  const ServerParts& parts_;
  Log& log_;
  const Hooks hooks_;
  SnapshotExporter exporter_;  // Hears of the end of what the snapshotter runs, so it goes after it.
  Snapshotter snapshotter_;
  std::vector<std::unique_ptr<Walker>> walkers_;
  std::thread load_thread_;
  // The load that runs, for INFO and Stop; guarded by mutex_, as the seats.
  mutable std::mutex mutex_;
  std::unique_ptr<Restore> restore_;
  RestoreProgress last_progress_;
  std::unordered_map<std::thread::id, WorldLock::Seat*> seats_;
};

}  // namespace cachenode
