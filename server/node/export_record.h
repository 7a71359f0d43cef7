// How exports into an object store go: what INFO tells of them, their events, and what the node's status says
// meanwhile.
//
// Thread-safety: any thread; one leaf mutex inside. Events are recorded and the status is changed without it.
// Invariant: of what one record is about, one export runs at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "persistence/s3/s3_options.h"
#include "server/node/node_status.h"
#include "server/server_parts.h"
#include "storage/base/status.h"

namespace cachenode {

struct ExportFigures {
  bool in_progress = false;
  uint64_t bytes_sent = 0;           // Acknowledged by the store; of the export that runs, or of the last one.
  uint64_t completed = 0;            // Since the start of the node, as the others.
  uint64_t failed = 0;               // Cancelled ones are not among them.
  std::string last_name;             // Of the export that runs, or of the last one. Empty: there was none.
  std::string last_location;         // The same.
  std::string last_status = "none";  // "none", "ok", "cancelled" or "err"; of the last one that ended.
};

class ExportRecord {
 public:
  struct Export {
    std::string name;
    std::string location;  // "s3://bucket/name-0001.rdb".
    std::shared_ptr<S3Progress> progress;
  };
  struct Exported {
    uint64_t keys = 0;
    uint64_t bytes = 0;
  };

  // `parts` outlives the record.
  explicit ExportRecord(const ServerParts& parts) : parts_(parts) {}

  // Before the work begins. False: one runs.
  [[nodiscard]] bool Begin(Export what);
  // It did not begin after all.
  void Drop();
  // Once, by whoever did the work. kCancelled when it was stopped.
  void End(const Status& status, const Exported& exported);
  // Makes what runs end soon.
  void Cancel();
  // The same, if that is the one of this name; false when it is not.
  bool Cancel(const std::string& name);

  [[nodiscard]] ExportFigures Figures() const;

 private:
  struct Running {
    Export what;
    NodeStatus::Work work;
  };

  const ServerParts& parts_;
  mutable std::mutex mutex_;
  // Guarded by mutex_. The progress is shared with a transfer that may clean up after the export has ended.
  std::optional<Running> running_;
  std::shared_ptr<S3Progress> last_progress_;
  ExportFigures figures_;  // But for what runs.
};

}  // namespace cachenode
