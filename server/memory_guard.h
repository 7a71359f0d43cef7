// Keeps the node within `maxmemory`, and within what its control group allows: measures what counts, evicts until it
// fits.
//
// Thread-safety: one object per worker, used by its thread, which holds no shard lock.
// Limits: a request evicts for at most what maxmemory-eviction-tenacity allows (TimeLimitUs). What is left then is done
//   by EvictionWork in the idle time of the loops and by the next requests; only a request that finds nothing to evict
//   is refused.
#pragma once

#include <cstdint>

#include "server/server_parts.h"
#include "storage/eviction.h"

namespace cachenode {

class CommandContext;
struct Config;

class MemoryGuard {
 public:
  // Keys evicted between two looks at the clock.
  static constexpr uint32_t kEvictionsPerLook = 16;
  // Requests at most between two measurements while the node is not near its limit. A worker that takes its share of
  // the room there was (NoteRoom) measures at once, so that no request runs beyond the limit unnoticed.
  static constexpr uint32_t kRequestsPerMeasure = 16;

  explicit MemoryGuard(const ServerParts& parts) : parts_(parts) {}

  // The limit may have changed since the last turn: then the next request is measured.
  void BeginTurn(const Config& config);
  // Whether the next request need not be measured: nothing since the last measurement can have taken the node beyond
  // its limit.
  [[nodiscard]] bool PassesAtOnce();
  // False when the node is over its limit and nothing can be evicted. Keeps the time it is over the limit.
  [[nodiscard]] bool MakeRoom(CommandContext& context);
  // Evicts for about `time_us`. True when there is more to do that can be done now.
  [[nodiscard]] bool EvictForAWhile(CommandContext& context, uint64_t time_us);

  // Whether memory comes close to what the control group allows. Asked once per turn, in which a few MB may come in.
  [[nodiscard]] static bool IsNearCeiling(const ServerParts& parts);
  // Whether more is in use than the limit allows.
  [[nodiscard]] static bool IsOverLimit(const ServerParts& parts, const Config& config);

  // Bytes in use: all allocations and entries.
  [[nodiscard]] static uint64_t UsedBytes(const ServerParts& parts);
  // Of them, what does not count against maxmemory: what only a running snapshot holds, and what the background is
  // about to free.
  [[nodiscard]] static uint64_t UncountedBytes(const ServerParts& parts);

  // How long one request may evict: tenacity 0 to 10 in steps of 50 us, beyond growing by 15 % a step, about 2 minutes
  // at 99 and without limit (UINT64_MAX) at 100.
  [[nodiscard]] static uint64_t TimeLimitUs(int64_t tenacity) noexcept;

 private:
  enum class Outcome : uint8_t { kFits, kBehind, kBusy, kNothingToEvict };
  [[nodiscard]] Outcome Evict(CommandContext& context, uint64_t limit_bytes, uint64_t time_us);

  void NoteRoom(uint64_t limit_bytes);

  const ServerParts& parts_;
  Evictor evictor_;
  // As of the last measurement.
  uint64_t limit_bytes_ = 0;
  uint32_t requests_left_ = 0;
  int64_t thread_bytes_max_ = 0;
  uint64_t mapped_bytes_max_ = 0;
};

}  // namespace cachenode
