#include "server/blocking/wait_table.h"

#include <cassert>
#include <utility>

#include "protocol/resp_writer.h"
#include "server/client_registry.h"
#include "server/command_context.h"
#include "server/node_state.h"
#include "server/wait_accounting.h"

namespace cachenode {

WaitTable::WaitTable(const ServerParts& parts, uint32_t worker_count)
    : parts_(parts), workers_(worker_count), shards_(parts.keyspace->shard_count()) {}

WaitTable::~WaitTable() = default;

void WaitTable::Attach(uint32_t worker_index, WorldLock::Seat* seat, std::function<void(int64_t)> set_alarm) {
  PerWorker& worker = workers_[worker_index];
  worker.seat = seat;
  worker.set_alarm = std::move(set_alarm);
  if (seat != nullptr) worker.locks = std::make_unique<ShardLockSet>(*parts_.keyspace, *parts_.world);
}

KeyQueues& WaitTable::QueuesOf(KeyHash hash) noexcept { return shards_[parts_.keyspace->ShardIndexOf(hash)]; }

void WaitTable::Count(const QueueChange& change) noexcept {
  if (change.queues != 0) queue_count_.fetch_add(change.queues, std::memory_order_relaxed);
  if (change.queues_ending_with_key != 0) {
    no_key_count_.fetch_add(change.queues_ending_with_key, std::memory_order_relaxed);
  }
  if (change.moves != 0) waiting_moves_.fetch_add(change.moves, std::memory_order_relaxed);
}

// --- Going to wait ---------------------------------------------------------------------------------------------------

// What EXEC and scripts run is not the request their client sent.
bool WaitTable::MayBlock(CommandContext& context) {
  const Session& session = context.session();
  return !session.is_internal && session.last_command == &context.command();
}

void WaitTable::Block(CommandContext& context, Request request) { context.parts().waits->Enter(context, request); }

Status WaitTable::BlockOrNullArray(CommandContext& context, Request request) {
  if (MayBlock(context)) {
    Block(context, std::move(request));
  } else {
    context.reply().NullArray();
  }
  return Status::Ok();
}

// The shards of the keys are locked, which the dispatcher did.
void WaitTable::Enter(CommandContext& context, Request& request) {
  Session& session = context.session();
  auto blocked = std::make_unique<BlockedClient>(request.args);
  BlockedClient& client = *blocked;
  client.session = &session;
  client.id = session.id;
  client.worker_index = session.worker_index;
  client.database = session.database;
  client.resp_version = session.resp_version;
  client.no_touch = session.no_touch;
  client.timeout_reply = request.timeout_reply;
  client.command = &context.command();
  client.wait = std::move(request.wait);
  client.deadline_ms = request.deadline_ms;
  if (!request.keys.empty() && workers_.size() > 1) client.direct_reply = std::make_shared<DirectReply>();
  session.blocked = std::move(blocked);

  // Before the first place is linked: whoever locks the shard afterwards sees the interest.
  if (!request.keys.empty()) parts_.state->key_interest.Add(1);
  client.places.reserve(request.keys.size());  // Places never move.
  for (const std::string_view key : request.keys) {
    const KeyHash hash = KeyHash::Of(key);
    KeyQueues& queues = QueuesOf(hash);
    const KeyQueue* const queue = queues.Find(client.database, hash, key);
    if (queue != nullptr && queue->last->client == &client) continue;  // The key is named twice.
    WaitPlace& place = client.places.emplace_back();
    place.client = &client;
    place.hash = hash;
    Count(queues.Append(place, client.database, hash, key));
  }
  if (client.deadline_ms == 0) return;
  PerWorker& worker = workers_[client.worker_index];
  worker.deadlines.Add(client);
  deadline_count_.fetch_add(1, std::memory_order_relaxed);
  Arm(worker);
}

void WaitTable::NoteBlocked(CommandContext& context, Session& session, uint64_t ticks) {
  CountWaitBegun(context, *session.blocked, ticks);
}

void WaitTable::Arm(PerWorker& worker) {
  const BlockedClient* const first = worker.deadlines.First();
  const int64_t due_ms = first == nullptr ? INT64_MAX : first->deadline_ms;
  // An alarm that comes too early finds nothing and sets the next.
  if (due_ms >= worker.alarm_ms || !worker.set_alarm) return;
  worker.alarm_ms = due_ms;
  worker.set_alarm(due_ms);
}

// --- Ending a wait ---------------------------------------------------------------------------------------------------

// The owner's way out of one queue: the lock of its shard, and nothing else, is held meanwhile.
void WaitTable::Unlink(WaitPlace& place) {
  PerWorker& worker = workers_[place.client->worker_index];
  if (worker.locks == nullptr) {
    if (place.queue != nullptr) Count(QueuesOf(place.hash).Remove(place));
    return;
  }
  worker.locks->Clear();
  worker.locks->Add(place.hash);
  worker.locks->Acquire(*worker.seat);
  if (place.queue != nullptr) Count(QueuesOf(place.hash).Remove(place));
  worker.locks->Release();
}

void WaitTable::Leave(Session& session) {
  BlockedClient& client = *session.blocked;
  if (client.direct_reply != nullptr) {
    client.direct_reply->Forbid();
    session.counts_as_blocked = !client.direct_reply->HasSent();
  }
  if (client.places_linked.load(std::memory_order_acquire) != 0) {
    for (WaitPlace& place : client.places) Unlink(place);
  }
  if (!client.places.empty()) parts_.state->key_interest.Remove(1);
  if (client.deadline_ms != 0) {
    workers_[client.worker_index].deadlines.Remove(client);
    deadline_count_.fetch_sub(1, std::memory_order_relaxed);
  }
  session.blocked.reset();
}

void WaitTable::OnSessionEnd(Session& session) {
  if (session.blocked == nullptr) return;
  // Lost to somebody who serves it right now: the reply finds no client, as if the connection broke a moment later.
  static_cast<void>(session.blocked->Claim());
  Leave(session);
}

// The wait is over and `reply` is its answer, on the client's worker.
void WaitTable::Finish(Session& session, std::string_view reply, size_t sent) {
  Leave(session);
  if (session.reply_mode == ReplyMode::kOn) {
    assert(sent == 0 || session.replies.empty());
    session.replies.Append(reply);
    session.replies.Consume(sent);
  } else if (session.reply_mode == ReplyMode::kSkipping) {
    session.reply_mode = ReplyMode::kOn;
  }
  if (session.connection == nullptr) return;
  session.connection->ScheduleFlush();
  session.connection->Resume();
}

namespace {

std::string TimeoutReplyOf(const BlockedClient& client) {
  switch (client.timeout_reply) {
    case TimeoutReply::kZero:
      return ":0\r\n";
    case TimeoutReply::kTwoZeros:
      return "*2\r\n:0\r\n:0\r\n";
    case TimeoutReply::kNullArray:
      break;
  }
  return client.resp_version == 3 ? "_\r\n" : "*-1\r\n";
}

}  // namespace

void WaitTable::FinishTimedOut(Session& session, bool by_unblock) {
  CountWaitEnded(parts_, *session.blocked, by_unblock ? WaitEnd::kUnblocked : WaitEnd::kTimeout, {});
  Finish(session, TimeoutReplyOf(*session.blocked));
}

void WaitTable::FinishWithError(Session& session) {
  constexpr std::string_view kText = "UNBLOCKED client unblocked via CLIENT UNBLOCK";
  CountWaitEnded(parts_, *session.blocked, WaitEnd::kUnblocked, kText);
  Finish(session, std::string("-").append(kText).append("\r\n"));
}

void WaitTable::ExpireDue(uint32_t worker_index, int64_t now_ms) {
  PerWorker& worker = workers_[worker_index];
  worker.alarm_ms = INT64_MAX;
  for (BlockedClient* first = worker.deadlines.First(); first != nullptr && first->deadline_ms <= now_ms;
       first = worker.deadlines.First()) {
    if (first->Claim()) {
      FinishTimedOut(*first->session, false);
      continue;
    }
    // Its reply is on the way here; until then it waits for nothing any more.
    worker.deadlines.Remove(*first);
    deadline_count_.fetch_sub(1, std::memory_order_relaxed);
    first->deadline_ms = 0;
  }
  Arm(worker);
}

bool WaitTable::Unblock(Session& session, bool with_error) {
  if (session.blocked == nullptr || !session.blocked->Claim()) return false;
  const auto finish = [this, with_error](Session& own) {
    if (with_error) {
      FinishWithError(own);
    } else {
      FinishTimedOut(own, true);
    }
  };
  if (!parts_.clients->Post(session.id, finish)) finish(session);
  return true;
}

}  // namespace cachenode
