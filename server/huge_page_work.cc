#include "server/huge_page_work.h"

#include "server/background_pool.h"
#include "server/config/config.h"
#include "server/node_state.h"
#include "server/worker.h"
#include "storage/base/memory_pages.h"
#include "storage/keyspace.h"

namespace cachenode {

bool HugePageWork::MaySubmit() const {
  return parts_.state->huge_pages_refused.load(std::memory_order_relaxed) < kRefusalsMax &&
         parts_.background->Pending(BackgroundPool::Lane::kUpkeep) < kPendingMax;
}

void HugePageWork::Run(const Worker& worker) {
  if (!worker.config().arena_huge_pages || parts_.background == nullptr || worker.now_ms() < next_ms_) return;
  next_ms_ = worker.now_ms() + kPeriodMs;
  Keyspace& keyspace = *parts_.keyspace;
  for (uint32_t visited = 0; visited < kShardsPerRun && MaySubmit(); ++visited) {
    if (next_ >= keyspace.shard_count()) next_ = first_;
    if (next_ >= keyspace.shard_count()) return;  // More workers than shards.
    Shard& shard = keyspace.shard(next_);
    next_ += step_;
    if (!shard.TryLock()) continue;
    char* const extent = shard.TakeFullExtent();
    shard.Unlock();
    if (extent != nullptr) Submit(extent);
  }
}

// One that could not be moved stays as it is: a wish.
void HugePageWork::Submit(char* extent) {
  static_cast<void>(parts_.background->Submit(BackgroundPool::Lane::kUpkeep, [extent, state = parts_.state] {
    switch (CollapseIntoHugePage(extent)) {
      case Collapse::kDone:
        state->huge_pages_made.fetch_add(1, std::memory_order_relaxed);
        state->huge_pages_refused.store(0, std::memory_order_relaxed);
        break;
      case Collapse::kRefused:
        state->huge_pages_refused.fetch_add(1, std::memory_order_relaxed);
        break;
      case Collapse::kNotNow:
        break;
    }
  }));
}

}  // namespace cachenode
