// The changer's side of waiting: which keys it touched, who is served from them, and how the replies leave.
#include <algorithm>
#include <optional>
#include <utility>

#include "protocol/error_text.h"
#include "protocol/resp_writer.h"
#include "server/acl/acl_check.h"
#include "server/blocking/wait_table.h"
#include "server/client_registry.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/config/config.h"
#include "server/node_state.h"
#include "server/wait_accounting.h"
#include "storage/base/clock.h"
#include "storage/base/cycle_clock.h"

namespace cachenode {

// --- Collecting ------------------------------------------------------------------------------------------------------

void WaitTable::Touch(PerWorker& worker, uint32_t db, KeyHash hash, std::string_view key) {
  if (!worker.touched.empty() && worker.touched.back().db == db && worker.touched.back().key == key) return;
  worker.touched.push_back({db, std::string(key), hash});
  worker.has_work = true;
}

void WaitTable::BeforeKeyChange(const KeyPlace& place) {
  if (queue_count_.load(std::memory_order_relaxed) == 0) return;
  const KeyHash hash = KeyHash::Of(place.key);
  if (QueuesOf(hash).Find(place.db, hash, place.key) == nullptr) return;
  Touch(workers_[place.worker_index], place.db, hash, place.key);
}

void WaitTable::BeforeDatabaseChange(DatabaseChange change, const KeyPlace& place, uint32_t other_db) {
  if (queue_count_.load(std::memory_order_relaxed) == 0) return;
  for (KeyQueues& queues : shards_) {
    queues.ForEach([&](const KeyQueue& queue) {
      if (change != DatabaseChange::kAllFlushed && queue.db != place.db && queue.db != other_db) return;
      Touch(workers_[place.worker_index], queue.db, queue.hash, queue.key);
    });
  }
}

// --- The locks a request needs beyond its own keys'
// --------------------------------------------------------------------

WaitTable::Closure WaitTable::CloseOver(std::span<const KeyHash> keys, size_t served_max, const ShardLockSet& locks,
                                        std::vector<KeyHash>& missing) {
  std::vector<KeyHash> reached(keys.begin(), keys.end());
  missing.clear();
  const auto reach = [&reached](const WaitPlace& place) {
    const std::string* const destination = place.client->wait->destination();
    if (destination == nullptr) return;
    const KeyHash hash = KeyHash::Of(*destination);
    const auto is_same = [hash](KeyHash other) { return other.value() == hash.value(); };
    if (std::none_of(reached.begin(), reached.end(), is_same)) reached.push_back(hash);
  };
  for (size_t next = 0; next < reached.size(); ++next) {
    const KeyHash hash = reached[next];  // A copy: more are appended.
    if (!locks.Holds(hash)) {
      missing.push_back(hash);
      continue;
    }
    QueuesOf(hash).ForEachOf(hash, [&](const KeyQueue& queue) {
      if (queue.moves == 0) return;
      size_t served = 0;
      for (const WaitPlace* place = queue.first; place != nullptr && served < served_max; place = place->after) {
        if (place->client->IsClaimed()) continue;
        ++served;
        reach(*place);
      }
    });
  }
  if (missing.empty()) return Closure::kComplete;
  return locks.size() + missing.size() > kClosureShardsMax ? Closure::kTooWide : Closure::kGrown;
}

// --- Serving ---------------------------------------------------------------------------------------------------------

void WaitTable::Serve(CommandContext& context, Session* asker, const ShardLockSet* held) {
  PerWorker& worker = workers_[context.worker_index()];
  if (worker.touched.empty()) return;
  // What expired while the request ran is gone for those it wakes.
  context.BeginTurn(parts_.clock->NowUs() / 1000);
  while (!worker.touched.empty()) {  // Moves touch further keys.
    worker.round.swap(worker.touched);
    for (TouchedKey& key : worker.round) {
      if (held != nullptr && !held->Holds(key.hash)) {
        worker.later.push_back(std::move(key));
      } else {
        ServeKey(context, worker, key, held);
      }
    }
    worker.round.clear();
  }
  if (asker != nullptr) context.Bind(*asker);
}

void WaitTable::ServeKey(CommandContext& context, PerWorker& worker, const TouchedKey& key, const ShardLockSet* held) {
  const KeyQueue* const queue = QueuesOf(key.hash).Find(key.db, key.hash, key.key);
  if (queue == nullptr) return;
  WaitPlace* next = queue->first;
  while (next != nullptr) {
    WaitPlace& place = *next;
    next = place.after;
    if (!ServePlace(context, worker, place, key, held)) return;
  }
}

// False when nobody further back in the queue can be served. The key's shard is locked, beyond the static analysis.
bool WaitTable::ServePlace(CommandContext& context, PerWorker& worker, WaitPlace& place, const TouchedKey& key,
                           const ShardLockSet* held) CACHENODE_NO_THREAD_SAFETY_ANALYSIS {
  BlockedClient& client = *place.client;
  KeyQueues& queues = QueuesOf(place.hash);
  if (client.IsClaimed()) {  // Left or was served elsewhere; its owner has not got here yet.
    Count(queues.Remove(place));
    return true;
  }
  AccessContext access = context.access();
  access.touch = false;
  KeySlot slot = parts_.keyspace->ShardOf(key.hash).Find(key.db, key.hash, key.key, access);
  if (!place.queue->Concerns(slot)) return false;
  const KeyWait::Prospect prospect = client.wait->LookAt(slot);
  if (prospect == KeyWait::Prospect::kNothing) return true;
  const std::string* const destination = client.wait->destination();
  if (held != nullptr && destination != nullptr && !held->Holds(KeyHash::Of(*destination))) {
    // Somebody ahead of it left since the locks were chosen. Its turn comes when this request holds nothing.
    worker.later.push_back(key);
    return false;
  }
  // The place stays linked while it is served: it keeps the client alive.
  if (client.Claim()) Answer(context, worker, client, slot, prospect == KeyWait::Prospect::kLost);
  Count(queues.Remove(place));
  return true;
}

namespace {

// Since 7.2 the permissions count that the user has when it is served; empty when they suffice.
std::string RefusalOf(CommandContext& context, const Session& stand_in, const BlockedClient& client) {
  const EngineVersion& engine = context.config().engine_version;
  if (stand_in.acl_user == nullptr || !engine.AtLeast(7, 2)) return {};
  const AclVerdict verdict =
      CheckPermission(context, stand_in, *client.command, client.arguments.args(), AclContext::kTopLevel);
  return verdict.allows() ? std::string() : PermissionErrorText(engine, stand_in, *client.command, verdict);
}

}  // namespace

// Performs the command for `client` and keeps its reply for Deliver.
void WaitTable::Answer(CommandContext& context, PerWorker& worker, BlockedClient& client, KeySlot& slot, bool is_lost) {
  Session stand_in(client.id, context.worker_index(), *worker.chunks);
  stand_in.database = client.database;
  stand_in.resp_version = client.resp_version;
  stand_in.no_touch = client.no_touch;
  stand_in.authenticated = true;
  stand_in.is_internal = true;
  stand_in.user = client.session->user;
  stand_in.acl_user = client.session->acl_user;
  stand_in.conditions = client.session->conditions & kRestrictedUser;
  context.Bind(stand_in);
  context.BeginCommand(*client.command);
  context.SetKeys({});
  const uint64_t begin = CycleClock::Ticks();
  std::string error = RefusalOf(context, stand_in, client);
  if (error.empty()) {
    const Status status = is_lost ? client.wait->Loss(context, slot) : client.wait->Serve(context, slot);
    if (!status.ok()) error = ErrorReply(status, client.command->full_name);
  }
  if (!error.empty()) {
    stand_in.replies.Clear();
    RespWriter(stand_in.replies).Error(error);
  }
  CountWaitServed(context, client, CycleClock::Ticks() - begin, error);
  const bool is_own = client.worker_index == context.worker_index();
  worker.outbox.push_back(
      {client.id, client.worker_index, stand_in.replies.ToString(), is_own ? nullptr : client.direct_reply});
  stand_in.replies.Clear();
}

// --- Sending ---------------------------------------------------------------------------------------------------------

void WaitTable::ServeLater(CommandContext& context, PerWorker& worker, Session* asker) {
  std::optional<WorldExclusive> world;
  if (worker.seat != nullptr) world.emplace(*parts_.world, *worker.seat);
  for (TouchedKey& key : worker.later) worker.touched.push_back(std::move(key));
  worker.later.clear();
  Serve(context, asker, nullptr);
}

void WaitTable::Deliver(CommandContext& context, Session* asker) {
  PerWorker& worker = workers_[context.worker_index()];
  // What maintenance and eviction touched holding locks of their own.
  for (TouchedKey& key : worker.touched) worker.later.push_back(std::move(key));
  worker.touched.clear();
  if (!worker.later.empty()) ServeLater(context, worker, asker);
  worker.has_work = false;
  std::vector<ReadyReply> outbox;
  outbox.swap(worker.outbox);
  for (ReadyReply& ready : outbox) {
    if (ready.worker_index == context.worker_index()) {
      if (Session* own = parts_.clients->FindOwn(ready.worker_index, ready.client_id)) Finish(*own, ready.bytes);
      continue;
    }
    size_t sent = 0;
    if (ready.direct != nullptr) sent = ready.direct->TrySend(ready.bytes, parts_.state->clients_blocked);
    if (sent != 0) {
      context.stats().writes_processed.Increment();
      context.stats().output_bytes.Add(sent);
    }
    parts_.clients->Post(ready.client_id,
                         [this, bytes = std::move(ready.bytes), sent](Session& own) { Finish(own, bytes, sent); });
  }
}

}  // namespace cachenode
