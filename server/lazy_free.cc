#include "server/lazy_free.h"

#include <cstring>
#include <utility>

#include "server/background_pool.h"
#include "server/node_state.h"
#include "storage/value/value.h"

namespace cachenode {
namespace {

// Bytes on their way out, for as long as this lives in a job that waits or runs.
class PendingBytes {
 public:
  PendingBytes(NodeState& state, uint64_t bytes) : state_(state), bytes_(bytes) {
    state_.lazily_pending_bytes.fetch_add(bytes_, std::memory_order_relaxed);
  }
  ~PendingBytes() { state_.lazily_pending_bytes.fetch_sub(bytes_, std::memory_order_relaxed); }
  PendingBytes(const PendingBytes&) = delete;
  PendingBytes& operator=(const PendingBytes&) = delete;

 private:
  NodeState& state_;
  const uint64_t bytes_;
};

// Lets `held` die in the background when it is large, and here otherwise or when the queue is full.
template <typename Held>
void FreeHeld(const ServerParts& parts, size_t bytes, Held held) {
  if (parts.background == nullptr || bytes < kBackgroundBytesMin) return;
  auto pending = std::make_shared<PendingBytes>(*parts.state, bytes);
  // std::function wants copyable jobs, hence the shared owners; the job is their last user. What it holds goes before
  // the figure.
  static_cast<void>(parts.background->Submit(
      BackgroundPool::Lane::kLazyFree, [pending, owner = std::make_shared<Held>(std::move(held)), state = parts.state] {
        state->lazily_freed.fetch_add(1);
      }));
}

}  // namespace

void EraseKey(const ServerParts& parts, KeySlot& slot, FreeWhere where) {
  if (where == FreeWhere::kHere || parts.background == nullptr) {
    slot.Erase();
    return;
  }
  ByteBlockRef block = slot.EraseAndTakeBlock();
  if (!block) return;
  const size_t bytes = block->MemoryBytes();
  FreeHeld(parts, bytes, std::move(block));
}

void FreeGroup(const ServerParts& parts, StreamGroupRef group) {
  const size_t bytes = group->memory_bytes();
  FreeHeld(parts, bytes, std::move(group));
}

void FreeConsumer(const ServerParts& parts, RemovedConsumer removed) {
  const size_t bytes = removed.memory_bytes();
  FreeHeld(parts, bytes, std::move(removed));
}

void FreeDetached(const ServerParts& parts, std::vector<std::unique_ptr<DetachedShard>> detached, uint64_t keys,
                  FreeWhere where) {
  if (where == FreeWhere::kHere || parts.background == nullptr) return;
  if (detached.empty()) {  // The shards hold other databases as well: they free this one's entries in slices.
    parts.state->lazily_freed.fetch_add(keys);
    return;
  }
  // std::function wants copyable jobs, hence the shared owner; the job is its last user.
  auto held = std::make_shared<std::vector<std::unique_ptr<DetachedShard>>>(std::move(detached));
  static_cast<void>(parts.background->Submit(BackgroundPool::Lane::kLazyFree, [held, keys, state = parts.state] {
    held->clear();
    state->lazily_freed.fetch_add(keys);
  }));
}

void BackgroundReclaimer::Reclaim(const RemovedValue& removed) noexcept {
  char value[sizeof(removed.value)];
  std::memcpy(value, removed.value, sizeof(value));
  auto pending = std::make_shared<PendingBytes>(state_, OpsOf(removed.type).external_bytes(removed.encoding, value));
  const auto job = [removed, pending, state = &state_] {
    removed.Free();
    state->lazily_freed.fetch_add(1);
  };
  if (pool_.Submit(BackgroundPool::Lane::kLazyFree, job)) return;
  removed.Free();
}

}  // namespace cachenode
