// Who watches which key (WATCH), so that a change makes the watchers' next EXEC fail.
//
// Thread-safety: each shard's part is guarded by the lock of that shard, or by the world lock. Functions say which
// locks
//   they need; none is waited for under another.
// Invariants: a key is listed here exactly as often as in the `watched` lists of the clients. A client's
//   TransactionState stays where it is while it watches anything.
// Cost: nothing on the hot path while nobody watches (server/key_interest.h).
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "server/key_events.h"
#include "server/session_listener.h"
#include "storage/keyspace.h"

namespace cachenode {

class Clock;
struct TransactionState;

class WatchTable final : public KeyEventListener, public SessionListener {
 public:
  WatchTable(Keyspace& keyspace, KeyInterest& interest, const Clock& clock);

  // Under the lock of the key's shard. Nothing when the client watches the key already.
  void Watch(Session& session, uint32_t db, std::string_view key, bool exists);
  // The client watches nothing any more. The first takes the locks of its keys' shards one at a time, holding none; the
  // second runs under all of them, or the world lock.
  void UnwatchAll(Session& session);
  void UnwatchAllLocked(Session& session);

  // For INFO.
  [[nodiscard]] uint64_t client_count() const { return clients_.load(std::memory_order_relaxed); }
  [[nodiscard]] uint64_t key_count() const { return keys_.load(std::memory_order_relaxed); }

  // KeyEventListener.
  void BeforeKeyChange(const KeyPlace& place) override;
  void BeforeDatabaseChange(DatabaseChange change, const KeyPlace& place, uint32_t other_db) override;
  // SessionListener.
  void OnSessionEnd(Session& session) override;

 private:
  struct PlaceView {
    uint32_t db;
    std::string_view key;
    friend bool operator==(const PlaceView&, const PlaceView&) = default;
  };
  struct Place {
    uint32_t db;
    std::string key;
    [[nodiscard]] PlaceView View() const { return {db, key}; }
  };
  struct PlaceHash {
    using is_transparent = void;
    size_t operator()(const PlaceView& place) const noexcept;
    size_t operator()(const Place& place) const noexcept { return (*this)(place.View()); }
  };
  struct PlaceEqual {
    using is_transparent = void;
    bool operator()(const Place& a, const Place& b) const noexcept { return a.View() == b.View(); }
    bool operator()(const Place& a, const PlaceView& b) const noexcept { return a.View() == b; }
    bool operator()(const PlaceView& a, const Place& b) const noexcept { return a == b.View(); }
  };
  using ShardWatches = std::unordered_map<Place, std::vector<TransactionState*>, PlaceHash, PlaceEqual>;

  void Forget(TransactionState& state, bool take_locks);
  void Remove(ShardWatches& watches, const PlaceView& place, const TransactionState& state);
  [[nodiscard]] bool Exists(Shard& shard, uint32_t db, std::string_view key) const;

  Keyspace& keyspace_;
  KeyInterest& interest_;
  const Clock& clock_;
  std::vector<ShardWatches> shards_;  // One for each shard, guarded by its lock.
  std::atomic<uint64_t> clients_{0};
  std::atomic<uint64_t> keys_{0};
};

}  // namespace cachenode
