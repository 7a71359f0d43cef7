#include "server/dispatcher.h"

#include <array>
#include <utility>
#include <vector>

#include "protocol/resp_parser.h"
#include "server/command_context.h"
#include "server/command_table.h"
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
};

// Whether the keys were all hashed beforehand, or must be found when the request runs.
constexpr uint32_t kKeysNotPrepared = UINT32_MAX;

}  // namespace

struct Dispatcher::State {
  State(const ServerParts& node, WorkerStats& stats, uint32_t worker_index, WorldLock::Seat* seat)
      : parts(node), runner(node, stats, worker_index, seat) {
    keys.reserve(kPrefetchKeysMax);
  }

  void Prepare(const Session& session, const RequestBatch& batch, size_t first);
  [[nodiscard]] Looked PrepareOne(Args args, bool prefetch, uint32_t db);
  [[nodiscard]] RequestRunner::Outcome Run(Session& session, Args args, const Looked& looked) {
    RequestRunner::Prepared ready{looked.command, looked.key_count != kKeysNotPrepared, {}};
    if (ready.has_keys) ready.keys = std::span(keys).subspan(looked.key_begin, looked.key_count);
    return runner.Run(session, args, ready);
  }

  const ServerParts& parts;
  RequestRunner runner;
  std::array<Looked, RequestBatch::kRequestsMax> requests{};
  std::vector<HashedKey> keys;  // Of the batch, those prepared.
};

Looked Dispatcher::State::PrepareOne(Args args, bool prefetch, uint32_t db) {
  const Command* command = parts.commands->Find(args[0]);
  Looked result{command, 0, kKeysNotPrepared};
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
  for (size_t i = first; i < batch.size(); ++i) requests[i] = PrepareOne(batch.args(i), prefetch, db);
  if (!prefetch) return;
  for (const HashedKey& key : keys) parts.keyspace->ShardOf(key.hash).PrefetchEntry(db, key.hash);
}

Dispatcher::Dispatcher(const ServerParts& parts, WorkerStats& stats, uint32_t worker_index, WorldLock::Seat* seat)
    : state_(std::make_unique<State>(parts, stats, worker_index, seat)) {}

Dispatcher::~Dispatcher() = default;

CommandContext& Dispatcher::context() { return state_->runner.context(); }

void Dispatcher::BeginTurn(int64_t now_ms) { state_->runner.BeginTurn(now_ms); }

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

size_t Dispatcher::ExecuteFrom(Session& session, const RequestBatch& batch, size_t first, uint64_t deadline_ticks) {
  State& state = *state_;
  const ContextUnbinder unbinder(state.runner.context());
  state.Prepare(session, batch, first);
  state.runner.context().Bind(session);
  state.runner.StartClock();
  for (size_t i = first; i < batch.size(); ++i) {
    const ReplyBuffer::Mark mark = session.replies.MarkHere();
    session.argument_bytes = batch.wire_bytes(i);
    const bool is_tracked = state.runner.clients_track();
    const RequestRunner::Outcome outcome = state.Run(session, batch.args(i), state.requests[i]);
    const bool is_done = outcome == RequestRunner::Outcome::kDone;
    if (is_done && session.blocked == nullptr && session.reply_mode != ReplyMode::kOn) [[unlikely]]
      ApplyReplyMode(session, mark, state.runner.reply_is_push());
    if (is_tracked) [[unlikely]]
      state.parts.tracking->EndRequest(session, batch.args(i)[0]);
    if (session.subscriptions != nullptr) [[unlikely]]
      PubSub::EndRequest(session);
    if (!is_done) [[unlikely]] {
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
  state.keys.clear();
  const Looked ready = state.PrepareOne(args, false, session.database);
  state.runner.context().Bind(session);
  state.runner.StartClock();
  const ReplyBuffer::Mark mark = session.replies.MarkHere();
  const bool is_tracked = state.runner.clients_track();
  const bool is_done = state.Run(session, args, ready) == RequestRunner::Outcome::kDone;
  if (is_done && session.blocked == nullptr && session.reply_mode != ReplyMode::kOn) {
    ApplyReplyMode(session, mark, state.runner.reply_is_push());
  }
  if (is_tracked) state.parts.tracking->EndRequest(session, args[0]);
  PubSub::EndRequest(session);
}

}  // namespace cachenode
