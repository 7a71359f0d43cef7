#include "server/transaction/watch_table.h"

#include <algorithm>
#include <utility>

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

WatchTable::~WatchTable() = default;

WatchedKey* WatchTable::AddTo(Session& session, uint32_t db, std::string_view key) {
  if (session.transaction == nullptr) session.transaction = std::make_unique<TransactionState>();
  TransactionState& state = *session.transaction;
  const auto is_same = [&](const WatchedKey& watched) { return watched.db == db && watched.key == key; };
  if (std::any_of(state.watched.begin(), state.watched.end(), is_same)) return nullptr;
  if (state.watched.empty()) clients_.fetch_add(1, std::memory_order_relaxed);
  state.watched_bytes += TransactionState::kWatchBytes + 2 * key.size();
  WatchedKey& added = state.watched.emplace_back();
  added.db = db;
  added.key = key;
  return &added;
}

void WatchTable::Insert(ShardWatches& watches, uint32_t db, std::string_view key, TransactionState& state) {
  auto found = watches.find(PlaceView{db, key});
  if (found == watches.end()) {
    found = watches.emplace(Place{db, std::string(key)}, std::vector<TransactionState*>{}).first;
    keys_.fetch_add(1, std::memory_order_relaxed);
  }
  found->second.push_back(&state);
  interest_.Add(1);
}

void WatchTable::Watch(Session& session, uint32_t db, std::string_view key, bool exists) {
  WatchedKey* added = AddTo(session, db, key);
  if (added == nullptr) return;
  added->existed = exists;
  Insert(shards_[keyspace_.ShardIndexOf(KeyHash::Of(key))], db, key, *session.transaction);
}

// The script that has the shard did what it did before this WATCH; what it does later finds the key listed.
void WatchTable::WatchAside(Session& session, uint32_t db, std::string_view key, int64_t now_ms) {
  WatchedKey* added = AddTo(session, db, key);
  if (added == nullptr) return;
  added->aside = true;
  added->since_ms = now_ms;
  const std::lock_guard<std::mutex> guard(aside_mutex_);
  Insert(aside_, db, key, *session.transaction);
  aside_count_.store(aside_.size(), std::memory_order_release);
}

void WatchTable::Remove(ShardWatches& watches, const PlaceView& place, const TransactionState& state) {
  const auto found = watches.find(place);
  if (found == watches.end()) return;
  std::erase(found->second, &state);
  interest_.Remove(1);
  if (!found->second.empty()) return;
  watches.erase(found);
  keys_.fetch_sub(1, std::memory_order_relaxed);
}

void WatchTable::RemoveAside(const WatchedKey& watched, const TransactionState& state) {
  const std::lock_guard<std::mutex> guard(aside_mutex_);
  Remove(aside_, {watched.db, watched.key}, state);
  aside_count_.store(aside_.size(), std::memory_order_release);
}

bool WatchTable::TryRemove(const WatchedKey& watched,
                           const TransactionState& state) CACHENODE_NO_THREAD_SAFETY_ANALYSIS {
  if (watched.aside) {
    RemoveAside(watched, state);
    return true;
  }
  const uint32_t index = keyspace_.ShardIndexOf(KeyHash::Of(watched.key));
  Shard& shard = keyspace_.shard(index);
  bool is_locked = false;
  for (int attempt = 0; attempt < ShardLock::kSpins && !is_locked; ++attempt) is_locked = shard.TryLock();
  if (!is_locked) return false;
  Remove(shards_[index], {watched.db, watched.key}, state);
  shard.Unlock();
  return true;
}

void WatchTable::TryForget(TransactionState& state) {
  std::erase_if(state.watched, [&](const WatchedKey& watched) { return TryRemove(watched, state); });
}

void WatchTable::UnwatchAll(Session& session) {
  if (session.transaction == nullptr || session.transaction->watched.empty()) return;
  TransactionState& state = *session.transaction;
  clients_.fetch_sub(1, std::memory_order_relaxed);
  TryForget(state);
  if (state.watched.empty()) {
    state.watched_bytes = 0;
    state.watched_key_changed.store(false, std::memory_order_relaxed);
    return;
  }
  const std::lock_guard<std::mutex> guard(aside_mutex_);
  abandoned_.push_back(std::move(session.transaction));
  abandoned_count_.store(abandoned_.size(), std::memory_order_relaxed);
}

void WatchTable::UnwatchAllLocked(Session& session) {
  if (session.transaction == nullptr || session.transaction->watched.empty()) return;
  TransactionState& state = *session.transaction;
  for (const WatchedKey& watched : state.watched) {
    if (watched.aside) {
      RemoveAside(watched, state);
    } else {
      Remove(shards_[keyspace_.ShardIndexOf(KeyHash::Of(watched.key))], {watched.db, watched.key}, state);
    }
  }
  clients_.fetch_sub(1, std::memory_order_relaxed);
  state.watched.clear();
  state.watched_bytes = 0;
  state.watched_key_changed.store(false, std::memory_order_relaxed);
}

void WatchTable::ForgetAbandoned() {
  if (abandoned_count_.load(std::memory_order_relaxed) == 0) return;
  std::vector<std::unique_ptr<TransactionState>> states;
  {
    const std::lock_guard<std::mutex> guard(aside_mutex_);
    states.swap(abandoned_);
  }
  for (const std::unique_ptr<TransactionState>& state : states) TryForget(*state);
  std::erase_if(states, [](const std::unique_ptr<TransactionState>& state) { return state->watched.empty(); });
  const std::lock_guard<std::mutex> guard(aside_mutex_);
  for (std::unique_ptr<TransactionState>& state : states) abandoned_.push_back(std::move(state));
  abandoned_count_.store(abandoned_.size(), std::memory_order_relaxed);
}

void WatchTable::Mark(const ShardWatches& watches, const PlaceView& place) {
  const auto found = watches.find(place);
  if (found == watches.end()) return;
  for (TransactionState* state : found->second) state->watched_key_changed.store(true, std::memory_order_relaxed);
}

void WatchTable::BeforeKeyChange(const KeyPlace& place) {
  if (key_count() == 0 || place.is_unwatched) return;
  Mark(shards_[keyspace_.ShardIndexOf(KeyHash::Of(place.key))], {place.db, place.key});
  if (aside_count_.load(std::memory_order_acquire) == 0) return;
  const std::lock_guard<std::mutex> guard(aside_mutex_);
  Mark(aside_, {place.db, place.key});
}

void WatchTable::MarkExisting(const ShardWatches& watches, DatabaseChange change, const KeyPlace& where,
                              uint32_t other_db) {
  for (const auto& [place, states] : watches) {
    const bool concerned = change == DatabaseChange::kAllFlushed || place.db == where.db || place.db == other_db;
    if (!concerned) continue;
    Shard& shard = keyspace_.shard(keyspace_.ShardIndexOf(KeyHash::Of(place.key)));
    const bool is_swap = change == DatabaseChange::kSwapped;
    const bool existed = is_swap ? Exists(shard, where.db, place.key) || Exists(shard, other_db, place.key)
                                 : Exists(shard, place.db, place.key);
    if (!existed) continue;
    for (TransactionState* state : states) state->watched_key_changed.store(true, std::memory_order_relaxed);
  }
}

// A key that is in neither database is the same afterwards: missing. An expired one is missing already, which EXEC
// finds by itself.
void WatchTable::BeforeDatabaseChange(DatabaseChange change, const KeyPlace& where, uint32_t other_db) {
  if (key_count() == 0) return;
  for (const ShardWatches& watches : shards_) MarkExisting(watches, change, where, other_db);
  const std::lock_guard<std::mutex> guard(aside_mutex_);
  MarkExisting(aside_, change, where, other_db);
}

bool WatchTable::Exists(Shard& shard, uint32_t db, std::string_view key) const {
  AccessContext look;
  look.touch = false;
  look.SetNow(clock_.NowMs());
  look.expired = ExpiredKeys::kHide;
  shard.AssertHeld();
  return shard.Find(db, KeyHash::Of(key), key, look).Exists();
}

// One that was erased meanwhile was marked then.
bool WatchTable::ExpiredSince(const WatchedKey& watched, int64_t now_ms) const {
  AccessContext look;
  look.touch = false;
  look.SetNow(now_ms);
  look.expired = ExpiredKeys::kShow;
  const KeyHash hash = KeyHash::Of(watched.key);
  Shard& shard = keyspace_.ShardOf(hash);
  shard.AssertHeld();
  const KeySlot slot = shard.Find(watched.db, hash, watched.key, look);
  if (!slot.Exists()) return false;
  const int64_t deadline_ms = slot.expire_at_ms();
  return deadline_ms >= 0 && deadline_ms > watched.since_ms && deadline_ms <= now_ms;
}

void WatchTable::OnSessionEnd(Session& session) {
  UnwatchAll(session);
  session.conditions &= ~static_cast<uint32_t>(kInTransaction);
  session.transaction.reset();
}

}  // namespace cachenode
