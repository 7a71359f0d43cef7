// The locks of one request's shards: collected, sorted, taken together and released together.
//
// Thread-safety: one object per worker, used by its thread. Locks are taken in ascending order; before the thread
//   sleeps for one it releases those it has and steps out of the world lock, then starts again.
// Limits: as many shards as the keyspace has.
#pragma once

#include <cstdint>
#include <vector>

#include "server/world_lock.h"
#include "storage/keyspace.h"

namespace cachenode {

class ShardLockSet {
 public:
  ShardLockSet(Keyspace& keyspace, WorldLock& world) : keyspace_(keyspace), world_(world) {}

  void Clear() { shards_.clear(); }
  void Add(KeyHash hash) { shards_.push_back(keyspace_.ShardIndexOf(hash)); }

  // Takes the locks of all shards added, holding none before. `seat` is inside the world lock, and again afterwards.
  void Acquire(WorldLock::Seat& seat);
  // The same without any wait. False when somebody has one of them, be it this thread for another request; none is held
  // by this set then.
  [[nodiscard]] bool TryAcquire() CACHENODE_NO_THREAD_SAFETY_ANALYSIS;
  // The same, spinning for each a while; it never sleeps.
  [[nodiscard]] bool TryAcquireSpinning() {
    Order();
    return TryAll() == shards_.size();
  }
  void Release() CACHENODE_NO_THREAD_SAFETY_ANALYSIS;
  // Whether the set, once acquired, has the lock of the key's shard.
  [[nodiscard]] bool Holds(KeyHash hash) const;
  [[nodiscard]] size_t size() const { return shards_.size(); }

 private:
  // The position of the first lock that was taken by somebody else for too long, or the count when all are held.
  // (Which locks depends on the request, beyond the static analysis; the debug lock-order checker watches instead.)
  [[nodiscard]] size_t TryAll() CACHENODE_NO_THREAD_SAFETY_ANALYSIS;
  void Order();

  Keyspace& keyspace_;
  WorldLock& world_;
  std::vector<uint32_t> shards_;  // Ascending and distinct once Acquire was called.
};

}  // namespace cachenode
