// Channels, their subscribers, and messages from publisher to subscriber, whichever workers run them.
//
// How: a channel knows on which workers its subscribers are. A message is encoded once, and put into the inbox of each
// of those workers while the channel's mutex is held; the worker hands it to its own subscribers, without a lock. The
// publisher's own worker does so at once.
// Thread-safety: Publish, Subscribe, Unsubscribe, CatchUp, BeginRequest, EndRequest and the SessionListener calls on
// the
//   worker of the given index or session; counts and visits from any thread.
// Invariants: a message is in the inboxes before Publish returns, so before its reply leaves. Who subscribed before
//   Publish began gets it, and nobody who subscribed after Publish returned does. Messages of one channel reach all its
//   subscribers in one order; so do one publisher's messages. A subscriber that unsubscribes has got all messages
//   published until then before its confirmation.
// Limits: what waits for a worker, WorkerInbox::kBytesMax; what waits for a client, client-output-buffer-limit. Who
// does
//   not get a message for either reason is closed.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "server/pubsub/channel_table.h"
#include "server/pubsub/message.h"
#include "server/pubsub/subscriptions.h"
#include "server/pubsub/worker_inbox.h"
#include "server/session_listener.h"

namespace cachenode {

class Mailbox;

class PubSub final : public SessionListener {
 public:
  // Messages from this size on are sent from where they lie instead of being copied for each subscriber.
  static constexpr size_t kPinnedBytesMin = 1024;

  // Told of a client that lost messages, on its worker; it is being closed already.
  using LossObserver = std::function<void(const Session& session)>;

  PubSub(uint32_t worker_count, LossObserver on_loss);
  ~PubSub() override;
  PubSub(const PubSub&) = delete;
  PubSub& operator=(const PubSub&) = delete;

  // Before the workers start.
  void SetMailbox(uint32_t worker_index, Mailbox& mailbox) { ends_[worker_index].inbox.SetMailbox(mailbox); }

  // Who publishes, on which worker.
  struct Publisher {
    uint32_t worker_index = 0;
    const Session* client = nullptr;      // Null: the node itself.
    bool reaches_itself_at_once = false;  // Its own messages stand before the reply that caused them (engine < 7.2).
  };
  // Sends `payload` to the subscribers of `channel`, and of the patterns that match it unless it is a shard channel.
  // Returns how many there are. kind: kChannel or kShard.
  size_t Publish(const Publisher& from, ChannelKind kind, std::string_view channel, std::string_view payload);
  // False while nobody could get a message, so that making it can be spared.
  [[nodiscard]] bool HasSubscribers() const { return tables_[0].count() != 0 || patterns_.count() != 0; }

  // False when the client was subscribed already. `name` is a pattern for kPattern.
  bool Subscribe(Session& session, ChannelKind kind, std::string_view name);
  // False when it was not.
  bool Unsubscribe(Session& session, ChannelKind kind, std::string_view name);
  // Leaves everything without a word.
  void UnsubscribeAll(Session& session);
  // The client was killed and gets nothing any more: it counts among the subscribers no longer, though its worker has
  // still to take it apart. Exclusive world lock.
  void Withdraw(Session& session);

  // MONITOR: a channel without a name whose messages are lines, sent as they are.
  void JoinMonitors(Session& session);
  void LeaveMonitors(Session& session);
  [[nodiscard]] bool HasMonitors() const { return monitors_.count() != 0; }
  void PublishToMonitors(const Publisher& from, std::string_view line);

  // Hands out what waits for this worker's subscribers. Costs one load when nothing does.
  void CatchUp(uint32_t worker_index) {
    if (threaded_ && ends_[worker_index].inbox.HasMail()) [[unlikely]]
      TakeMail(worker_index);
  }

  // Around each request of a client with subscriptions: messages do not get into the middle of its reply.
  static void BeginRequest(Session& session);
  // Confirmations are complete replies of their own, so messages may come between them, unless the request is part of a
  // transaction. For the rest of the request.
  static void AllowMessages(Session& session, bool allowed);
  static void EndRequest(Session& session);

  [[nodiscard]] size_t ChannelCount(ChannelKind kind) const {
    return kind == ChannelKind::kPattern ? patterns_.count() : TableOf(kind).count();
  }
  [[nodiscard]] size_t SubscriberCount(ChannelKind kind, std::string_view channel);
  void ForEachChannel(ChannelKind kind, const ChannelTable::Visitor& visit) { TableOf(kind).ForEach(visit); }
  // Clients with a subscription of any kind.
  [[nodiscard]] size_t ClientCount() const { return client_count_.load(std::memory_order_relaxed); }

  // SessionListener.
  void OnSessionEnd(Session& session) override;
  void OnSessionReset(Session& session) override;

 private:
  struct Direct {
    ChannelSlot* slot;
    ByteBlockRef message;
  };
  // What belongs to one worker.
  struct alignas(64) End {
    WorkerInbox inbox;
    // Owner worker.
    std::vector<Delivery> taken;
    std::vector<Direct> direct;
  };

  [[nodiscard]] const ChannelTable& TableOf(ChannelKind kind) const {
    return tables_[kind == ChannelKind::kShard ? 1 : 0];
  }
  [[nodiscard]] ChannelTable& TableOf(ChannelKind kind) { return tables_[kind == ChannelKind::kShard ? 1 : 0]; }
  void TakeMail(uint32_t worker_index);
  void Route(const Publisher& from, const Channel& channel, const ByteBlockRef& message);
  void DeliverDirect(const Publisher& from);
  static void Deliver(const ChannelSlot& slot, const ByteBlockRef& message, const Session* at_once);
  static void Push(Session& session, const ByteBlockRef& message);
  void CloseSubscribers(ChannelSlot& slot);
  void Enter(Session& session, Membership& membership, ChannelSlotRef slot);
  static void Leave(Membership& membership);
  template <typename Action>
  void LeaveChannel(ChannelKind kind, ChannelSlot& slot, const Action& meanwhile);
  void NoteChange(Session& session);

  // Constant after construction.
  const LossObserver on_loss_;
  const bool threaded_;
  // Each by its own rule.
  std::array<ChannelTable, 2> tables_;  // Channels, shard channels.
  PatternTable patterns_;
  ChannelTable monitors_;
  std::vector<End> ends_;
  std::atomic<size_t> client_count_{0};
};

}  // namespace cachenode
