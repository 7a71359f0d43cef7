#include "server/script/script_run.h"

#include <lua.hpp>
#include <utility>

#include "protocol/resp_writer.h"
#include "server/acl/acl_check.h"
#include "server/arg_parser.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/config/config.h"
#include "server/monitor/monitor_feed.h"
#include "server/nested_runner.h"
#include "server/node_state.h"
#include "server/request_gate.h"
#include "server/script/script_errors.h"
#include "server/script/shebang.h"
#include "server/server_parts.h"
#include "server/tracking/client_tracking.h"
#include "storage/base/cycle_clock.h"
#include "storage/base/log.h"

namespace cachenode {
namespace {

constexpr std::string_view kOutOfMemory = "OOM command not allowed when used memory > 'maxmemory'.";
constexpr std::string_view kNoWrites = "ERR Write commands are not allowed from read-only scripts.";
constexpr std::string_view kSnapshotsFail =
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands that "
    "may "
    "modify the data set are disabled, because this instance is configured to report errors during writes if RDB "
    "snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for details about the RDB "
    "error.";
constexpr std::string_view kSnapshotsFailForScript =
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Writable scripts "
    "are blocked. Use 'no-writes' flag for read only scripts.";
constexpr const char* kKilled = "Script killed by user with SCRIPT KILL...";

enum Right : uint32_t { kMayWrite = 1 << 0, kMayExceedMemory = 1 << 1 };

bool SnapshotsFail(const CommandContext& context) {
  return context.config().stop_writes_on_bgsave_error &&
         context.parts().state->snapshots_failing.load(std::memory_order_relaxed);
}

Status TextError(std::string_view text) { return Status::Text(std::string(text)); }

// What engine 7.0 refuses in scripts; later ones run such commands as if their time were over, and so did 7.0 with
// those that were new then. XREAD itself refuses its option BLOCK.
bool IsRefusedInScripts(const Command& command) {
  return command.Is(kBlocking) && command.spec->group != CommandGroup::kStream && command.spec->doc.since < "7.0.0";
}

void PushList(lua_State* lua, Args list) {
  lua_createtable(lua, static_cast<int>(list.size()), 0);
  for (size_t i = 0; i < list.size(); ++i) {
    lua_pushlstring(lua, list[i].data(), list[i].size());
    lua_rawseti(lua, -2, static_cast<int>(i + 1));
  }
}

}  // namespace

ScriptRun::ScriptRun(CommandContext& context, ScriptEngine& engine, const ScriptTarget& target, Args request)
    : context_(context),
      engine_(engine),
      target_(target),
      request_(request),
      session_(engine.session()),
      begin_ticks_(CycleClock::Ticks()) {
  const Session& caller = context.session();
  session_.database = caller.database;
  session_.resp_version = 2;
  session_.no_touch = caller.no_touch;
  session_.conditions = caller.conditions & kRestrictedUser;
  if (session_.user != caller.user) session_.user = caller.user;
  if (session_.acl_user != caller.acl_user) session_.acl_user = caller.acl_user;
  session_.caller = &context.session();
  session_.tracks_declared_keys = !context.config().engine_version.AtLeast(7, 2);
  const bool compatible = (target.flags & kScriptCompatible) != 0;
  if (!target.read_only && (target.flags & kScriptNoWrites) == 0) rights_ |= kMayWrite;
  if ((target.flags & kScriptAllowOom) != 0 || (!compatible && (target.flags & kScriptNoWrites) != 0)) {
    rights_ |= kMayExceedMemory;
  }
  const int64_t threshold_ms = context.config().busy_reply_threshold;
  busy_ticks_ = threshold_ms <= 0
                    ? UINT64_MAX
                    : begin_ticks_ + CycleClock::FromMicroseconds(static_cast<uint64_t>(threshold_ms) * 1000);
}

ScriptRun::~ScriptRun() { session_.caller = nullptr; }

// --- Before ----------------------------------------------------------------------------------------------------------

// Scripts that declare flags are judged by them as a whole; others by each command they call.
Status ScriptRun::CheckBeforeRun() const {
  if ((target_.flags & kScriptCompatible) != 0) return Status::Ok();
  const bool writes = (target_.flags & kScriptNoWrites) == 0;
  if (writes && target_.read_only) return TextError("ERR Can not execute a script with write flag using *_ro command.");
  if (writes && SnapshotsFail(context_)) return TextError(kSnapshotsFailForScript);
  if (writes && LacksReplicas(context_.config())) return TextError(kNoReplicasText);
  if ((rights_ & kMayExceedMemory) == 0 && !context_.nested().MemoryFits()) return TextError(kOutOfMemory);
  return Status::Ok();
}

void ScriptRun::PushArguments(lua_State* lua) {
  PushList(lua, target_.keys);
  PushList(lua, target_.arguments);
  if (target_.kind == ScriptKind::kEval) target_.vm->SetArguments();
}

// --- Running ---------------------------------------------------------------------------------------------------------

Status ScriptRun::Execute() {
  if (Status status = CheckBeforeRun(); !status.ok()) return status;
  if (context_.parts().monitors != nullptr && context_.parts().monitors->Any()) {
    context_.parts().monitors->Feed(context_.session(), context_.command(), request_);
  }
  engine_.Begin(target_.kind, target_.name, request_);
  target_.vm->run = this;
  lua_State* lua = target_.vm->state();
  lua_settop(lua, 0);
  // Everything that may raise happens in there, as nobody else would catch it.
  if (lua_cpcall(lua, RunProtected, this) != 0) {
    failed_ = true;
    const char* text = lua_tostring(lua, -1);
    error_ =
        std::string("ERR Error running script ").append(target_.name).append(", ").append(text == nullptr ? "" : text);
  }
  lua_settop(lua, 0);
  target_.vm->run = nullptr;
  if (is_open_) Close();
  engine_.SetBusy(false);
  if (is_stopping_) target_.vm->SetHook(LuaVm::kHookInstructions);
  engine_.End();
  if (!failed_) return Status::Ok();
  if (error_is_counted_) context_.nested().NoteErrorIsCounted();
  return Status::Text(std::move(error_));
}

int ScriptRun::RunProtected(lua_State* lua) {
  static_cast<ScriptRun*>(lua_touserdata(lua, 1))->Run(lua);
  return 0;
}

void ScriptRun::Run(lua_State* lua) {
  lua_settop(lua, 0);
  lua_pushcfunction(lua, DescribeScriptError);
  lua_rawgeti(lua, LUA_REGISTRYINDEX, target_.function_ref);
  PushArguments(lua);
  const int argument_count = target_.kind == ScriptKind::kEval ? 0 : 2;
  if (lua_pcall(lua, argument_count, 1, 1) != 0) {
    const bool is_nameless = SpeaksValkey9() && target_.kind == ScriptKind::kEval;
    ScriptError error = DescribeFailure(lua, is_nameless ? std::string_view() : target_.name);
    failed_ = true;
    error_ = std::move(error.text);
    error_is_counted_ = error.counted;
    return;
  }
  ResultErrors errors;
  WriteResult(lua, context_.reply(), session_.resp_version, errors);
  if (errors.failed) {
    failed_ = true;
    error_ = std::move(errors.text);
    error_is_counted_ = errors.counted;
  } else if (!errors.text.empty()) {
    context_.stats().CountError(errors.text);
  }
}

void ScriptRun::OnHook(lua_State* lua) {
  const uint64_t now = CycleClock::Ticks();
  if (now >= busy_ticks_) {
    if (!is_open_ && now - served_ticks_ >= CycleClock::FromMicroseconds(kServeIntervalUs)) BecomeBusy();
    if (is_open_ && now - served_ticks_ >= CycleClock::FromMicroseconds(kServeIntervalUs)) {
      context_.nested().Pump(0);
      served_ticks_ = CycleClock::Ticks();
    }
  }
  if (!engine_.MustStop()) return;
  if (!is_stopping_ && context_.parts().log != nullptr) {
    CN_LOG(*context_.parts().log, kNotice, "Lua script killed by user with SCRIPT KILL.");
  }
  is_stopping_ = true;
  target_.vm->SetHook(1);  // Whatever catches this error gets the next one.
  PushErrorMessage(lua, kKilled);
  lua_error(lua);
}

// Other clients are told so from now on; while the script only computes it keeps still for them.
void ScriptRun::BecomeBusy() {
  if (!engine_.IsBusy() && context_.parts().log != nullptr) {
    CN_LOG(
        *context_.parts().log, kWarning,
        "Slow script detected: still in execution after {} milliseconds. You can try killing the script using the {} "
        "command. Script name is: {}.",
        CycleClock::ToMicroseconds(CycleClock::Ticks() - begin_ticks_) / 1000,
        target_.kind == ScriptKind::kEval ? "SCRIPT KILL" : "FUNCTION KILL", target_.name);
  }
  engine_.SetBusy(true);
  engine_.Open();
  is_open_ = true;
}

void ScriptRun::Close() {
  engine_.Close();
  is_open_ = false;
}

// --- Calls -----------------------------------------------------------------------------------------------------------

void ScriptRun::BeginArguments(size_t count) {
  arguments_.clear();
  arguments_.reserve(count);
  numbers_.clear();
  if (numbers_.capacity() < count) numbers_.reserve(count);  // Views of them must stay where they are.
}

void ScriptRun::AddNumber(double number) {
  std::array<char, kDoubleCharsMax>& text = numbers_.emplace_back();
  const char* end = FormatDouble(number, context_.config().engine_version.double_rule(), text.data());
  arguments_.emplace_back(text.data(), static_cast<size_t>(end - text.data()));
}

bool ScriptRun::SpeaksValkey9() const { return context_.config().engine_version.AtLeastValkey(9, 1); }

std::string_view ScriptRun::Refuse(const Command* command, std::string text) {
  context_.stats().CountError(text);
  if (command != nullptr) context_.stats().command(command->id).rejected.Increment();
  gathered_ = "-" + std::move(text) + "\r\n";
  return gathered_;
}

Status ScriptRun::CheckCall(const Command& command) const {
  const bool any_allowed = engine_.may_call_anything();
  const bool is_refused =
      command.Is(kNoScript) || (!context_.config().engine_version.AtLeast(7, 2) && IsRefusedInScripts(command));
  if (is_refused && !any_allowed) {
    return TextError(SpeaksValkey9() ? "ERR This Valkey command is not allowed from script"
                                     : "ERR This Redis command is not allowed from script");
  }
  // What replicas would hear of counts as a write, lest a script that declares none has to wait in a pause of writes.
  const bool counts_as_write = command.Is(kWrite) || command.Is(kMayReplicate);
  if (counts_as_write && (rights_ & kMayWrite) == 0) return TextError(kNoWrites);
  if (command.Is(kWrite) && SnapshotsFail(context_)) return TextError(kSnapshotsFail);
  if (command.Is(kWrite) && LacksReplicas(context_.config())) return TextError(kNoReplicasText);
  const bool needs_memory = command.Is(kDenyOom) && (rights_ & kMayExceedMemory) == 0;
  if (needs_memory && !context_.nested().MemoryFits() && !engine_.HasWritten()) return TextError(kOutOfMemory);
  return Status::Ok();
}

std::string_view ScriptRun::Call() {
  if (is_open_) Close();
  const Args args(arguments_);
  const Command* command = context_.commands().FindForArgs(args);
  if (command == nullptr) {
    return Refuse(nullptr, SpeaksValkey9() ? "ERR Unknown command called from script"
                                           : "ERR Unknown Redis command called from script");
  }
  if (!command->ArityFits(args.size()) || command->handler == nullptr) {
    return Refuse(command, SpeaksValkey9() ? "ERR Wrong number of args calling command from script"
                                           : "ERR Wrong number of args calling Redis command from script");
  }
  const AclVerdict verdict = cachenode::CheckPermission(context_, session_, *command, args, AclContext::kLua);
  if (!verdict.allows()) {
    return Refuse(command, PermissionErrorInScript(context_.config().engine_version, session_, *command, verdict));
  }
  if (Status status = CheckCall(*command); !status.ok()) return Refuse(command, std::string(status.text()));
  if (command->Is(kWrite) && !engine_.MarkWrite()) return Refuse(command, std::string("ERR ") + kKilled);
  NestedRunner& nested = context_.nested();
  if (!nested.Covers(*command, args)) {
    nested.RunAlone();
    needed_world_ = true;
  }
  nested.RunNested(session_, *command, args);
  const bool counts_as_read = session_.tracks_declared_keys && command->Is(kReadOnly);
  if (counts_as_read && (session_.caller->conditions & kTracksKeys) != 0) [[unlikely]]
    context_.parts().tracking->RememberDeclaredKeys(*session_.caller, target_.keys);
  return ReplyBytes();
}

std::string_view ScriptRun::ReplyBytes() {
  constexpr size_t kPiecesMax = 64;
  std::array<iovec, kPiecesMax> pieces;
  size_t count = session_.replies.FillIovecs(pieces);
  if (count == 1) return {static_cast<const char*>(pieces[0].iov_base), pieces[0].iov_len};
  gathered_.clear();
  while (count != 0) {
    size_t bytes = 0;
    for (size_t i = 0; i < count; ++i) {
      gathered_.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
      bytes += pieces[i].iov_len;
    }
    session_.replies.Consume(bytes);
    count = session_.replies.FillIovecs(pieces);
  }
  return gathered_;
}

void ScriptRun::EndCall() { session_.replies.Clear(); }

ScriptRun::Permission ScriptRun::CheckPermission() {
  const Args args(arguments_);
  const Command* command = context_.commands().FindForArgs(args);
  if (command == nullptr || !command->ArityFits(args.size())) return Permission::kUnknownCommand;
  return MayRun(session_, *command, args) ? Permission::kAllowed : Permission::kDenied;
}

}  // namespace cachenode
