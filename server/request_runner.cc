#include "server/request_runner.h"

#include <algorithm>
#include <cassert>
#include <string>
#include <utility>

#include "protocol/error_text.h"
#include "server/config/config.h"
#include "server/migrate/migrate_table.h"
#include "server/node_state.h"
#include "server/persistence_service.h"
#include "server/stats/latency_monitor.h"
#include "server/stats/slowlog.h"
#include "server/tracking/client_tracking.h"
#include "server/transaction/transaction_state.h"
#include "server/transaction/watch_table.h"
#include "storage/base/cycle_clock.h"

namespace cachenode {

namespace {

// Whether a request has to wait for keys that are on their way to another server: its own, or, when it writes where
// nobody can tell beforehand, any. The keys are locked, or the world.
bool MustWaitForMigration(CommandContext& context, uint32_t flags, std::span<const RequestRunner::HashedKey> keys,
                          bool has_unknown_keys) {
  const MigrateTable* table = context.parts().state->migrations.get();
  if (table == nullptr || !table->HasFences()) [[likely]]
    return false;
  if ((flags & (kWrite | kMayReplicate | kRunsScript)) == 0) return false;
  if (has_unknown_keys || ((flags & kWrite) != 0 && keys.empty())) return true;
  return std::any_of(keys.begin(), keys.end(), [&context, table](const RequestRunner::HashedKey& key) {
    return table->Blocks(context.session().id, context.db(), key.hash);
  });
}

}  // namespace

RequestRunner::RequestRunner(const ServerParts& parts, WorkerStats& stats, uint32_t worker_index, WorldLock::Seat* seat)
    : parts_(parts), stats_(stats), context_(parts, stats, worker_index), gate_(parts), seat_(seat) {
  context_.SetSeat(seat);
  context_.SetNestedRunner(this);
  if (seat != nullptr) locks_.emplace(*parts.keyspace, *parts.world);
}

void RequestRunner::BeginTurn(int64_t now_ms) {
  context_.BeginTurn(now_ms);
  const Config& config = context_.config();
  gate_.BeginTurn(config, now_ms);
  tracks_latency_ = config.latency_tracking;
  clients_track_ = parts_.tracking != nullptr && parts_.tracking->Active();
  const int64_t slower_than = config.slowlog_log_slower_than;
  slowlog_ticks_ = slower_than < 0 ? UINT64_MAX : CycleClock::FromMicroseconds(static_cast<uint64_t>(slower_than));
  const int64_t threshold_ms = config.latency_monitor_threshold;
  latency_ticks_ =
      threshold_ms <= 0 ? UINT64_MAX : CycleClock::FromMicroseconds(static_cast<uint64_t>(threshold_ms) * 1000);
}

void RequestRunner::StartClock() { ticks_ = CycleClock::Ticks(); }

// --- Before it runs --------------------------------------------------------------------------------------------------

// An error before a request ran makes the transaction it belongs to fail; EXEC itself ends it.
void RequestRunner::Refuse(Session& session, const Command* command, std::string_view error) {
  std::string text;
  if ((session.conditions & kInTransaction) != 0) [[unlikely]] {
    if (command != nullptr && command->Is(kRunsQueue)) {
      if (error.starts_with("ERR ")) error.remove_prefix(4);
      text.append("EXECABORT Transaction discarded because of: ").append(error);
      error = text;
      parts_.watches->OnSessionReset(session);
    } else {
      session.transaction->failed = true;
    }
  }
  context_.reply().Error(error);
  stats_.CountError(error);
  if (command != nullptr) stats_.command(command->id).rejected.Increment();
}

// The subcommand where `command` is a container, after replying to what is wrong with the name or the arity: then null.
const Command* RequestRunner::Resolve(Session& session, const Command* command, Args args) {
  if (command == nullptr) [[unlikely]] {
    Refuse(session, nullptr, UnknownCommandText(args));
    return nullptr;
  }
  if (!command->subcommands.empty() && args.size() > 1) {
    const Command* sub = command->FindSubcommand(args[1]);
    if (sub == nullptr) {
      Refuse(session, command, UnknownSubcommandText(command->full_name, args[1]));
      return nullptr;
    }
    command = sub;
  }
  if (!command->ArityFits(args.size()) || command->handler == nullptr) [[unlikely]] {
    Refuse(session, command, WrongArityText(command->full_name));
    return nullptr;
  }
  return command;
}

// Whether the request may run at once: it is not between MULTI and EXEC, or ends or describes the transaction.
// Otherwise it was queued, or refused.
bool RequestRunner::QueueOrRefuse(Session& session, const Command& command, Args args) {
  if ((session.conditions & kInTransaction) == 0 || command.Is(kNeverQueued)) return true;
  if (command.Is(kNoMulti)) {
    Refuse(session, &command, "ERR Command not allowed inside a transaction");
    return false;
  }
  TransactionState& transaction = *session.transaction;
  // What cannot succeed any more is not kept.
  const bool hopeless = transaction.failed || transaction.watched_key_changed.load(std::memory_order_relaxed);
  if (!hopeless) transaction.queue.Append(command, args);
  context_.reply().Queued();
  return false;
}

bool RequestRunner::PassesGate(Session& session, const Command& command, Args args, Outcome& outcome) {
  RequestGate::Decision decision = gate_.Check(context_, session, command, args);
  if (decision.verdict == RequestGate::Verdict::kPark) {
    outcome = Outcome::kMustWait;
    return false;
  }
  outcome = Outcome::kDone;
  if (decision.verdict == RequestGate::Verdict::kRefuse) {
    Refuse(session, &command, ErrorReply(decision.error, command.full_name));
    return false;
  }
  return QueueOrRefuse(session, command, args);
}

RequestRunner::Outcome RequestRunner::Run(Session& session, Args args, const Prepared& prepared) {
  const Command* command = prepared.command;
  const bool is_plain = command != nullptr && command->subcommands.empty() && command->ArityFits(args.size());
  if (!is_plain) [[unlikely]] {
    command = Resolve(session, command, args);
    if (command == nullptr) return Outcome::kDone;
  }
  if (!gate_.PassesAtOnce(session, *command)) [[unlikely]] {
    Outcome outcome = Outcome::kDone;
    if (!PassesGate(session, *command, args, outcome)) return outcome;
  }
  session.last_command = command;
  return Call(session, *command, args, prepared);
}

// --- Keys and locks --------------------------------------------------------------------------------------------------

bool RequestRunner::AddKeysOf(const Command& command, Args args, FoundKeys& found) const {
  if (command.spec->keys.empty() && command.spec->find_keys == nullptr) return true;
  const KeySearch search = FindKeysOf(command, args, found.positions);
  if (search == KeySearch::kInvalid) found.positions.clear();  // The handler says what is wrong.
  for (const KeyPosition& position : found.positions) {
    const std::string_view key = args[position.index];
    found.keys.push_back({key.data(), KeyHash::Of(key)});
  }
  return search != KeySearch::kIncomplete || command.spec->find_keys == nullptr;
}

// Keys of what EXEC will run and of what its client watches. False when EXEC must have the node to itself.
bool RequestRunner::AddQueuedKeys(const Session& session) {
  if (session.transaction == nullptr) return true;
  const TransactionState& transaction = *session.transaction;
  request_flags_ |= transaction.queue.any_flags();
  if ((transaction.queue.any_flags() & (kExclusive | kSelfLocking | kRunsScript)) != 0) return false;
  for (const WatchedKey& watched : transaction.watched) {
    found_.keys.push_back({watched.key.data(), KeyHash::Of(watched.key)});
  }
  for (size_t i = 0; i < transaction.queue.size(); ++i) {
    if (!AddKeysOf(transaction.queue.command(i), transaction.queue.ArgsOf(i, queued_args_), found_)) return false;
  }
  return true;
}

std::span<const RequestRunner::HashedKey> RequestRunner::KeysFor(const Command& command, Args args,
                                                                 const Prepared& prepared) {
  has_unknown_keys_ = false;
  request_flags_ = command.flags;
  if (prepared.has_keys) return prepared.keys;
  found_.keys.clear();
  if (command.Is(kRunsQueue)) [[unlikely]] {
    has_unknown_keys_ = !AddQueuedKeys(context_.session());
  } else {
    has_unknown_keys_ = !AddKeysOf(command, args, found_);
  }
  return found_.keys;
}

// Whether a write would have to save a bucket for the snapshot that runs while its buffers are full. The keys' shards
// are locked, a set the static analysis cannot know.
bool RequestRunner::MustWaitForSnapshot(uint32_t flags,
                                        std::span<const HashedKey> keys) const CACHENODE_NO_THREAD_SAFETY_ANALYSIS {
  if ((flags & kWrite) == 0 || parts_.persistence == nullptr || !parts_.persistence->SnapshotRunning()) return false;
  return std::any_of(keys.begin(), keys.end(), [this](const HashedKey& key) {
    return parts_.persistence->MustPark(parts_.keyspace->ShardOf(key.hash), context_.db(), key.hash);
  });
}

// The locks of the command's keys are held, or the world.
Status RequestRunner::Handle(Session& session, const Command& command, Args args) {
  Status status = command.handler(context_, args);
  if ((session.conditions & kTracksKeys) != 0) [[unlikely]]
    parts_.tracking->RememberReads(session, command, args);
  return status;
}

// Nothing when the client must wait for the snapshot; nothing was changed then. The locks are held.
std::optional<Status> RequestRunner::CallHolding(const Command& command, Args args, std::span<const HashedKey> keys) {
  if (MustWaitForMigration(context_, request_flags_, keys, has_unknown_keys_)) [[unlikely]]
    return std::nullopt;
  if (MustWaitForSnapshot(request_flags_, keys)) [[unlikely]]
    return std::nullopt;
  return Handle(context_.session(), command, args);
}

// A command that runs alone may have changed options, a pause or what else this turn's later requests are judged by.
std::optional<Status> RequestRunner::CallAlone(const Command& command, Args args, std::span<const HashedKey> keys) {
  std::optional<Status> status;
  {
    std::optional<WorldExclusive> world;
    if (locks_) world.emplace(*parts_.world, *seat_);
    context_.SetHoldsWorld(locks_.has_value());
    status = CallHolding(command, args, keys);
    context_.SetHoldsWorld(false);
  }
  BeginTurn(context_.now_ms());
  return status;
}

std::optional<Status> RequestRunner::CallLocked(const Command& command, Args args, std::span<const HashedKey> keys) {
  if (command.Is(kExclusive) || has_unknown_keys_) [[unlikely]]
    return CallAlone(command, args, keys);
  if (keys.empty()) return Handle(context_.session(), command, args);
  if (!locks_) return CallHolding(command, args, keys);
  locks_->Clear();
  for (const HashedKey& key : keys) locks_->Add(key.hash);
  locks_->Acquire(*seat_);
  std::optional<Status> status = CallHolding(command, args, keys);
  if (runs_alone_) [[unlikely]]
    EndRunAlone();
  locks_->Release();
  return status;
}

void RequestRunner::RunAlone() {
  if (!locks_ || context_.locking() == Locking::kWorldHeld) return;
  parts_.world->Upgrade(*seat_);
  context_.SetHoldsWorld(true);
  runs_alone_ = true;
}

void RequestRunner::EndRunAlone() {
  runs_alone_ = false;
  context_.SetHoldsWorld(false);
  parts_.world->UnlockExclusive(*seat_);
}

// --- Running ---------------------------------------------------------------------------------------------------------

// Statistics, slow log and latency spikes of the request that just ended; its end is the next one's beginning.
void RequestRunner::Account(const Session& session, const Command& command, Args args, bool failed) {
  const uint64_t now = CycleClock::Ticks();
  const uint64_t duration = now - ticks_;
  ticks_ = now;
  CommandStats& counters = stats_.command(command.id);
  counters.calls.Increment();
  counters.ticks.Add(duration);
  if (failed) [[unlikely]]
    counters.failed.Increment();
  stats_.commands_processed.Increment();
  if (tracks_latency_) stats_.RecordLatency(command.id, CycleClock::ToNanoseconds(duration));
  if (duration >= slowlog_ticks_ && parts_.slowlog != nullptr && !command.Is(kSkipSlowlog)) [[unlikely]] {
    std::vector<std::string_view> shown;
    if (command.spec->is_secret != nullptr) shown = WithoutSecrets(command, args);
    parts_.slowlog->Add({.args = shown.empty() ? args : Args(shown),
                         .duration_us = CycleClock::ToMicroseconds(duration),
                         .time_s = context_.now_ms() / 1000,
                         .peer_address = session.peer_address,
                         .client_name = session.name},
                        static_cast<size_t>(context_.config().slowlog_max_len));
  }
  if (duration >= latency_ticks_ && parts_.latency != nullptr) [[unlikely]] {
    parts_.latency->Add(command.Is(kFast) ? "fast-command" : "command", context_.now_ms() / 1000,
                        static_cast<uint32_t>(CycleClock::ToMicroseconds(duration) / 1000));
  }
}

void RequestRunner::AnswerError(const Command& command, const Status& status) {
  const std::string text = ErrorReply(status, command.full_name);
  context_.reply().Error(text);
  stats_.CountError(text);
}

RequestRunner::Outcome RequestRunner::Call(Session& session, const Command& command, Args args,
                                           const Prepared& prepared) {
  const std::span<const HashedKey> keys = KeysFor(command, args, prepared);
  context_.BeginCommand(command);
  context_.SetKeys(keys);
  if (clients_track_) [[unlikely]]
    parts_.tracking->BeginRequest(session);
  const ReplyBuffer::Mark mark = context_.reply().MarkHere();
  const std::optional<Status> status = CallLocked(command, args, keys);
  if (!status) [[unlikely]]
    return Outcome::kMustWait;
  if (!status->ok()) [[unlikely]] {
    context_.reply().RollbackTo(mark);
    if (context_.TakeTurnGivenBack()) return Outcome::kGivenBack;
    AnswerError(command, *status);
  }
  Account(session, command, args, !status->ok());
  return Outcome::kDone;
}

// --- Inside another request ------------------------------------------------------------------------------------------

// The context as it was, for the length of a nested command.
class RequestRunner::NestedFrame {
 public:
  NestedFrame(RequestRunner& runner, Session& session)
      : runner_(runner), outer_(runner.context_.Suspend(session)), outer_ticks_(runner.ticks_) {
    ++runner_.nesting_;
    runner_.StartClock();
  }
  ~NestedFrame() {
    --runner_.nesting_;
    runner_.ticks_ = outer_ticks_;
    runner_.context_.Restore(outer_);
  }
  NestedFrame(const NestedFrame&) = delete;
  NestedFrame& operator=(const NestedFrame&) = delete;

 private:
  RequestRunner& runner_;
  const CommandContext::Suspended outer_;
  const uint64_t outer_ticks_;
};

bool RequestRunner::RunNested(Session& session, const Command& command, Args args) {
  assert(nesting_ < kNestingMax);
  FoundKeys& found = nested_keys_[nesting_];
  const NestedFrame frame(*this, session);
  found.keys.clear();
  // Keys that only running it can tell are reached under the world lock, and hashed then.
  [[maybe_unused]] const bool all_known = AddKeysOf(command, args, found);
  context_.BeginCommand(command);
  context_.SetKeys(found.keys);
  const ReplyBuffer::Mark mark = context_.reply().MarkHere();
  const Status status = Handle(session.caller != nullptr ? *session.caller : session, command, args);
  if (!status.ok()) {
    context_.reply().RollbackTo(mark);
    AnswerError(command, status);
  }
  Account(session, command, args, !status.ok());
  if (command.Is(kExclusive)) BeginTurn(context_.now_ms());
  return status.ok();
}

bool RequestRunner::Covers(const Command& command, Args args) {
  if (!locks_ || context_.locking() == Locking::kWorldHeld) return true;
  if (command.Is(kExclusive) || command.Is(kSelfLocking)) return false;
  FoundKeys& found = nested_keys_[nesting_];
  found.keys.clear();
  if (!AddKeysOf(command, args, found)) return false;
  return std::all_of(found.keys.begin(), found.keys.end(),
                     [this](const HashedKey& key) { return locks_->Holds(key.hash); });
}

}  // namespace cachenode
