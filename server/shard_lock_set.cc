#include "server/shard_lock_set.h"

namespace cachenode {

void ShardLockSet::ReleaseAll() { GiveBackBelow(keyspace_.shard_count()); }

void ShardLockSet::GiveBackBelow(uint32_t end) {
  static_cast<void>(FirstThatStops([end](Shard& shard) CACHENODE_NO_THREAD_SAFETY_ANALYSIS {
    if (shard.id() >= end) return false;
    shard.Unlock();
    return true;
  }));
}

bool ShardLockSet::TryAcquire() {
  return TakeAll([](Shard& shard) CACHENODE_NO_THREAD_SAFETY_ANALYSIS { return shard.TryLock(); }) == nullptr;
}

void ShardLockSet::Acquire(WorldLock::Seat& seat) {
  const auto take = [](Shard& shard) CACHENODE_NO_THREAD_SAFETY_ANALYSIS { return shard.TryLockSpinning(); };
  while (Shard* const taken_elsewhere = TakeAll(take)) {
    world_.Leave(seat);
    taken_elsewhere->WaitUntilFree();
    world_.Enter(seat);
  }
}

size_t ShardLockSet::size() const {
  size_t count = 0;
  for (const uint64_t word : words_) count += static_cast<size_t>(std::popcount(word));
  return count;
}

}  // namespace cachenode
