#include "server/keyspace_maintenance.h"

#include "server/command_context.h"
#include "server/dispatcher.h"
#include "server/worker.h"
#include "storage/base/cycle_clock.h"

namespace cachenode {

void KeyspaceMaintenance::Run(Worker& worker) {
  if (state_.loading.load(std::memory_order_relaxed)) return;
  if (state_.active_expire.load(std::memory_order_relaxed)) RunExpiry(worker);
  RunSlices(worker.now_ms());
}

void KeyspaceMaintenance::RunExpiry(Worker& worker) {
  const int64_t budget_us = kExpireUs * worker.config().active_expire_effort;
  const AccessContext& access = worker.dispatcher().context().access();
  const ExpiryCycle::Outcome outcome = expiry_.Run(access, budget_us);
  if (outcome.more_due) worker.HurryCron();
}

// Goes round its shards until the time is up, or each had its slice.
void KeyspaceMaintenance::RunSlices(int64_t now_ms) {
  const uint64_t end = CycleClock::Ticks() + CycleClock::FromMicroseconds(kMaintainUs);
  for (uint32_t visited = first_; visited < keyspace_.shard_count(); visited += step_) {
    Shard& shard = keyspace_.shard(next_);
    next_ = next_ + step_ < keyspace_.shard_count() ? next_ + step_ : first_;
    bool more = true;
    while (more && CycleClock::Ticks() < end) {
      if (!shard.TryLock()) break;
      more = shard.MaintainSlice(kUnitsPerSlice, now_ms);
      shard.Unlock();
    }
    if (CycleClock::Ticks() >= end) return;
  }
}

}  // namespace cachenode
