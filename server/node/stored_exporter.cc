#include "server/node/stored_exporter.h"

#include <fmt/format.h>

#include <utility>

#include "persistence/s3/s3_client.h"
#include "server/config/config_store.h"
#include "server/s3_settings.h"

namespace cachenode {

Result<SnapshotMetadata> UploadSnapshot(const SnapshotCatalogue& catalogue, std::string_view name,
                                        const S3Location& location, S3UploadOptions options,
                                        const std::shared_ptr<S3Progress>& progress) {
  const auto open_sink = [&](const SnapshotMetadata& metadata, bool has_stored_checksum) {
    options.estimated_bytes = metadata.size_bytes;
    options.expect_rdb_checksum = has_stored_checksum;
    return OpenS3Upload(location, options, progress);
  };
  return catalogue.Export(name, open_sink, &progress->cancel_requested);
}

StoredExporter::StoredExporter(const ServerParts& parts, Log& log, const SnapshotCatalogue& catalogue)
    : parts_(parts), log_(log), catalogue_(catalogue), record_(parts) {}

Result<std::function<void()>> StoredExporter::Prepare(const std::string& name, std::string_view target) {
  Result<S3Location> location = ParseExportLocation(target, name);
  if (!location) return Status::Text(fmt::format("ERR {}", location.status().text()));
  const auto progress = std::make_shared<S3Progress>();
  if (!record_.Begin({name, location->Display(), progress})) {
    return Status::Text("ERR a snapshot is being exported already, try again later");
  }
  S3UploadOptions options;
  options.s3 = S3OptionsOf(parts_.config->Current(), log_);
  return std::function<void()>([this, name, location = *std::move(location), options, progress] {
    const Result<SnapshotMetadata> done = UploadSnapshot(catalogue_, name, location, options, progress);
    if (!done) {
      record_.End(done.status(), {});
    } else {
      record_.End(Status::Ok(), {done->key_count, done->size_bytes});
    }
  });
}

}  // namespace cachenode
