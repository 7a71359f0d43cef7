#include "persistence/snapshotter.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "storage/base/memory.h"

namespace cachenode {
namespace {

constexpr uint32_t kBusyPauseFactor = 9;  // About a tenth of a busy loop walks.
constexpr int64_t kMsPerSecond = 1000;
constexpr std::string_view kInProgress = "ERR Background save already in progress";
constexpr std::string_view kNotInProgress = "ERR Background saving is currently not in progress or scheduled";

SinkFactory FileFactory(const SnapshotSettings& settings) {
  FileSinkOptions options;
  options.directory = settings.directory;
  options.name = settings.file_name;
  options.temporary_name = UnfinishedSnapshotName();
  options.incremental_sync = settings.incremental_sync;
  return [options]() -> Result<std::unique_ptr<ByteSink>> {
    Result<std::unique_ptr<FileSink>> sink = FileSink::Create(options);
    if (!sink) return sink.error();
    return std::unique_ptr<ByteSink>(*std::move(sink));
  };
}

bool HasFieldDeadlines(const Keyspace& keyspace) {
  for (uint32_t db = 0; db < keyspace.database_count(); ++db) {
    if (keyspace.FieldExpiryCount(db) > 0) return true;
  }
  return false;
}

}  // namespace

std::string UnfinishedSnapshotName() { return fmt::format("temp-{}.rdb", getpid()); }

Snapshotter::Snapshotter(Keyspace& keyspace, SnapshotHost& host, Clock& clock, Log& log)
    : keyspace_(keyspace), host_(host), clock_(clock), log_(log), last_save_s_(NowSeconds()) {}

Snapshotter::~Snapshotter() { CancelUnderLock(); }

void Snapshotter::SetSettings(SnapshotSettings settings) {
  host_.RunExclusive([&] {
    settings_ = std::move(settings);
    seconds_max_.store(settings_.seconds_max, std::memory_order_relaxed);
  });
}

void Snapshotter::SetFunctions(std::vector<std::string> sources) {
  host_.RunExclusive([&] {
    functions_ = std::move(sources);
    keyspace_.CountChange();
  });
}

SnapshotPlan Snapshotter::MakePlan(SinkFactory open_sink) {
  SnapshotPlan plan;
  plan.header.version = RdbVersionToWrite(settings_.version, HasFieldDeadlines(keyspace_));
  plan.header.server_version = settings_.server_version;
  plan.header.server_is_valkey = settings_.server_is_valkey;
  plan.header.functions = functions_;
  plan.header.created_s = NowSeconds();
  plan.header.used_memory_bytes = memory::UsedBytes() + keyspace_.MappedBytes();
  plan.header.checksum = settings_.checksum;
  plan.encoding.compression = settings_.compression ? RdbCompression::kLzf : RdbCompression::kOff;
  plan.encoding.recency = settings_.recency;
  plan.encoding.version = plan.header.version;
  plan.encoding.now_ms = clock_.NowMs();
  plan.open_sink = open_sink ? std::move(open_sink) : FileFactory(settings_);
  plan.encoder_threads = std::max(settings_.thread_count, 1U);
  plan.encoder_nice = settings_.encoder_nice;
  plan.walker_count = std::max(settings_.walker_count, 1U);
  plan.key_delay_us = settings_.key_delay_us;
  return plan;
}

// --- Background ------------------------------------------------------------------------------------------------------

Status Snapshotter::Start(SinkFactory open_sink) {
  bool started = false;
  host_.RunExclusive([&] {
    if (run_ != nullptr) return;
    StartUnderLock(std::move(open_sink));
    started = true;
  });
  if (!started) return Status::Text(std::string(kInProgress));
  return Status::Ok();
}

Status Snapshotter::Start(SnapshotJob job) {
  bool started = false;
  host_.RunExclusive([&] {
    if (run_ != nullptr) return;
    const bool was_scheduled = scheduled_;
    const int64_t last_try_s = last_try_s_.load(std::memory_order_relaxed);
    job_ = std::move(job);
    runs_job_.store(true, std::memory_order_relaxed);
    StartUnderLock(job_.open_sink);
    scheduled_ = was_scheduled;
    last_try_s_.store(last_try_s, std::memory_order_relaxed);
    started = true;
  });
  if (!started) return Status::Text(std::string(kInProgress));
  return Status::Ok();
}

bool Snapshotter::StartOrSchedule() {
  if (Start().ok()) return true;
  host_.RunExclusive([this] { scheduled_ = true; });
  return false;
}

void Snapshotter::StartUnderLock(SinkFactory open_sink) {
  scheduled_ = false;
  cancelling_ = false;
  changes_at_cut_ = keyspace_.ChangeCount();
  progress_seen_ = 0;
  progress_seen_s_ = NowSeconds();
  last_try_s_.store(progress_seen_s_, std::memory_order_relaxed);
  started_ms_.store(clock_.NowMs(), std::memory_order_relaxed);
  run_ = std::make_unique<SnapshotRun>(keyspace_, host_, MakePlan(std::move(open_sink)));
  run_->Begin();
  active_.store(run_.get(), std::memory_order_release);
  host_.WakeWalkers();
  CN_LOG(log_, kNotice, "Background saving started by pid {}", getpid());
}

Result<Snapshotter::Cancelled> Snapshotter::Cancel() {
  bool was_running = false;
  bool was_scheduled = false;
  host_.RunExclusive([&] {
    was_running = run_ != nullptr;
    was_scheduled = std::exchange(scheduled_, false);
    CancelUnderLock();
  });
  if (was_running) return Cancelled::kRunning;
  if (was_scheduled) return Cancelled::kScheduled;
  return Status::Text(std::string(kNotInProgress));
}

void Snapshotter::CancelUnderLock() {
  if (run_ == nullptr) return;
  cancelling_ = true;
  if (RunsJob() && job_.interrupt) job_.interrupt();
  run_->Stop(Err::kCancelled);
  Reap();
}

void Snapshotter::Poll() {
  SnapshotRun* run = active_.load(std::memory_order_acquire);
  if (run != nullptr) {
    if (!run->finished()) {
      WatchForStall();
      return;
    }
    host_.RunExclusive([this] {
      if (run_ != nullptr && run_->finished()) Reap();
    });
  }
  StartIfDue();
}

// Ends the run and takes down what became of it.
void Snapshotter::Reap() {
  active_.store(nullptr, std::memory_order_release);
  run_->End();
  Status status = run_->TakeStatus();
  const int64_t milliseconds = clock_.NowMs() - started_ms_.load(std::memory_order_relaxed);
  last_peak_bytes_.store(run_->buffer_bytes_peak(), std::memory_order_relaxed);
  last_bytes_for_writers_.store(run_->BytesCopiedForWriters(), std::memory_order_relaxed);
  const SnapshotJobResult result{run_->keys_total(), run_->bytes_written(), milliseconds};
  LogEnd(status, result);
  if (!RunsJob()) {
    if (status.ok()) RecordSuccess(changes_at_cut_, milliseconds / kMsPerSecond);
    if (!status.ok() && !cancelling_) {
      last_ok_.store(false, std::memory_order_relaxed);
      last_seconds_.store(milliseconds / kMsPerSecond, std::memory_order_relaxed);
      host_.OnSnapshotOutcome();
    }
  }
  run_.reset();
  if (RunsJob()) EndJob(cancelling_ && !status.ok() ? Status(Err::kCancelled) : std::move(status), result);
}

void Snapshotter::LogEnd(const Status& status, const SnapshotJobResult& result) const {
  if (status.ok()) {
    CN_LOG(log_, kNotice, "{}: {} keys, {} bytes, {:.3f} seconds, {} MB of buffers at most",
           RunsJob() ? job_.what : "DB saved on disk", result.keys, result.bytes,
           static_cast<double>(result.milliseconds) / kMsPerSecond, run_->buffer_bytes_peak() >> 20);
    CN_LOG(log_, kNotice, "Background saving terminated with success");
  } else if (cancelling_) {
    CN_LOG(log_, kNotice, "Background saving cancelled");
  } else {
    CN_LOG(log_, kWarning, "Background saving error: {}", status.text().empty() ? "out of memory" : status.text());
  }
}

void Snapshotter::EndJob(const Status& status, const SnapshotJobResult& result) {
  runs_job_.store(false, std::memory_order_relaxed);
  const SnapshotJob job = std::exchange(job_, {});
  if (job.on_end) job.on_end(status, result);
}

void Snapshotter::RecordSuccess(uint64_t changes_at_cut, int64_t seconds) {
  last_ok_.store(true, std::memory_order_relaxed);
  last_save_s_.store(NowSeconds(), std::memory_order_relaxed);
  if (seconds >= 0) last_seconds_.store(seconds, std::memory_order_relaxed);
  changes_base_.store(changes_at_cut, std::memory_order_relaxed);
  saves_.fetch_add(1, std::memory_order_relaxed);
  host_.OnSnapshotOutcome();
}

void Snapshotter::StartIfDue() {
  SavePolicy::State state;
  state.now_s = NowSeconds();
  state.last_save_s = last_save_s_.load(std::memory_order_relaxed);
  state.last_try_s = last_try_s_.load(std::memory_order_relaxed);
  state.last_try_ok = last_ok_.load(std::memory_order_relaxed);
  state.changes_since_save = keyspace_.ChangeCount() - changes_base_.load(std::memory_order_relaxed);
  const bool retry_allowed = state.last_try_ok || state.now_s - state.last_try_s > SavePolicy::kRetrySeconds;
  const SavePoint* due = policy_.Due(state);
  if (due == nullptr && !(scheduled_ && retry_allowed)) return;
  if (due != nullptr) {
    CN_LOG(log_, kNotice, "{} changes in {} seconds. Saving...", due->changes, due->seconds);
  }
  (void)Start();
}

void Snapshotter::WatchForStall() {
  SnapshotRun* run = active_.load(std::memory_order_acquire);
  const uint64_t progress = run->Progress();
  const int64_t now_s = NowSeconds();
  if (progress != progress_seen_) {
    progress_seen_ = progress;
    progress_seen_s_ = now_s;
    return;
  }
  if (now_s - progress_seen_s_ < kStallSecondsMax) return;
  run->Stop(Status::WithText(Err::kIo, fmt::format("no progress for {} seconds", kStallSecondsMax)));
}

// --- With the world standing still ---------------------------------------------------------------------------------

Status Snapshotter::SaveNow() {
  Status status;
  std::unique_ptr<ByteSink> used_sink;
  host_.RunExclusive([&] {
    if (run_ != nullptr) {
      status = Status::Text(std::string(kInProgress));
      return;
    }
    status = SaveUnderLock(used_sink);
  });
  return status;
}

Status Snapshotter::CancelAndSaveNow() {
  Status status;
  std::unique_ptr<ByteSink> used_sink;
  host_.RunExclusive([&] {
    scheduled_ = false;
    CancelUnderLock();
    status = SaveUnderLock(used_sink);
  });
  return status;
}

Status Snapshotter::SaveElsewhereNow(SinkFactory open_sink) {
  Status status;
  std::unique_ptr<ByteSink> used_sink;
  host_.RunExclusive([&] {
    scheduled_ = false;
    CancelUnderLock();
    Result<BlockingSaveResult> result = SaveBlocking(keyspace_, MakePlan(std::move(open_sink)));
    if (!result) {
      status = result.error();
      return;
    }
    used_sink = std::move(result->sink);
  });
  return status;
}

Status Snapshotter::SaveUnderLock(std::unique_ptr<ByteSink>& used_sink) {
  const uint64_t changes = keyspace_.ChangeCount();
  const int64_t begin_ms = clock_.NowMs();
  Result<BlockingSaveResult> result = SaveBlocking(keyspace_, MakePlan({}));
  if (!result) {
    CN_LOG(log_, kWarning, "Error saving DB on disk: {}", result.status().text());
    return result.error();
  }
  RecordSuccess(changes, -1);
  CN_LOG(log_, kNotice, "DB saved on disk: {} keys, {} bytes, {:.3f} seconds", result->keys, result->file_bytes,
         static_cast<double>(clock_.NowMs() - begin_ms) / kMsPerSecond);
  used_sink = std::move(result->sink);
  return Status::Ok();
}

void Snapshotter::ForgetChanges() noexcept { changes_base_.store(keyspace_.ChangeCount(), std::memory_order_relaxed); }

// --- On the way ------------------------------------------------------------------------------------------------------

bool Snapshotter::RunSlice(unsigned walker, uint32_t budget_us) {
  SnapshotRun* run = active_.load(std::memory_order_acquire);
  return run != nullptr && run->Walk(walker, budget_us) == WalkOutcome::kMore;
}

uint32_t Snapshotter::PauseAfterSliceUs(uint32_t budget_us) const noexcept {
  const uint32_t usual = budget_us * kBusyPauseFactor;
  const int64_t seconds_max = seconds_max_.load(std::memory_order_relaxed);
  const SnapshotRun* run = active_.load(std::memory_order_acquire);
  if (run == nullptr || seconds_max <= 0 || run->keys_total() == 0) return usual;
  const double spent_ms = static_cast<double>(clock_.NowMs() - started_ms_.load(std::memory_order_relaxed));
  const double share_of_time = spent_ms / static_cast<double>(seconds_max * kMsPerSecond);
  const double share_of_keys = static_cast<double>(run->KeysCopied()) / static_cast<double>(run->keys_total());
  if (share_of_keys >= share_of_time) return usual;
  // Behind: from ten percent late on, walking comes first.
  const double late = std::min((share_of_time - share_of_keys) * 10, 1.0);
  return static_cast<uint32_t>(static_cast<double>(usual) * (1 - late));
}

bool Snapshotter::MustPark(const Shard& shard, uint32_t db, KeyHash hash) const noexcept {
  SnapshotRun* run = active_.load(std::memory_order_acquire);
  return run != nullptr && !run->CanSave(shard.id()) && shard.IsUnsaved(db, hash);
}

SnapshotFigures Snapshotter::Figures() const noexcept {
  SnapshotFigures figures;
  figures.changes_since_save = keyspace_.ChangeCount() - changes_base_.load(std::memory_order_relaxed);
  figures.last_save_time_s = last_save_s_.load(std::memory_order_relaxed);
  figures.last_ok = last_ok_.load(std::memory_order_relaxed);
  figures.last_seconds = last_seconds_.load(std::memory_order_relaxed);
  figures.saves = saves_.load(std::memory_order_relaxed);
  figures.buffer_bytes_peak = last_peak_bytes_.load(std::memory_order_relaxed);
  figures.bytes_for_writers = last_bytes_for_writers_.load(std::memory_order_relaxed);
  const SnapshotRun* run = active_.load(std::memory_order_acquire);
  if (run == nullptr) return figures;
  figures.in_progress = true;
  figures.keys_processed = run->KeysCopied();
  figures.keys_total = run->keys_total();
  figures.bytes_written = run->bytes_written();
  figures.current_seconds = (clock_.NowMs() - started_ms_.load(std::memory_order_relaxed)) / kMsPerSecond;
  figures.buffer_bytes = run->buffer_bytes();
  figures.buffer_bytes_peak = run->buffer_bytes_peak();
  figures.bytes_for_writers = run->BytesCopiedForWriters();
  return figures;
}

}  // namespace cachenode
