#include "server/lazy_free.h"

#include <utility>

#include "server/background_pool.h"
#include "server/node_state.h"

namespace cachenode {

void EraseKey(const ServerParts& parts, KeySlot& slot, FreeWhere where) {
  if (where == FreeWhere::kHere || parts.background == nullptr) {
    slot.Erase();
    return;
  }
  ByteBlockRef block = slot.EraseAndTakeBlock();
  if (!block || block->MemoryBytes() < kBackgroundBytesMin) return;
  // The job holds the last reference and drops it; a refused job drops it here.
  static_cast<void>(
      parts.background->Submit(BackgroundPool::Lane::kLazyFree,
                               [held = std::move(block), state = parts.state] { state->lazily_freed.fetch_add(1); }));
}

void FreeDetached(const ServerParts& parts, std::vector<std::unique_ptr<DetachedShard>> detached, FreeWhere where) {
  if (where == FreeWhere::kHere || parts.background == nullptr || detached.empty()) return;
  // std::function wants copyable jobs, hence the shared owner; the job is its last user.
  auto held = std::make_shared<std::vector<std::unique_ptr<DetachedShard>>>(std::move(detached));
  static_cast<void>(parts.background->Submit(BackgroundPool::Lane::kLazyFree, [held, state = parts.state] {
    held->clear();
    state->lazily_freed.fetch_add(1);
  }));
}

void BackgroundReclaimer::Reclaim(const RemovedValue& removed) noexcept {
  const auto job = [removed, state = &state_] {
    removed.Free();
    state->lazily_freed.fetch_add(1);
  };
  if (pool_.Submit(BackgroundPool::Lane::kLazyFree, job)) return;
  removed.Free();
}

}  // namespace cachenode
