#include "server/memory_guard.h"

#include <algorithm>
#include <cmath>

#include "server/command_context.h"
#include "server/config/config.h"
#include "server/node_state.h"
#include "server/persistence_service.h"
#include "server/stats/latency_monitor.h"
#include "server/stats/stats_hub.h"
#include "server/tracking/client_tracking.h"
#include "storage/base/clock.h"
#include "storage/base/cycle_clock.h"
#include "storage/base/memory.h"

namespace cachenode {
namespace {

// The smaller of maxmemory and the ceiling, of those that are set.
uint64_t LimitOf(const ServerParts& parts, const Config& config) {
  const uint64_t ceiling = parts.state->memory_ceiling_bytes;
  if (config.maxmemory == 0) return ceiling;
  return ceiling == 0 ? config.maxmemory : std::min(config.maxmemory, ceiling);
}

// What is in use and not on its way out is at most `limit_bytes`. The second figure is asked for only when it matters.
bool Fits(const ServerParts& parts, uint64_t limit_bytes) {
  const uint64_t used = MemoryGuard::UsedBytes(parts);
  return used <= limit_bytes || used <= limit_bytes + MemoryGuard::UncountedBytes(parts);
}

}  // namespace

uint64_t MemoryGuard::UsedBytes(const ServerParts& parts) {
  return memory::UsedBytes() + parts.keyspace->MappedBytes();
}

uint64_t MemoryGuard::UncountedBytes(const ServerParts& parts) {
  uint64_t bytes = parts.state->lazily_pending_bytes.load(std::memory_order_relaxed);
  if (parts.persistence != nullptr && parts.persistence->SnapshotRunning()) {
    bytes += parts.persistence->Snapshots().buffer_bytes;
  }
  return bytes;
}

bool MemoryGuard::IsNearCeiling(const ServerParts& parts) {
  const uint64_t ceiling = parts.state->memory_ceiling_bytes;
  return ceiling != 0 && UsedBytes(parts) > ceiling - ceiling / 4;
}

bool MemoryGuard::IsOverLimit(const ServerParts& parts, const Config& config) {
  const uint64_t limit = LimitOf(parts, config);
  return limit != 0 && !Fits(parts, limit);
}

uint64_t MemoryGuard::TimeLimitUs(int64_t tenacity) noexcept {
  constexpr int64_t kLinearMax = 10;
  constexpr uint64_t kStepUs = 50;
  constexpr double kGrowth = 1.15;
  if (tenacity >= 100) return UINT64_MAX;
  const auto linear = kStepUs * static_cast<uint64_t>(std::clamp<int64_t>(tenacity, 0, kLinearMax));
  if (tenacity <= kLinearMax) return linear;
  return static_cast<uint64_t>(static_cast<double>(linear) * std::pow(kGrowth, tenacity - kLinearMax));
}

void MemoryGuard::BeginTurn(const Config& config) {
  if (LimitOf(parts_, config) != limit_bytes_) requests_left_ = 0;
}

bool MemoryGuard::PassesAtOnce() {
  if (requests_left_ == 0) return false;
  --requests_left_;
  return memory::ThreadBytes() <= thread_bytes_max_ && parts_.keyspace->MappedBytes() <= mapped_bytes_max_;
}

// Half of the room may go to the keyspace's pages, and the other, in equal shares, to what each worker allocates.
void MemoryGuard::NoteRoom(uint64_t limit_bytes) {
  const uint64_t used = UsedBytes(parts_);
  const uint64_t room = limit_bytes > used ? limit_bytes - used : 0;
  limit_bytes_ = limit_bytes;
  requests_left_ = room < limit_bytes / 64 ? 0 : kRequestsPerMeasure;
  thread_bytes_max_ = memory::ThreadBytes() + static_cast<int64_t>(room / 2 / parts_.stats->worker_count());
  mapped_bytes_max_ = parts_.keyspace->MappedBytes() + room / 2;
}

bool MemoryGuard::MakeRoom(CommandContext& context) {
  if (PassesAtOnce()) return true;
  const Config& config = context.config();
  const uint64_t limit = LimitOf(parts_, config);
  ConditionTimer& over_limit = parts_.stats->over_limit;
  if (Fits(parts_, limit)) {
    if (over_limit.Runs()) over_limit.End(parts_.clock->MonotonicUs());
    NoteRoom(limit);
    return true;
  }
  const Outcome outcome = Evict(context, limit, TimeLimitUs(config.maxmemory_eviction_tenacity));
  if (outcome != Outcome::kFits) {
    over_limit.Begin(parts_.clock->MonotonicUs());
  } else if (over_limit.Runs()) {
    over_limit.End(parts_.clock->MonotonicUs());
  }
  return outcome != Outcome::kNothingToEvict;
}

MemoryGuard::Outcome MemoryGuard::Evict(CommandContext& context, uint64_t limit_bytes, uint64_t time_us) {
  const Config& config = context.config();
  const EvictionOptions options{.policy = config.maxmemory_policy,
                                .samples = static_cast<uint32_t>(config.maxmemory_samples)};
  if (options.policy == EvictionPolicy::kNoEviction) return Outcome::kNothingToEvict;
  const uint64_t begin = CycleClock::Ticks();
  Outcome outcome = Outcome::kBehind;
  if (parts_.tracking != nullptr) parts_.tracking->BeginEviction(context.worker_index());
  for (uint32_t evicted = 0; outcome == Outcome::kBehind;) {
    const Evicted result = evictor_.EvictOne(*parts_.keyspace, options, context.access(), context.random());
    if (result == Evicted::kNothing) outcome = Outcome::kNothingToEvict;
    if (result == Evicted::kBusy) outcome = Outcome::kBusy;
    if (Fits(parts_, limit_bytes)) outcome = Outcome::kFits;
    if (++evicted % kEvictionsPerLook != 0 || time_us == UINT64_MAX) continue;
    if (CycleClock::ToMicroseconds(CycleClock::Ticks() - begin) >= time_us) break;
  }
  if (parts_.tracking != nullptr) parts_.tracking->EndEviction(context.worker_index());
  const uint64_t spent_us = CycleClock::ToMicroseconds(CycleClock::Ticks() - begin);
  const int64_t threshold_ms = config.latency_monitor_threshold;
  if (threshold_ms > 0 && parts_.latency != nullptr && spent_us >= static_cast<uint64_t>(threshold_ms) * 1000) {
    parts_.latency->Add("eviction-cycle", context.now_ms() / 1000, static_cast<uint32_t>(spent_us / 1000));
  }
  return outcome;
}

bool MemoryGuard::EvictForAWhile(CommandContext& context, uint64_t time_us) {
  const uint64_t limit = LimitOf(parts_, context.config());
  if (limit == 0 || Fits(parts_, limit)) return false;
  return Evict(context, limit, time_us) == Outcome::kBehind;
}

}  // namespace cachenode
