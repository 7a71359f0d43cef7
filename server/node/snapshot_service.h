// Named snapshots of the running node: manual ones by command, automatic ones by schedule, the final one at its end.
// Binds the catalogue of files to the snapshotter, the configuration, the events and the node's status.
//
// Thread-safety: Start before the loops run, Stop after them. Commands marked "world" need the exclusive world lock,
//   Tick is worker 0's; everything else by any loop thread: one leaf mutex, and the index of the catalogue. No loop
//   reads a file of it or asks its store, but for the final snapshot; a folder is also read at Start. Copies,
//   deletions, exports, checks and looks at the catalogue run on the background pool.
// Other processes should not write into the catalogue while the node runs. What they do is noticed by the look at the
//   catalogue that each command about snapshots begins and does not wait for, at most one a second.
// Limits: one snapshot at a time, kJobsMax jobs besides.
// Errors: whole replies.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "persistence/catalogue/snapshot_catalogue.h"
#include "persistence/catalogue/snapshot_index.h"
#include "persistence/snapshotter.h"
#include "server/config/config_store.h"
#include "server/node/node_status.h"
#include "server/node/snapshot_schedule.h"
#include "server/node/stored_exporter.h"
#include "server/server_control.h"
#include "server/server_parts.h"
#include "server/session_listener.h"

namespace cachenode {

struct Config;

// For INFO. Times are Unix seconds.
struct SnapshotServiceFigures {
  std::string running;  // The name of the one that is being created; empty: none.
  uint64_t created = 0;
  uint64_t failed = 0;
  uint64_t expired = 0;  // Automatic ones that were deleted.
  std::string last_name;
  int64_t last_time_s = 0;
  std::string last_error;  // Of the last one that failed; empty since one succeeded.
  uint64_t jobs = 0;
  ExportFigures exports;  // Of snapshots of the catalogue.
};

class SnapshotService final : public ConfigApplier, public SessionListener {
 public:
  static constexpr size_t kJobsMax = 4;

  SnapshotService(const ServerParts& parts, Log& log);

  // The window automatic snapshots are taken in; empty when there are none.
  [[nodiscard]] static DailyWindow WindowOf(const Config& config);
  // What the metadata of every snapshot tells about the node; without name and time.
  [[nodiscard]] static SnapshotMetadata DescribeNode(const Config& config);
  // What options say against each other about snapshots, as a sentence; empty: nothing. For the start.
  [[nodiscard]] static std::string ConflictIn(const Config& config);

  // Finishes or undoes what a process that died left behind, and tells what the schedule is. A store is asked while the
  // node starts already.
  void Start();
  // Jobs end soon.
  void Stop();

  // --- Commands ---

  // Begins one; world. It is there when the status says so.
  Status Create(std::string_view name);
  Status Delete(std::string_view name);
  Status Copy(std::string_view from, std::string_view to);
  // Begins the upload of a snapshot to `<target>/<name>-0001.rdb`. How it ended is an event.
  Status Export(std::string_view name, std::string_view target);
  // Ends the creation, the copy or the export that goes on with a snapshot; world. Its event follows.
  Status Cancel(std::string_view name);
  // A snapshot and what is happening with it: available, creating, exporting, deleting, damaged.
  struct Shown {
    SnapshotEntry entry;
    std::string_view status;
  };
  Result<std::vector<Shown>> List();
  Result<Shown> Find(std::string_view name);

  // Reading all of a snapshot, for a client that waits.
  struct Check {
    std::string name;
    std::atomic<bool> done{false};
    Result<RdbSummary> outcome{Err::kCancelled};  // Read it when `done`.
  };
  // `on_done` is called once by a thread of the pool. A client has one check at a time.
  Status StartCheck(uint64_t client_id, std::string_view name, std::function<void()> on_done);
  // The client's check, running or done; null: none.
  [[nodiscard]] std::shared_ptr<Check> CheckOf(uint64_t client_id) const;
  void EndCheck(uint64_t client_id);
  // The same at once, for harnesses: their clients cannot wait.
  Result<RdbSummary> CheckNow(std::string_view name) const { return catalogue_->Verify(name, &stopping_); }

  // --- On the way ---

  // About once a second or more often.
  void Tick(int64_t now_ms);
  // SHUTDOWN; world. Takes the snapshot that final-snapshot-identifier names. The error is for the log.
  Status TakeFinal(const ShutdownRequest& request);
  [[nodiscard]] SnapshotServiceFigures Figures() const;

  Status Apply(ApplyGroup group, const Config& before, const Config& after) override;
  void OnSessionEnd(Session& session) override;
  void OnSessionReset(Session& /*session*/) override {}  // A client that waits sends nothing.

 private:
  [[nodiscard]] static Status Reply(const Status& status) {
    return Status::Text(std::string("ERR ").append(status.text()));
  }
  // Why something failed, for events.
  [[nodiscard]] static std::string Reason(const Status& status);
  [[nodiscard]] Status CheckQuota(const Config& config);
  // What is done with the catalogue before it is used, on the starting thread or on the pool.
  void Prepare();
  void Recover();
  // A look at all of the catalogue; not on a loop.
  void Look();
  // Of the first look that succeeds: those of the last day count.
  void RememberManual();
  // Under mutex_.
  void ForgetOldManual();
  // Worker 0, or the exclusive world lock.
  Status Begin(SnapshotMetadata metadata);
  void End(const std::string& name, bool automatic, const Status& status);
  // The running one is none any more. Returns what the node's status said about it.
  NodeStatus::Work Forget(const std::string& name);
  // `stop`, which may be null, ends it.
  [[nodiscard]] SinkFactory DraftFactory(SnapshotMetadata metadata, std::shared_ptr<std::atomic<bool>> stop);
  void TickSchedule(const Config& config, int64_t now_s);
  void TakeAutomatic(const Config& config, int64_t now_s);
  [[nodiscard]] SnapshotEntry Unfinished(const std::string& name) const;
  [[nodiscard]] int64_t NewestAutomatic(const std::string& cluster_id) const;
  void DeleteExpired(const Config& config, int64_t now_s);
  // Marks `name` as busy and runs `job` on the pool; the mark goes when it ends. `stop`, which may be null, ends it.
  Status SubmitJob(const std::string& name, std::string_view doing, std::function<void()> job,
                   std::shared_ptr<std::atomic<bool>> stop = nullptr);
  // Begins a look at the catalogue, if none runs and none was begun within a second.
  void LookAgain();
  [[nodiscard]] std::string_view DoingWith(const std::string& name) const;

  const ServerParts& parts_;
  Log& log_;
  std::atomic<bool> stopping_{false};  // The catalogue looks at it.
  const std::unique_ptr<SnapshotCatalogue> catalogue_;
  SnapshotIndex index_;
  StoredExporter exporter_;

  // Worker 0 only; Apply resets it under the world lock.
  SnapshotSchedule schedule_;
  int64_t ticked_s_ = 0;
  int64_t expired_looked_s_ = 0;

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::map<std::string, std::string_view> doing_;  // By name: "creating", "exporting", "deleting".
  // By client. Shared with the job, which may outlive the client as the client may outlive the job.
  std::map<uint64_t, std::shared_ptr<Check>> checks_;
  std::map<std::string, std::shared_ptr<std::atomic<bool>>> stops_;  // By name: ends a job.
  size_t jobs_ = 0;
  int64_t looked_ms_ = 0;  // When a look at the catalogue was begun last, by the monotonic clock.
  bool is_looking_ = false;
  bool remembered_ = false;  // manual_times_s_ has what was there before this process.
  NodeStatus::Work work_;
  SnapshotServiceFigures figures_;
  std::shared_ptr<std::atomic<bool>> stop_running_;  // Ends the running snapshot; null: none runs.
  std::vector<int64_t> manual_times_s_;              // When manual ones were taken, within a day.
};

}  // namespace cachenode
