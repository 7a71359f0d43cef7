#include "storage/expiry_cycle.h"

#include <chrono>

namespace cachenode {

namespace {

int64_t MonotonicUs() noexcept {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

ExpiryCycle::Outcome ExpiryCycle::Run(const AccessContext& context, int64_t budget_us) {
  Outcome outcome;
  const int64_t deadline_us = MonotonicUs() + budget_us;
  uint32_t idle_shards = 0;
  while (idle_shards * step_ < keyspace_.shard_count()) {
    Shard& shard = keyspace_.shard(next_);
    uint32_t expired = 0;
    bool looked = false;
    if (shard.EarliestExpiryMs() <= context.now_ms) {
      if (shard.TryLockSpinning()) {
        expired = shard.ExpireSlice(context, kKeysPerSlice);
        shard.Unlock();
      }
      looked = true;
    }
    outcome.expired += expired;
    outcome.more_due |= looked && expired == 0;  // Locked, or the snapshot has no room.
    idle_shards = expired == 0 ? idle_shards + 1 : 0;
    next_ += step_;
    if (next_ >= keyspace_.shard_count()) next_ = first_;
    if (looked && MonotonicUs() >= deadline_us) {
      outcome.more_due = true;
      outcome.out_of_time = true;
      break;
    }
  }
  return outcome;
}

}  // namespace cachenode
