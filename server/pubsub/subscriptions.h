// What one client is subscribed to.
//
// Thread-safety: the client's own worker; another thread under the exclusive world lock.
#pragma once

#include <cstddef>
#include <set>
#include <string>

namespace cachenode {

struct Subscriptions {
  std::set<std::string, std::less<>> channels;
  std::set<std::string, std::less<>> patterns;
  std::set<std::string, std::less<>> shard_channels;
  [[nodiscard]] size_t Count() const { return channels.size() + patterns.size() + shard_channels.size(); }
};

}  // namespace cachenode
