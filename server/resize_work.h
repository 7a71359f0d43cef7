// Goes on with the resizes of a worker's shards in its loop's idle time.
//
// Thread-safety: its worker's thread, inside the world lock, holding no shard lock. Worker i of n looks after shards
//   i, i + n, i + 2n, ...
// Limits: kSlicesMax slices, about 20 ms, each time it is added: a resize that finds no memory must not keep a loop
//   awake.
#pragma once

#include "server/worker.h"
#include "storage/keyspace.h"

namespace cachenode {

class ResizeWork final : public IdleWork {
 public:
  // Buckets per hold of a shard's lock: about 20 us.
  static constexpr uint32_t kBucketsPerSlice = 16;

  static constexpr uint32_t kSlicesMax = 1000;

  // `keyspace` outlives this. `slices_max`: another limit, for tests.
  ResizeWork(Keyspace& keyspace, uint32_t worker_index, uint32_t worker_count, uint32_t slices_max = kSlicesMax)
      : keyspace_(keyspace), first_(worker_index), step_(worker_count), slices_max_(slices_max), next_(worker_index) {}

  bool RunSlice(Worker& worker) override;
  // Writes merge as they go, and maintenance does a little each period: a busy loop needs no more.
  [[nodiscard]] uint32_t BusyPercent() const override { return 0; }

 private:
  Keyspace& keyspace_;
  const uint32_t first_;
  const uint32_t step_;
  const uint32_t slices_max_;
  uint32_t next_;
  uint32_t slices_ = 0;             // Since it was added.
  uint32_t finished_in_a_row_ = 0;  // Shards. After a round nothing is left.
};

}  // namespace cachenode
