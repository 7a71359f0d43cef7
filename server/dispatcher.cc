#include "server/dispatcher.h"

#include <array>
#include <span>

#include "protocol/resp_parser.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/key_prefetch.h"
#include "server/pubsub/pubsub.h"
#include "server/request_runner.h"
#include "server/tracking/client_tracking.h"

namespace cachenode {

namespace {

using HashedKey = CommandContext::HashedKey;

// A request of a batch, looked up and hashed before any of the batch runs.
struct Looked {
  const Command* command;
  uint32_t key_begin;
  uint32_t key_count;
  bool is_plain;  // Its row is (Command::is_plain), its arguments are as many as they must be, and its keys are hashed.
};

// Whether the keys were all hashed beforehand, or must be found when the request runs.
constexpr uint32_t kKeysNotPrepared = UINT32_MAX;

}  // namespace

struct Dispatcher::State {
  State(const ServerParts& node, WorkerStats& stats, uint32_t worker_index, WorldLock::Seat* seat)
      : parts(node), runner(node, stats, worker_index, seat) {}

  void Prepare(const Session& session, const RequestBatch& batch, size_t first);
  [[nodiscard]] Looked PrepareOne(Args args, bool prefetch, uint32_t db);
  [[nodiscard]] std::span<const HashedKey> KeysOf(const Looked& looked) const {
    return {keys.data() + looked.key_begin, looked.key_count};
  }
  [[nodiscard]] RequestRunner::Outcome Run(Session& session, Args args, const Looked& looked) {
    RequestRunner::Prepared ready{looked.command, looked.key_count != kKeysNotPrepared, {}};
    if (ready.has_keys) ready.keys = KeysOf(looked);
    return runner.Run(session, args, ready);
  }
  // Goes along from one request of a client to the next.
  struct Place {
    bool is_calm;            // RequestRunner::IsCalmFor the client.
    ReplyBuffer::Mark mark;  // Where the next reply begins.
  };
  [[nodiscard]] Place Begin(Session& session);
  [[nodiscard]] RequestRunner::Outcome RunNext(Session& session, Args args, const Looked& looked, Place& place) {
    if (place.is_calm && looked.is_plain && runner.PassesMemory()) [[likely]] {
      const auto outcome = runner.RunPlain(session, *looked.command, args, KeysOf(looked), place.mark);
      if (outcome) [[likely]]
        return *outcome;
    }
    return RunAny(session, args, looked, place);
  }
  [[nodiscard]] RequestRunner::Outcome RunAny(Session& session, Args args, const Looked& looked, Place& place);

  const ServerParts& parts;
  RequestRunner runner;
  std::array<Looked, RequestBatch::kRequestsMax> requests{};
  std::array<HashedKey, kPrefetchKeysMax> keys{};  // Of the batch, those prepared: the first key_count.
  size_t key_count = 0;
};

Looked Dispatcher::State::PrepareOne(Args args, bool prefetch, uint32_t db) {
  const Command* command = parts.commands->Find(args[0]);
  Looked result{command, 0, kKeysNotPrepared, false};
  if (command == nullptr || !command->ArityFits(args.size())) [[unlikely]]
    return result;
  if (command->first_key == 0 || command->keys_need_search) {
    result.is_plain = command->is_plain;  // Then it has no keys.
    if (result.is_plain) result.key_count = 0;
    return result;
  }
  const auto count = static_cast<int32_t>(args.size());
  const int32_t last = command->last_key >= 0 ? command->last_key : count + command->last_key;
  if (last >= count) [[unlikely]]
    return result;
  // Most commands have one key; the division is dear.
  const size_t wanted =
      last == command->first_key ? 1 : static_cast<size_t>((last - command->first_key) / command->key_step + 1);
  if (key_count + wanted > kPrefetchKeysMax) [[unlikely]]
    return result;
  result.is_plain = command->is_plain;
  result.key_begin = static_cast<uint32_t>(key_count);
  result.key_count = static_cast<uint32_t>(wanted);
  for (int32_t at = command->first_key; at <= last; at += command->key_step) {
    const std::string_view key = args[static_cast<size_t>(at)];
    const KeyHash hash = KeyHash::Of(key);
    keys[key_count++] = {key.data(), hash};
    if (prefetch) parts.keyspace->ShardOf(hash).PrefetchBucket(db, hash);
  }
  return result;
}

// Looks all requests up and brings their buckets, then their entries, into the cache, so that the batch waits for
// memory once and not once a request.
void Dispatcher::State::Prepare(const Session& session, const RequestBatch& batch, size_t first) {
  key_count = 0;
  const uint32_t db = session.database;
  const bool prefetch = batch.size() - first > 1;
  for (size_t i = first; i < batch.size(); ++i) requests[i] = PrepareOne(batch.args(i), prefetch, db);
  const std::span<const HashedKey> known = std::span(keys).first(key_count);
  if (prefetch) {
    for (const HashedKey& key : known) parts.keyspace->ShardOf(key.hash).PrefetchEntry(db, key.hash);
  } else {
    PrefetchManyKeys(*parts.keyspace, db, known);
  }
}

Dispatcher::Dispatcher(const ServerParts& parts, WorkerStats& stats, uint32_t worker_index, WorldLock::Seat* seat)
    : state_(std::make_unique<State>(parts, stats, worker_index, seat)) {}

Dispatcher::~Dispatcher() = default;

CommandContext& Dispatcher::context() { return state_->runner.context(); }

void Dispatcher::BeginTurn(int64_t now_ms) { state_->runner.BeginTurn(now_ms); }

void Dispatcher::KeepScripts() { state_->runner.KeepScripts(); }

void Dispatcher::ReleaseScripts() { state_->runner.ReleaseScripts(); }

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

// Replies of a client that asked for silence are dropped once written, but for confirmations of subscriptions; the mode
// moves on by one request.
void ApplyReplyMode(Session& session, ReplyBuffer::Mark mark, bool is_push) {
  if (session.reply_mode == ReplyMode::kOff || session.reply_mode == ReplyMode::kSkipping) {
    if (!is_push) session.replies.RollbackTo(mark);
    if (session.reply_mode == ReplyMode::kSkipping) session.reply_mode = ReplyMode::kOn;
  } else if (session.reply_mode == ReplyMode::kSkipNext) {
    session.replies.RollbackTo(mark);  // CLIENT REPLY SKIP itself is silent too.
    session.reply_mode = ReplyMode::kSkipping;
  }
}

}  // namespace

Dispatcher::State::Place Dispatcher::State::Begin(Session& session) {
  runner.context().Bind(session);
  runner.StartClock();
  return {runner.IsCalmFor(session), session.replies.MarkHere()};
}

// One that may have to be followed by what only some requests and clients need.
RequestRunner::Outcome Dispatcher::State::RunAny(Session& session, Args args, const Looked& looked, Place& place) {
  const bool is_tracked = runner.clients_track();
  const RequestRunner::Outcome outcome = Run(session, args, looked);
  const bool is_answered = outcome == RequestRunner::Outcome::kDone && session.blocked == nullptr;
  if (is_answered && session.reply_mode != ReplyMode::kOn) ApplyReplyMode(session, place.mark, runner.reply_is_push());
  if (is_tracked) parts.tracking->EndRequest(session, args[0]);
  PubSub::EndRequest(session);
  place = {runner.IsCalmFor(session), session.replies.MarkHere()};
  return outcome;
}

size_t Dispatcher::ExecuteFrom(Session& session, const RequestBatch& batch, size_t first, uint64_t deadline_ticks) {
  State& state = *state_;
  const ContextUnbinder unbinder(state.runner.context());
  state.Prepare(session, batch, first);
  State::Place place = state.Begin(session);
  for (size_t i = first; i < batch.size(); ++i) {
    session.argument_bytes = batch.wire_bytes(i);
    const RequestRunner::Outcome outcome = state.RunNext(session, batch.args(i), state.requests[i], place);
    if (outcome != RequestRunner::Outcome::kDone) [[unlikely]] {
      if (outcome == RequestRunner::Outcome::kGivenBack) return i;
      session.paused = true;
      if (session.connection != nullptr) session.connection->Park();
      return i;
    }
    if (session.closing != Closing::kNo || session.blocked != nullptr) [[unlikely]]
      return i + 1;
    if (state.runner.clock_ticks() >= deadline_ticks) [[unlikely]]
      return i + 1;
  }
  return batch.size();
}

void Dispatcher::ExecuteOne(Session& session, Args args) {
  State& state = *state_;
  const ContextUnbinder unbinder(state.runner.context());
  state.key_count = 0;
  const Looked looked = state.PrepareOne(args, false, session.database);
  State::Place place = state.Begin(session);
  // Nobody offers it again: one that must wait is dropped.
  [[maybe_unused]] const RequestRunner::Outcome outcome = state.RunNext(session, args, looked, place);
}

}  // namespace cachenode
