// Which clients have read which key since it changed last: a table beside each shard.
//
// Thread-safety: what takes a shard's number is guarded by the lock of that shard (or the world lock); Clear by the
//   exclusive world lock; the counts may be read by any thread.
// Invariant: a key has an entry exactly when at least one client is listed for it. The table knows no databases: a key
//   of the same name in another database counts as the same, and lies in the same shard.
// Limits: tracking-table-max-keys, kept by ClientTracking.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace cachenode {

class TrackedKeys {
 public:
  // Ids in ascending order.
  using Clients = std::vector<uint64_t>;
  using Entry = std::pair<std::string, Clients>;

  explicit TrackedKeys(uint32_t shard_count) : tables_(shard_count) {}
  TrackedKeys(const TrackedKeys&) = delete;
  TrackedKeys& operator=(const TrackedKeys&) = delete;

  // `client` has read `key`. O(clients of the key).
  void Add(uint32_t shard, std::string_view key, uint64_t client);
  // Forgets `key` and answers who had read it.
  [[nodiscard]] Clients Take(uint32_t shard, std::string_view key);
  // The same with the key as it was kept here, so that nothing is allocated. Nothing when nobody had read it.
  [[nodiscard]] std::optional<Entry> TakeEntry(uint32_t shard, std::string_view key);
  // Forgets some key of the shard and answers it; nothing when there is none.
  [[nodiscard]] std::optional<Entry> TakeAny(uint32_t shard);
  void Clear();

  [[nodiscard]] uint32_t shard_count() const { return static_cast<uint32_t>(tables_.size()); }
  [[nodiscard]] uint64_t KeyCount() const { return keys_.load(std::memory_order_relaxed); }
  // Pairs of a key and a client.
  [[nodiscard]] uint64_t ItemCount() const { return items_.load(std::memory_order_relaxed); }

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  using Readers = std::unordered_map<std::string, Clients, Hash, std::equal_to<>>;
  struct alignas(64) Table {
    Readers readers;
  };

  [[nodiscard]] Entry Extract(Readers& readers, Readers::const_iterator place);

  std::vector<Table> tables_;
  std::atomic<uint64_t> keys_{0};
  std::atomic<uint64_t> items_{0};
};

}  // namespace cachenode
