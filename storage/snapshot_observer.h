// How a running snapshot gets every key as it was at the cut. Implemented by persistence.
//
// The bucket is the unit: before the first change to a bucket that the snapshot has not seen yet, the keyspace hands
// over its entries and marks it. Walkers do the same for buckets nobody writes to. So each entry that stood at the
// cut is handed over exactly once, and none that came later.
// Thread-safety: SaveEntries is called by whichever thread holds the shard's lock; calls for one shard never overlap,
//   calls for different shards do. It must not block, must not call back into the keyspace, and cannot fail: the
//   room it needs was reserved by the caller of the write (CanSave).
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "storage/entry_view.h"

namespace cachenode {

class DetachedShard;

class SnapshotObserver {
 public:
  virtual ~SnapshotObserver() = default;
  // Entries of one bucket as they stood at the cut. `db` is the database's number at the cut. A bucket whose chain is
  // long comes in several calls. Expired entries are included.
  virtual void SaveEntries(uint32_t shard, uint32_t db, std::span<const EntryView> entries) = 0;
  // Whether `shard` has room for the entries of another few buckets. Expiry, eviction, defragmentation and resizing
  // leave unsaved buckets alone while it is false; the server parks writers by the same question.
  [[nodiscard]] virtual bool CanSave(uint32_t shard) noexcept = 0;
  // FLUSHALL took all of `shard` away while parts were unsaved: the snapshot owns it now, walks the rest with
  // DetachedShard::WalkUnsaved on any one thread, and destroys it.
  virtual void TakeDetached(uint32_t shard, std::unique_ptr<DetachedShard> detached) = 0;
};

// How far a walk over one shard's unsaved buckets has come. Starts zeroed for each shard and snapshot.
struct SnapshotCursor {
  uint32_t table = 0;
  uint64_t position = 0;
  bool done = false;
};

}  // namespace cachenode
