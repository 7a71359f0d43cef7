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

TrackedKeys::Entry TrackedKeys::Extract(Readers& readers, Readers::const_iterator place) {
  auto node = readers.extract(place);
  keys_.fetch_sub(1, std::memory_order_relaxed);
  items_.fetch_sub(node.mapped().size(), std::memory_order_relaxed);
  return {std::move(node.key()), std::move(node.mapped())};
}

TrackedKeys::Clients TrackedKeys::Take(uint32_t shard, std::string_view key) {
  std::optional<Entry> taken = TakeEntry(shard, key);
  return taken ? std::move(taken->second) : Clients{};
}

std::optional<TrackedKeys::Entry> TrackedKeys::TakeEntry(uint32_t shard, std::string_view key) {
  Readers& readers = tables_[shard].readers;
  const auto found = readers.find(key);
  if (found == readers.end()) return std::nullopt;
  return Extract(readers, found);
}

std::optional<TrackedKeys::Entry> TrackedKeys::TakeAny(uint32_t shard) {
  Readers& readers = tables_[shard].readers;
  if (readers.empty()) return std::nullopt;
  return Extract(readers, readers.begin());
}

void TrackedKeys::Clear() {
  for (Table& table : tables_) table.readers.clear();
  keys_.store(0, std::memory_order_relaxed);
  items_.store(0, std::memory_order_relaxed);
}

}  // namespace cachenode
