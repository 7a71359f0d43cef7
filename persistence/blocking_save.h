// SAVE: writes all keys with several threads while nothing else runs. No entry is copied: each thread encodes the
// shards it takes.
//
// Thread-safety: the caller holds the world lock for the whole call and no other snapshot runs.
// Errors: the first one of any thread or of the sink; the file then does not appear.
#pragma once

#include "persistence/snapshot_run.h"

namespace cachenode {

struct BlockingSaveResult {
  uint64_t keys = 0;
  uint64_t file_bytes = 0;
  // Destroying the sink gives the replaced file's blocks back: do so without the world lock.
  std::unique_ptr<ByteSink> sink;
};

// Uses plan.encoder_threads threads, the caller's among them.
Result<BlockingSaveResult> SaveBlocking(Keyspace& keyspace, SnapshotPlan plan);

}  // namespace cachenode
