// What one client is subscribed to, and the messages that wait for its request to end.
//
// Thread-safety: the client's own worker; another thread may read the counts under the exclusive world lock.
// Invariants: a membership's position is the client's place among the subscribers of its slot. Waiting messages are
// sent
//   before the client's next request begins.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

#include "server/pubsub/channel_table.h"
#include "server/pubsub/message.h"
#include "storage/base/byte_block.h"

namespace cachenode {

struct Membership {
  ChannelSlotRef slot;
  uint32_t position = 0;
};

struct Subscriptions {
  // By name, whose bytes lie in the slot.
  using Memberships = std::map<std::string_view, Membership>;
  static constexpr size_t kMembershipBytes = sizeof(Memberships::value_type) + 32 + sizeof(ChannelSlot::Subscriber);

  std::array<Memberships, 3> by_kind;  // By ChannelKind.
  Membership monitor;                  // Of a client in MONITOR mode; without a slot else.
  bool is_withdrawn = false;           // Counts among the subscribers no more: the client was killed.
  bool is_executing = false;           // In the middle of its request: messages wait in `waiting`.
  std::vector<ByteBlockRef> waiting;

  [[nodiscard]] Memberships& Of(ChannelKind kind) { return by_kind[static_cast<size_t>(kind)]; }
  [[nodiscard]] const Memberships& Of(ChannelKind kind) const { return by_kind[static_cast<size_t>(kind)]; }
  [[nodiscard]] size_t Count(ChannelKind kind) const { return Of(kind).size(); }
  // About the bytes all this takes, but for the messages that wait, which are shared. O(1).
  [[nodiscard]] size_t MemoryBytes() const { return sizeof(*this) + Count() * kMembershipBytes; }
  [[nodiscard]] size_t Count() const { return by_kind[0].size() + by_kind[1].size() + by_kind[2].size(); }
};

}  // namespace cachenode
