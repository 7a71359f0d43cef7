#include "server/request_gate.h"

#include <string>

#include "server/acl/acl_check.h"
#include "server/acl/acl_store.h"
#include "server/arg_parser.h"
#include "server/client_identity.h"
#include "server/command_context.h"
#include "server/config/config.h"
#include "server/node_state.h"
#include "server/script/script_engine.h"
#include "server/server_control.h"
#include "server/stats/stats_hub.h"
#include "server/transaction/transaction_state.h"
#include "storage/base/clock.h"

namespace cachenode {
namespace {

bool IsAllowed(DangerousAccess access, const Session& session) {
  return access == DangerousAccess::kYes || (access == DangerousAccess::kLocalOnly && IsLocalClient(session));
}

// What a RESP2 client may use while its connection carries messages.
bool IsForSubscribers(const Command& command) {
  if (command.Is(kPubSub) && command.Is(kNoScript)) return true;
  const std::string_view name = command.spec->name;
  return name == "ping" || name == "quit" || name == "reset";
}

}  // namespace

void RequestGate::BeginTurn(const Config& config, int64_t now_ms) {
  config_ = &config;
  now_ms_ = now_ms;
  conditions_ = 0;
  memory_fits_ = true;
  const NodeState& state = *parts_.state;
  if (state.loading.load(std::memory_order_relaxed)) conditions_ |= kLoadingNow;
  if (state.snapshots_failing.load(std::memory_order_relaxed)) conditions_ |= kSnapshotsFailing;
  if (LacksReplicas(config)) conditions_ |= kLacksReplicas;
  if (config.maxmemory != 0 || MemoryGuard::IsNearCeiling(parts_)) {
    conditions_ |= kMemoryLimited;
    memory_.BeginTurn(config);
  } else if (parts_.stats->over_limit.Runs()) {  // The limit was lifted.
    parts_.stats->over_limit.End(parts_.clock->MonotonicUs());
  }
  if (parts_.scripts != nullptr && parts_.scripts->IsBusy()) conditions_ |= kScriptBusy;
  if (parts_.control == nullptr) return;
  if (parts_.control->WritesArePausedAt(now_ms)) conditions_ |= kPaused;
}

Status RequestGate::CheckProtected(const Session& session, const Command& command) const {
  const bool is_module = command.parent != nullptr && command.parent->spec->name == "module";
  const DangerousAccess access = is_module ? config_->enable_module_command : config_->enable_debug_command;
  if (IsAllowed(access, session)) return Status::Ok();
  const std::string name = is_module ? "MODULE" : "DEBUG";
  const std::string option = is_module ? "enable-module-command" : "enable-debug-command";
  return Status::Text("ERR " + name + " command not allowed. If the " + option +
                      " option is set to \"local\", you can run it from a local connection, otherwise you need to set "
                      "this option in the configuration file, and then restart the server.");
}

// EXEC is judged by what it will run.
RequestGate::Judged RequestGate::FlagsOf(const Session& session, const Command& command) {
  if (!command.Is(kRunsQueue) || session.transaction == nullptr) return {command.flags, command.flags};
  const CommandQueue& queue = session.transaction->queue;
  return {command.flags | queue.any_flags(), command.flags & queue.all_flags()};
}

RequestGate::Decision RequestGate::CheckListener(const Session& session, const Command& command) {
  const bool keeps_to_channels = (session.conditions & kSubscribed) != 0 && session.resp_version == 2;
  if (keeps_to_channels && !IsForSubscribers(command)) {
    return {
        Verdict::kRefuse,
        Status::Text("ERR Can't execute '" + command.full_name +
                     "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context")};
  }
  const bool reaches_keys = (command.flags & (kWrite | kReadOnly | kMayReplicate)) != 0;
  if ((session.conditions & kIsMonitor) != 0 && reaches_keys) {
    return {Verdict::kRefuse, Status::Text("ERR Replica can't interact with the keyspace")};
  }
  return {};
}

// Of what may run while a script is busy, SHUTDOWN alone takes the node, and ends the script for that. The others
// change nothing, and wait for no shard: the script may hold it, on this very thread (RequestRunner::CallBesideScript).
Status RequestGate::CheckBusy(const Command& command, uint32_t all_flags, Args args) const {
  if ((all_flags & kAllowBusy) == 0) return Status::Text(parts_.scripts->BusyText());
  if (command.Is(kExclusive)) {
    for (const std::string_view argument : args.subspan(1)) {
      if (!EqualsIgnoreCase(argument, "nosave")) continue;
      parts_.scripts->AbortForShutdown();
      return Status::Ok();
    }
    return Status::Text(parts_.scripts->BusyText());
  }
  return Status::Ok();
}

RequestGate::Verdict RequestGate::CheckPause(uint32_t any_flags) const {
  const PauseMode mode = parts_.control->PauseModeAt(now_ms_);
  if (mode == PauseMode::kAll) return Verdict::kPark;
  if (mode != PauseMode::kWrites || (any_flags & (kWrite | kMayReplicate)) == 0) return Verdict::kRun;
  return (any_flags & kRunsScript) != 0 ? Verdict::kParkUnlessItOnlyReads : Verdict::kPark;
}

Status RequestGate::CheckUser(CommandContext& context, const Session& session, const Command& command,
                              Args args) const {
  const bool may_be_anyone = session.authenticated || command.Is(kNoAuth) || parts_.acl->default_is_open();
  if (!may_be_anyone) return Err::kNoAuth;
  if ((session.conditions & kRestrictedUser) == 0) return Status::Ok();
  const AclContext where = (session.conditions & kInTransaction) != 0 ? AclContext::kMulti : AclContext::kTopLevel;
  const AclVerdict verdict = CheckPermission(context, session, command, args, where);
  if (verdict.allows()) return Status::Ok();
  return Status::Text(PermissionErrorText(config_->engine_version, session, command, verdict));
}

RequestGate::Decision RequestGate::Check(CommandContext& context, const Session& session, const Command& command,
                                         Args args) {
  if (command.Is(kProtected)) {
    Status error = CheckProtected(session, command);
    if (!error.ok()) return {Verdict::kRefuse, std::move(error)};
  }
  if (Status error = CheckUser(context, session, command, args); !error.ok()) {
    return {Verdict::kRefuse, std::move(error)};
  }
  if (conditions_ == 0) return CheckListener(session, command);
  const Judged flags = FlagsOf(session, command);
  if ((conditions_ & kScriptBusy) != 0) {
    Status busy = CheckBusy(command, flags.all, args);
    if (!busy.ok()) return {Verdict::kRefuse, std::move(busy)};
  }
  const bool writes = (flags.any & kWrite) != 0;
  // A paused node evicts nothing, and so refuses nothing for lack of memory: what would write waits below.
  if ((conditions_ & (kMemoryLimited | kPaused)) == kMemoryLimited) {
    const bool fits = memory_.MakeRoom(context);
    memory_fits_ = fits;
    // Queueing takes memory, whatever is queued.
    const bool queues = (session.conditions & kInTransaction) != 0 && !command.Is(kNeverQueued);
    if (!fits && (queues || (flags.any & kDenyOom) != 0)) return {Verdict::kRefuse, Err::kOutOfMemory};
  }
  if ((conditions_ & kSnapshotsFailing) != 0 && writes && config_->stop_writes_on_bgsave_error) {
    return {Verdict::kRefuse, Err::kMisconf};
  }
  if ((conditions_ & kLacksReplicas) != 0 && writes) {
    return {Verdict::kRefuse, Status::Text(std::string(kNoReplicasText))};
  }
  if (Decision decision = CheckListener(session, command); decision.verdict != Verdict::kRun) return decision;
  if ((conditions_ & kLoadingNow) != 0 && (flags.all & kLoading) == 0) return {Verdict::kRefuse, Err::kLoading};
  if ((conditions_ & kPaused) != 0 && !session.is_internal) return {CheckPause(flags.any), {}};
  return {};
}

}  // namespace cachenode
