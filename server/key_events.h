// What happens to keys, told to whoever listens: statistics, and through KeyEventListener transactions, blocked
// clients, client tracking and keyspace notifications.
//
// Thread-safety: one object per worker, called on its thread while the key's shard is locked; listeners are shared by
//   all workers and take leaf locks only.
// Invariant: BeforeKeyChange comes before the change is visible to anybody, KeyEvent after it.
// Cost: one load while nobody is interested (server/key_interest.h).
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "server/config/option_types.h"
#include "server/key_interest.h"
#include "server/stats/worker_stats.h"
#include "storage/key_observer.h"

namespace cachenode {

struct Session;

// Where something happens, and on whose behalf.
struct KeyPlace {
  uint32_t db = 0;
  std::string_view key;
  uint32_t worker_index = 0;
  Session* client = nullptr;  // Whose request it is; null for expiry, eviction and other work of the node itself.
  bool is_unwatched = false;  // See KeyEvents::Unwatched.
};

// How all keys of a database went at once.
enum class DatabaseChange : uint8_t {
  kFlushed,
  kAllFlushed,  // Every database, told once.
  kSwapped,     // With another one, told once for the pair.
};

// Implemented by parts that follow single keys (WATCH, blocked clients, CLIENT TRACKING, notifications).
class KeyEventListener {
 public:
  virtual ~KeyEventListener() = default;
  // Ignored by those who follow a key's content when `place` is unwatched.
  virtual void BeforeKeyChange(const KeyPlace& /*place*/) {}
  // `event` ("set", "expired") of class `event_class` happened to the key.
  virtual void KeyEvent(NotifyFlag /*event_class*/, std::string_view /*event*/, const KeyPlace& /*place*/) {}
  // Under the world lock, before the change. `place` has no key; its database means nothing with kAllFlushed.
  // `other_db` is the other one of a swap, the same one otherwise.
  virtual void BeforeDatabaseChange(DatabaseChange /*change*/, const KeyPlace& /*place*/, uint32_t /*other_db*/) {}
};

class KeyEvents final : public KeyObserver {
 public:
  KeyEvents(WorkerStats& stats, const KeyInterest& interest, uint32_t worker_index,
            const std::vector<KeyEventListener*>& listeners)
      : stats_(stats), interest_(interest), listeners_(listeners), worker_index_(worker_index) {}

  // While one lives, WATCH and client tracking hear of no change, blocked clients do: for what a stream knows of its
  // readers, and for changes that may turn out to be none, which BeforeChange tells afterwards, before the key's shard
  // is given back.
  class Unwatched {
   public:
    explicit Unwatched(KeyEvents& events) : events_(events), before_(events.is_unwatched_) {
      events.is_unwatched_ = true;
    }
    ~Unwatched() { events_.is_unwatched_ = before_; }
    Unwatched(const Unwatched&) = delete;
    Unwatched& operator=(const Unwatched&) = delete;

   private:
    KeyEvents& events_;
    const bool before_;
  };

  // On whose behalf keys change from now on; null for the node itself.
  void SetClient(Session* client) { client_ = client; }
  [[nodiscard]] bool IsListenedTo() const { return interest_.Any(); }

  void Happened(NotifyFlag event_class, std::string_view event, uint32_t db, std::string_view key) {
    if (interest_.Any()) [[unlikely]]
      TellEvent(event_class, event, db, key);
  }
  // See BeforeDatabaseChange.
  void DatabaseChanges(DatabaseChange change, uint32_t db, uint32_t other_db);

  void BeforeChange(uint32_t db, std::string_view key) override {
    if (interest_.Any()) [[unlikely]]
      TellChange(db, key);
  }
  void OnCreated(uint32_t db, std::string_view key) override { Happened(kNotifyNewKey, "new", db, key); }
  void OnExpired(uint32_t db, std::string_view key) override {
    stats_.expired_keys.Increment();
    Happened(kNotifyExpired, "expired", db, key);
  }
  void OnFieldsExpired(uint32_t db, std::string_view key, uint64_t count, bool key_gone) override {
    stats_.expired_fields.Add(count);
    Happened(kNotifyHash, "hexpired", db, key);
    if (key_gone) Happened(kNotifyGeneric, "del", db, key);
  }
  void OnEvicted(uint32_t db, std::string_view key) override {
    stats_.evicted_keys.Increment();
    Happened(kNotifyEvicted, "evicted", db, key);
  }

 private:
  void TellEvent(NotifyFlag event_class, std::string_view event, uint32_t db, std::string_view key);
  void TellChange(uint32_t db, std::string_view key);

  WorkerStats& stats_;
  const KeyInterest& interest_;
  const std::vector<KeyEventListener*>& listeners_;
  const uint32_t worker_index_;
  Session* client_ = nullptr;
  bool is_unwatched_ = false;
};

}  // namespace cachenode
