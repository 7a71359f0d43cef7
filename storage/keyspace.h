// All databases of the node: the shards, and what concerns all of them at once.
//
// Thread-safety: shard(), Locate and the figures may be used by any thread under the rules of Shard. Functions with a
//   Locking argument take one shard lock at a time unless told that the world lock is held. Functions that say "world
//   lock" need every other thread that touches shards to be outside of its world flag.
// Invariants: the numbers of shards and databases never change after construction.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "storage/access_context.h"
#include "storage/base/function_ref.h"
#include "storage/base/result.h"
#include "storage/shard.h"
#include "storage/shard_router.h"

namespace cachenode {

struct KeyspaceOptions {
  uint32_t shard_count = 16;  // A power of two, at most kShardsMax: ShardCountFor(workers).
  uint32_t database_count = 16;
  bool threaded = false;                // More than one thread may touch shards: locks are real.
  uint64_t maxmemory_bytes = 0;         // Sizes the address space reserved; 0: the machine's memory.
  uint64_t arena_reserve_bytes = 0;     // arena-reserve: address space per shard; 0 chooses by memory.
  ValueReclaimer* reclaimer = nullptr;  // Not owned, outlives the keyspace; null: large values are freed at once.
  RetireList* retire_list = nullptr;    // Not owned, outlives the keyspace; null: one thread, freed at once.
};

// Who keeps other threads away from the shards during a call.
enum class Locking : uint8_t {
  kTakeShardLocks,  // The call locks shards one at a time; the caller holds none.
  kWorldHeld,       // The caller holds the world lock, or is the only thread.
};

class Keyspace {
 public:
  // Stops the process only if not even empty tables can be had.
  explicit Keyspace(const KeyspaceOptions& options);
  ~Keyspace();
  Keyspace(const Keyspace&) = delete;
  Keyspace& operator=(const Keyspace&) = delete;

  // --- Routing -----------------------------------------------------------------------------------------------------

  [[nodiscard]] static KeyHash Hash(std::string_view key) noexcept { return KeyHash::Of(key); }
  [[nodiscard]] uint32_t shard_count() const noexcept { return shard_mask_ + 1; }
  [[nodiscard]] unsigned shard_bits() const noexcept { return shard_bits_; }
  [[nodiscard]] uint32_t database_count() const noexcept { return options_.database_count; }
  [[nodiscard]] Shard& shard(uint32_t index) noexcept { return *shards_[index]; }
  [[nodiscard]] const Shard& shard(uint32_t index) const noexcept { return *shards_[index]; }
  [[nodiscard]] Shard& ShardOf(KeyHash hash) noexcept { return *shards_[hash.shard(shard_mask_)]; }
  [[nodiscard]] uint32_t ShardIndexOf(KeyHash hash) const noexcept { return hash.shard(shard_mask_); }
  // Shard::Find in the shard of `key`, whose lock (or the world lock) the caller holds.
  [[nodiscard]] KeySlot Locate(uint32_t db, std::string_view key, const AccessContext& context) noexcept;

  // --- Walking -----------------------------------------------------------------------------------------------------

  // One step of SCAN: calls `visit` for about `count` keys (whole buckets; not the expired ones) and returns the next
  // cursor, 0 at the end. Empty shards and buckets do not count. Does not touch recency.
  [[nodiscard]] uint64_t Scan(uint32_t db, uint64_t cursor, uint64_t count, int64_t now_ms, Locking locking,
                              FunctionRef<void(const EntryView&)> visit);
  // Every key of the database, expired ones included; `visit` answers false to stop. World lock.
  void ForEach(uint32_t db, FunctionRef<bool(const EntryView&)> visit) const;
  // A key drawn fairly that has not expired, copied to `key`; false when there is none. With a database of expired keys
  // only, gives up after kRandomKeyTries and answers false.
  [[nodiscard]] bool RandomKey(uint32_t db, int64_t now_ms, Random& random, Locking locking, std::string& key);
  static constexpr int kRandomKeyTries = 100;

  // --- Whole databases; world lock ---------------------------------------------------------------------------------

  void SwapDatabases(uint32_t first, uint32_t second) noexcept;
  // Empties one database, or all. What stood there is returned as an object that owns all of its memory and may be
  // destroyed on any thread (ASYNC) or at once (SYNC); parts that share memory with databases that stay are freed by
  // MaintainSlice, or at once with FreeDetached. Observers are not told; the caller signals watched keys itself.
  [[nodiscard]] std::vector<std::unique_ptr<DetachedShard>> FlushDatabase(uint32_t db);
  [[nodiscard]] std::vector<std::unique_ptr<DetachedShard>> FlushAll();
  // Frees everything detached and not needed by a snapshot, now (FLUSHDB SYNC). World lock.
  void FreeDetached();
  // Counts a change that is none of a key but goes into files, as functions do. World lock.
  void CountChange() noexcept { shards_.front()->CountChange(); }

  // --- Snapshots; world lock ---------------------------------------------------------------------------------------

  // The cut: from here on `observer` gets each entry as it is now, once. One snapshot at a time. Cost: microseconds.
  void BeginSnapshot(SnapshotObserver& observer);
  // Ends or cancels: the observer is not called again. O(shards).
  void EndSnapshot() noexcept;
  [[nodiscard]] bool SnapshotRunning() const noexcept { return snapshot_.observer != nullptr; }

  // --- Figures; relaxed, any thread --------------------------------------------------------------------------------

  [[nodiscard]] uint64_t KeyCount(uint32_t db) const noexcept;
  [[nodiscard]] uint64_t VolatileCount(uint32_t db) const noexcept;
  // Hashes that have fields with a deadline.
  [[nodiscard]] uint64_t FieldExpiryCount(uint32_t db) const noexcept;
  [[nodiscard]] uint64_t ChangeCount() const noexcept;
  // Sum over all shards. O(shards).
  [[nodiscard]] MemoryFigures Memory() const noexcept;
  // Bytes of the keyspace outside of the memory facade, O(1): used_memory = memory::UsedBytes() + MappedBytes(). Exact
  // with one thread; with several it may lag by kMappedStepBytes per shard.
  [[nodiscard]] uint64_t MappedBytes() const noexcept {
    const int64_t bytes = mapped_total_.load(std::memory_order_relaxed);
    return bytes > 0 ? static_cast<uint64_t>(bytes) : 0;
  }
  static constexpr int64_t kMappedStepBytes = 4096;
  // Milliseconds on average until volatile keys of `db` expire, from a sample of some buckets; 0 without such keys.
  [[nodiscard]] uint64_t AverageTtlMs(uint32_t db, int64_t now_ms, Random& random, Locking locking);
  // Address space reserved per shard, and whether it is in segments (log line at start, INFO).
  [[nodiscard]] ArenaPlan arena_plan() const noexcept { return arena_plan_; }

 private:
  [[nodiscard]] ShardStoreOptions StoreOptions() noexcept;
  [[nodiscard]] std::unique_ptr<DetachedShard> DetachShard(Shard& shard);

  // Constant after construction.
  KeyspaceOptions options_;
  ArenaPlan arena_plan_;
  uint32_t shard_mask_;
  unsigned shard_bits_;
  ImmediateRetireList immediate_retire_list_;
  // Changed under the world lock.
  SnapshotState snapshot_;
  // Any thread.
  std::atomic<int64_t> mapped_total_{0};
  std::vector<std::unique_ptr<Shard>> shards_;
};

}  // namespace cachenode
