// Several commands as one: MULTI, EXEC, DISCARD, and WATCH, UNWATCH, which make EXEC depend on keys.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/resp_writer.h"
#include "server/acl/acl_check.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/commands/families.h"
#include "server/config/config.h"
#include "server/nested_runner.h"
#include "server/transaction/transaction_state.h"
#include "server/transaction/watch_table.h"

namespace cachenode {
namespace {

bool IsQueueing(const Session& session) { return (session.conditions & kInTransaction) != 0; }

// The client is out of its transaction and has forgotten what it queued. Watched keys are the caller's.
void EndTransaction(Session& session) {
  TransactionState& state = *session.transaction;
  state.queueing = false;
  state.failed = false;
  state.queue.Clear();
  session.conditions &= ~static_cast<uint32_t>(kInTransaction);
}

// MULTI -> OK; what follows is queued until EXEC or DISCARD.
Status Multi(CommandContext& context, Args /*args*/) {
  Session& session = context.session();
  if (IsQueueing(session)) {
    const bool is_valkey9 = context.config().engine_version.AtLeastValkey(9, 1);
    if (!is_valkey9) return Status::Text("ERR MULTI calls can not be nested");
    session.transaction->failed = true;
    return Status::Text("ERR Command 'multi' not allowed inside a transaction");
  }
  if (session.transaction == nullptr) session.transaction = std::make_unique<TransactionState>();
  session.transaction->queueing = true;
  session.conditions |= kInTransaction;
  context.reply().Ok();
  return Status::Ok();
}

// A key that expired since it was watched has changed as well, even where nothing may be erased now.
bool WatchedKeysChanged(CommandContext& context, TransactionState& state) {
  const uint32_t own_db = context.db();
  for (const WatchedKey& watched : state.watched) {
    context.session().database = watched.db;
    const bool is_gone = watched.aside ? context.parts().watches->ExpiredSince(watched, context.now_ms())
                                       : watched.existed && !context.Inspect(watched.key).Exists();
    context.session().database = own_db;
    if (is_gone) return true;
  }
  return state.watched_key_changed.load(std::memory_order_relaxed);
}

// Runs what was queued, unless the client's permission went in the meantime.
void RunQueued(CommandContext& context, Session& session, const Command& command, Args args) {
  const AclVerdict verdict = CheckPermission(context, session, command, args, AclContext::kMulti);
  if (verdict.allows()) {
    context.nested().RunNested(session, command, args);
    return;
  }
  const std::string text = PermissionErrorInExec(verdict);
  context.reply().Error(text);
  context.stats().CountError(text);
}

// EXEC -> the replies of all queued commands; null when a watched key changed. Runs under the locks of all keys that
// are queued and watched.
Status Exec(CommandContext& context, Args /*args*/) {
  Session& session = context.session();
  if (!IsQueueing(session)) return Status::Text("ERR EXEC without MULTI");
  TransactionState& state = *session.transaction;
  const bool failed = state.failed;
  const bool changed = !failed && WatchedKeysChanged(context, state);
  context.parts().watches->UnwatchAllLocked(session);
  if (failed || changed) {
    EndTransaction(session);
    if (failed) return Status::Text("EXECABORT Transaction discarded because of previous errors.");
    context.reply().NullArray();
    return Status::Ok();
  }
  // From here on the client is outside of its transaction, as the commands see it. The queue goes back for its room.
  CommandQueue queue = std::exchange(state.queue, CommandQueue());
  EndTransaction(session);
  context.reply().ArrayHeader(queue.size());
  std::vector<std::string_view> args;
  for (size_t i = 0; i < queue.size(); ++i) {
    RunQueued(context, session, queue.command(i), queue.ArgsOf(i, args));
    context.reply().Raw({});  // The item is written.
  }
  queue.Clear();
  if (session.transaction != nullptr) session.transaction->queue = std::move(queue);
  return Status::Ok();
}

// DISCARD -> OK; nothing that was queued runs, nothing is watched any more.
Status Discard(CommandContext& context, Args /*args*/) {
  Session& session = context.session();
  if (!IsQueueing(session)) return Status::Text("ERR DISCARD without MULTI");
  EndTransaction(session);
  context.parts().watches->UnwatchAll(session);
  context.reply().Ok();
  return Status::Ok();
}

// WATCH key [key ...] -> OK; a change of any makes the next EXEC answer null.
Status Watch(CommandContext& context, Args args) {
  Session& session = context.session();
  if (IsQueueing(session)) {
    const bool is_valkey9 = context.config().engine_version.AtLeastValkey(9, 1);
    if (!is_valkey9) return Status::Text("ERR WATCH inside MULTI is not allowed");
    session.transaction->failed = true;
    return Status::Text("ERR Command 'watch' not allowed inside a transaction");
  }
  // A transaction that has failed already needs no further keys.
  const bool is_hopeless = session.transaction != nullptr && session.transaction->watched_key_changed.load();
  WatchTable& watches = *context.parts().watches;
  const bool may_look = context.nested().HoldsKeys();
  for (size_t i = 1; !is_hopeless && i < args.size(); ++i) {
    if (may_look) {
      watches.Watch(session, context.db(), args[i], context.Inspect(args[i]).Exists());
    } else {
      watches.WatchAside(session, context.db(), args[i], context.now_ms());
    }
  }
  context.reply().Ok();
  return Status::Ok();
}

// UNWATCH -> OK.
Status Unwatch(CommandContext& context, Args /*args*/) {
  context.parts().watches->UnwatchAll(context.session());
  context.reply().Ok();
  return Status::Ok();
}

constexpr CommandSpec kTransactionCommands[] = {
    {.name = "discard",
     .arity = 1,
     .flags = kAllowBusy | kFast | kLoading | kNeverQueued | kNoScript | kStale,
     .acl = kAclTransaction,
     .handler = Discard,
     .group = CommandGroup::kTransactions,
     .doc = {.summary = "Forgets the queued commands and the watched keys.", .since = "2.0.0", .complexity = "O(N)"}},
    {.name = "exec",
     .arity = 1,
     .flags = kLoading | kNeverQueued | kNoScript | kRunsQueue | kSkipSlowlog | kStale,
     .acl = kAclTransaction,
     .handler = Exec,
     .group = CommandGroup::kTransactions,
     .doc = {.summary = "Runs the queued commands without anything in between.",
             .since = "1.2.0",
             .complexity = "Depends on the commands"}},
    {.name = "multi",
     .arity = 1,
     .flags = kAllowBusy | kFast | kLoading | kNeverQueued | kNoMulti | kNoScript | kStale,
     .acl = kAclTransaction,
     .handler = Multi,
     .group = CommandGroup::kTransactions,
     .doc = {.summary = "Begins to queue commands for EXEC.", .since = "1.2.0", .complexity = "O(1)"}},
    {.name = "unwatch",
     .arity = 1,
     .flags = kAllowBusy | kFast | kLoading | kNoScript | kSelfLocking | kStale,
     .acl = kAclTransaction,
     .handler = Unwatch,
     .group = CommandGroup::kTransactions,
     .doc = {.summary = "Forgets the watched keys.", .since = "2.2.0", .complexity = "O(1)"}},
    {.name = "watch",
     .arity = -2,
     .flags = kAllowBusy | kFast | kLoading | kNeverQueued | kNoMulti | kNoScript | kStale,
     .keys = KeySpecs(KeySpec::Range(1, -1, 1, kKeyReadOnly)),
     .acl = kAclTransaction,
     .handler = Watch,
     .group = CommandGroup::kTransactions,
     .doc = {.summary = "Makes the next EXEC depend on keys staying as they are.",
             .since = "2.2.0",
             .complexity = "O(1) for each key",
             .arguments = "key:key@0*"}},
};

}  // namespace

std::span<const CommandSpec> TransactionCommands() { return kTransactionCommands; }

}  // namespace cachenode
