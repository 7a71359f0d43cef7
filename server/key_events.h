// What happens to keys, told to whoever listens: statistics now, and through KeyEventListener transactions, client
// tracking and keyspace notifications.
//
// Thread-safety: one object per worker, called on its thread while the key's shard is locked; takes leaf locks only.
// Invariant: BeforeChange comes before the change is visible to anybody, Happened after it.
#pragma once

#include <cstdint>
#include <string_view>

#include "server/config/option_types.h"
#include "server/stats/worker_stats.h"
#include "storage/key_observer.h"

namespace cachenode {

// Implemented by parts that follow single keys (WATCH, CLIENT TRACKING, notifications). Same thread rule as above.
class KeyEventListener {
 public:
  virtual ~KeyEventListener() = default;
  virtual void BeforeKeyChange(uint32_t db, std::string_view key) = 0;
  // `event` ("set", "expired") of class `event_class` happened to `key`.
  virtual void KeyEvent(NotifyFlag event_class, std::string_view event, uint32_t db, std::string_view key) = 0;
};

class KeyEvents final : public KeyObserver {
 public:
  explicit KeyEvents(WorkerStats& stats) : stats_(stats) {}

  // At most one listener, which fans out itself; null for none. Before the workers start.
  void SetListener(KeyEventListener* listener) { listener_ = listener; }
  [[nodiscard]] bool IsListenedTo() const { return listener_ != nullptr; }

  void Happened(NotifyFlag event_class, std::string_view event, uint32_t db, std::string_view key) {
    if (listener_ != nullptr) [[unlikely]]
      listener_->KeyEvent(event_class, event, db, key);
  }

  void BeforeChange(uint32_t db, std::string_view key) override {
    if (listener_ != nullptr) [[unlikely]]
      listener_->BeforeKeyChange(db, key);
  }
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
  WorkerStats& stats_;
  KeyEventListener* listener_ = nullptr;
};

}  // namespace cachenode
