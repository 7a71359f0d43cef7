#include "server/resize_work.h"

namespace cachenode {

bool ResizeWork::RunSlice(Worker& worker) {
  Shard& shard = keyspace_.shard(next_);
  bool more = false;
  if (shard.TryLock()) {
    more = shard.ResizeSlice(kBucketsPerSlice, worker.now_ms());
    shard.Unlock();
  }
  if (more) {
    finished_in_a_row_ = 0;
  } else {
    ++finished_in_a_row_;
    next_ = next_ + step_ < keyspace_.shard_count() ? next_ + step_ : first_;
  }
  const uint32_t own_shards = (keyspace_.shard_count() - first_ + step_ - 1) / step_;
  if (finished_in_a_row_ < own_shards && ++slices_ < slices_max_) return true;
  finished_in_a_row_ = 0;
  slices_ = 0;
  return false;
}

}  // namespace cachenode
