#include "server/persistence_service.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "persistence/catalogue/snapshot_catalogue.h"
#include "persistence/s3/s3_client.h"
#include "server/config/config.h"
#include "server/lazy_free.h"
#include "server/node/node_events.h"
#include "server/node/snapshot_place.h"
#include "server/node_state.h"
#include "server/s3_settings.h"
#include "server/script/script_engine.h"
#include "server/server_control.h"
#include "storage/base/clock.h"
#include "storage/slab_heap.h"

namespace cachenode {
namespace {

// Threads that encode and write a snapshot, and threads that decode a load: one for each processor, within reason.
unsigned HelperThreads() { return std::clamp(std::thread::hardware_concurrency(), 2U, 8U); }

RdbRecency SavedRecencyOf(const Config& config) {
  switch (config.maxmemory_policy) {
    case EvictionPolicy::kAllKeysLru:
    case EvictionPolicy::kVolatileLru:
      return RdbRecency::kIdleSeconds;
    case EvictionPolicy::kAllKeysLfu:
    case EvictionPolicy::kVolatileLfu:
      return RdbRecency::kLfuCounter;
    default:
      return RdbRecency::kNone;
  }
}

// Encoding takes what clients and loops leave of the processors; on an idle machine that is everything.
constexpr int kEncoderNice = 7;

SnapshotSettings SettingsOf(const Config& config) {
  SnapshotSettings settings;
  settings.directory = config.dir;
  settings.file_name = config.dbfilename;
  settings.version = config.rdb_version;
  settings.server_version = config.engine_version.family() == EngineFamily::kValkey
                                ? config.engine_version.ValkeyVersionText()
                                : config.engine_version.RedisVersionText();
  settings.server_is_valkey = config.engine_version.family() == EngineFamily::kValkey;
  settings.compression = config.rdbcompression;
  settings.checksum = config.rdbchecksum;
  settings.incremental_sync = config.rdb_save_incremental_fsync;
  settings.recency = SavedRecencyOf(config);
  settings.thread_count = HelperThreads();
  settings.encoder_nice = kEncoderNice;
  settings.walker_count = static_cast<unsigned>(config.io_threads);
  settings.seconds_max = config.snapshot_max_seconds;
  settings.key_delay_us = config.rdb_key_save_delay;
  return settings;
}

// The node is asked to begin with a certain data set, and with nothing else.
bool BeginsWithSnapshot(const Config& config) {
  return !config.s3_snapshot_location.empty() || !config.restore_snapshot.empty();
}

constexpr const char* kRestartSuffix = ".restart";

bool FileExists(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0;
}

// Notices whether it was the source that failed, and not what was read from it.
class WatchedSource final : public ByteSource {
 public:
  explicit WatchedSource(ByteSource& source) : source_(source) {}

  Result<size_t> Read(std::span<char> into) override {
    Result<size_t> got = source_.Read(into);
    if (!got) failed_ = true;
    return got;
  }
  [[nodiscard]] int64_t SizeBytes() const override { return source_.SizeBytes(); }
  [[nodiscard]] bool failed() const noexcept { return failed_; }

 private:
  ByteSource& source_;
  bool failed_ = false;
};

}  // namespace

bool PersistenceService::Walker::RunSlice(Worker& /*worker*/) {
  return service_.snapshotter_.RunSlice(index_, kSliceUs);
}

uint32_t PersistenceService::Walker::BusyPercent() const {
  const uint32_t pause_us = service_.snapshotter_.PauseAfterSliceUs(kSliceUs);
  return kSliceUs * 100 / (kSliceUs + pause_us);
}

PersistenceService::PersistenceService(const ServerParts& parts, Log& log, Hooks hooks)
    : parts_(parts),
      log_(log),
      hooks_(std::move(hooks)),
      exporter_(parts, log, snapshotter_),
      snapshotter_(*parts.keyspace, *this, *parts.clock, log) {
  const Config& config = parts_.config->Current();
  for (int64_t i = 0; i < config.io_threads; ++i) {
    walkers_.push_back(std::make_unique<Walker>(*this, static_cast<unsigned>(i)));
  }
  ApplySettings(config);
  for (const ApplyGroup group :
       {ApplyGroup::kSavePoints, ApplyGroup::kSnapshots, ApplyGroup::kMemoryLimit, ApplyGroup::kDirectory}) {
    parts_.config->Subscribe(group, *this);
  }
}

PersistenceService::~PersistenceService() { Stop(); }

void PersistenceService::RegisterThread(WorldLock::Seat& seat) {
  const std::lock_guard<std::mutex> guard(mutex_);
  seats_[std::this_thread::get_id()] = &seat;
}

WorldLock::Seat* PersistenceService::CallerSeat() {
  const std::lock_guard<std::mutex> guard(mutex_);
  const auto found = seats_.find(std::this_thread::get_id());
  return found == seats_.end() ? nullptr : found->second;
}

// --- Start and end ---------------------------------------------------------------------------------------------------

std::string PersistenceService::DumpPath(const Config& config) { return config.dir + "/" + config.dbfilename; }

std::string PersistenceService::RestartPath(const Config& config) { return DumpPath(config) + kRestartSuffix; }

Status PersistenceService::SaveForRestart() {
  const Config& config = parts_.config->Current();
  SnapshotSettings settings = SettingsOf(config);
  settings.file_name += kRestartSuffix;
  snapshotter_.SetSettings(std::move(settings));
  Status status = snapshotter_.CancelAndSaveNow();
  snapshotter_.SetSettings(SettingsOf(config));
  return status;
}

// The data set is loaded: without this file a later start would find an older one.
void PersistenceService::SettleRestartFile(const Config& config) {
  const std::string path = RestartPath(config);
  if (!FileExists(path)) return;
  const bool settled =
      config.save.empty() ? std::remove(path.c_str()) == 0 : std::rename(path.c_str(), DumpPath(config).c_str()) == 0;
  if (!settled) CN_LOG(log_, kWarning, "Cannot put {} away; the next start will load it again", path);
}

RestoreOptions PersistenceService::RestoreOptionsOf(const Config& config) const {
  RestoreOptions options;
  options.version_check = config.rdb_version_check;
  options.verify_checksum = config.rdbchecksum && !parts_.state->skip_checksums.load(std::memory_order_relaxed);
  options.thread_count = HelperThreads();
  options.rules.key_delay_us = config.key_load_delay;
  options.rules.recency = RecencyOf(config.maxmemory_policy);
  options.unsupported = config.on_unsupported_type;
  // The load of `dbfilename` may go beyond maxmemory, as Redis' may; eviction sees to that afterwards. It may not go
  // beyond the node.
  const uint64_t ceiling = parts_.state->memory_ceiling_bytes;
  options.rules.memory_bytes_max = ceiling != 0 ? ceiling : MachineMemoryBytes();
  if (BeginsWithSnapshot(config)) options.rules.memory_bytes_max = RestoreLimitBytes(config);
  options.needed_bytes_max = options.rules.memory_bytes_max;
  return options;
}

uint64_t PersistenceService::RestoreLimitBytes(const Config& config) const {
  constexpr uint64_t kBeyondMin = uint64_t{16} << 20;
  const uint64_t ceiling = parts_.state->memory_ceiling_bytes;
  const uint64_t node = ceiling != 0 ? ceiling : MachineMemoryBytes();
  if (config.maxmemory == 0 || config.maxmemory >= node) return node;
  return std::min(node, config.maxmemory + std::max(config.maxmemory / 4, kBeyondMin));
}

void PersistenceService::StartLoad() {
  std::shared_ptr<const Config> config = parts_.config->Share();
  const bool has_file = FileExists(RestartPath(*config)) || FileExists(DumpPath(*config));
  if (!BeginsWithSnapshot(*config) && !has_file) {
    hooks_.on_loaded();
    return;
  }
  parts_.state->loading.store(true);
  restore_ = std::make_unique<Restore>(*parts_.keyspace, *parts_.clock, log_, RestoreOptionsOf(*config));
  load_thread_ = std::thread([this, config = std::move(config)] { LoadOnThread(*config); });
}

Status PersistenceService::LoadSnapshot(const Config& config, Restore& restore, LoadSource& source) {
  const auto store_options = [this, &config] { return S3OptionsOf(config, log_); };
  const std::unique_ptr<SnapshotCatalogue> catalogue = OpenCatalogue(config, {.options = store_options});
  Result<SnapshotEntry> entry = catalogue->Find(config.restore_snapshot);
  source = LoadSource::kCatalogue;
  if (!entry && catalogue->IsRemote() && entry.status().code() != Err::kNoSuchKey) {
    source = LoadSource::kStore;
    return entry.error();
  }
  if (!entry) {
    const bool has_place = catalogue->IsRemote() || FileExists(catalogue->Place());
    return entry.error().WithContext(catalogue->Place() + (has_place ? "" : ": this folder does not exist"));
  }
  if (!entry->fault.empty()) return Status::WithText(Err::kCorrupt, entry->fault);
  const SnapshotMetadata& metadata = entry->metadata;
  CN_LOG(log_, kNotice, "Restoring snapshot {} of {} {} ({}): {} keys, {} bytes", metadata.name, metadata.engine,
         metadata.engine_version, metadata.node_type, metadata.key_count, metadata.size_bytes);
  const std::string place = catalogue->DataPlace(metadata.name);
  source = LoadSource::kData;
  if (!catalogue->IsRemote()) return restore.FromFile(place);
  source = LoadSource::kStore;
  Result<std::unique_ptr<SnapshotData>> data = catalogue->OpenData(metadata);
  if (!data) return data.error();
  PublishedSource published(*std::move(data), metadata, place);
  WatchedSource watched(published);
  Status status = restore.FromSource(watched, place);
  if (!watched.failed()) source = LoadSource::kData;
  return status;
}

Status PersistenceService::LoadObject(const Config& config, Restore& restore, LoadSource& source) {
  source = LoadSource::kStore;
  Result<S3Location> location = ParseS3Location(config.s3_snapshot_location);
  if (!location) return location.error();
  CN_LOG(log_, kNotice, "Restoring from {}", location->Display());
  Result<std::unique_ptr<ByteSource>> object = OpenS3Object(*location, S3OptionsOf(config, log_));
  if (!object) return object.error();
  WatchedSource watched(**object);
  Status status = restore.FromSource(watched, location->Display());
  if (!watched.failed()) source = LoadSource::kData;
  return status;
}

Status PersistenceService::LoadFrom(const Config& config, Restore& restore, LoadSource& source) {
  if (FileExists(RestartPath(config))) return restore.FromFile(RestartPath(config));
  if (!config.restore_snapshot.empty()) return LoadSnapshot(config, restore, source);
  if (config.s3_snapshot_location.empty()) return restore.FromFile(DumpPath(config));
  return LoadObject(config, restore, source);
}

void PersistenceService::LoadOnThread(const Config& config) {
  const int64_t begin_us = parts_.clock->MonotonicUs();
  LoadSource source = LoadSource::kData;
  Status status = LoadFrom(config, *restore_, source);
  if (status.ok()) {
    const double seconds = static_cast<double>(parts_.clock->MonotonicUs() - begin_us) / 1e6;
    CN_LOG(log_, kNotice, "DB loaded from {}: {:.3f} seconds",
           config.s3_snapshot_location.empty() ? "disk" : config.s3_snapshot_location, seconds);
  }
  auto outcome = std::make_shared<Status>(std::move(status));
  hooks_.on_first_worker([this, outcome, source](Worker&) { FinishLoad(std::move(*outcome), source); });
}

// Worker 0: clients are let in, or the process ends without having served a key.
void PersistenceService::FinishLoad(Status status, LoadSource source) {
  load_thread_.join();
  if (status.ok()) {
    RunExclusive([&] { status = LoadFunctions(restore_->TakeFunctions(), LibraryPolicy::kFlush); });
  }
  {
    const std::lock_guard<std::mutex> guard(mutex_);
    last_progress_ = restore_->Progress();
    restore_.reset();
  }
  if (!status.ok()) {
    if (status.code() != Err::kCancelled) FailLoad(status, source);
    return;
  }
  SettleRestartFile(parts_.config->Current());
  snapshotter_.ForgetChanges();
  parts_.state->loading.store(false);
  hooks_.on_loaded();
}

void PersistenceService::FailLoad(const Status& status, LoadSource source) {
  const LoadExitCode code = ExitCodeOf(status, source);
  if (code == LoadExitCode::kBroken || code == LoadExitCode::kUnsupported) {
    CN_LOG(log_, kWarning, "Internal error in RDB reading: {}", status.text());
    CN_LOG(log_, kWarning, "Terminating server after rdb file reading failure.");
  }
  CN_LOG(log_, kWarning, "Fatal error loading the DB, check server logs. Exiting. {}", status.text());
  parts_.events->Record(NodeEventKind::kRestoreFailed, "Restore failed: " + std::string(status.text()));
  hooks_.on_load_failed(code);
}

void PersistenceService::Stop() {
  if (!load_thread_.joinable()) return;
  {
    const std::lock_guard<std::mutex> guard(mutex_);
    if (restore_ != nullptr) restore_->Cancel();
  }
  load_thread_.join();
}

Status PersistenceService::SaveForShutdown(const ShutdownRequest& request) {
  const bool wanted = request.save == ShutdownRequest::Save::kYes ||
                      (request.save == ShutdownRequest::Save::kAsConfigured && !snapshotter_.policy().points().empty());
  if (!wanted || parts_.state->loading.load()) {
    if (snapshotter_.Running()) static_cast<void>(snapshotter_.Cancel());
    return Status::Ok();
  }
  CN_LOG(log_, kNotice, "Saving the final RDB snapshot before exiting.");
  Status status = snapshotter_.CancelAndSaveNow();
  if (!status.ok()) {
    CN_LOG(log_, kWarning, "Error trying to save the DB, can't exit: {}", status.text());
  }
  return status;
}

// --- Commands --------------------------------------------------------------------------------------------------------

Status PersistenceService::Save() {
  Status status = snapshotter_.SaveNow();
  if (status.ok() || status.code() == Err::kText) return status;
  CN_LOG(log_, kWarning, "Error saving DB on disk: {}", status.text());
  return Status::Text("ERR");
}

Status PersistenceService::Reload(const ReloadOptions& options) {
  if (options.save) {
    Status status = snapshotter_.CancelAndSaveNow();
    if (!status.ok()) {
      CN_LOG(log_, kWarning, "DEBUG RELOAD could not save: {}", status.text());
      return Status::Text("ERR");
    }
  }
  const Config& config = parts_.config->Current();
  RestoreOptions restore_options = RestoreOptionsOf(config);
  restore_options.rules.replace_existing = options.merge;
  Restore restore(*parts_.keyspace, *parts_.clock, log_, restore_options);
  const auto refused = [this](const Status& status) {
    CN_LOG(log_, kWarning, "DEBUG RELOAD could not load: {}", status.text());
    return Status::Text("ERR Error trying to load the RDB dump, check server logs.");
  };
  // Redis empties itself first. A file that cannot be loaded is no reason to lose what is there.
  if (Status status = restore.CheckFile(DumpPath(config)); !status.ok()) return refused(status);
  const auto empty = [this] {
    FreeDetached(parts_, parts_.keyspace->FlushAll(), 0, FreeWhere::kHere);
    parts_.keyspace->FreeDetached();
  };
  if (options.flush) empty();
  Status status = restore.FromFile(DumpPath(config));
  if (status.ok()) {
    auto policy = options.merge ? LibraryPolicy::kReplace : LibraryPolicy::kAppend;
    if (options.flush) policy = LibraryPolicy::kFlush;
    status = LoadFunctions(restore.TakeFunctions(), policy);
  }
  if (!status.ok()) {
    if (options.flush) empty();  // No part of a data set is served.
    return refused(status);
  }
  if (options.save) snapshotter_.ForgetChanges();
  return Status::Ok();
}

// What a data file held; kept for the next one where nobody runs functions. Exclusive world lock.
Status PersistenceService::LoadFunctions(std::vector<std::string> sources, LibraryPolicy policy) {
  if (parts_.scripts != nullptr) return parts_.scripts->RestoreLibraries(sources, policy);
  snapshotter_.SetFunctions(std::move(sources));
  return Status::Ok();
}

void PersistenceService::OnFlushAll() {
  // A named snapshot shows an earlier moment, which is worth as much as before.
  if (snapshotter_.RunsJob()) return;
  if (snapshotter_.Running()) static_cast<void>(snapshotter_.Cancel());
  if (snapshotter_.policy().points().empty()) return;
  if (Status status = snapshotter_.SaveNow(); !status.ok()) {
    CN_LOG(log_, kWarning, "Error saving DB on disk: {}", status.text());
  }
}

// --- On the way ------------------------------------------------------------------------------------------------------

void PersistenceService::Poll() {
  if (parts_.state->loading.load(std::memory_order_relaxed)) return;
  snapshotter_.Poll();
}

LoadFigures PersistenceService::Load() const {
  LoadFigures figures;
  figures.loading = parts_.state->loading.load();
  const std::lock_guard<std::mutex> guard(mutex_);
  figures.progress = restore_ != nullptr ? restore_->Progress() : last_progress_;
  figures.keys_loaded = figures.progress.keys_loaded;
  figures.keys_expired = figures.progress.keys_expired;
  return figures;
}

void PersistenceService::RunExclusive(FunctionRef<void()> body) {
  WorldLock::Seat* seat = CallerSeat();
  if (seat == nullptr || parts_.world == nullptr) {  // Before the loops run, or a harness of one thread.
    body();
    return;
  }
  const WorldExclusive exclusive(*parts_.world, *seat);
  body();
}

void PersistenceService::WakeWalkers() noexcept {
  hooks_.on_every_worker([this](Worker& worker) { worker.AddIdleWork(*walkers_[worker.index()]); });
}

// Walkers that found the buffers full gave up their turn on the loop.
void PersistenceService::OnSnapshotRoom() noexcept {
  hooks_.resume_parked();
  if (snapshotter_.Running()) WakeWalkers();
}

void PersistenceService::OnSnapshotOutcome() noexcept {
  parts_.state->snapshots_failing.store(snapshotter_.RefusesWrites(), std::memory_order_relaxed);
}

void PersistenceService::OnSnapshotFinished() noexcept {
  hooks_.on_first_worker([this](Worker&) { Poll(); });
}

void PersistenceService::ApplySettings(const Config& config) {
  snapshotter_.SetSettings(SettingsOf(config));
  snapshotter_.policy().SetPoints(config.save);
  snapshotter_.policy().SetStopWritesOnError(config.stop_writes_on_bgsave_error);
}

Status PersistenceService::Apply(ApplyGroup /*group*/, const Config& /*before*/, const Config& after) {
  ApplySettings(after);
  OnSnapshotOutcome();
  return Status::Ok();
}

}  // namespace cachenode
