// Puts the records of a batch into the keyspace, shard by shard.
//
// Thread-safety: Load and LoadStreamed by any number of threads at once, each with its own Scratch. Nothing else
// touches
//   the keyspace meanwhile; shards are handed from thread to thread by a gate of their own, since a keyspace of one
//   worker has no locks.
// Errors: the place in the file, the key and the reason. What was loaded before stays; the caller empties the keyspace.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "persistence/rdb_batch.h"
#include "persistence/rdb_reader.h"
#include "storage/access_context.h"
#include "storage/base/function_ref.h"
#include "storage/keyspace.h"

namespace cachenode {

struct LoadRules {
  int64_t now_ms = 0;                // Keys whose deadline is before it are dropped.
  bool drop_expired = true;          // False for a replica.
  bool replace_existing = false;     // Otherwise a key that is there already is an error.
  Recency recency = Recency::kTime;  // What the eviction policy goes by.
  // key-load-delay, for tests that need a load to last: so many microseconds for each key; negative: keys for each one.
  int64_t key_delay_us = 0;
  // Bytes the keyspace may take; 0: no limit. Asked after each batch, so that Ok for the last one holds for all.
  uint64_t memory_bytes_max = 0;
};

class BatchLoader {
 public:
  // Is told of keys whose collection is empty, on the thread that loads them; may be empty.
  using EmptyKeyObserver = std::function<void(std::string_view key)>;
  BatchLoader(Keyspace& keyspace, const LoadRules& rules, EmptyKeyObserver on_empty_key = {});

  // Memory one thread reuses between calls.
  struct Scratch {
    std::vector<KeyHash> hashes;
    std::vector<uint32_t> order;       // Record numbers sorted by shard.
    std::vector<uint32_t> group_ends;  // Per shard: one past its last place in `order`.
    std::vector<uint32_t> postponed;   // Shards that were busy.
    std::string text;
    // Of the batch under way; added to the totals when it ends, so that threads do not fight for one counter.
    uint64_t keys_loaded = 0;
    uint64_t keys_expired = 0;
    uint64_t empty_skipped = 0;
  };
  Status Load(const RdbBatch& batch, Scratch& scratch);
  // Loads the one record of a streamed batch, reading on as its value is built. No gate is held meanwhile.
  Status LoadStreamed(RdbReader& reader, RdbBatch& batch, Scratch& scratch);
  // Makes room in the shards for that many keys; a hint, so failure does not matter.
  void Reserve(uint32_t db, uint64_t key_count);

  [[nodiscard]] uint64_t keys_loaded() const noexcept { return keys_loaded_.load(std::memory_order_relaxed); }
  [[nodiscard]] uint64_t keys_expired() const noexcept { return keys_expired_.load(std::memory_order_relaxed); }
  [[nodiscard]] uint64_t empty_keys_skipped() const noexcept { return empty_skipped_.load(std::memory_order_relaxed); }

 private:
  struct alignas(64) Gate {
    std::mutex mutex;
  };

  void SortByShard(const RdbBatch& batch, Scratch& scratch) const;
  Status LoadGroup(const RdbBatch& batch, uint32_t shard, Scratch& scratch);
  void DelayAfter(size_t key_count) const;
  Status LoadRecord(const RdbBatch& batch, const RdbRecord& record, KeyHash hash, Shard& shard, Scratch& scratch)
      CACHENODE_REQUIRES(shard);
  void SkipEmpty(const RdbRecord& record, Scratch& scratch) const;
  // Whether the key is past its deadline and to be dropped.
  [[nodiscard]] bool IsDropped(const RdbRecord& record) const noexcept;
  // Calls `put` with the key's slot, which must be free, and sets its recency.
  Status PutRecord(const RdbRecord& record, KeyHash hash, Shard& shard, FunctionRef<Status(KeySlot&, Expiry)> put)
      CACHENODE_REQUIRES(shard);
  [[nodiscard]] Status CheckMemory() const;
  Status LoadGroups(const RdbBatch& batch, Scratch& scratch);
  void AddCounts(Scratch& scratch) noexcept;

  Keyspace& keyspace_;
  const LoadRules rules_;
  const EmptyKeyObserver on_empty_key_;
  AccessContext context_;  // Constant.
  std::vector<Gate> gates_;
  std::atomic<uint64_t> keys_loaded_{0};
  std::atomic<uint64_t> keys_expired_{0};
  std::atomic<uint64_t> empty_skipped_{0};
};

}  // namespace cachenode
