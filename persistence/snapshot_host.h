// What snapshots need from the server around them.
//
// Thread-safety: as said at each function.
#pragma once

#include "storage/base/function_ref.h"

namespace cachenode {

class SnapshotHost {
 public:
  virtual ~SnapshotHost() = default;
  // Runs `body` while no other thread touches a shard: under the world lock, or at once when the calling thread holds
  // that already. Called from loop threads outside of any shard lock.
  virtual void RunExclusive(FunctionRef<void()> body) = 0;
  // There is something to walk: every loop should begin to call Snapshotter::RunSlice. Called under exclusion.
  virtual void WakeWalkers() noexcept = 0;
  // Buffers have room again: connections parked by Snapshotter::MustPark may try again, stalled walkers go on. Any
  // thread, no shard lock held, the world lock perhaps.
  virtual void OnSnapshotRoom() noexcept = 0;
  // Snapshotter::RefusesWrites may have changed. Called under exclusion, so before anyone can see why.
  virtual void OnSnapshotOutcome() noexcept = 0;
  // A run ended; Snapshotter::Poll should be called soon. Any thread.
  virtual void OnSnapshotFinished() noexcept = 0;
};

}  // namespace cachenode
