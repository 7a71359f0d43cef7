// Goes on evicting in a loop's idle time, and in a share of its busy time, until the node is within its limit.
//
// Thread-safety: its worker's thread, inside the world lock, holding no shard lock.
#pragma once

#include "server/memory_guard.h"
#include "server/worker.h"

namespace cachenode {

class EvictionWork final : public IdleWork {
 public:
  static constexpr uint64_t kSliceUs = 20;

  // `parts` outlives this.
  explicit EvictionWork(const ServerParts& parts) : guard_(parts) {}
  bool RunSlice(Worker& worker) override;

 private:
  MemoryGuard guard_;
};

}  // namespace cachenode
