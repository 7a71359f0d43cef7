#include "server/pubsub/pubsub.h"

#include <memory>
#include <utility>

#include "server/mailbox.h"
#include "server/session.h"
#include "server/worker.h"

namespace cachenode {
namespace {

constexpr std::string_view kMonitorChannel;

void NoAction() {}

Subscriptions& SubscriptionsOf(Session& session) {
  if (session.subscriptions == nullptr) session.subscriptions = std::make_unique<Subscriptions>();
  return *session.subscriptions;
}

}  // namespace

PubSub::PubSub(uint32_t worker_count, LossObserver on_loss)
    : on_loss_(std::move(on_loss)),
      threaded_(worker_count > 1),
      tables_{ChannelTable(threaded_), ChannelTable(threaded_)},
      patterns_(threaded_),
      monitors_(threaded_),
      ends_(worker_count) {}

PubSub::~PubSub() = default;

// --- From publisher to subscriber ------------------------------------------------------------------------------------

// Under the channel's mutex. The own worker's subscribers come last, once it is released, unless messages that were
// published before wait for them.
void PubSub::Route(const Publisher& from, const Channel& channel, const ByteBlockRef& message) {
  for (const ChannelSlotRef& slot : channel.slots) {
    End& end = ends_[slot->worker_index];
    if (slot->worker_index == from.worker_index && !(threaded_ && end.inbox.HasMail())) {
      end.direct.push_back({slot.get(), message});
      continue;
    }
    end.inbox.Post(slot, message, [this](Mailbox& mailbox) {
      mailbox.Post(MakeLetter([this](Worker& worker) { CatchUp(worker.index()); }));
    });
  }
}

size_t PubSub::Publish(const Publisher& from, ChannelKind kind, std::string_view channel, std::string_view payload) {
  const bool with_patterns = kind == ChannelKind::kChannel && patterns_.count() != 0;
  if (!with_patterns && TableOf(kind).count() == 0) return 0;
  CatchUp(from.worker_index);
  size_t receivers = 0;
  {
    const auto hold = with_patterns ? patterns_.Hold() : std::shared_lock<std::shared_mutex>();
    TableOf(kind).With(channel, [&](const Channel* found) {
      if (found != nullptr) {
        receivers += found->subscriber_count;
        Route(from, *found, EncodeMessage(kind, channel, payload));
      }
      if (!with_patterns) return;
      patterns_.ForEachMatch(channel, [&](std::string_view pattern, const Channel& subscribers) {
        receivers += subscribers.subscriber_count;
        Route(from, subscribers, EncodePatternMessage(pattern, channel, payload));
      });
    });
  }
  if (receivers != 0) DeliverDirect(from);
  return receivers;
}

void PubSub::PublishToMonitors(const Publisher& from, std::string_view line) {
  CatchUp(from.worker_index);
  monitors_.With(kMonitorChannel, [&](const Channel* found) {
    if (found != nullptr) Route(from, *found, ByteBlockRef::Copy(line));
  });
  DeliverDirect(from);
}

void PubSub::DeliverDirect(const Publisher& from) {
  End& end = ends_[from.worker_index];
  const Session* at_once = from.reaches_itself_at_once ? from.client : nullptr;
  for (const Direct& direct : end.direct) {
    if (direct.message) {
      Deliver(*direct.slot, direct.message, at_once);
    } else {
      CloseSubscribers(*direct.slot);  // No memory for the message.
    }
  }
  end.direct.clear();
  CatchUp(from.worker_index);
}

void PubSub::TakeMail(uint32_t worker_index) {
  End& end = ends_[worker_index];
  end.inbox.TakeAll(end.taken);
  for (const Delivery& delivery : end.taken) {
    if (delivery.message) {
      Deliver(*delivery.slot, delivery.message, nullptr);
    } else {
      CloseSubscribers(*delivery.slot);
    }
  }
  end.taken.clear();
}

// `at_once` gets the message even while its request is executed.
void PubSub::Deliver(const ChannelSlot& slot, const ByteBlockRef& message, const Session* at_once) {
  for (const ChannelSlot::Subscriber& subscriber : slot.subscribers) {
    Session& session = *subscriber.session;
    if (session.closing != Closing::kNo) continue;
    const bool is_answered = &session == at_once && session.reply_mode == ReplyMode::kOn;
    if (session.subscriptions->is_executing && !is_answered) [[unlikely]] {
      session.subscriptions->waiting.push_back(message);
    } else {
      Push(session, message);
    }
  }
}

void PubSub::Push(Session& session, const ByteBlockRef& message) {
  std::string_view bytes = message->view();
  if (bytes.front() == '*') {
    if (session.resp_version == 3) {
      session.replies.Append(">");
      bytes.remove_prefix(1);
    }
  } else if (session.reply_mode == ReplyMode::kOff) {
    return;  // A monitor that asked for silence; messages of channels are no replies.
  }
  if (bytes.size() < kPinnedBytesMin) {
    session.replies.Append(bytes);
  } else {
    session.replies.AppendPinned(message, bytes);
  }
  if (session.connection != nullptr) session.connection->ScheduleFlush();
}

// Messages to them were lost.
void PubSub::CloseSubscribers(ChannelSlot& slot) {
  slot.has_overflow.store(false, std::memory_order_relaxed);
  for (const ChannelSlot::Subscriber& subscriber : slot.subscribers) {
    Session& session = *subscriber.session;
    if (session.closing == Closing::kNow) continue;
    session.closing = Closing::kNow;
    on_loss_(session);
    if (session.connection != nullptr) session.connection->ScheduleClose();
  }
}

// --- Around requests -------------------------------------------------------------------------------------------------

void PubSub::BeginRequest(Session& session) {
  if (session.subscriptions != nullptr) session.subscriptions->is_executing = true;
}

void PubSub::AllowMessages(Session& session, bool allowed) { SubscriptionsOf(session).is_executing = !allowed; }

void PubSub::EndRequest(Session& session) {
  if (session.subscriptions == nullptr) return;
  Subscriptions& own = *session.subscriptions;
  own.is_executing = false;
  if (own.waiting.empty()) return;
  if (session.closing == Closing::kNo) {
    for (const ByteBlockRef& message : own.waiting) Push(session, message);
  }
  own.waiting.clear();
}

// --- Coming and going ------------------------------------------------------------------------------------------------

void PubSub::Enter(Session& session, Membership& membership, ChannelSlotRef slot) {
  membership.slot = std::move(slot);
  membership.position = static_cast<uint32_t>(membership.slot->subscribers.size());
  membership.slot->subscribers.push_back({&session, &membership.position});
}

// The last subscriber takes the place of the one that goes.
void PubSub::Leave(Membership& membership) {
  auto& subscribers = membership.slot->subscribers;
  subscribers[membership.position] = subscribers.back();
  *subscribers[membership.position].position = membership.position;
  subscribers.pop_back();
  membership.slot.reset();
}

template <typename Action>
void PubSub::LeaveChannel(ChannelKind kind, ChannelSlot& slot, const Action& meanwhile) {
  if (kind == ChannelKind::kPattern) {
    patterns_.Leave(slot, meanwhile);
  } else {
    TableOf(kind).Leave(slot, meanwhile);
  }
}

// The state of a client that follows from how many subscriptions it has.
void PubSub::NoteChange(Session& session) {
  const bool was_subscribed = (session.conditions & kSubscribed) != 0;
  const bool is_subscribed = session.subscriptions->Count() != 0;
  if (was_subscribed == is_subscribed || session.subscriptions->is_withdrawn) return;
  session.conditions ^= kSubscribed;
  session.client_class = is_subscribed ? ClientClass::kPubSub : ClientClass::kNormal;
  client_count_.fetch_add(is_subscribed ? size_t{1} : SIZE_MAX, std::memory_order_relaxed);
}

// Messages published before this moment are handed out while the mutex still keeps later ones away.
bool PubSub::Subscribe(Session& session, ChannelKind kind, std::string_view name) {
  Subscriptions& own = SubscriptionsOf(session);
  if (own.Of(kind).find(name) != own.Of(kind).end()) return false;
  const uint32_t worker_index = session.worker_index;
  const auto catch_up = [this, worker_index] { CatchUp(worker_index); };
  catch_up();
  ChannelSlotRef slot = kind == ChannelKind::kPattern ? patterns_.Join(name, worker_index, catch_up)
                                                      : TableOf(kind).Join(name, worker_index, catch_up);
  Membership& membership = own.Of(kind)[slot->name];
  Enter(session, membership, std::move(slot));
  NoteChange(session);
  return true;
}

bool PubSub::Unsubscribe(Session& session, ChannelKind kind, std::string_view name) {
  if (session.subscriptions == nullptr) return false;
  Subscriptions::Memberships& memberships = session.subscriptions->Of(kind);
  const auto found = memberships.find(name);
  if (found == memberships.end()) return false;
  const uint32_t worker_index = session.worker_index;
  const auto catch_up = [this, worker_index] { CatchUp(worker_index); };
  catch_up();
  const ChannelSlotRef slot = found->second.slot;
  if (!session.subscriptions->is_withdrawn) LeaveChannel(kind, *slot, catch_up);
  Leave(found->second);
  memberships.erase(found);
  NoteChange(session);
  return true;
}

void PubSub::UnsubscribeAll(Session& session) {
  if (session.subscriptions == nullptr) return;
  for (const ChannelKind kind : {ChannelKind::kChannel, ChannelKind::kPattern, ChannelKind::kShard}) {
    Subscriptions::Memberships& memberships = session.subscriptions->Of(kind);
    while (!memberships.empty()) Unsubscribe(session, kind, memberships.begin()->first);
  }
}

// Its places among the subscribers of the slots are its worker's, and stay until the client ends.
void PubSub::Withdraw(Session& session) {
  if (session.subscriptions == nullptr || session.subscriptions->is_withdrawn) return;
  Subscriptions& own = *session.subscriptions;
  for (const ChannelKind kind : {ChannelKind::kChannel, ChannelKind::kPattern, ChannelKind::kShard}) {
    for (const auto& [name, membership] : own.Of(kind)) LeaveChannel(kind, *membership.slot, NoAction);
  }
  if (own.monitor.slot != nullptr) monitors_.Leave(*own.monitor.slot, NoAction);
  if (own.Count() != 0) client_count_.fetch_sub(1, std::memory_order_relaxed);
  own.is_withdrawn = true;
}

void PubSub::JoinMonitors(Session& session) {
  Subscriptions& own = SubscriptionsOf(session);
  if (own.monitor.slot != nullptr) return;
  const uint32_t worker_index = session.worker_index;
  CatchUp(worker_index);
  ChannelSlotRef slot = monitors_.Join(kMonitorChannel, worker_index, [this, worker_index] { CatchUp(worker_index); });
  Enter(session, own.monitor, std::move(slot));
  session.conditions |= kIsMonitor;
}

void PubSub::LeaveMonitors(Session& session) {
  if (session.subscriptions == nullptr || session.subscriptions->monitor.slot == nullptr) return;
  if (!session.subscriptions->is_withdrawn) monitors_.Leave(*session.subscriptions->monitor.slot, NoAction);
  Leave(session.subscriptions->monitor);
  session.conditions &= ~uint32_t{kIsMonitor};
}

// What others publish meanwhile must not schedule anything for it.
void PubSub::OnSessionEnd(Session& session) {
  session.closing = Closing::kNow;
  OnSessionReset(session);
}

void PubSub::OnSessionReset(Session& session) {
  UnsubscribeAll(session);
  LeaveMonitors(session);
  session.subscriptions.reset();
}

size_t PubSub::SubscriberCount(ChannelKind kind, std::string_view channel) {
  size_t count = 0;
  TableOf(kind).With(channel,
                     [&count](const Channel* found) { count = found == nullptr ? 0 : found->subscriber_count; });
  return count;
}

}  // namespace cachenode
