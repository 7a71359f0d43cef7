#include "server/request_runner.h"

#include <algorithm>
#include <cassert>
#include <string>
#include <utility>

#include "protocol/error_text.h"
#include "server/blocking/blocked_client.h"
#include "server/blocking/wait_table.h"
#include "server/config/config.h"
#include "server/key_prefetch.h"
#include "server/migrate/migrate_table.h"
#include "server/monitor/monitor_feed.h"
#include "server/node_state.h"
#include "server/persistence_service.h"
#include "server/pubsub/pubsub.h"
#include "server/script/script_engine.h"
#include "server/stats/command_log.h"
#include "server/stats/latency_monitor.h"
#include "server/stats/slowlog.h"
#include "server/tracking/client_tracking.h"
#include "server/transaction/transaction_state.h"
#include "server/transaction/watch_table.h"
#include "storage/base/cycle_clock.h"

namespace cachenode {

namespace {

constexpr bool kNothingToServe = false;  // Where there is no table of waits.

// How the engine this node stands in for words an unknown command.
UnknownWording UnknownWordingOf(const EngineVersion& engine) {
  if (engine.AtLeast(7, 0)) return UnknownWording::kQuotes;
  return engine.AtLeast(5, 0) ? UnknownWording::kBackquotes : UnknownWording::kBare;
}

// EXEC and scripts may SELECT, COPY and MOVE name a database: where their keys lie, only running them tells.
bool MayChooseDatabase(const Command& command) {
  return command.Is(kRunsQueue) || command.Is(kRunsScript) || command.spec->name == "copy" ||
         command.spec->name == "move";
}

// Whether a request has to wait for keys that are on their way to another server: its own, or, when it writes where
// nobody can tell beforehand, any. The keys are locked, or the world.
bool MustWaitForMigration(CommandContext& context, uint32_t flags, std::span<const RequestRunner::HashedKey> keys,
                          bool has_unknown_keys) {
  const MigrateTable* table = context.parts().state->migrations.get();
  if (table == nullptr || !table->HasFences()) [[likely]]
    return false;
  if ((flags & (kWrite | kMayReplicate | kRunsScript)) == 0) return false;
  if (has_unknown_keys || ((flags & kWrite) != 0 && keys.empty())) return true;
  std::optional<uint32_t> database = context.db();
  if (MayChooseDatabase(context.command())) database.reset();
  return std::any_of(keys.begin(), keys.end(), [&](const RequestRunner::HashedKey& key) {
    return table->Blocks(context.session().id, database, key.hash);
  });
}

}  // namespace

RequestRunner::RequestRunner(const ServerParts& parts, WorkerStats& stats, uint32_t worker_index, WorldLock::Seat* seat)
    : parts_(parts),
      stats_(stats),
      context_(parts, stats, worker_index),
      gate_(parts),
      seat_(seat),
      has_waits_to_serve_(&kNothingToServe) {
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
  large_request_bytes_ = static_cast<uint64_t>(config.commandlog_request_larger_than);  // -1 is the largest of all.
  large_reply_bytes_ = static_cast<uint64_t>(config.commandlog_reply_larger_than);
  const int64_t threshold_ms = config.latency_monitor_threshold;
  latency_ticks_ =
      threshold_ms <= 0 ? UINT64_MAX : CycleClock::FromMicroseconds(static_cast<uint64_t>(threshold_ms) * 1000);
  unusual_ticks_ = std::min(slowlog_ticks_, latency_ticks_);
  if (parts_.waits != nullptr) has_waits_to_serve_ = parts_.waits->WorkFlag(context_.worker_index());
  JudgeCalm();
}

void RequestRunner::JudgeCalm() {
  const bool is_watched = parts_.monitors != nullptr && parts_.monitors->Any();
  is_calm_ = !clients_track_ && !is_watched && !holds_scripts_;
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
    Refuse(session, nullptr, UnknownCommandText(args, UnknownWordingOf(context_.config().engine_version)));
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

// Whether the script, or every script and command of a queue, declares that it writes nothing. Scripts may be looked at
// by who holds their slot only; a client whose turn it is not is told when it is, and its request offered again.
bool RequestRunner::OnlyReadsByItsWord(Session& session, const Command& command, Args args) {
  if (parts_.scripts == nullptr || !parts_.scripts->TryEnter(session)) return false;
  const auto only_reads = [this](const Command& one, Args of_one) {
    if (one.Is(kRunsScript)) return one.Is(kReadOnly) || parts_.scripts->DeclaresNoWrites(one, of_one);
    return (one.flags & (kWrite | kMayReplicate)) == 0;
  };
  bool all_read = true;
  if (command.Is(kRunsQueue)) {
    const CommandQueue& queue = session.transaction->queue;
    for (size_t i = 0; i < queue.size() && all_read; ++i) {
      all_read = only_reads(queue.command(i), queue.ArgsOf(i, queued_args_));
    }
  } else {
    all_read = only_reads(command, args);
  }
  parts_.scripts->Leave(ScriptSlot::With::kKeys);
  return all_read;
}

bool RequestRunner::PassesGate(Session& session, const Command& command, Args args, Outcome& outcome) {
  RequestGate::Decision decision = gate_.Check(context_, session, command, args);
  const bool may_wait = decision.verdict == RequestGate::Verdict::kPark ||
                        decision.verdict == RequestGate::Verdict::kParkUnlessItOnlyReads;
  if (may_wait && (decision.verdict == RequestGate::Verdict::kPark || !OnlyReadsByItsWord(session, command, args))) {
    outcome = Outcome::kMustWait;
    return false;
  }
  outcome = Outcome::kDone;
  if (decision.verdict == RequestGate::Verdict::kRefuse) {
    if (RunsScript(session, command)) parts_.scripts->Forget(session);
    Refuse(session, &command, ErrorReply(decision.error, command.full_name));
    return false;
  }
  return QueueOrRefuse(session, command, args);
}

RequestRunner::Outcome RequestRunner::Run(Session& session, Args args, const Prepared& prepared) {
  const Outcome outcome = RunJudged(session, args, prepared);
  JudgeCalm();
  return outcome;
}

RequestRunner::Outcome RequestRunner::RunJudged(Session& session, Args args, const Prepared& prepared) {
  executed_ = nullptr;
  const Command* command = prepared.command;
  const bool is_found = command != nullptr && command->subcommands.empty() && command->ArityFits(args.size());
  if (!is_found) [[unlikely]] {
    command = Resolve(session, command, args);
    if (command == nullptr) return Outcome::kDone;
  }
  session.last_command = command;
  if (!gate_.PassesAtOnce(session, *command)) [[unlikely]] {
    Outcome outcome = Outcome::kDone;
    if (!PassesGate(session, *command, args, outcome)) return outcome;
    PubSub::BeginRequest(session);
  }
  if (RunsScript(session, *command)) [[unlikely]]
    return CallScript(session, *command, args, prepared);
  if (holds_scripts_) [[unlikely]]
    ReleaseScripts();
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
  if (command.Is(kRunsScript) && parts_.scripts != nullptr) [[unlikely]] {
    has_unknown_keys_ = has_unknown_keys_ || (locks_ && parts_.scripts->NeedsWorld(command, args));
    request_flags_ |= kWrite;  // It may write, and cannot be made to wait once it runs.
  }
  PrefetchManyKeys(*parts_.keyspace, context_.db(), found_.keys);
  return found_.keys;
}

// Whether a write would have to save a bucket for the snapshot that runs while its buffers are full. The keys' shards
// are locked, a set the static analysis cannot know.
bool RequestRunner::MustWaitForSnapshot(uint32_t flags,
                                        std::span<const HashedKey> keys) const CACHENODE_NO_THREAD_SAFETY_ANALYSIS {
  if ((flags & kWrite) == 0 || parts_.persistence == nullptr || !parts_.persistence->SnapshotRunning()) return false;
  for (const HashedKey& key : keys) {
    if (parts_.persistence->MustPark(parts_.keyspace->ShardOf(key.hash), context_.db(), key.hash)) return true;
  }
  return false;
}

// The locks of the command's keys are held, or the world.
Status RequestRunner::Handle(Session& session, const Command& command, Args args) {
  Status status = command.handler(context_, args);
  if ((session.conditions & kTracksKeys) != 0) [[unlikely]]
    parts_.tracking->RememberReads(session, command, args);
  // Monitors are told under the locks, so that they see conflicting requests in the order these ran.
  if (parts_.monitors != nullptr && parts_.monitors->Any()) [[unlikely]] {
    const Session& actor = context_.session();
    const bool is_shown = (actor.conditions & kIsMonitor) == 0 && status.code() != Err::kCancelled;
    if (is_shown) parts_.monitors->FeedAfter(actor, command, args);
  }
  return status;
}

// A monitor's own request stands behind its reply, which an error has only now.
void RequestRunner::ShowOwnRequest(const Session& session, const Command& command, Args args) {
  if ((session.conditions & kIsMonitor) != 0 && parts_.monitors != nullptr) {
    parts_.monitors->FeedAfter(session, command, args);
  }
}

// Nothing when the client must wait for the snapshot; nothing was changed then. The locks are held.
std::optional<Status> RequestRunner::CallHolding(const Command& command, Args args, std::span<const HashedKey> keys) {
  if (MustWaitForMigration(context_, request_flags_, keys, has_unknown_keys_)) [[unlikely]]
    return std::nullopt;
  if (MustWaitForSnapshot(request_flags_, keys)) [[unlikely]]
    return std::nullopt;
  Status status = Handle(context_.session(), command, args);
  ServeWaiting();
  return status;
}

// A command that runs alone may have changed options, a pause or what else this turn's later requests are judged by.
std::optional<Status> RequestRunner::CallAlone(const Command& command, Args args, std::span<const HashedKey> keys) {
  std::optional<Status> status;
  {
    std::optional<WorldExclusive> world;
    if (locks_) world.emplace(*parts_.world, *seat_);
    if (keeps_scripts_ && !holds_scripts_ && (request_flags_ & kRunsScript) != 0) HoldScripts();
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
  // A script may reach keys it did not declare, alone or without threads, and then somebody may wait for them.
  if (keys.empty() && !command.Is(kRunsScript)) return Handle(context_.session(), command, args);
  if (!locks_) return CallHolding(command, args, keys);
  if (gate_.script_is_busy()) [[unlikely]]
    return CallBesideScript(command, args, keys);
  locks_->Clear();
  for (const HashedKey& key : keys) locks_->Add(key.hash);
  locks_->Acquire(*seat_);
  if (parts_.waits != nullptr && parts_.waits->AnyMoves() && (request_flags_ & (kWrite | kRunsScript)) != 0)
      [[unlikely]] {
    if (!LockDestinations(command, args, keys)) {
      locks_->Release();
      return CallAlone(command, args, keys);
    }
  }
  std::optional<Status> status = CallHolding(command, args, keys);
  if (runs_alone_) [[unlikely]]
    EndRunAlone();
  locks_->Release();
  return status;
}

// What may run while a script is busy changes nothing, and must not wait for keys that the script holds.
Status RequestRunner::CallBesideScript(const Command& command, Args args, std::span<const HashedKey> keys) {
  locks_->Clear();
  for (const HashedKey& key : keys) locks_->Add(key.hash);
  holds_keys_ = locks_->TryAcquire();
  Status status = Handle(context_.session(), command, args);
  if (std::exchange(holds_keys_, true)) locks_->Release();
  return status;
}

// Locks what waiting moves from the request's keys will reach. False when that is too much: the world is needed.
bool RequestRunner::LockDestinations(const Command& command, Args args, std::span<const HashedKey> keys) {
  std::vector<KeyHash> hashes;
  std::vector<KeyHash> missing;
  hashes.reserve(keys.size());
  for (const HashedKey& key : keys) hashes.push_back(key.hash);
  // A push, or a move, gives at most as many elements as it has arguments.
  const size_t served_max = command.spec->group == CommandGroup::kList ? args.size() : SIZE_MAX;
  for (int round = 0; round < WaitTable::kClosureRounds; ++round) {
    const WaitTable::Closure closure = parts_.waits->CloseOver(hashes, served_max, *locks_, missing);
    if (closure == WaitTable::Closure::kComplete) return true;
    if (closure == WaitTable::Closure::kTooWide) return false;
    locks_->Release();
    for (const KeyHash hash : missing) locks_->Add(hash);
    locks_->Acquire(*seat_);
  }
  return false;
}

// Whoever waits for keys that the request changed is served, under the request's locks.
void RequestRunner::ServeWaiting() {
  if (parts_.waits == nullptr || !parts_.waits->HasWork(context_.worker_index())) [[likely]]
    return;
  const bool holds_all = !locks_ || context_.locking() == Locking::kWorldHeld;
  parts_.waits->Serve(context_, &context_.session(), holds_all ? nullptr : &*locks_);
}

void RequestRunner::RunAlone() {
  if (!locks_ || context_.locking() == Locking::kWorldHeld) return;
  parts_.world->Upgrade(*seat_);
  // Having the node, the thread needs no shard locks.
  locks_->Release();
  locks_->Clear();
  context_.SetHoldsWorld(true);
  runs_alone_ = true;
}

void RequestRunner::EndRunAlone() {
  runs_alone_ = false;
  context_.SetHoldsWorld(false);
  parts_.world->UnlockExclusive(*seat_);
}

// --- Running ---------------------------------------------------------------------------------------------------------

void RequestRunner::Log(SlowLog& log, const Session& session, const Command& command, Args args,
                        uint64_t amount) const {
  const Config& config = context_.config();
  int64_t max_length = config.slowlog_max_len;
  if (&log == &parts_.command_log->large_requests) max_length = config.commandlog_large_request_max_len;
  if (&log == &parts_.command_log->large_replies) max_length = config.commandlog_large_reply_max_len;
  std::vector<std::string_view> shown;
  if (command.spec->is_secret != nullptr) shown = WithoutSecrets(command, args);
  log.Add({.args = shown.empty() ? args : Args(shown),
           .amount = amount,
           .time_s = context_.now_ms() / 1000,
           .peer_address = session.peer_address,
           .client_name = session.name},
          static_cast<size_t>(max_length));
}

void RequestRunner::Account(const Session& session, const Command& command, Args args, bool failed,
                            uint64_t reply_bytes) {
  const uint64_t duration = Count(command);
  if (failed) [[unlikely]]
    stats_.command(command.id).failed.Increment();
  if (IsUnusual(session, duration, reply_bytes)) [[unlikely]]
    LogUnusual(session, command, args, duration, reply_bytes);
}

// Slow log, command log and latency spikes: the request took long, or it or its reply is large.
void RequestRunner::LogUnusual(const Session& session, const Command& command, Args args, uint64_t duration,
                               uint64_t reply_bytes) {
  if (!command.Is(kSkipSlowlog)) {
    if (duration >= slowlog_ticks_) Log(*parts_.slowlog, session, command, args, CycleClock::ToMicroseconds(duration));
    if (session.argument_bytes >= large_request_bytes_)
      Log(parts_.command_log->large_requests, session, command, args, session.argument_bytes);
    if (reply_bytes >= large_reply_bytes_) Log(parts_.command_log->large_replies, session, command, args, reply_bytes);
  }
  if (duration >= latency_ticks_ && parts_.latency != nullptr) {
    parts_.latency->Add(command.Is(kFast) ? "fast-command" : "command", context_.now_ms() / 1000,
                        static_cast<uint32_t>(CycleClock::ToMicroseconds(duration) / 1000));
  }
}

void RequestRunner::AnswerError(const Command& command, const Status& status) {
  const std::string text = ErrorReply(status, command.full_name);
  context_.reply().Error(text);
  if (!std::exchange(error_is_counted_, false)) stats_.CountError(text);
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
  return Finish(session, command, args, *status, mark);
}

// What follows the handler, without locks: the error, the books, and who waits for what the request changed.
RequestRunner::Outcome RequestRunner::Finish(Session& session, const Command& command, Args args, const Status& status,
                                             Mark mark) {
  if (!status.ok()) [[unlikely]] {
    context_.reply().RollbackTo(mark);
    if (context_.TakeTurnGivenBack()) return Outcome::kGivenBack;
    AnswerError(command, status);
  }
  executed_ = &command;
  if (session.blocked != nullptr) [[unlikely]] {
    NoteBlocked(session);
    return Outcome::kDone;
  }
  if (session.conditions != 0) [[unlikely]]
    ShowOwnRequest(session, command, args);
  Account(session, command, args, !status.ok(), context_.reply().MarkHere().position - mark.position);
  if (parts_.waits != nullptr && parts_.waits->HasWork(context_.worker_index())) [[unlikely]]
    parts_.waits->Deliver(context_, &session);
  return Outcome::kDone;
}

// The request goes on when something comes for its client, or its time is up.
void RequestRunner::NoteBlocked(Session& session) {
  const uint64_t now = CycleClock::Ticks();
  parts_.waits->NoteBlocked(context_, session, now - ticks_);
  ticks_ = now;
  if (session.connection != nullptr) session.connection->Park();
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
  // What a script calls is read by the client that runs it, or by the script's own session, which tracks nothing.
  const bool for_caller = session.caller != nullptr && !session.tracks_declared_keys;
  const Status status = Handle(for_caller ? *session.caller : session, command, args);
  if (!status.ok()) {
    context_.reply().RollbackTo(mark);
    AnswerError(command, status);
  }
  ShowOwnRequest(session, command, args);
  Account(session, command, args, !status.ok(), context_.reply().MarkHere().position - mark.position);
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
