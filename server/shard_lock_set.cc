#include "server/shard_lock_set.h"

#include <algorithm>

namespace cachenode {

size_t ShardLockSet::TryAll() {
  for (size_t i = 0; i < shards_.size(); ++i) {
    if (keyspace_.shard(shards_[i]).TryLockSpinning()) continue;
    for (size_t held = i; held-- > 0;) keyspace_.shard(shards_[held]).Unlock();
    return i;
  }
  return shards_.size();
}

void ShardLockSet::Order() {
  if (shards_.size() <= 1) return;
  std::sort(shards_.begin(), shards_.end());
  shards_.erase(std::unique(shards_.begin(), shards_.end()), shards_.end());
}

bool ShardLockSet::TryAcquire() {
  Order();
  for (size_t i = 0; i < shards_.size(); ++i) {
    if (keyspace_.shard(shards_[i]).TryLock()) continue;
    for (size_t held = i; held-- > 0;) keyspace_.shard(shards_[held]).Unlock();
    return false;
  }
  return true;
}

void ShardLockSet::Acquire(WorldLock::Seat& seat) {
  Order();
  for (;;) {
    const size_t reached = TryAll();
    if (reached == shards_.size()) return;
    world_.Leave(seat);
    keyspace_.shard(shards_[reached]).WaitUntilFree();
    world_.Enter(seat);
  }
}

bool ShardLockSet::Holds(KeyHash hash) const {
  return std::binary_search(shards_.begin(), shards_.end(), keyspace_.ShardIndexOf(hash));
}

void ShardLockSet::Release() {
  for (size_t held = shards_.size(); held-- > 0;) keyspace_.shard(shards_[held]).Unlock();
}

}  // namespace cachenode
