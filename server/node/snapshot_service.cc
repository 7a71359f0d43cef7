#include "server/node/snapshot_service.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "persistence/catalogue/snapshot_name.h"
#include "server/background_pool.h"
#include "server/config/config.h"
#include "server/config/maintenance_window.h"
#include "server/config/node_type.h"
#include "server/node/node_events.h"
#include "server/node/snapshot_place.h"
#include "server/node_state.h"
#include "server/persistence_service.h"
#include "server/s3_settings.h"
#include "storage/base/clock.h"
#include "storage/base/log.h"
#include "storage/base/memory.h"

namespace cachenode {
namespace {

constexpr int64_t kSecondsPerDay = 24 * 60 * 60;
constexpr int64_t kExpiryLookSeconds = 3600;

// Whether snapshots could begin while the node may be restarting itself.
bool MeetsMaintenance(const Config& config, const DailyWindow& window) {
  MaintenanceWindow maintenance;
  const std::string& text = config.preferred_maintenance_window;
  if (text.empty() || !MaintenanceWindow::Parse(text, maintenance).empty()) return false;
  return maintenance.Overlaps(window);
}

// The hour that follows from the cluster's name, or the next one free of maintenance; there is none beside a
// maintenance window of a whole day.
DailyWindow ChosenWindow(const Config& config) {
  const DailyWindow first = SnapshotSchedule::DefaultWindow(config.cluster_id);
  for (DailyWindow window = first;;) {
    if (!MeetsMaintenance(config, window)) return window;
    window.begin_minute = (window.begin_minute + 60) % DailyWindow::kMinutesPerDay;
    if (window == first) return first;
  }
}

// What the options of the schedule say against the node's type and its maintenance, as a sentence.
std::string ScheduleConflictIn(const Config& config) {
  if (!NodeMayBackUp(config) && config.snapshot_retention_limit != 0) {
    return fmt::format("snapshots are not supported on nodes of type {}: snapshot-retention-limit must be 0",
                       config.cache_node_type);
  }
  if (!NodeMayBackUp(config) && !config.final_snapshot_identifier.empty()) {
    return fmt::format("snapshots are not supported on nodes of type {}: final-snapshot-identifier must be empty",
                       config.cache_node_type);
  }
  if (!config.snapshot_window.empty() && MeetsMaintenance(config, config.snapshot_window)) {
    return "snapshot-window and preferred-maintenance-window must not overlap";
  }
  return {};
}

// Any thread may use what it has.
S3CatalogueSetup StoreSetup(const ServerParts& parts, Log& log, const std::atomic<bool>& stop) {
  S3CatalogueSetup setup;
  setup.options = [&parts, &log] { return S3OptionsOf(*parts.config->Share(), log); };
  setup.estimated_bytes = [&parts] { return memory::UsedBytes() + parts.keyspace->MappedBytes(); };
  setup.run_later = [&parts](const std::function<void()>& work) {
    if (!parts.background->Submit(BackgroundPool::Lane::kTransfer, work)) work();
  };
  setup.stop = &stop;
  return setup;
}

}  // namespace

SnapshotService::SnapshotService(const ServerParts& parts, Log& log)
    : parts_(parts),
      log_(log),
      catalogue_(OpenCatalogue(parts.config->Current(), StoreSetup(parts, log, stopping_))),
      index_(*catalogue_),
      exporter_(parts, log, *catalogue_) {
  parts_.config->Subscribe(ApplyGroup::kSnapshotSchedule, *this);
}

std::string SnapshotService::Reason(const Status& status) {
  if (status.code() == Err::kCancelled) return "it was cancelled";
  return status.text().empty() ? "out of memory" : std::string(status.text());
}

DailyWindow SnapshotService::WindowOf(const Config& config) {
  if (config.snapshot_retention_limit == 0) return {};
  return config.snapshot_window.empty() ? ChosenWindow(config) : config.snapshot_window;
}

std::string SnapshotService::ConflictIn(const Config& config) {
  if (!config.restore_snapshot.empty() && !config.s3_snapshot_location.empty()) {
    return "restore-snapshot and s3-snapshot-location exclude each other: a node begins with one data set";
  }
  return ScheduleConflictIn(config);
}

void SnapshotService::Start() {
  const Config& config = parts_.config->Current();
  if (const DailyWindow window = WindowOf(config); !window.empty()) {
    CN_LOG(log_, kNotice, "Automatic snapshots: daily at {} UTC into {}, kept for {} days", FormatDailyWindow(window),
           catalogue_->Place(), config.snapshot_retention_limit);
  }
  // The node does not wait for its store: until it was looked at, commands say so.
  if (catalogue_->IsRemote() && SubmitJob({}, {}, [this] { Prepare(); }).ok()) return;
  Prepare();
}

void SnapshotService::Prepare() {
  Recover();
  Look();
  const std::shared_ptr<const Config> config = parts_.config->Share();
  const std::string& final_name = config->final_snapshot_identifier;
  if (!final_name.empty() && index_.Find(final_name)) {
    CN_LOG(log_, kWarning,
           "Snapshots: {} already exists and is never overwritten: with this final-snapshot-identifier the node will "
           "not end unless it is forced",
           final_name);
  }
}

void SnapshotService::Recover() {
  Result<std::vector<std::string>> done = catalogue_->Recover();
  if (!done) CN_LOG(log_, kWarning, "Snapshots: {}", done.status().text());
  if (!done) return;
  for (const std::string& line : *done) CN_LOG(log_, kNotice, "Snapshots: {}", line);
}

void SnapshotService::Look() {
  index_.Refresh();
  RememberManual();
}

void SnapshotService::Stop() {
  stopping_.store(true, std::memory_order_relaxed);
  exporter_.Stop();
  const std::lock_guard<std::mutex> guard(mutex_);
  if (stop_running_) stop_running_->store(true, std::memory_order_relaxed);
  for (const auto& [name, stop] : stops_) stop->store(true, std::memory_order_relaxed);
}

Status SnapshotService::Apply(ApplyGroup /*group*/, const Config& /*before*/, const Config& after) {
  if (const std::string conflict = ScheduleConflictIn(after); !conflict.empty()) return Status::Text(conflict);
  schedule_.Reset();
  return Status::Ok();
}

// --- Making ----------------------------------------------------------------------------------------------------------

SnapshotMetadata SnapshotService::DescribeNode(const Config& config) {
  SnapshotMetadata metadata;
  const bool is_valkey = config.engine_version.family() == EngineFamily::kValkey;
  metadata.cluster_id = config.cluster_id;
  metadata.node_type = NodeTypeOf(config).name;
  metadata.parameter_group = config.parameter_group;
  metadata.engine = is_valkey ? "valkey" : "redis";
  metadata.engine_version =
      is_valkey ? config.engine_version.ValkeyVersionText() : config.engine_version.RedisVersionText();
  metadata.port = config.port;
  return metadata;
}

// Manual ones of the last 24 hours are remembered: the catalogue may be long, and this runs under the world lock.
Status SnapshotService::CheckQuota(const Config& config) {
  if (config.snapshot_manual_limit == 0) return Status::Ok();
  const std::lock_guard<std::mutex> guard(mutex_);
  ForgetOldManual();
  if (std::cmp_less(manual_times_s_.size(), config.snapshot_manual_limit)) return Status::Ok();
  return Status::Text(
      fmt::format("ERR {} manual snapshots were taken within 24 hours, as many as snapshot-manual-limit "
                  "allows",
                  config.snapshot_manual_limit));
}

void SnapshotService::ForgetOldManual() {
  const int64_t since_s = parts_.clock->NowMs() / 1000 - kSecondsPerDay;
  std::erase_if(manual_times_s_, [since_s](int64_t time_s) { return time_s <= since_s; });
}

void SnapshotService::RememberManual() {
  Result<std::vector<SnapshotEntry>> entries = index_.List();
  if (!entries) return;
  const std::string cluster_id = parts_.config->Share()->cluster_id;
  const std::lock_guard<std::mutex> guard(mutex_);
  if (std::exchange(remembered_, true)) return;
  for (const SnapshotEntry& entry : *entries) {
    const SnapshotMetadata& metadata = entry.metadata;
    if (metadata.automatic || !metadata.copied_from.empty() || metadata.cluster_id != cluster_id) continue;
    manual_times_s_.push_back(metadata.created_s);
  }
  ForgetOldManual();
}

Status SnapshotService::Create(std::string_view name) {
  const Config& config = parts_.config->Current();
  if (!NodeMayBackUp(config)) {
    return Status::Text(fmt::format("ERR snapshots are not supported on nodes of type {}", config.cache_node_type));
  }
  Result<std::string> normal = NormalizeSnapshotName(name);
  if (!normal) return Reply(normal.status());
  if (const std::string_view doing = DoingWith(*normal); !doing.empty()) {
    return Status::Text(fmt::format("ERR snapshot {} is busy: {}", *normal, doing));
  }
  if (index_.Find(*normal)) return Status::Text(fmt::format("ERR snapshot {} already exists", *normal));
  if (Status status = CheckQuota(config); !status.ok()) return status;
  SnapshotMetadata metadata = DescribeNode(config);
  metadata.created_s = parts_.clock->NowMs() / 1000;
  metadata.name = *std::move(normal);
  return Begin(std::move(metadata));
}

SinkFactory SnapshotService::DraftFactory(SnapshotMetadata metadata, std::shared_ptr<std::atomic<bool>> stop) {
  return [this, metadata = std::move(metadata), stop = std::move(stop)]() -> Result<std::unique_ptr<ByteSink>> {
    Result<std::unique_ptr<SnapshotDraft>> draft = catalogue_->Create(metadata, stop.get());
    if (!draft) return draft.error();
    return std::unique_ptr<ByteSink>(std::make_unique<IndexedDraft>(*std::move(draft), index_));
  };
}

// What End takes back stands before the job starts: another worker may cancel it at once.
Status SnapshotService::Begin(SnapshotMetadata metadata) {
  const std::string name = metadata.name;
  const bool automatic = metadata.automatic;
  const auto stop = std::make_shared<std::atomic<bool>>(stopping_.load(std::memory_order_relaxed));
  NodeStatus::Work work = parts_.state->status.Begin(NodeWork::kSnapshotting);
  {
    const std::lock_guard<std::mutex> guard(mutex_);
    if (!figures_.running.empty()) return Status::Text("ERR Background save already in progress");
    doing_[name] = "creating";
    figures_.running = name;
    work_ = std::move(work);
    stop_running_ = stop;
  }
  SnapshotJob job;
  job.open_sink = DraftFactory(std::move(metadata), stop);
  job.on_end = [this, name, automatic](const Status& status, const SnapshotJobResult&) {
    End(name, automatic, status);
  };
  job.interrupt = [stop] { stop->store(true, std::memory_order_relaxed); };
  job.what = fmt::format("Snapshot {}", name);
  Status status = parts_.persistence->BackgroundJob(std::move(job));
  if (!status.ok()) Forget(name);
  return status;
}

NodeStatus::Work SnapshotService::Forget(const std::string& name) {
  const std::lock_guard<std::mutex> guard(mutex_);
  doing_.erase(name);
  figures_.running.clear();
  stop_running_.reset();
  return std::exchange(work_, {});
}

// Under exclusion, on worker 0 or on the thread that cancelled.
void SnapshotService::End(const std::string& name, bool automatic, const Status& status) {
  const NodeStatus::Work work = Forget(name);
  {
    const std::lock_guard<std::mutex> guard(mutex_);
    if (status.ok()) {
      ForgetOldManual();
      if (!automatic) manual_times_s_.push_back(parts_.clock->NowMs() / 1000);
      ++figures_.created;
      figures_.last_name = name;
      figures_.last_time_s = parts_.clock->NowMs() / 1000;
      figures_.last_error.clear();
    } else {
      ++figures_.failed;
      figures_.last_error = fmt::format("{}: {}", name, Reason(status));
    }
  }
  if (!status.ok()) {
    parts_.events->Record(NodeEventKind::kSnapshotFailed,
                          fmt::format("Snapshot failed for snapshot with ID '{}': {}", name, Reason(status)));
    return;
  }
  parts_.events->Record(NodeEventKind::kSnapshotComplete,
                        fmt::format("Snapshot succeeded for snapshot with ID '{}'", name));
  if (automatic) DeleteExpired(parts_.config->Current(), parts_.clock->NowMs() / 1000);
}

Status SnapshotService::TakeFinal(const ShutdownRequest& request) {
  const Config& config = parts_.config->Current();
  const std::string& name = config.final_snapshot_identifier;
  if (name.empty() || request.save == ShutdownRequest::Save::kNo || parts_.state->loading.load()) return Status::Ok();
  CN_LOG(log_, kNotice, "Taking the final snapshot {} before exiting.", name);
  SnapshotMetadata metadata = DescribeNode(config);
  metadata.created_s = parts_.clock->NowMs() / 1000;
  metadata.name = name;
  Status status = parts_.persistence->SaveElsewhere(DraftFactory(std::move(metadata), nullptr));
  if (status.ok()) {
    parts_.events->Record(NodeEventKind::kSnapshotComplete,
                          fmt::format("Snapshot succeeded for snapshot with ID '{}'", name));
    const std::lock_guard<std::mutex> guard(mutex_);
    manual_times_s_.push_back(parts_.clock->NowMs() / 1000);
    return status;
  }
  CN_LOG(log_, kWarning, "Error trying to take the final snapshot, can't exit: {}", Reason(status));
  parts_.events->Record(NodeEventKind::kSnapshotFailed,
                        fmt::format("Snapshot failed for snapshot with ID '{}': {}", name, Reason(status)));
  return status;
}

// --- Automatic ones --------------------------------------------------------------------------------------------------

void SnapshotService::Tick(int64_t now_ms) {
  const int64_t now_s = now_ms / 1000;
  if (now_s == ticked_s_ || parts_.state->loading.load(std::memory_order_relaxed)) return;
  ticked_s_ = now_s;
  const Config& config = parts_.config->Current();
  TickSchedule(config, now_s);
  if (config.snapshot_retention_limit == 0 || now_s - expired_looked_s_ < kExpiryLookSeconds) return;
  expired_looked_s_ = now_s;
  DeleteExpired(config, now_s);
}

int64_t SnapshotService::NewestAutomatic(const std::string& cluster_id) const {
  Result<std::vector<SnapshotEntry>> entries = index_.List();
  if (!entries) return 0;
  int64_t newest_s = 0;
  for (const SnapshotEntry& entry : *entries) {
    const std::optional<AutomaticName> name = ParseAutomaticName(entry.metadata.name);
    if (!entry.fault.empty() || !name || name->cluster_id != cluster_id) continue;
    newest_s = std::max(newest_s, entry.metadata.created_s);
  }
  return newest_s;
}

void SnapshotService::TickSchedule(const Config& config, int64_t now_s) {
  const DailyWindow window = WindowOf(config);
  {
    const std::lock_guard<std::mutex> guard(mutex_);
    if (!figures_.running.empty()) return;  // Its outcome decides; a manual one is soon over.
  }
  const int64_t newest_s = schedule_.NeedsNewest(window, now_s) ? NewestAutomatic(config.cluster_id) : 0;
  switch (schedule_.Ask(window, now_s, newest_s)) {
    case SnapshotSchedule::Due::kNothing:
      return;
    case SnapshotSchedule::Due::kMissed:
      parts_.events->Record(NodeEventKind::kSnapshotFailed,
                            "Snapshot failed: no automatic snapshot could be taken in the snapshot window");
      return;
    case SnapshotSchedule::Due::kSnapshot:
      if (parts_.persistence->SnapshotRunning()) return;  // A BGSAVE; asked again in a second.
      if (!index_.IsKnown()) return LookAgain();          // Perhaps there is one of this window.
      schedule_.NoteTry(now_s);
      TakeAutomatic(config, now_s);
      return;
  }
}

void SnapshotService::TakeAutomatic(const Config& config, int64_t now_s) {
  SnapshotMetadata metadata = DescribeNode(config);
  metadata.created_s = parts_.clock->NowMs() / 1000;
  metadata.name = FormatAutomaticName({config.cluster_id, now_s});
  metadata.automatic = true;
  CN_LOG(log_, kNotice, "Taking automatic snapshot {}", metadata.name);
  if (Status status = Begin(std::move(metadata)); !status.ok()) {
    CN_LOG(log_, kWarning, "The automatic snapshot could not begin: {}", status.text());
  }
}

void SnapshotService::DeleteExpired(const Config& config, int64_t now_s) {
  if (config.snapshot_retention_limit == 0) return;
  SnapshotCatalogue::Retention rule{config.cluster_id, config.snapshot_retention_limit, now_s};
  const Status status = SubmitJob({}, {}, [this, rule] {
    if (catalogue_->IsRemote()) Recover();  // A folder shows its leftovers at once, a store after a day.
    Result<std::vector<std::string>> deleted = catalogue_->DeleteExpired(rule);
    Look();
    if (!deleted) {
      CN_LOG(log_, kWarning, "Expired snapshots could not be deleted: {}", deleted.status().text());
      return;
    }
    for (const std::string& name : *deleted) CN_LOG(log_, kNotice, "Deleted the expired automatic snapshot {}", name);
    const std::lock_guard<std::mutex> guard(mutex_);
    figures_.expired += deleted->size();
  });
  if (!status.ok()) CN_LOG(log_, kNotice, "Expired snapshots are looked for later: {}", status.text());
}

// --- Looking ---------------------------------------------------------------------------------------------------------

// What is known of one that is being made.
SnapshotEntry SnapshotService::Unfinished(const std::string& name) const {
  SnapshotEntry entry;
  entry.metadata.name = name;
  entry.metadata.automatic = ParseAutomaticName(name).has_value();
  entry.metadata.cluster_id = parts_.config->Current().cluster_id;
  return entry;
}

Result<std::vector<SnapshotService::Shown>> SnapshotService::List() {
  LookAgain();
  Result<std::vector<SnapshotEntry>> entries = index_.List();
  if (!entries) return Reply(entries.status());
  std::map<std::string, std::string_view> doing;
  {
    const std::lock_guard<std::mutex> guard(mutex_);
    doing = doing_;
  }
  std::vector<Shown> shown;
  for (SnapshotEntry& entry : *entries) {
    const auto busy = doing.find(entry.metadata.name);
    std::string_view status = entry.fault.empty() ? "available" : "damaged";
    if (busy != doing.end()) status = busy->second;
    if (busy != doing.end()) doing.erase(busy);
    shown.push_back({std::move(entry), status});
  }
  for (const auto& [name, what] : doing) {
    shown.push_back({Unfinished(name), what});
  }
  return shown;
}

Result<SnapshotService::Shown> SnapshotService::Find(std::string_view name) {
  Result<std::string> normal = ResolveSnapshotName(name);
  if (!normal) return Reply(normal.status());
  Shown shown;
  shown.status = DoingWith(*normal);
  LookAgain();
  Result<SnapshotEntry> entry = index_.Find(*normal);
  if (!entry && shown.status.empty()) return Reply(entry.status());
  if (entry) {
    shown.entry = *std::move(entry);
  } else {
    shown.entry = Unfinished(*normal);
  }
  if (shown.status.empty()) shown.status = shown.entry.fault.empty() ? "available" : "damaged";
  return shown;
}

SnapshotServiceFigures SnapshotService::Figures() const {
  SnapshotServiceFigures figures;
  {
    const std::lock_guard<std::mutex> guard(mutex_);
    figures = figures_;
    figures.jobs = jobs_;
  }
  figures.exports = exporter_.Figures();
  return figures;
}

}  // namespace cachenode
