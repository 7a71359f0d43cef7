#include "server/pubsub/keyspace_notifier.h"

#include <string>

#include "server/config/config.h"
#include "server/node_state.h"
#include "server/pubsub/pubsub.h"
#include "server/server_parts.h"
#include "storage/base/numbers.h"

namespace cachenode {
namespace {

// "__keyspace@0__:" and the like.
std::string ChannelOf(std::string_view kind, uint32_t db, std::string_view rest) {
  std::string channel;
  channel.reserve(kind.size() + rest.size() + 16);
  channel.append("__").append(kind).push_back('@');
  AppendUint64(channel, db);
  channel.append("__:").append(rest);
  return channel;
}

}  // namespace

KeyspaceNotifier::KeyspaceNotifier(const ServerParts& parts, PubSub& pubsub) : parts_(parts), pubsub_(pubsub) {
  parts_.config->Subscribe(ApplyGroup::kKeyspaceEvents, *this);
  SetFlags(parts_.config->Current().notify_keyspace_events);
}

KeyspaceNotifier::~KeyspaceNotifier() { SetFlags(0); }

Status KeyspaceNotifier::Apply(ApplyGroup /*group*/, const Config& /*before*/, const Config& after) {
  SetFlags(after.notify_keyspace_events);
  return Status::Ok();
}

void KeyspaceNotifier::SetFlags(uint32_t flags) {
  if ((flags & (kNotifyKeyspace | kNotifyKeyevent)) == 0) flags = 0;
  const uint32_t before = flags_.exchange(flags, std::memory_order_relaxed);
  const int64_t change = (flags != 0 ? 1 : 0) - (before != 0 ? 1 : 0);
  parts_.state->key_interest.Add(change);
}

void KeyspaceNotifier::KeyEvent(NotifyFlag event_class, std::string_view event, const KeyPlace& place) {
  const uint32_t flags = flags_.load(std::memory_order_relaxed);
  if ((flags & event_class) == 0 || !pubsub_.HasSubscribers()) return;
  const bool at_once = !parts_.config->Current().engine_version.AtLeast(7, 2);
  const PubSub::Publisher from{place.worker_index, place.client, at_once};
  if ((flags & kNotifyKeyspace) != 0) {
    pubsub_.Publish(from, ChannelKind::kChannel, ChannelOf("keyspace", place.db, place.key), event);
  }
  if ((flags & kNotifyKeyevent) != 0) {
    pubsub_.Publish(from, ChannelKind::kChannel, ChannelOf("keyevent", place.db, event), place.key);
  }
}

}  // namespace cachenode
