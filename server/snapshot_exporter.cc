#include "server/snapshot_exporter.h"

#include <fmt/format.h>

#include <utility>

#include "persistence/s3/s3_client.h"
#include "server/background_pool.h"
#include "server/config/config_store.h"
#include "server/node/node_events.h"
#include "server/s3_settings.h"
#include "storage/base/memory.h"

namespace cachenode {

SnapshotExporter::SnapshotExporter(const ServerParts& parts, Log& log, Snapshotter& snapshotter)
    : parts_(parts), log_(log), snapshotter_(snapshotter) {
  figures_.last_status = "none";
}

Status SnapshotExporter::Start(std::string_view name, std::string_view target) {
  Result<S3Location> location = ParseExportLocation(target, name);
  if (!location) return Status::Text(std::string("ERR ").append(location.status().text()));
  auto progress = std::make_shared<S3Progress>();
  SnapshotJob job;
  job.what = fmt::format("Export of snapshot '{}' to {}", name, location->Display());
  job.open_sink = FactoryFor(*location, progress);
  job.interrupt = [progress] { progress->RequestCancel(); };
  job.on_end = [this, name = std::string(name)](const Status& status, const SnapshotJobResult& result) {
    OnEnd(name, status, result);
  };
  if (Status failed = snapshotter_.Start(std::move(job)); !failed.ok()) return failed;
  const std::lock_guard<std::mutex> guard(mutex_);
  progress_ = std::move(progress);
  figures_.in_progress = true;
  figures_.last_location = location->Display();
  return Status::Ok();
}

SinkFactory SnapshotExporter::FactoryFor(const S3Location& location, std::shared_ptr<S3Progress> progress) const {
  const Config& config = parts_.config->Current();
  S3UploadOptions options;
  options.s3 = S3OptionsOf(config, log_);
  options.expect_rdb_checksum = config.rdbchecksum;
  options.estimated_bytes = memory::UsedBytes() + parts_.keyspace->MappedBytes();
  options.run_later = [pool = parts_.background](std::function<void()> work) {
    if (!pool->Submit(BackgroundPool::Lane::kTransfer, work)) work();
  };
  return [location, options, progress = std::move(progress)] { return OpenS3Upload(location, options, progress); };
}

void SnapshotExporter::OnEnd(const std::string& name, const Status& status, const SnapshotJobResult& result) {
  std::string location;
  {
    const std::lock_guard<std::mutex> guard(mutex_);
    figures_.in_progress = false;
    if (status.ok()) {
      ++figures_.completed;
      figures_.last_status = "ok";
    } else if (status.code() == Err::kCancelled) {
      figures_.last_status = "cancelled";
    } else {
      ++figures_.failed;
      figures_.last_status = "err";
    }
    location = figures_.last_location;
  }
  if (status.ok()) {
    parts_.events->Record(NodeEventKind::kExportComplete,
                          fmt::format("Snapshot export succeeded for snapshot with ID '{}' to {}: {} keys, {} bytes",
                                      name, location, result.keys, result.bytes));
    return;
  }
  const std::string_view reason = status.code() == Err::kCancelled ? "cancelled" : status.text();
  parts_.events->Record(NodeEventKind::kExportFailed,
                        fmt::format("Snapshot export failed for snapshot with ID '{}' to {}: {}", name, location,
                                    reason.empty() ? "out of memory" : reason));
}

ExportFigures SnapshotExporter::Figures() const {
  const std::lock_guard<std::mutex> guard(mutex_);
  ExportFigures figures = figures_;
  if (progress_ != nullptr) {
    figures.bytes_sent = static_cast<uint64_t>(progress_->bytes_sent.load(std::memory_order_relaxed));
  }
  return figures;
}

}  // namespace cachenode
