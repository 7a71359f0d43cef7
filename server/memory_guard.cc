#include "server/memory_guard.h"

#include <algorithm>

#include "server/command_context.h"
#include "server/config/config.h"
#include "server/node_state.h"
#include "server/stats/stats_hub.h"
#include "storage/base/clock.h"
#include "storage/base/memory.h"

namespace cachenode {
namespace {

// The smaller of maxmemory and the ceiling, of those that are set.
uint64_t LimitOf(const ServerParts& parts, const Config& config) {
  const uint64_t ceiling = parts.state->memory_ceiling_bytes;
  if (config.maxmemory == 0) return ceiling;
  return ceiling == 0 ? config.maxmemory : std::min(config.maxmemory, ceiling);
}

}  // namespace

EvictionOptions EvictionOptionsOf(const CommandContext& context) {
  const Config& config = context.config();
  return {.policy = config.maxmemory_policy, .samples = static_cast<uint32_t>(config.maxmemory_samples)};
}

uint64_t MemoryGuard::CountedBytes(const ServerParts& parts) {
  return memory::UsedBytes() + parts.keyspace->MappedBytes();
}

bool MemoryGuard::IsNearCeiling(const ServerParts& parts) {
  const uint64_t ceiling = parts.state->memory_ceiling_bytes;
  return ceiling != 0 && CountedBytes(parts) > ceiling - ceiling / 4;
}

bool MemoryGuard::MakeRoom(CommandContext& context) {
  if (requests_left_ > 0) {
    --requests_left_;
    return true;
  }
  const bool fits = MeasureAndEvict(context);
  ConditionTimer& over_limit = parts_.stats->over_limit;
  if (!fits) {
    over_limit.Begin(parts_.clock->MonotonicUs());
  } else if (over_limit.Runs()) {
    over_limit.End(parts_.clock->MonotonicUs());
  }
  return fits;
}

bool MemoryGuard::MeasureAndEvict(CommandContext& context) {
  const uint64_t limit = LimitOf(parts_, context.config());
  if (CountedBytes(parts_) <= limit) {
    // Far from the limit a few requests cannot cross it by more than their own size.
    const bool near = CountedBytes(parts_) + limit / 64 > limit;
    requests_left_ = near ? 0 : kRequestsPerMeasure;
    return true;
  }
  const EvictionOptions options = EvictionOptionsOf(context);
  if (options.policy == EvictionPolicy::kNoEviction) return false;
  for (uint32_t evicted = 0; evicted < kEvictionsPerRequest; ++evicted) {
    if (evictor_.EvictOne(*parts_.keyspace, options, context.access(), context.random()) != Evicted::kOne) break;
    if (CountedBytes(parts_) <= limit) return true;
  }
  return CountedBytes(parts_) <= limit;
}

}  // namespace cachenode
