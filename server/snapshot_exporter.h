// Exports of the running data set into an object store: a background snapshot whose walkers feed a multipart upload,
// with no file on the local disk.
//
// Thread-safety: Start under the exclusive world lock; Figures by any thread.
// Memory: the snapshot's buffers and s3-parallel-parts times the part size. A store slower than the writers slows the
//   writers, as a slow disk does.
// Limits: one background snapshot of any kind at a time.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "persistence/s3/s3_options.h"
#include "persistence/s3/s3_uri.h"
#include "persistence/snapshotter.h"
#include "server/server_parts.h"

namespace cachenode {

struct ExportFigures {
  bool in_progress = false;
  uint64_t bytes_sent = 0;    // Acknowledged by the store; of the export that runs, or of the last one.
  uint64_t completed = 0;     // Since the start of the node, as the others.
  uint64_t failed = 0;        // Cancelled ones are not among them.
  std::string last_location;  // Of the export that runs, or of the last one. Empty: there was none.
  std::string last_status;    // "none", "ok", "cancelled" or "err".
};

class SnapshotExporter {
 public:
  // All outlive the exporter.
  SnapshotExporter(const ServerParts& parts, Log& log, Snapshotter& snapshotter);

  // Begins the export of the data set as it is now into `<target>/<name>-0001.rdb`; `target` is a bucket, or a bucket
  // and a folder, in every form of an S3 location. How it ended is an event. Errors are replies: a target that is none,
  // a background snapshot that runs.
  Status Start(std::string_view name, std::string_view target);

  [[nodiscard]] ExportFigures Figures() const;

 private:
  void OnEnd(const std::string& name, const Status& status, const SnapshotJobResult& result);
  [[nodiscard]] SinkFactory FactoryFor(const S3Location& location, std::shared_ptr<S3Progress> progress) const;

  const ServerParts& parts_;
  Log& log_;
  Snapshotter& snapshotter_;

  mutable std::mutex mutex_;  // A leaf lock.
  // Guarded by mutex_. The progress is shared with a transfer that may clean up after the export has ended.
  std::shared_ptr<S3Progress> progress_;
  ExportFigures figures_;
};

}  // namespace cachenode
