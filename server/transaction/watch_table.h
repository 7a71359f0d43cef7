// Who watches which key (WATCH), so that a change makes the watchers' next EXEC fail.
//
// Thread-safety: each shard's part is guarded by the lock of that shard, or by the world lock; what a leaf mutex guards
//   says so. Functions say which locks they need; none is waited for under another.
// Invariants: a key is listed here exactly as often as in the `watched` lists of the clients and of the abandoned
//   states. A client's TransactionState stays where it is while it watches anything.
// Cost: nothing on the hot path while nobody watches (server/key_interest.h).
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
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
struct WatchedKey;

class WatchTable final : public KeyEventListener, public SessionListener {
 public:
  WatchTable(Keyspace& keyspace, KeyInterest& interest, const Clock& clock);
  ~WatchTable() override;
  WatchTable(const WatchTable&) = delete;
  WatchTable& operator=(const WatchTable&) = delete;

  // Under the lock of the key's shard. Nothing when the client watches the key already.
  void Watch(Session& session, uint32_t db, std::string_view key, bool exists);
  // The same without that lock, which a busy script has: from now on its changes of the key are noticed as well.
  // Whether the key exists cannot be asked; ExpiredSince tells later whether its time has come since `now_ms`.
  void WatchAside(Session& session, uint32_t db, std::string_view key, int64_t now_ms);
  // Under the lock of the key's shard, or the world lock: for a key watched aside.
  [[nodiscard]] bool ExpiredSince(const WatchedKey& watched, int64_t now_ms) const;
  // The client watches nothing any more. The first tries to lock its keys' shards one at a time and never waits: what
  // it cannot reach is left to ForgetAbandoned, and the client's TransactionState with it. The second runs under all of
  // these locks, or the world lock.
  void UnwatchAll(Session& session);
  void UnwatchAllLocked(Session& session);
  // From time to time, inside the world and holding no shard lock. One load when there is nothing to do.
  void ForgetAbandoned();

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

  // Null when the client watches the key already.
  [[nodiscard]] WatchedKey* AddTo(Session& session, uint32_t db, std::string_view key);
  void Insert(ShardWatches& watches, uint32_t db, std::string_view key, TransactionState& state);
  void Remove(ShardWatches& watches, const PlaceView& place, const TransactionState& state);
  void RemoveAside(const WatchedKey& watched, const TransactionState& state);
  // Whether the key is not listed for `state` any more. It stays when its shard is locked by somebody.
  [[nodiscard]] bool TryRemove(const WatchedKey& watched, const TransactionState& state);
  void TryForget(TransactionState& state);
  static void Mark(const ShardWatches& watches, const PlaceView& place);
  void MarkExisting(const ShardWatches& watches, DatabaseChange change, const KeyPlace& where, uint32_t other_db);
  [[nodiscard]] bool Exists(Shard& shard, uint32_t db, std::string_view key) const;

  Keyspace& keyspace_;
  KeyInterest& interest_;
  const Clock& clock_;
  std::vector<ShardWatches> shards_;  // One for each shard, guarded by its lock.
  mutable std::mutex aside_mutex_;
  // Guarded by aside_mutex_.
  ShardWatches aside_;
  std::vector<std::unique_ptr<TransactionState>> abandoned_;
  // Any thread.
  std::atomic<size_t> aside_count_{0};
  std::atomic<size_t> abandoned_count_{0};
  std::atomic<uint64_t> clients_{0};
  std::atomic<uint64_t> keys_{0};
};

}  // namespace cachenode
