// A snapshot that is being made, wherever its catalogue keeps it: a byte sink whose Commit proves the data and lets it
// appear under its name, or leaves nothing behind that shows.
//
// Thread-safety: as ByteSink. The flag it was made with may be set by any thread and ends it soon.
#pragma once

#include "persistence/byte_stream.h"
#include "persistence/catalogue/snapshot_metadata.h"
#include "persistence/rdb_check.h"

namespace cachenode {

class SnapshotDraft : public ByteSink {
 public:
  // Whole after Commit.
  [[nodiscard]] virtual const SnapshotMetadata& metadata() const noexcept = 0;
};

// Takes down what a check found in the data.
inline void FillMetadata(const RdbSummary& summary, SnapshotMetadata& metadata) {
  metadata.rdb_version = summary.version;
  metadata.size_bytes = summary.size_bytes;
  metadata.checksum = summary.checksum;
  metadata.key_count = summary.key_count;
  metadata.expiring_count = summary.expiring_count;
  metadata.needed_bytes = summary.needed_bytes;
  if (metadata.created_s == 0) metadata.created_s = summary.created_s;
}

}  // namespace cachenode
