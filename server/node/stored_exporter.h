// Exports of snapshots that lie in the catalogue into an object store: the file is streamed into a multipart upload and
// compared with its metadata on the way.
//
// Thread-safety: Prepare under the world lock, shared or exclusive; the work it gives on a thread that may block; the
//   rest by any.
// Memory: s3-parallel-parts times the part size and one block of the file, whatever the snapshot's size.
// Limits: one at a time, besides an export of the running data set.
// Errors: replies.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "persistence/catalogue/snapshot_catalogue.h"
#include "persistence/s3/s3_upload_options.h"
#include "persistence/s3/s3_uri.h"
#include "server/node/export_record.h"
#include "server/server_parts.h"
#include "storage/base/log.h"

namespace cachenode {

// Uploads a snapshot to `location`. For the running node and for the files of a stopped one.
Result<SnapshotMetadata> UploadSnapshot(const SnapshotCatalogue& catalogue, std::string_view name,
                                        const S3Location& location, S3UploadOptions options,
                                        const std::shared_ptr<S3Progress>& progress);

class StoredExporter {
 public:
  // All outlive the exporter.
  StoredExporter(const ServerParts& parts, Log& log, const SnapshotCatalogue& catalogue);

  // Begins the export of a snapshot that exists to `<target>/<name>-0001.rdb` and gives the work, which must be run
  // once unless Drop is called instead.
  Result<std::function<void()>> Prepare(const std::string& name, std::string_view target);
  void Drop() { record_.Drop(); }
  // What runs ends soon.
  void Stop() { record_.Cancel(); }
  // The export of this snapshot ends soon; false when none runs.
  bool Cancel(const std::string& name) { return record_.Cancel(name); }

  [[nodiscard]] ExportFigures Figures() const { return record_.Figures(); }

 private:
  const ServerParts& parts_;
  Log& log_;
  const SnapshotCatalogue& catalogue_;
  ExportRecord record_;
};

}  // namespace cachenode
