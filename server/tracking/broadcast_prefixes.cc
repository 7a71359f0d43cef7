#include "server/tracking/broadcast_prefixes.h"

#include <utility>

namespace cachenode {

void ChangedKeys::Add(std::string_view prefix, std::string_view key, uint64_t client) {
  auto found = by_prefix_.find(prefix);
  if (found == by_prefix_.end()) found = by_prefix_.try_emplace(std::string(prefix)).first;
  Keys& keys = found->second;
  if (const auto known = keys.find(key); known != keys.end()) {
    known->second = client;
    return;
  }
  keys.try_emplace(std::string(key), client);
  ++count_;
}

std::map<std::string, ChangedKeys::Keys, std::less<>> ChangedKeys::TakeAll() {
  count_ = 0;
  return std::exchange(by_prefix_, {});
}

void BroadcastPrefixes::Add(const std::string& prefix, uint64_t client) {
  const std::lock_guard<std::mutex> guard(mutex_);
  const auto [place, is_new] = clients_.try_emplace(prefix);
  place->second.insert(client);
  if (!is_new) return;
  ++lengths_[prefix.size()];
  count_.store(clients_.size(), std::memory_order_relaxed);
}

void BroadcastPrefixes::Remove(const std::string& prefix, uint64_t client) {
  const std::lock_guard<std::mutex> guard(mutex_);
  const auto found = clients_.find(prefix);
  if (found == clients_.end()) return;
  found->second.erase(client);
  if (!found->second.empty()) return;
  clients_.erase(found);
  const auto length = lengths_.find(prefix.size());
  if (--length->second == 0) lengths_.erase(length);
  count_.store(clients_.size(), std::memory_order_relaxed);
}

void BroadcastPrefixes::Note(std::string_view key, uint64_t client, ChangedKeys& changed) const {
  const std::lock_guard<std::mutex> guard(mutex_);
  for (const auto& [length, uses] : lengths_) {
    if (length > key.size()) break;
    const std::string_view prefix = key.substr(0, length);
    if (clients_.find(prefix) != clients_.end()) changed.Add(prefix, key, client);
  }
}

std::vector<uint64_t> BroadcastPrefixes::ClientsOf(const std::string& prefix) const {
  const std::lock_guard<std::mutex> guard(mutex_);
  const auto found = clients_.find(prefix);
  if (found == clients_.end()) return {};
  return {found->second.begin(), found->second.end()};
}

}  // namespace cachenode
