// Runs SAVE and BGSAVE, one at a time, without ever forking, and keeps what INFO and save points want to know.
//
// Thread-safety: functions marked "control" change state under SnapshotHost::RunExclusive, which they enter themselves;
//   they are called by loop threads that hold no shard lock. RunSlice, MustPark and Figures may be called by any loop
//   thread inside its world flag: a run is destroyed under exclusion only.
// Errors: Status texts for the log; those of control functions that are replies to a client say so.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "persistence/blocking_save.h"
#include "persistence/file_stream.h"
#include "persistence/rdb_writer.h"
#include "persistence/save_policy.h"
#include "persistence/snapshot_host.h"
#include "persistence/snapshot_run.h"
#include "storage/base/clock.h"
#include "storage/base/log.h"
#include "storage/keyspace.h"

namespace cachenode {

// Everything about a snapshot that options decide. Read when a snapshot begins.
struct SnapshotSettings {
  std::string directory = ".";
  std::string file_name = "dump.rdb";
  RdbVersionChoice version = RdbVersionChoice::kAuto;
  std::string server_version = "7.4.0";
  bool server_is_valkey = false;
  bool compression = true;                 // rdbcompression
  bool checksum = true;                    // rdbchecksum
  bool incremental_sync = true;            // rdb-save-incremental-fsync
  RdbRecency recency = RdbRecency::kNone;  // By maxmemory-policy.
  unsigned thread_count = 2;               // That encode and write.
  int encoder_nice = 0;                    // Of those threads, in the background.
  unsigned walker_count = 1;               // Loops that call RunSlice.
  int64_t seconds_max = 0;                 // snapshot-max-seconds; 0: no wish.
  int64_t key_delay_us = 0;                // rdb-key-save-delay; for background snapshots.
};

struct SnapshotJobResult {
  uint64_t keys = 0;
  uint64_t bytes = 0;
  int64_t milliseconds = 0;
};

// A background snapshot that goes elsewhere than into the file of the settings: a named one, an upload. It is none of
// the saves that save points, LASTSAVE and MISCONF are about.
struct SnapshotJob {
  SinkFactory open_sink;
  // Makes what the sink waits for end soon, because the run is to end. May be empty. Under exclusion.
  std::function<void()> interrupt;
  // The outcome, once, under exclusion; kCancelled when it was stopped.
  std::function<void(const Status& status, const SnapshotJobResult& result)> on_end;
  std::string what;  // For the log: "Snapshot before-upgrade".
};

// For INFO. Times are Unix seconds, durations seconds; -1 where there is none.
struct SnapshotFigures {
  bool in_progress = false;
  uint64_t keys_processed = 0;
  uint64_t keys_total = 0;
  uint64_t bytes_written = 0;
  uint64_t changes_since_save = 0;
  int64_t last_save_time_s = 0;
  bool last_ok = true;
  int64_t last_seconds = -1;
  int64_t current_seconds = -1;
  uint64_t saves = 0;
  uint64_t buffer_bytes = 0;       // mem_snapshot
  uint64_t buffer_bytes_peak = 0;  // Of the running or the last one.
  uint64_t bytes_for_writers = 0;  // Copied because a writer came first; of the running or the last one.
};

// What a snapshot is called in its folder until it is whole; one for each process.
[[nodiscard]] std::string UnfinishedSnapshotName();

class Snapshotter {
 public:
  // A snapshot that copied and wrote nothing for so long is given up.
  static constexpr int64_t kStallSecondsMax = 300;

  // All outlive the snapshotter.
  Snapshotter(Keyspace& keyspace, SnapshotHost& host, Clock& clock, Log& log);
  // No other thread touches the keyspace any more. Cancels what runs.
  ~Snapshotter();
  Snapshotter(const Snapshotter&) = delete;
  Snapshotter& operator=(const Snapshotter&) = delete;

  // --- Control -------------------------------------------------------------------------------------------------------

  void SetSettings(SnapshotSettings settings);
  // Sources of function libraries, which every file gets: what a load found, so that saving does not lose it.
  void SetFunctions(std::vector<std::string> sources);
  // Configuration of save points; world lock.
  [[nodiscard]] SavePolicy& policy() noexcept { return policy_; }

  // BGSAVE. The error is a reply: "ERR Background save already in progress". `open_sink` replaces the file of the
  // settings (a named snapshot, an upload).
  Status Start(SinkFactory open_sink = {});
  // The error is the same. Without one, `job.on_end` will be called.
  Status Start(SnapshotJob job);
  // Whether what runs is such a job.
  [[nodiscard]] bool RunsJob() const noexcept { return runs_job_.load(std::memory_order_relaxed); }
  // BGSAVE SCHEDULE, and BGSAVE inside MULTI: starts now, or from Poll when the running one ended. True when it
  // started.
  bool StartOrSchedule();
  // BGSAVE CANCEL. The file of a cancelled snapshot disappears; it counts neither as good nor as failed. The error is a
  // reply.
  enum class Cancelled : uint8_t { kRunning, kScheduled };
  Result<Cancelled> Cancel();
  // SAVE. The world stands still meanwhile. The error is a reply when a background one runs, else for the log.
  Status SaveNow();
  // SAVE to another place, after cancelling what runs; none of the saves that save points are about. The error is for
  // the log.
  Status SaveElsewhereNow(SinkFactory open_sink);
  // SAVE that first cancels a running background snapshot (SHUTDOWN SAVE, DEBUG RELOAD).
  Status CancelAndSaveNow();
  // Takes the outcome of a finished run, starts scheduled and due snapshots, watches for stalls. From a timer about
  // 10 times a second and when the host hears of the end.
  void Poll();
  // A loaded or an emptied data set is as good as saved: the count of changes starts again.
  void ForgetChanges() noexcept;

  // --- On the way ----------------------------------------------------------------------------------------------------

  [[nodiscard]] bool Running() const noexcept { return active_.load(std::memory_order_acquire) != nullptr; }
  // One slice of walking by loop `walker`. True when it makes sense to call again soon.
  bool RunSlice(unsigned walker, uint32_t budget_us);
  // How long a busy loop should serve clients between two slices of `budget_us`: nine times as long normally, less when
  // the snapshot would not end within snapshot-max-seconds.
  [[nodiscard]] uint32_t PauseAfterSliceUs(uint32_t budget_us) const noexcept;
  // Whether a write to this key must wait: its bucket is unsaved and buffers are full. The connection is parked until
  // OnSnapshotRoom. Under the shard's lock, before the first change.
  [[nodiscard]] bool MustPark(const Shard& shard, uint32_t db, KeyHash hash) const noexcept CACHENODE_REQUIRES(shard);
  [[nodiscard]] bool RefusesWrites() const noexcept {
    return policy_.RefusesWrites(last_ok_.load(std::memory_order_relaxed));
  }

  [[nodiscard]] SnapshotFigures Figures() const noexcept;

 private:
  [[nodiscard]] SnapshotPlan MakePlan(SinkFactory open_sink);
  [[nodiscard]] int64_t NowSeconds() const noexcept { return clock_.NowMs() / 1000; }
  void StartUnderLock(SinkFactory open_sink);
  void CancelUnderLock();
  Status SaveUnderLock(std::unique_ptr<ByteSink>& used_sink);
  void Reap();
  void StartIfDue();
  void WatchForStall();
  void RecordSuccess(uint64_t changes_at_cut, int64_t seconds);
  void EndJob(const Status& status, const SnapshotJobResult& result);
  void LogEnd(const Status& status, const SnapshotJobResult& result) const;

  Keyspace& keyspace_;
  SnapshotHost& host_;
  Clock& clock_;
  Log& log_;

  // Under exclusion.
  SnapshotSettings settings_;
  std::vector<std::string> functions_;
  SavePolicy policy_;
  std::unique_ptr<SnapshotRun> run_;
  bool scheduled_ = false;
  bool cancelling_ = false;
  SnapshotJob job_;  // Of what runs, when that is one.
  uint64_t changes_at_cut_ = 0;
  uint64_t progress_seen_ = 0;  // What the watchdog saw at its last look.
  int64_t progress_seen_s_ = 0;

  // Read by any thread.
  std::atomic<SnapshotRun*> active_{nullptr};
  std::atomic<bool> runs_job_{false};
  std::atomic<bool> last_ok_{true};
  std::atomic<int64_t> last_save_s_;
  std::atomic<int64_t> last_try_s_{0};
  std::atomic<int64_t> last_seconds_{-1};
  std::atomic<int64_t> started_ms_{0};
  std::atomic<int64_t> seconds_max_{0};
  std::atomic<uint64_t> saves_{0};
  std::atomic<uint64_t> changes_base_{0};
  std::atomic<uint64_t> last_peak_bytes_{0};
  std::atomic<uint64_t> last_bytes_for_writers_{0};
};

}  // namespace cachenode
