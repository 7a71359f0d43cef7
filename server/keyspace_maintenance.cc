#include "server/keyspace_maintenance.h"

#include <algorithm>

#include "server/command_context.h"
#include "server/config/config.h"
#include "server/dispatcher.h"
#include "server/stats/latency_monitor.h"
#include "server/worker.h"
#include "storage/base/cycle_clock.h"

namespace cachenode {

void KeyspaceMaintenance::Run(Worker& worker) {
  if (state_.loading.load(std::memory_order_relaxed)) return;
  const bool may_expire = !worker.dispatcher().context().writes_are_paused();
  if (may_expire && state_.active_expire.load(std::memory_order_relaxed)) RunExpiry(worker);
  if (may_expire && MemoryGuard::IsOverLimit(worker.parts(), worker.config())) worker.AddIdleWork(eviction_);
  RunSlices(worker);
  huge_pages_.Run(worker);
  if (worker.config().activedefrag) RunDefrag(worker);
  RunAgeing(worker);
}

// The part of a round that is due since the last call; nothing while it rests between two rounds.
void KeyspaceMaintenance::RunAgeing(const Worker& worker) {
  const int64_t now_ms = worker.now_ms();
  const int64_t rest_ms = age_again_ms_ - now_ms;
  const bool rests = rest_ms > 0 && rest_ms <= kAgeRestMs;  // More is left only if the clock was set back.
  if (rests || RecencyOf(worker.config().maxmemory_policy) != Recency::kTime) return;
  const int64_t due = (now_ms - aged_ms_) * kAgeBucketsPerSecond / 1000;
  if (due >= 0 && due < kUnitsPerSlice) return;
  aged_ms_ = now_ms;
  for (int64_t done = 0; done < std::min(due, kAgeBucketsMax); done += kUnitsPerSlice) {
    Shard& shard = keyspace_.shard(next_aged_);
    if (!shard.TryLock()) return;
    const bool wrapped = shard.AgeSlice(kUnitsPerSlice, now_ms);
    shard.Unlock();
    if (wrapped) next_aged_ = After(next_aged_);
    if (wrapped && next_aged_ == first_) {
      age_again_ms_ = now_ms + kAgeRestMs;
      return;
    }
  }
}

void KeyspaceMaintenance::RunExpiry(Worker& worker) {
  const int64_t budget_us = expire_us_ * worker.config().active_expire_effort;
  const AccessContext& access = worker.dispatcher().context().access();
  const uint64_t begin = CycleClock::Ticks();
  const ExpiryCycle::Outcome outcome = expiry_.Run(access, budget_us);
  WorkerStats& stats = worker.stats();
  const uint64_t duration = CycleClock::Ticks() - begin;
  stats.expire_ticks.Add(duration);
  const int64_t threshold_ms = worker.config().latency_monitor_threshold;
  const auto duration_ms = static_cast<int64_t>(CycleClock::ToMicroseconds(duration) / 1000);
  if (threshold_ms > 0 && duration_ms >= threshold_ms) {
    worker.parts().latency->Add("expire-cycle", worker.now_ms() / 1000, static_cast<uint32_t>(duration_ms));
  }
  if (outcome.out_of_time) stats.expire_time_caps_reached.Increment();
  NoteStaleKeys(stats, outcome.expired);
  if (outcome.more_due) worker.HurryCron();
}

// What share of the keys with a deadline was found expired, averaged as Redis does: a call weighs a twentieth.
void KeyspaceMaintenance::NoteStaleKeys(WorkerStats& stats, uint64_t expired) const {
  const uint64_t before_ppm = stats.stale_keys_ppm.Load();
  if (expired == 0 && before_ppm == 0) return;
  uint64_t left = 0;
  for (uint32_t index = first_; index < keyspace_.shard_count(); index += step_) {
    for (uint32_t db = 0; db < keyspace_.database_count(); ++db) left += keyspace_.shard(index).VolatileCount(db);
  }
  const uint64_t now_ppm = expired == 0 ? 0 : expired * 1000000 / (expired + left);
  stats.stale_keys_ppm.Set((now_ppm + before_ppm * 19) / 20);
}

// Goes round its shards until the time is up, or nothing is left.
void KeyspaceMaintenance::RunSlices(Worker& worker) {
  const uint64_t end = CycleClock::Ticks() + CycleClock::FromMicroseconds(kMaintainUs);
  for (uint32_t visited = first_; visited < keyspace_.shard_count(); visited += step_) {
    Shard& shard = keyspace_.shard(next_);
    next_ = After(next_);
    bool more = true;
    while (more && CycleClock::Ticks() < end) {
      if (!shard.TryLock()) break;
      more = shard.MaintainSlice(kUnitsPerSlice, worker.now_ms());
      shard.Unlock();
    }
    if (CycleClock::Ticks() >= end) {
      if (worker.config().activerehashing) worker.AddIdleWork(resizes_);
      return;
    }
  }
}

int64_t KeyspaceMaintenance::DefragPercent(const Config& config) const {
  const MemoryFigures figures = keyspace_.Memory();
  if (figures.entry_bytes == 0 || figures.page_bytes <= figures.entry_bytes) return 0;
  const uint64_t wasted = figures.page_bytes - figures.entry_bytes;
  if (wasted < static_cast<uint64_t>(config.active_defrag_ignore_bytes)) return 0;
  const auto percent = static_cast<int64_t>(wasted * 100 / figures.entry_bytes);
  const int64_t lower = config.active_defrag_threshold_lower;
  const int64_t upper = config.active_defrag_threshold_upper;
  if (percent < lower) return 0;
  if (percent >= upper || upper <= lower) return config.active_defrag_cycle_max;
  // Between the thresholds the effort grows evenly.
  const int64_t span = config.active_defrag_cycle_max - config.active_defrag_cycle_min;
  return config.active_defrag_cycle_min + span * (percent - lower) / (upper - lower);
}

void KeyspaceMaintenance::RunDefrag(Worker& worker) {
  const int64_t percent = DefragPercent(worker.config());
  state_.defrag_running.store(percent != 0, std::memory_order_relaxed);
  if (percent == 0) {
    idle_rounds_ = 0;
    return;
  }
  const int64_t budget_us = 1000000 / worker.config().hz * percent / 100;
  const uint64_t begin = CycleClock::Ticks();
  const uint64_t end = begin + CycleClock::FromMicroseconds(static_cast<uint64_t>(budget_us));
  const uint32_t own_shards = (keyspace_.shard_count() - first_ + step_ - 1) / step_;
  while (CycleClock::Ticks() < end && idle_rounds_ < 2 * own_shards) {
    Shard& shard = keyspace_.shard(next_defrag_);
    bool wrapped = true;
    uint64_t moved = 0;
    if (shard.TryLock()) {
      wrapped = false;
      moved = shard.DefragSlice(kDefragBucketsPerSlice, wrapped);
      shard.Unlock();
    }
    state_.defrag_moved.fetch_add(moved, std::memory_order_relaxed);
    if (moved != 0) idle_rounds_ = 0;
    if (!wrapped) continue;
    if (moved == 0) ++idle_rounds_;
    next_defrag_ = After(next_defrag_);
  }
  if (idle_rounds_ >= 2 * own_shards) idle_rounds_ = 2 * own_shards - 1;  // Look again, one shard a period.
  state_.defrag_us.fetch_add(CycleClock::ToMicroseconds(CycleClock::Ticks() - begin), std::memory_order_relaxed);
}

}  // namespace cachenode
