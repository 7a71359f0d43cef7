// Keeps the node within `maxmemory`, and within what its control group allows: measures what counts, evicts until it
// fits.
//
// Thread-safety: one object per worker, used by its thread, which holds no shard lock.
// Limits: kEvictionsPerRequest keys a request; a request that finds the node still over the limit is refused if it
//   would use more.
#pragma once

#include <cstdint>

#include "server/server_parts.h"
#include "storage/eviction.h"

namespace cachenode {

class CommandContext;

class MemoryGuard {
 public:
  static constexpr uint32_t kEvictionsPerRequest = 1024;
  // Requests between two measurements while the node is not near its limit.
  static constexpr uint32_t kRequestsPerMeasure = 16;

  explicit MemoryGuard(const ServerParts& parts) : parts_(parts) {}

  // True when the node is within its limit, after evicting if need be. Keeps the time it is not.
  [[nodiscard]] bool MakeRoom(CommandContext& context);

  // Whether memory comes close to what the control group allows. Asked once per turn, in which a few MB may come in.
  [[nodiscard]] static bool IsNearCeiling(const ServerParts& parts);

  // Bytes that count against maxmemory: all allocations and entries, without what only a snapshot or replies to
  // replicas hold.
  [[nodiscard]] static uint64_t CountedBytes(const ServerParts& parts);

 private:
  [[nodiscard]] bool MeasureAndEvict(CommandContext& context);

  const ServerParts& parts_;
  Evictor evictor_;
  uint32_t requests_left_ = 0;
};

// The keyspace's name for the configured policy.
[[nodiscard]] EvictionOptions EvictionOptionsOf(const CommandContext& context);

}  // namespace cachenode
