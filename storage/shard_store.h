// What one shard owns: the slab heap, one table per database (made on first use), and tables that were flushed and
// wait to be freed.
//
// Thread-safety: guarded by the shard's lock, except the prefetchers (inside the world flag) and the relaxed figures.
// Invariant: nothing here refers to anything of another store, so a store can be detached whole and destroyed anywhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "storage/memory_account.h"
#include "storage/retire_list.h"
#include "storage/shard_router.h"
#include "storage/snapshot_observer.h"

namespace cachenode {

// Address space for the slab heap of each shard.
struct ArenaPlan {
  uint64_t reserve_bytes = 0;  // Reserved in one piece when contiguous, else the upper limit of segments.
  bool contiguous = true;      // False: grows in separate segments (ulimit -v, containers, sanitizers).
};

// The snapshot all shards work for. Changed under the world lock only.
struct SnapshotState {
  SnapshotObserver* observer = nullptr;  // Null: none runs.
  uint16_t epoch = 0;                    // Buckets with this epoch are saved. 0 is never current.
};

struct ShardStoreOptions {
  uint32_t database_count = 16;
  ArenaPlan arena;
  SnapshotState* snapshot = nullptr;    // Not owned; shared by all shards.
  RetireList* retire_list = nullptr;    // Not owned.
};

class ShardStore;

// A shard's content after FLUSHALL: owns all its memory, belongs to one thread at a time, which may be any.
class DetachedShard {
 public:
  explicit DetachedShard(std::unique_ptr<ShardStore> store);
  // Frees everything; time grows with the number of values outside the arena, not with the number of keys.
  ~DetachedShard();

  // As Shard::WalkUnsaved, for the snapshot that took it; no lock is needed.
  uint64_t WalkUnsaved(uint32_t shard, SnapshotCursor& cursor, uint64_t entries_max);
  [[nodiscard]] MemoryFigures Memory() const noexcept;

 private:
  std::unique_ptr<ShardStore> store_;
};

class ShardStore {
 public:
  ~ShardStore();
  void PrefetchBucket(uint32_t db, KeyHash hash) const noexcept;
  void PrefetchEntry(uint32_t db, KeyHash hash) const noexcept;
  [[nodiscard]] int64_t EarliestExpiryMs() const noexcept;
  [[nodiscard]] uint64_t KeyCount(uint32_t db) const noexcept;
  [[nodiscard]] uint64_t VolatileCount(uint32_t db) const noexcept;
  [[nodiscard]] MemoryFigures Memory() const noexcept;
};

}  // namespace cachenode
