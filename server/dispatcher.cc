#include "server/dispatcher.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "protocol/error_text.h"
#include "protocol/resp_parser.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/config/config.h"
#include "server/persistence_service.h"
#include "server/request_gate.h"
#include "server/shard_lock_set.h"
#include "server/stats/latency_monitor.h"
#include "server/stats/slowlog.h"
#include "server/tracking/client_tracking.h"
#include "storage/base/cycle_clock.h"

namespace cachenode {

namespace {

using HashedKey = CommandContext::HashedKey;

// A request of a batch, looked up and hashed before any of the batch runs.
struct Prepared {
  const Command* command;
  uint32_t key_begin;
  uint32_t key_count;
};

// Whether the keys were all hashed beforehand, or must be found when the request runs.
constexpr uint32_t kKeysNotPrepared = UINT32_MAX;

}  // namespace

struct Dispatcher::State {
  State(const ServerParts& node, WorkerStats& worker_stats, uint32_t worker_index, WorldLock::Seat* own_seat)
      : parts(node), stats(worker_stats), context(node, worker_stats, worker_index), gate(node), seat(own_seat) {
    context.SetSeat(own_seat);
    keys.reserve(kPrefetchKeysMax);
    if (own_seat != nullptr) locks.emplace(*node.keyspace, *node.world);
  }

  void Prepare(const Session& session, const RequestBatch& batch, size_t first);
  [[nodiscard]] Prepared PrepareOne(Args args, bool prefetch, uint32_t db);
  [[nodiscard]] bool Run(Session& session, Args args, const Prepared& prepared);
  void Refuse(Session& session, const Command* command, std::string_view error);
  [[nodiscard]] const Command* Resolve(Session& session, const Command* command, Args args);
  [[nodiscard]] bool Call(Session& session, const Command& command, Args args, const Prepared& prepared);
  void BeginTurn(int64_t now_ms);
  [[nodiscard]] std::optional<Status> CallAlone(const Command& command, Args args,
                                                std::span<const HashedKey> request_keys);
  [[nodiscard]] std::optional<Status> CallLocked(const Command& command, Args args,
                                                 std::span<const HashedKey> request_keys);
  [[nodiscard]] bool MustWaitForSnapshot(const Command& command, std::span<const HashedKey> request_keys) const;
  [[nodiscard]] std::span<const HashedKey> KeysFor(const Command& command, Args args, const Prepared& prepared);
  [[nodiscard]] Status Handle(const Command& command, Args args);
  void Account(const Session& session, const Command& command, Args args, bool failed);

  const ServerParts& parts;
  WorkerStats& stats;
  CommandContext context;
  RequestGate gate;
  WorldLock::Seat* const seat;
  std::optional<ShardLockSet> locks;  // Empty without threads: then shards need no locks.
  std::array<Prepared, RequestBatch::kRequestsMax> prepared{};
  std::vector<HashedKey> keys;           // Of the batch, those prepared.
  std::vector<HashedKey> searched_keys;  // Of one request whose keys were not prepared.
  std::vector<KeyPosition> positions;
  bool has_unknown_keys = false;        // The request reaches keys that only running it can tell.
  uint64_t ticks = 0;                   // When the request that runs began.
  uint64_t slowlog_ticks = UINT64_MAX;  // Durations from here on are logged.
  uint64_t latency_ticks = UINT64_MAX;  // Durations from here on are latency spikes.
  bool tracks_latency = false;
  bool clients_track = false;  // Some client wants to hear of keys it has read.
  bool given_back = false;     // The request that was to run gave its turn back: it is offered again, without parking.
};

Prepared Dispatcher::State::PrepareOne(Args args, bool prefetch, uint32_t db) {
  const Command* command = parts.commands->Find(args[0]);
  Prepared result{command, 0, kKeysNotPrepared};
  if (command == nullptr || command->first_key == 0 || command->keys_need_search) return result;
  const auto count = static_cast<int32_t>(args.size());
  const int32_t last = command->last_key >= 0 ? command->last_key : count + command->last_key;
  if (!command->ArityFits(args.size()) || last >= count) return result;
  const auto wanted = static_cast<size_t>((last - command->first_key) / command->key_step + 1);
  if (keys.size() + wanted > kPrefetchKeysMax) return result;
  result.key_begin = static_cast<uint32_t>(keys.size());
  result.key_count = static_cast<uint32_t>(wanted);
  for (int32_t at = command->first_key; at <= last; at += command->key_step) {
    const std::string_view key = args[static_cast<size_t>(at)];
    const KeyHash hash = KeyHash::Of(key);
    keys.push_back({key.data(), hash});
    if (prefetch) parts.keyspace->ShardOf(hash).PrefetchBucket(db, hash);
  }
  return result;
}

// Looks all requests up and brings their buckets, then their entries, into the cache, so that the batch waits for
// memory once and not once a request.
void Dispatcher::State::Prepare(const Session& session, const RequestBatch& batch, size_t first) {
  keys.clear();
  const uint32_t db = session.database;
  const bool prefetch = batch.size() - first > 1;
  for (size_t i = first; i < batch.size(); ++i) prepared[i] = PrepareOne(batch.args(i), prefetch, db);
  if (!prefetch) return;
  for (const HashedKey& key : keys) parts.keyspace->ShardOf(key.hash).PrefetchEntry(db, key.hash);
}

void Dispatcher::State::Refuse(Session& /*session*/, const Command* command, std::string_view error) {
  context.reply().Error(error);
  stats.CountError(error);
  if (command != nullptr) stats.command(command->id).rejected.Increment();
}

// The subcommand where `command` is a container, after replying to what is wrong with the name or the arity: then null.
const Command* Dispatcher::State::Resolve(Session& session, const Command* command, Args args) {
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

std::span<const HashedKey> Dispatcher::State::KeysFor(const Command& command, Args args, const Prepared& ready) {
  has_unknown_keys = false;
  if (ready.key_count != kKeysNotPrepared) return std::span(keys).subspan(ready.key_begin, ready.key_count);
  searched_keys.clear();
  if (command.spec->keys.empty()) return searched_keys;
  const KeySearch search = FindKeysOf(command, args, positions);
  if (search == KeySearch::kInvalid) positions.clear();  // The handler says what is wrong.
  has_unknown_keys = search == KeySearch::kIncomplete && command.spec->find_keys != nullptr;
  for (const KeyPosition& position : positions) {
    const std::string_view key = args[position.index];
    searched_keys.push_back({key.data(), KeyHash::Of(key)});
  }
  return searched_keys;
}

// Whether a write would have to save a bucket for the snapshot that runs while its buffers are full. The keys' shards
// are locked, a set the static analysis cannot know.
bool Dispatcher::State::MustWaitForSnapshot(const Command& command, std::span<const HashedKey> request_keys) const
    CACHENODE_NO_THREAD_SAFETY_ANALYSIS {
  if (!command.Is(kWrite) || parts.persistence == nullptr || !parts.persistence->SnapshotRunning()) return false;
  return std::any_of(request_keys.begin(), request_keys.end(), [this](const HashedKey& key) {
    return parts.persistence->MustPark(parts.keyspace->ShardOf(key.hash), context.db(), key.hash);
  });
}

void Dispatcher::State::BeginTurn(int64_t now_ms) {
  context.BeginTurn(now_ms);
  const Config& config = context.config();
  gate.BeginTurn(config, now_ms);
  tracks_latency = config.latency_tracking;
  clients_track = parts.tracking != nullptr && parts.tracking->Active();
  const int64_t slower_than = config.slowlog_log_slower_than;
  slowlog_ticks = slower_than < 0 ? UINT64_MAX : CycleClock::FromMicroseconds(static_cast<uint64_t>(slower_than));
  const int64_t threshold_ms = config.latency_monitor_threshold;
  latency_ticks =
      threshold_ms <= 0 ? UINT64_MAX : CycleClock::FromMicroseconds(static_cast<uint64_t>(threshold_ms) * 1000);
}

// A command that runs alone may have changed options, a pause or what else this turn's later requests are judged by.
std::optional<Status> Dispatcher::State::CallAlone(const Command& command, Args args,
                                                   std::span<const HashedKey> request_keys) {
  std::optional<Status> status;
  {
    std::optional<WorldExclusive> world;
    if (locks) world.emplace(*parts.world, *seat);
    context.SetHoldsWorld(locks.has_value());
    if (!MustWaitForSnapshot(command, request_keys)) [[likely]]
      status = Handle(command, args);
    context.SetHoldsWorld(false);
  }
  BeginTurn(context.now_ms());
  return status;
}

// With the locks of its keys held, or the world.
Status Dispatcher::State::Handle(const Command& command, Args args) {
  Status status = command.handler(context, args);
  if ((context.session().conditions & kTracksKeys) != 0) [[unlikely]]
    parts.tracking->RememberReads(context.session(), command, args);
  return status;
}

// Nothing when the client must wait for the snapshot; nothing was changed then.
std::optional<Status> Dispatcher::State::CallLocked(const Command& command, Args args,
                                                    std::span<const HashedKey> request_keys) {
  if (command.Is(kExclusive) || has_unknown_keys) [[unlikely]]
    return CallAlone(command, args, request_keys);
  if (request_keys.empty()) return Handle(command, args);
  if (!locks) {
    if (MustWaitForSnapshot(command, request_keys)) [[unlikely]]
      return std::nullopt;
    return Handle(command, args);
  }
  locks->Clear();
  for (const HashedKey& key : request_keys) locks->Add(key.hash);
  locks->Acquire(*seat);
  std::optional<Status> status;
  if (!MustWaitForSnapshot(command, request_keys)) [[likely]]
    status = Handle(command, args);
  locks->Release();
  return status;
}

// Statistics, slow log and latency spikes of the request that just ended; its end is the next one's beginning.
void Dispatcher::State::Account(const Session& session, const Command& command, Args args, bool failed) {
  const uint64_t now = CycleClock::Ticks();
  const uint64_t duration = now - ticks;
  ticks = now;
  CommandStats& counters = stats.command(command.id);
  counters.calls.Increment();
  counters.ticks.Add(duration);
  if (failed) [[unlikely]]
    counters.failed.Increment();
  stats.commands_processed.Increment();
  if (tracks_latency) stats.RecordLatency(command.id, CycleClock::ToNanoseconds(duration));
  if (duration >= slowlog_ticks && parts.slowlog != nullptr && !command.Is(kSkipSlowlog)) [[unlikely]] {
    std::vector<std::string_view> shown;
    if (command.spec->is_secret != nullptr) shown = WithoutSecrets(command, args);
    parts.slowlog->Add({.args = shown.empty() ? args : Args(shown),
                        .duration_us = CycleClock::ToMicroseconds(duration),
                        .time_s = context.now_ms() / 1000,
                        .peer_address = session.peer_address,
                        .client_name = session.name},
                       static_cast<size_t>(context.config().slowlog_max_len));
  }
  if (duration >= latency_ticks && parts.latency != nullptr) [[unlikely]] {
    parts.latency->Add(command.Is(kFast) ? "fast-command" : "command", context.now_ms() / 1000,
                       static_cast<uint32_t>(CycleClock::ToMicroseconds(duration) / 1000));
  }
}

// False when the client must wait, or gave its turn back.
bool Dispatcher::State::Call(Session& session, const Command& command, Args args, const Prepared& ready) {
  const std::span<const HashedKey> request_keys = KeysFor(command, args, ready);
  context.BeginCommand(command);
  context.SetKeys(request_keys);
  if (clients_track) [[unlikely]]
    parts.tracking->BeginRequest(session);
  const ReplyBuffer::Mark mark = context.reply().MarkHere();
  const std::optional<Status> status = CallLocked(command, args, request_keys);
  if (!status) [[unlikely]]
    return false;
  if (!status->ok()) [[unlikely]] {
    context.reply().RollbackTo(mark);
    given_back = context.TakeTurnGivenBack();
    if (given_back) return false;
    const std::string text = ErrorReply(*status, command.full_name);
    context.reply().Error(text);
    stats.CountError(text);
  }
  Account(session, command, args, !status->ok());
  return true;
}

// False when the request must be offered again: after parking the client, or with its next turn.
bool Dispatcher::State::Run(Session& session, Args args, const Prepared& ready) {
  const Command* command = ready.command;
  const bool is_plain = command != nullptr && command->subcommands.empty() && command->ArityFits(args.size());
  if (!is_plain) [[unlikely]] {
    command = Resolve(session, command, args);
    if (command == nullptr) return true;
  }
  if (!gate.PassesAtOnce(session, *command)) [[unlikely]] {
    RequestGate::Decision decision = gate.Check(context, session, *command);
    if (decision.verdict == RequestGate::Verdict::kPark) return false;
    if (decision.verdict == RequestGate::Verdict::kRefuse) {
      Refuse(session, command, ErrorReply(decision.error, command->full_name));
      return true;
    }
  }
  session.last_command = command;
  return Call(session, *command, args, ready);
}

Dispatcher::Dispatcher(const ServerParts& parts, WorkerStats& stats, uint32_t worker_index, WorldLock::Seat* seat)
    : state_(std::make_unique<State>(parts, stats, worker_index, seat)) {}

Dispatcher::~Dispatcher() = default;

CommandContext& Dispatcher::context() { return state_->context; }

void Dispatcher::BeginTurn(int64_t now_ms) { state_->BeginTurn(now_ms); }

size_t Dispatcher::Execute(Session& session, const RequestBatch& batch, uint64_t deadline_ticks) {
  return ExecuteFrom(session, batch, 0, deadline_ticks);
}

namespace {

class ContextUnbinder {
 public:
  explicit ContextUnbinder(CommandContext& context) : context_(context) {}
  ~ContextUnbinder() { context_.Unbind(); }
  ContextUnbinder(const ContextUnbinder&) = delete;
  ContextUnbinder& operator=(const ContextUnbinder&) = delete;

 private:
  CommandContext& context_;
};

// Replies of a client that asked for silence are dropped once written; the mode moves on by one request.
void ApplyReplyMode(Session& session, ReplyBuffer::Mark mark) {
  if (session.reply_mode == ReplyMode::kOff || session.reply_mode == ReplyMode::kSkipping) {
    session.replies.RollbackTo(mark);
    if (session.reply_mode == ReplyMode::kSkipping) session.reply_mode = ReplyMode::kOn;
  } else if (session.reply_mode == ReplyMode::kSkipNext) {
    session.replies.RollbackTo(mark);  // CLIENT REPLY SKIP itself is silent too.
    session.reply_mode = ReplyMode::kSkipping;
  }
}

}  // namespace

size_t Dispatcher::ExecuteFrom(Session& session, const RequestBatch& batch, size_t first, uint64_t deadline_ticks) {
  State& state = *state_;
  const ContextUnbinder unbinder(state.context);
  state.Prepare(session, batch, first);
  state.context.Bind(session);
  state.ticks = CycleClock::Ticks();
  for (size_t i = first; i < batch.size(); ++i) {
    const ReplyBuffer::Mark mark = session.replies.MarkHere();
    session.argument_bytes = batch.wire_bytes(i);
    const bool is_tracked = state.clients_track;
    const bool is_finished = state.Run(session, batch.args(i), state.prepared[i]);
    if (is_finished && session.reply_mode != ReplyMode::kOn) [[unlikely]]
      ApplyReplyMode(session, mark);
    if (is_tracked) [[unlikely]]
      state.parts.tracking->EndRequest(session, batch.args(i)[0]);
    if (!is_finished) {
      if (std::exchange(state.given_back, false)) return i;
      session.paused = true;
      if (session.connection != nullptr) session.connection->Park();
      return i;
    }
    if (session.closing != Closing::kNo) [[unlikely]]
      return i + 1;
    if (state.ticks >= deadline_ticks) [[unlikely]]
      return i + 1;
  }
  return batch.size();
}

void Dispatcher::ExecuteOne(Session& session, Args args) {
  State& state = *state_;
  const ContextUnbinder unbinder(state.context);
  state.keys.clear();
  const Prepared ready = state.PrepareOne(args, false, session.database);
  state.context.Bind(session);
  state.ticks = CycleClock::Ticks();
  const ReplyBuffer::Mark mark = session.replies.MarkHere();
  const bool is_tracked = state.clients_track;
  const bool ran = state.Run(session, args, ready);
  if (ran && session.reply_mode != ReplyMode::kOn) ApplyReplyMode(session, mark);
  if (is_tracked) state.parts.tracking->EndRequest(session, args[0]);
}

}  // namespace cachenode
