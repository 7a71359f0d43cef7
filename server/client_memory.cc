#include "server/client_memory.h"

#include <algorithm>
#include <bit>

#include "server/blocking/blocked_client.h"
#include "server/client_line.h"
#include "server/client_registry.h"
#include "server/config/config.h"
#include "server/config/config_store.h"
#include "server/pubsub/subscriptions.h"
#include "server/server_parts.h"
#include "server/session.h"
#include "server/stats/stats_hub.h"
#include "server/tracking/tracking_state.h"
#include "server/transaction/transaction_state.h"
#include "storage/base/clock.h"
#include "storage/base/log.h"

namespace cachenode {
namespace {

// What a string holds beyond its own size.
size_t HeapBytes(const std::string& text) {
  constexpr size_t kInsideMax = 15;
  return text.capacity() > kInsideMax ? text.capacity() + 1 : 0;
}

void Evict(const ServerParts& parts, Session& session) {
  std::string line;
  const Config& config = parts.config->Current();
  AppendClientLine(line, session, config.engine_version, parts.clock->NowMs());
  CN_LOG(*parts.log, kNotice, "Evicting client: {}", line);
  session.connection->ForgetMemory();
  parts.clients->Kill(session);
}

}  // namespace

size_t SessionStateBytes(const Session& session) {
  size_t bytes = HeapBytes(session.peer_address) + HeapBytes(session.local_address) + HeapBytes(session.name) +
                 HeapBytes(session.library_name) + HeapBytes(session.library_version);
  if (session.transaction != nullptr) bytes += session.transaction->MemoryBytes();
  if (session.subscriptions != nullptr) bytes += session.subscriptions->MemoryBytes();
  if (session.tracking != nullptr) bytes += session.tracking->MemoryBytes();
  if (session.blocked != nullptr) bytes += session.blocked->MemoryBytes();
  return bytes;
}

uint64_t ClientMemoryLimit(const Config& config) {
  uint64_t limit = 0;
  if (config.maxmemory_clients > 0) {
    limit = static_cast<uint64_t>(config.maxmemory_clients);
  } else if (config.maxmemory_clients < 0 && config.maxmemory != 0) {
    const auto percent = static_cast<uint64_t>(-config.maxmemory_clients);
    limit = config.maxmemory / 100 * percent + config.maxmemory % 100 * percent / 100;
  } else {
    return 0;
  }
  return std::max(limit, kClientMemoryLimitMin);
}

bool MayBeEvicted(const Session& session) {
  const bool is_of_a_kind =
      session.client_class == ClientClass::kNormal || session.client_class == ClientClass::kPubSub;
  return is_of_a_kind && !session.no_evict;
}

size_t ClientSizeClass::Of(uint64_t bytes) {
  const auto bits = static_cast<unsigned>(std::bit_width(bytes | 1)) - 1;
  return std::clamp(bits, kFirstBits, kLastBits) - kFirstBits;
}

std::vector<ClientSizeClass> ClientSizeClasses(const ServerParts& parts) {
  std::vector<ClientSizeClass> classes(ClientSizeClass::kCount);
  parts.clients->ForEach([&classes](Session& session) {
    if (!MayBeEvicted(session) || session.connection == nullptr) return;
    const uint64_t bytes = session.connection->Usage().memory_bytes;
    ClientSizeClass& size_class = classes[ClientSizeClass::Of(bytes)];
    size_class.bytes += bytes;
    size_class.clients.push_back(&session);
  });
  return classes;
}

bool ClientsHoldTooMuch(const ServerParts& parts, const Config& config) {
  const uint64_t limit = ClientMemoryLimit(config);
  return limit != 0 && parts.stats->Sum(&WorkerStats::evictable_client_bytes) > limit;
}

void EvictClients(const ServerParts& parts, WorldLock::Seat& seat) {
  const WorldExclusive world(*parts.world, seat);
  const uint64_t limit = ClientMemoryLimit(parts.config->Current());
  if (limit == 0) return;
  std::vector<ClientSizeClass> classes = ClientSizeClasses(parts);
  uint64_t total = 0;
  for (const ClientSizeClass& size_class : classes) total += size_class.bytes;
  for (auto size_class = classes.rbegin(); size_class != classes.rend(); ++size_class) {
    for (Session* session : size_class->clients) {
      if (total <= limit) return;
      total -= session->connection->Usage().memory_bytes;
      Evict(parts, *session);
      parts.stats->evicted_clients.fetch_add(1, std::memory_order_relaxed);
    }
  }
}

}  // namespace cachenode
