// A worker's share of the keyspace's background work: expiring due keys, evicting, going on with resizes, giving pages
// back, moving full memory into huge pages, keeping times of access from coming round, and with activedefrag moving
// entries out of sparsely used pages.
//
// Thread-safety: its worker's thread, inside the world lock, holding no shard lock. Worker i of n looks after shards
//   i, i + n, i + 2n, ...
// Limits: per call, kExpireUs for expiry (scaled by active-expire-effort), active-defrag-cycle-min to -max per cent of
//   a period for defragmentation, and kMaintainUs for the rest. Resizes go on while the loop is
//   idle, unless activerehashing is off.
#pragma once

#include <cstdint>

#include "server/eviction_work.h"
#include "server/huge_page_work.h"
#include "server/node_state.h"
#include "server/resize_work.h"
#include "server/server_parts.h"
#include "storage/base/clock.h"
#include "storage/expiry_cycle.h"

namespace cachenode {

class Worker;
class WorkerStats;
struct Config;

class KeyspaceMaintenance {
 public:
  // A quarter of a period at hz 10 is 25 ms; one call takes at most this, and asks for another when more is due.
  static constexpr int64_t kExpireUs = 1000;
  static constexpr int64_t kMaintainUs = 500;
  // Buckets or pages per hold of a shard's lock: about 20 us.
  static constexpr uint32_t kUnitsPerSlice = 16;

  // Buckets looked at per hold of a shard's lock when entries are moved.
  static constexpr uint32_t kDefragBucketsPerSlice = 32;

  // So that a worker goes round 1.4 G keys in the days that a fine time of access has left (access_time.h).
  static constexpr int64_t kAgeBucketsPerSecond = 512;
  static constexpr int64_t kAgeBucketsMax = 1024;                  // Of a call, however late.
  static constexpr int64_t kAgeRestMs = int64_t{6} * 3600 * 1000;  // Before the first round and between two.

  // `parts` outlives this. `expire_us` stands in for kExpireUs where the time that passes must not count.
  KeyspaceMaintenance(const ServerParts& parts, uint32_t worker_index, uint32_t worker_count,
                      int64_t expire_us = kExpireUs)
      : keyspace_(*parts.keyspace),
        state_(*parts.state),
        expiry_(keyspace_, worker_index, worker_count),
        eviction_(parts),
        resizes_(keyspace_, worker_index, worker_count),
        huge_pages_(parts, worker_index, worker_count),
        first_(worker_index),
        step_(worker_count),
        expire_us_(expire_us),
        next_(worker_index),
        next_defrag_(worker_index),
        next_aged_(worker_index),
        age_again_ms_(parts.clock->NowMs() + kAgeRestMs) {}

  // One round of slices. Called at the rate of hz.
  void Run(Worker& worker);

 private:
  void RunExpiry(Worker& worker);
  void NoteStaleKeys(WorkerStats& stats, uint64_t expired) const;
  void RunSlices(Worker& worker);
  // How much of a period to spend on defragmentation; 0 when pages are used well enough.
  [[nodiscard]] int64_t DefragPercent(const Config& config) const;
  void RunDefrag(Worker& worker);
  void RunAgeing(const Worker& worker);
  [[nodiscard]] uint32_t After(uint32_t shard) const {
    return shard + step_ < keyspace_.shard_count() ? shard + step_ : first_;
  }

  Keyspace& keyspace_;
  NodeState& state_;
  ExpiryCycle expiry_;
  EvictionWork eviction_;
  ResizeWork resizes_;
  HugePageWork huge_pages_;
  const uint32_t first_;
  const uint32_t step_;
  const int64_t expire_us_;
  uint32_t next_;
  uint32_t next_defrag_;
  uint32_t next_aged_;
  int64_t aged_ms_ = 0;  // When RunAgeing last did its part.
  int64_t age_again_ms_;
  // Shards gone through without moving anything since the last move: after a whole round the rest cannot be helped.
  uint32_t idle_rounds_ = 0;
};

}  // namespace cachenode
