#include "server/tracking/tracked_keys.h"

#include <algorithm>

namespace cachenode {

void TrackedKeys::Add(uint32_t shard, std::string_view key, uint64_t client) {
  auto& readers = tables_[shard].readers;
  auto found = readers.find(key);
  if (found == readers.end()) {
    found = readers.try_emplace(std::string(key)).first;
    keys_.fetch_add(1, std::memory_order_relaxed);
  }
  Clients& clients = found->second;
  const auto place = std::lower_bound(clients.begin(), clients.end(), client);
  if (place != clients.end() && *place == client) return;
  clients.insert(place, client);
  items_.fetch_add(1, std::memory_order_relaxed);
}

void TrackedKeys::NoteTaken(const Clients& clients) {
  keys_.fetch_sub(1, std::memory_order_relaxed);
  items_.fetch_sub(clients.size(), std::memory_order_relaxed);
}

TrackedKeys::Clients TrackedKeys::Take(uint32_t shard, std::string_view key) {
  auto& readers = tables_[shard].readers;
  const auto found = readers.find(key);
  if (found == readers.end()) return {};
  Clients clients = std::move(found->second);
  readers.erase(found);
  NoteTaken(clients);
  return clients;
}

std::optional<std::pair<std::string, TrackedKeys::Clients>> TrackedKeys::TakeAny(uint32_t shard) {
  auto& readers = tables_[shard].readers;
  if (readers.empty()) return std::nullopt;
  auto node = readers.extract(readers.begin());
  NoteTaken(node.mapped());
  return std::make_pair(std::move(node.key()), std::move(node.mapped()));
}

void TrackedKeys::Clear() {
  for (Table& table : tables_) table.readers.clear();
  keys_.store(0, std::memory_order_relaxed);
  items_.store(0, std::memory_order_relaxed);
}

}  // namespace cachenode
