// What clients hold in memory together, and who has to go when that is more than maxmemory-clients.
//
// How: each worker keeps the sum over its clients in its counters (WorkerStats::client_bytes, evictable_client_bytes),
//   corrected whenever a client's turn, write or periodic look ends. A worker that finds the sum of all above the limit
//   at the end of its turn takes the world and closes clients, those of the largest size class first, until the rest
//   fits.
// Thread-safety: pure functions of a session or of the configuration: its worker, or the exclusive world lock.
//   EvictClients: a worker's thread, holding no shard lock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "server/world_lock.h"

namespace cachenode {

struct Config;
struct ServerParts;
struct Session;

// A limit below this would close every client that says hello.
inline constexpr uint64_t kClientMemoryLimitMin = uint64_t{128} * 1024;

// Bytes that the session itself holds: its names, what it queued, watches, is subscribed to and tracks.
[[nodiscard]] size_t SessionStateBytes(const Session& session);

// maxmemory-clients in bytes, 0 for no limit.
[[nodiscard]] uint64_t ClientMemoryLimit(const Config& config);

// Whether the client counts against the limit and may be closed for it.
[[nodiscard]] bool MayBeEvicted(const Session& session);

// Clients of about the same size: class n has those of 2^n bytes up to the next power, the first and the last class
// all below and above.
struct ClientSizeClass {
  static constexpr unsigned kFirstBits = 15;
  static constexpr unsigned kLastBits = 33;
  static constexpr size_t kCount = kLastBits - kFirstBits + 1;
  static size_t Of(uint64_t bytes);

  uint64_t bytes = 0;
  std::vector<Session*> clients;
};

// The evictable clients by class, smallest class first. Exclusive world lock. O(clients).
[[nodiscard]] std::vector<ClientSizeClass> ClientSizeClasses(const ServerParts& parts);

// Whether the evictable clients hold more than the limit.
[[nodiscard]] bool ClientsHoldTooMuch(const ServerParts& parts, const Config& config);
// Closes clients until the rest fits; takes the world lock meanwhile.
void EvictClients(const ServerParts& parts, WorldLock::Seat& seat);

}  // namespace cachenode
