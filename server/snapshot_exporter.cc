#include "server/snapshot_exporter.h"

#include <fmt/format.h>

#include <utility>

#include "persistence/s3/s3_client.h"
#include "server/background_pool.h"
#include "server/config/config_store.h"
#include "server/s3_settings.h"
#include "storage/base/memory.h"

namespace cachenode {

SnapshotExporter::SnapshotExporter(const ServerParts& parts, Log& log, Snapshotter& snapshotter)
    : parts_(parts), log_(log), snapshotter_(snapshotter), record_(parts) {}

Status SnapshotExporter::Start(std::string_view name, std::string_view target) {
  Result<S3Location> location = ParseExportLocation(target, name);
  if (!location) return Status::Text(std::string("ERR ").append(location.status().text()));
  auto progress = std::make_shared<S3Progress>();
  SnapshotJob job;
  job.what = fmt::format("Export of snapshot '{}' to {}", name, location->Display());
  job.open_sink = FactoryFor(*location, progress);
  job.interrupt = [progress] { progress->RequestCancel(); };
  job.on_end = [this](const Status& status, const SnapshotJobResult& result) {
    record_.End(status, {result.keys, result.bytes});
  };
  // What on_end takes back stands before the job starts. One that runs makes the snapshotter refuse, too.
  const bool begun = record_.Begin({std::string(name), location->Display(), std::move(progress)});
  Status status = snapshotter_.Start(std::move(job));
  if (!status.ok() && begun) record_.Drop();
  return status;
}

SinkFactory SnapshotExporter::FactoryFor(const S3Location& location, std::shared_ptr<S3Progress> progress) const {
  const Config& config = parts_.config->Current();
  S3UploadOptions options;
  options.s3 = S3OptionsOf(config, log_);
  options.expect_rdb_checksum = config.rdbchecksum;
  options.estimated_bytes = memory::UsedBytes() + parts_.keyspace->MappedBytes();
  options.run_later = [pool = parts_.background](const std::function<void()>& work) {
    if (!pool->Submit(BackgroundPool::Lane::kTransfer, work)) work();
  };
  return [location, options, progress = std::move(progress)] { return OpenS3Upload(location, options, progress); };
}

}  // namespace cachenode
