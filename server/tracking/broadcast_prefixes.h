// Which clients want to hear of every key with a prefix (CLIENT TRACKING ON BCAST), and what one loop turn changed
// among such keys.
//
// Thread-safety: BroadcastPrefixes by any thread, guarded by a leaf mutex. ChangedKeys belongs to one worker.
// Invariant: a prefix is listed exactly while a client has it.
// Limits: a worker collects ChangedKeys::kKeysMax keys, then tells what it has before the end of its turn.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace cachenode {

// The keys with prefixes that changed: prefix -> key -> who changed it last, 0 for the node itself (expiry, eviction).
// In the order of their bytes.
class ChangedKeys {
 public:
  static constexpr size_t kKeysMax = 65536;
  using Keys = std::map<std::string, uint64_t, std::less<>>;

  void Add(std::string_view prefix, std::string_view key, uint64_t client);
  [[nodiscard]] bool empty() const { return by_prefix_.empty(); }
  [[nodiscard]] bool full() const { return count_ >= kKeysMax; }
  [[nodiscard]] std::map<std::string, Keys, std::less<>> TakeAll();

 private:
  std::map<std::string, Keys, std::less<>> by_prefix_;
  size_t count_ = 0;
};

class BroadcastPrefixes {
 public:
  void Add(const std::string& prefix, uint64_t client);
  void Remove(const std::string& prefix, uint64_t client);
  // Notes `key` under each prefix it has. O(number of lengths that prefixes have).
  void Note(std::string_view key, uint64_t client, ChangedKeys& changed) const;
  [[nodiscard]] std::vector<uint64_t> ClientsOf(const std::string& prefix) const;
  [[nodiscard]] size_t Count() const { return count_.load(std::memory_order_relaxed); }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::set<uint64_t>, std::less<>> clients_;  // By prefix.
  std::map<size_t, size_t> lengths_;                                // Length -> how many prefixes have it.
  std::atomic<size_t> count_{0};                                    // Prefixes; any thread reads it.
};

}  // namespace cachenode
