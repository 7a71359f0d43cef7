#include "server/transaction/watch_table.h"

#include <algorithm>

#include "server/session.h"
#include "server/transaction/transaction_state.h"
#include "storage/access_context.h"
#include "storage/base/clock.h"

namespace cachenode {

size_t WatchTable::PlaceHash::operator()(const PlaceView& place) const noexcept {
  return KeyHash::Of(place.key).value() ^ place.db;
}

WatchTable::WatchTable(Keyspace& keyspace, KeyInterest& interest, const Clock& clock)
    : keyspace_(keyspace), interest_(interest), clock_(clock), shards_(keyspace.shard_count()) {}

void WatchTable::Watch(Session& session, uint32_t db, std::string_view key, bool exists) {
  if (session.transaction == nullptr) session.transaction = std::make_unique<TransactionState>();
  TransactionState& state = *session.transaction;
  const auto is_same = [&](const WatchedKey& watched) { return watched.db == db && watched.key == key; };
  if (std::any_of(state.watched.begin(), state.watched.end(), is_same)) return;
  if (state.watched.empty()) clients_.fetch_add(1, std::memory_order_relaxed);
  state.watched.push_back({db, std::string(key), exists});
  state.watched_bytes += TransactionState::kWatchBytes + 2 * key.size();
  ShardWatches& watches = shards_[keyspace_.ShardIndexOf(KeyHash::Of(key))];
  auto found = watches.find(PlaceView{db, key});
  if (found == watches.end()) {
    found = watches.emplace(Place{db, std::string(key)}, std::vector<TransactionState*>{}).first;
    keys_.fetch_add(1, std::memory_order_relaxed);
  }
  found->second.push_back(&state);
  interest_.Add(1);
}

void WatchTable::Remove(ShardWatches& watches, const PlaceView& place, const TransactionState& state) {
  const auto found = watches.find(place);
  if (found == watches.end()) return;
  std::erase(found->second, &state);
  if (!found->second.empty()) return;
  watches.erase(found);
  keys_.fetch_sub(1, std::memory_order_relaxed);
}

void WatchTable::Forget(TransactionState& state, bool take_locks) {
  if (state.watched.empty()) return;
  for (const WatchedKey& watched : state.watched) {
    const uint32_t index = keyspace_.ShardIndexOf(KeyHash::Of(watched.key));
    if (take_locks) {
      const ShardGuard guard(keyspace_.shard(index));
      Remove(shards_[index], {watched.db, watched.key}, state);
    } else {
      Remove(shards_[index], {watched.db, watched.key}, state);
    }
  }
  interest_.Remove(static_cast<int64_t>(state.watched.size()));
  clients_.fetch_sub(1, std::memory_order_relaxed);
  state.watched.clear();
  state.watched_bytes = 0;
  state.watched_key_changed.store(false, std::memory_order_relaxed);
}

void WatchTable::UnwatchAll(Session& session) {
  if (session.transaction != nullptr) Forget(*session.transaction, true);
}

void WatchTable::UnwatchAllLocked(Session& session) {
  if (session.transaction != nullptr) Forget(*session.transaction, false);
}

void WatchTable::BeforeKeyChange(const KeyPlace& place) {
  if (key_count() == 0) return;
  const ShardWatches& watches = shards_[keyspace_.ShardIndexOf(KeyHash::Of(place.key))];
  const auto found = watches.find(PlaceView{place.db, place.key});
  if (found == watches.end()) return;
  for (TransactionState* state : found->second) state->watched_key_changed.store(true, std::memory_order_relaxed);
}

// A key that is in neither database is the same afterwards: missing. An expired one is missing already, which EXEC
// finds by itself.
void WatchTable::BeforeDatabaseChange(DatabaseChange change, const KeyPlace& where, uint32_t other_db) {
  if (key_count() == 0) return;
  for (uint32_t index = 0; index < shards_.size(); ++index) {
    Shard& shard = keyspace_.shard(index);
    for (const auto& [place, states] : shards_[index]) {
      const bool concerned = change == DatabaseChange::kAllFlushed || place.db == where.db || place.db == other_db;
      if (!concerned) continue;
      const bool is_swap = change == DatabaseChange::kSwapped;
      const bool existed = is_swap ? Exists(shard, where.db, place.key) || Exists(shard, other_db, place.key)
                                   : Exists(shard, place.db, place.key);
      if (!existed) continue;
      for (TransactionState* state : states) state->watched_key_changed.store(true, std::memory_order_relaxed);
    }
  }
}

bool WatchTable::Exists(Shard& shard, uint32_t db, std::string_view key) const {
  AccessContext look;
  look.touch = false;
  look.SetNow(clock_.NowMs());
  look.expired = ExpiredKeys::kHide;
  shard.AssertHeld();
  return shard.Find(db, KeyHash::Of(key), key, look).Exists();
}

void WatchTable::OnSessionEnd(Session& session) {
  UnwatchAll(session);
  session.conditions &= ~static_cast<uint32_t>(kInTransaction);
  session.transaction.reset();
}

}  // namespace cachenode
