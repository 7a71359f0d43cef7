// Exports of the running data set into an object store: a background snapshot whose walkers feed a multipart upload,
// with no file on the local disk.
//
// Thread-safety: Start under the exclusive world lock; Figures by any thread.
// Memory: the snapshot's buffers and s3-parallel-parts times the part size. A store slower than the writers slows the
//   writers, as a slow disk does.
// Limits: one background snapshot of any kind at a time.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "persistence/s3/s3_options.h"
#include "persistence/s3/s3_uri.h"
#include "persistence/snapshotter.h"
#include "server/node/export_record.h"
#include "server/server_parts.h"

namespace cachenode {

class SnapshotExporter {
 public:
  // All outlive the exporter.
  SnapshotExporter(const ServerParts& parts, Log& log, Snapshotter& snapshotter);

  // Begins the export of the data set as it is now into `<target>/<name>-0001.rdb`; `target` is a bucket, or a bucket
  // and a folder, in every form of an S3 location. How it ended is an event. Errors are replies: a target that is none,
  // a background snapshot that runs.
  Status Start(std::string_view name, std::string_view target);

  [[nodiscard]] ExportFigures Figures() const { return record_.Figures(); }

 private:
  [[nodiscard]] SinkFactory FactoryFor(const S3Location& location, std::shared_ptr<S3Progress> progress) const;

  const ServerParts& parts_;
  Log& log_;
  Snapshotter& snapshotter_;
  ExportRecord record_;
};

}  // namespace cachenode
