// Keyspace notifications: what happens to keys, as messages (notify-keyspace-events).
//
// Thread-safety: KeyEvent on any worker, under the lock of the key's shard; Apply under the exclusive world lock.
// Invariant: a message is on its way before the reply of the command that caused it.
// Cost: nothing while the option is empty: nobody is interested in keys then, see server/key_interest.h.
#pragma once

#include <atomic>
#include <cstdint>

#include "server/config/config_store.h"
#include "server/key_events.h"

namespace cachenode {

class PubSub;
struct ServerParts;

class KeyspaceNotifier final : public KeyEventListener, public ConfigApplier {
 public:
  // Takes the option's value from parts.config and follows it. `parts` outlives this.
  KeyspaceNotifier(const ServerParts& parts, PubSub& pubsub);
  ~KeyspaceNotifier() override;

  void KeyEvent(NotifyFlag event_class, std::string_view event, const KeyPlace& place) override;
  Status Apply(ApplyGroup group, const Config& before, const Config& after) override;

 private:
  void SetFlags(uint32_t flags);

  const ServerParts& parts_;
  PubSub& pubsub_;
  std::atomic<uint32_t> flags_{0};  // NotifyFlag bits; 0 as well when they ask for neither kind of message.
};

}  // namespace cachenode
