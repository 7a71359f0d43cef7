// One request from its command to its reply: what must hold before it runs, queueing between MULTI and EXEC, the locks
// of its keys, the handler, the error, the books. One per worker; the dispatcher brings it requests.
//
// Two ways: Run looks at everything that can hold for a request; RunPlain takes nearly all of them, when none of it
// does.
//
// Thread-safety: its worker's thread only.
// Invariants: exactly one reply per request that ended; locks are taken before the handler and released after its reply
//   is written; nothing is waited for after a handler's first change.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "server/command_context.h"
#include "server/command_table.h"
#include "server/nested_runner.h"
#include "server/request_gate.h"
#include "server/shard_lock_set.h"
#include "storage/base/cycle_clock.h"

namespace cachenode {

class RequestRunner final : public NestedRunner {
 public:
  using HashedKey = CommandContext::HashedKey;

  enum class Outcome : uint8_t {
    kDone,       // It was answered, or its client waits for what will answer it.
    kMustWait,   // Nothing happened: the client is to be parked and the request offered again.
    kGivenBack,  // It did a part and is to be offered again in the client's next turn.
  };

  // What the dispatcher found out about a request before any of its batch ran.
  struct Prepared {
    const Command* command = nullptr;  // By the first word; null when unknown.
    bool has_keys = false;             // `keys` are all of its keys.
    std::span<const HashedKey> keys;
  };
  using Mark = ReplyBuffer::Mark;

  RequestRunner(const ServerParts& parts, WorkerStats& stats, uint32_t worker_index, WorldLock::Seat* seat);
  RequestRunner(const RequestRunner&) = delete;
  RequestRunner& operator=(const RequestRunner&) = delete;

  void BeginTurn(int64_t now_ms);
  // The clock that requests are measured by; the end of one is the beginning of the next.
  void StartClock();
  [[nodiscard]] uint64_t clock_ticks() const { return ticks_; }
  // Whether some client tracks keys, as of this turn's beginning or the last command that ran alone.
  [[nodiscard]] bool clients_track() const { return clients_track_; }
  [[nodiscard]] CommandContext& context() { return context_; }
  // Whether the last request was answered by confirmations of subscriptions, which CLIENT REPLY does not silence.
  [[nodiscard]] bool reply_is_push() const {
    return executed_ != nullptr && executed_->Is(kPubSub) && executed_->Is(kNoScript);
  }

  // Runs one request of `session`, to which the context is bound.
  [[nodiscard]] Outcome Run(Session& session, Args args, const Prepared& prepared);

  // Whether nothing holds, of the node or of the client, that a plain command (Command::is_plain) would have to be
  // judged or followed by. Plain requests change nothing of it, so it is asked again behind others only.
  [[nodiscard]] bool IsCalmFor(const Session& session) const {
    return is_calm_ && gate_.IsCalm() && session.conditions == 0 && session.authenticated &&
           session.reply_mode == ReplyMode::kOn;
  }
  // Asked for each plain request in a calm: false when this one has to be judged for the memory it may take.
  [[nodiscard]] bool PassesMemory() { return gate_.PassesMemory(); }
  // As Run, for a plain command of fitting arity in a calm; `keys` are all of its keys. `mark` is where its reply
  // begins, and afterwards where that of the next request does. Nothing, with nothing done, when the request has to
  // take the other way: it might wait there. Until then the calm lasts, as the thread has not slept.
  [[nodiscard]] std::optional<Outcome> RunPlain(Session& session, const Command& command, Args args,
                                                std::span<const HashedKey> keys, Mark& mark);

  // Whoever calls this promises to call ReleaseScripts before it writes to clients or sleeps. From then on a script
  // that runs alone leaves the script slot and the world in this runner's hands, for the scripts of this turn that
  // follow: to take both anew for each costs more than a short script.
  void KeepScripts() { keeps_scripts_ = locks_.has_value() && parts_.scripts != nullptr; }
  // Gives both back. Nothing when they are not held.
  void ReleaseScripts();
  // How long they are held at most, but for the script that runs when that time is over.
  static constexpr uint64_t kScriptsHoldUs = 1000;

  // NestedRunner.
  bool RunNested(Session& session, const Command& command, Args args) override;
  [[nodiscard]] bool Covers(const Command& command, Args args) override;
  void RunAlone() override;
  [[nodiscard]] bool HoldsKeys() const override { return holds_keys_; }
  [[nodiscard]] bool MemoryFits() const override { return gate_.memory_fits(); }
  void NoteErrorIsCounted() override { error_is_counted_ = true; }
  void Pump(int wait_ms) override {
    if (pump_) pump_(wait_ms);
  }
  void SetPump(std::function<void(int wait_ms)> pump) override { pump_ = std::move(pump); }

 private:
  class NestedFrame;
  struct FoundKeys {
    std::vector<KeyPosition> positions;
    std::vector<HashedKey> keys;
  };

  [[nodiscard]] Outcome RunJudged(Session& session, Args args, const Prepared& prepared);
  void Refuse(Session& session, const Command* command, std::string_view error);
  [[nodiscard]] const Command* Resolve(Session& session, const Command* command, Args args);
  // Whether the request may run; otherwise `outcome` says how it ended.
  [[nodiscard]] bool PassesGate(Session& session, const Command& command, Args args, Outcome& outcome);
  [[nodiscard]] bool OnlyReadsByItsWord(Session& session, const Command& command, Args args);
  [[nodiscard]] bool QueueOrRefuse(Session& session, const Command& command, Args args);
  [[nodiscard]] Outcome CallScript(Session& session, const Command& command, Args args, const Prepared& prepared);
  [[nodiscard]] bool RunsScript(const Session& session, const Command& command) const;
  [[nodiscard]] Outcome Call(Session& session, const Command& command, Args args, const Prepared& prepared);
  [[nodiscard]] Outcome Finish(Session& session, const Command& command, Args args, const Status& status, Mark mark);
  [[nodiscard, gnu::noinline]] bool LockForPlain(const Command& command, std::span<const HashedKey> keys);
  [[nodiscard]] bool MustWaitToWrite(const Command& command, std::span<const HashedKey> keys) const {
    return (command.flags & (kWrite | kMayReplicate)) != 0 && WritesNeedALook() && WriteMayWait(command, keys);
  }
  [[nodiscard]] bool WriteMayWait(const Command& command, std::span<const HashedKey> keys) const;
  [[nodiscard]] bool NeedsTheOtherWay(const Command& command) const;
  [[nodiscard]] Status HandlePlain(const Command& command, Args args, std::span<const HashedKey> keys, bool& served);
  [[nodiscard]] Outcome FinishPlain(Session& session, const Command& command, Args args, const Status& status,
                                    bool served, Mark& mark);
  [[nodiscard]] bool WritesNeedALook() const;
  void JudgeCalm();
  [[nodiscard]] std::optional<Status> CallAlone(const Command& command, Args args, std::span<const HashedKey> keys);
  [[nodiscard]] std::optional<Status> CallLocked(const Command& command, Args args, std::span<const HashedKey> keys);
  [[nodiscard]] Status CallBesideScript(const Command& command, Args args, std::span<const HashedKey> keys);
  [[nodiscard]] std::optional<Status> CallHolding(const Command& command, Args args, std::span<const HashedKey> keys);
  [[nodiscard]] Status Handle(Session& session, const Command& command, Args args);
  [[nodiscard]] bool LockDestinations(const Command& command, Args args, std::span<const HashedKey> keys);
  void ServeWaiting();
  void NoteBlocked(Session& session);
  void ShowOwnRequest(const Session& session, const Command& command, Args args);
  void EndRunAlone();
  [[nodiscard]] bool EnterScripts(Session& session);
  void HoldScripts();
  [[nodiscard]] bool MustWaitForSnapshot(uint32_t flags, std::span<const HashedKey> keys) const;
  [[nodiscard]] std::span<const HashedKey> KeysFor(const Command& command, Args args, const Prepared& prepared);
  // Adds the keys of `command` to `found`. False when only running it can tell all of them.
  [[nodiscard]] bool AddKeysOf(const Command& command, Args args, FoundKeys& found) const;
  [[nodiscard]] bool AddQueuedKeys(const Session& session);
  void AnswerError(const Command& command, const Status& status);
  // Statistics of the request that just ended; its end is the next one's beginning. Returns the ticks it took.
  uint64_t Count(const Command& command);
  // Whether one of the logs wants to hear of the request.
  [[nodiscard]] bool IsUnusual(const Session& session, uint64_t duration, uint64_t reply_bytes) const {
    return duration >= unusual_ticks_ || session.argument_bytes >= large_request_bytes_ ||
           reply_bytes >= large_reply_bytes_;
  }
  void Account(const Session& session, const Command& command, Args args, bool failed, uint64_t reply_bytes);
  void LogUnusual(const Session& session, const Command& command, Args args, uint64_t duration, uint64_t reply_bytes);
  void Log(SlowLog& log, const Session& session, const Command& command, Args args, uint64_t amount) const;

  const ServerParts& parts_;
  WorkerStats& stats_;
  CommandContext context_;
  RequestGate gate_;
  WorldLock::Seat* const seat_;
  std::optional<ShardLockSet> locks_;  // Empty without threads: then shards need no locks.
  FoundKeys found_;                    // Of a request whose keys were not prepared.
  std::array<FoundKeys, kNestingMax> nested_keys_;
  std::vector<std::string_view> queued_args_;
  size_t nesting_ = 0;
  uint32_t request_flags_ = 0;     // Of the request that runs: its row's, and with EXEC those of its queue.
  bool has_unknown_keys_ = false;  // The request reaches keys that only running it can tell.
  bool runs_alone_ = false;        // RunAlone was called.
  bool holds_keys_ = true;         // See NestedRunner::HoldsKeys.
  bool keeps_scripts_ = false;     // See KeepScripts.
  bool holds_scripts_ = false;     // The slot and the world, from one script to the next.
  uint64_t scripts_held_since_ = 0;
  bool error_is_counted_ = false;  // See NoteErrorIsCounted.
  std::function<void(int wait_ms)> pump_;
  uint64_t ticks_ = 0;                         // When the request that runs began.
  uint64_t slowlog_ticks_ = UINT64_MAX;        // Durations from here on are logged.
  uint64_t large_request_bytes_ = UINT64_MAX;  // Requests, replies of so many bytes are logged.
  uint64_t large_reply_bytes_ = UINT64_MAX;
  uint64_t latency_ticks_ = UINT64_MAX;  // Durations from here on are latency spikes.
  uint64_t unusual_ticks_ = UINT64_MAX;  // The smaller one of both limits of durations.
  bool tracks_latency_ = false;
  bool clients_track_ = false;         // Some client wants to hear of keys it has read.
  bool is_calm_ = false;               // See IsCalmFor; as of the last request that was not plain.
  const bool* has_waits_to_serve_;     // Whether clients wait for keys that the request changed.
  const Command* executed_ = nullptr;  // By the last request; null when it was refused.
};

inline uint64_t RequestRunner::Count(const Command& command) {
  const uint64_t now = CycleClock::Ticks();
  const uint64_t duration = now - ticks_;
  ticks_ = now;
  CommandStats& counters = stats_.command(command.id);
  counters.calls.Increment();
  counters.ticks.Add(duration);
  stats_.commands_processed.Increment();
  if (tracks_latency_) stats_.RecordLatency(counters, CycleClock::ToNanoseconds(duration));
  return duration;
}

inline std::optional<RequestRunner::Outcome> RequestRunner::RunPlain(Session& session, const Command& command,
                                                                     Args args, std::span<const HashedKey> keys,
                                                                     Mark& mark) {
  session.last_command = &command;
  const bool may_run = locks_ ? LockForPlain(command, keys) : !MustWaitToWrite(command, keys);
  if (!may_run) [[unlikely]]
    return std::nullopt;
  bool served = false;
  const Status status = HandlePlain(command, args, keys, served);
  if (locks_) locks_->Release();
  return FinishPlain(session, command, args, status, served, mark);
}

// `served`: whether clients waited for what the request changed. The locks of the keys are held.
inline Status RequestRunner::HandlePlain(const Command& command, Args args, std::span<const HashedKey> keys,
                                         bool& served) {
  context_.BeginCommand(command);
  context_.SetKeys(keys);
  Status status = command.handler(context_, args);
  served = *has_waits_to_serve_;
  if (served) [[unlikely]]
    ServeWaiting();
  return status;
}

// Without locks.
inline RequestRunner::Outcome RequestRunner::FinishPlain(Session& session, const Command& command, Args args,
                                                         const Status& status, bool served, Mark& mark) {
  if (!status.ok() || served) [[unlikely]] {
    const Outcome outcome = Finish(session, command, args, status, mark);
    mark = session.replies.MarkHere();
    return outcome;
  }
  const Mark begin = std::exchange(mark, session.replies.MarkHere());
  const uint64_t reply_bytes = mark.position - begin.position;
  const uint64_t duration = Count(command);
  if (IsUnusual(session, duration, reply_bytes)) [[unlikely]]
    LogUnusual(session, command, args, duration, reply_bytes);
  return Outcome::kDone;
}

}  // namespace cachenode
