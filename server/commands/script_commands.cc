// Lua scripts: EVAL and EVALSHA, which run them, and SCRIPT, which manages those that are cached.
#include <string>
#include <string_view>
#include <vector>

#include "protocol/error_text.h"
#include "protocol/resp_writer.h"
#include "server/arg_parser.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/commands/families.h"
#include "server/commands/help.h"
#include "server/commands/script_arguments.h"
#include "server/config/config.h"
#include "server/script/script_engine.h"
#include "server/script/script_run.h"

namespace cachenode {
namespace {

ScriptEngine& EngineOf(CommandContext& context) { return *context.parts().scripts; }

enum class Rights : uint8_t { kAll, kReadOnly };

Status RunCached(CommandContext& context, Args args, CachedScript& script, const ScriptArguments& arguments,
                 Rights rights) {
  ScriptEngine& engine = EngineOf(context);
  engine.cache().Touch(script, ScriptCache::Origin::kEval);
  ScriptTarget target;
  target.vm = &engine.eval_vm();
  target.kind = ScriptKind::kEval;
  target.function_ref = script.function_ref;
  target.name = script.hash.text();
  target.flags = script.flags;
  target.read_only = rights == Rights::kReadOnly;
  target.keys = arguments.keys;
  target.arguments = arguments.rest;
  ScriptRun run(context, engine, target, args);
  Status status = run.Execute();
  if (run.needed_world()) script.needs_world = true;
  return status;
}

Status RunText(CommandContext& context, Args args, Rights rights) {
  Result<ScriptArguments> arguments = ParseScriptArguments(args);
  if (!arguments) return arguments.error();
  ScriptEngine& engine = EngineOf(context);
  CachedScript* script = engine.cache().FindCode(args[1]);
  if (script == nullptr) {
    Result<CachedScript*> added = engine.cache().Add(engine.eval_vm(), args[1], ScriptCache::Origin::kEval);
    if (!added) return added.error();
    script = *added;
  }
  return RunCached(context, args, *script, *arguments, rights);
}

Status NoScriptError(const CommandContext& context) {
  const bool is_valkey9 = context.config().engine_version.AtLeastValkey(9, 0);
  return Status::Text(is_valkey9 ? "NOSCRIPT No matching script." : "NOSCRIPT No matching script. Please use EVAL.");
}

Status RunHash(CommandContext& context, Args args, Rights rights) {
  if (args[1].size() != kSha1Digits) return NoScriptError(context);
  Result<ScriptArguments> arguments = ParseScriptArguments(args);
  if (!arguments) return arguments.error();
  CachedScript* script = EngineOf(context).cache().FindHash(args[1]);
  if (script == nullptr) return NoScriptError(context);
  return RunCached(context, args, *script, *arguments, rights);
}

// EVAL script numkeys [key ...] [arg ...] -> what the script returns.
Status Eval(CommandContext& context, Args args) { return RunText(context, args, Rights::kAll); }
Status EvalReadOnly(CommandContext& context, Args args) { return RunText(context, args, Rights::kReadOnly); }

// EVALSHA sha1 numkeys [key ...] [arg ...] -> the same, of a script seen before.
Status EvalSha(CommandContext& context, Args args) { return RunHash(context, args, Rights::kAll); }
Status EvalShaReadOnly(CommandContext& context, Args args) { return RunHash(context, args, Rights::kReadOnly); }

// SCRIPT DEBUG YES|SYNC|NO -> OK. There is no debugger: scripts run on as they would without one.
Status ScriptDebug(CommandContext& context, Args args) {
  if (args.size() != 3) return Err::kArity;
  const bool known =
      EqualsIgnoreCase(args[2], "no") || EqualsIgnoreCase(args[2], "yes") || EqualsIgnoreCase(args[2], "sync");
  if (!known) return Status::Text("ERR Use SCRIPT DEBUG YES/SYNC/NO");
  context.reply().Ok();
  return Status::Ok();
}

// SCRIPT EXISTS sha1 [sha1 ...] -> 1 or 0 for each.
Status ScriptExists(CommandContext& context, Args args) {
  context.reply().ArrayHeader(args.size() - 2);
  for (const std::string_view hash : args.subspan(2)) {
    context.reply().Integer(EngineOf(context).cache().FindHash(hash) != nullptr ? 1 : 0);
  }
  return Status::Ok();
}

// SCRIPT FLUSH [ASYNC|SYNC] -> OK. Without a word about it lazyfree-lazy-user-flush would decide; both are quick.
Status ScriptFlush(CommandContext& context, Args args) {
  const bool known = args.size() == 2 ||
                     (args.size() == 3 && (EqualsIgnoreCase(args[2], "sync") || EqualsIgnoreCase(args[2], "async")));
  if (!known) return Status::Text("ERR SCRIPT FLUSH only support SYNC|ASYNC option");
  EngineOf(context).FlushScripts();
  context.reply().Ok();
  return Status::Ok();
}

// SCRIPT KILL -> OK when the running script has written nothing yet.
Status ScriptKill(CommandContext& context, Args /*args*/) {
  Status status = EngineOf(context).Kill(ScriptKind::kEval);
  if (status.ok()) context.reply().Ok();
  return status;
}

// SCRIPT LOAD script -> its SHA-1.
Status ScriptLoad(CommandContext& context, Args args) {
  ScriptEngine& engine = EngineOf(context);
  CachedScript* script = engine.cache().FindCode(args[2]);
  if (script == nullptr) {
    Result<CachedScript*> added = engine.cache().Add(engine.eval_vm(), args[2], ScriptCache::Origin::kLoad);
    if (!added) return added.error();
    script = *added;
  }
  engine.cache().Touch(*script, ScriptCache::Origin::kLoad);
  context.reply().Bulk(script->hash.text());
  return Status::Ok();
}

// SCRIPT SHOW sha1 -> the script's text.
Status ScriptShow(CommandContext& context, Args args) {
  const CachedScript* script = EngineOf(context).cache().FindHash(args[2]);
  if (script == nullptr) return NoScriptError(context);
  context.reply().Bulk(script->code);
  return Status::Ok();
}

Status ScriptHelp(CommandContext& context, Args /*args*/) {
  constexpr std::string_view kLines[] = {
      "DEBUG (YES|SYNC|NO)",
      "    Accepted for compatibility; scripts run without a debugger.",
      "EXISTS <sha1> [<sha1> ...]",
      "    Tell which of the scripts are cached.",
      "FLUSH [ASYNC|SYNC]",
      "    Forget all cached scripts.",
      "KILL",
      "    Stop the running script if it has not written yet.",
      "LOAD <script>",
      "    Cache a script without running it.",
      "SHOW <sha1>",
      "    Return the text of a cached script.",
  };
  WriteHelp(context.reply(), "SCRIPT", kLines);
  return Status::Ok();
}

constexpr KeySpecs kKeysAfterCount{KeySpec::Counted(2, 1, 1, kKeyReadWrite | kKeyAccess | kKeyUpdate)};
constexpr KeySpecs kReadKeysAfterCount{KeySpec::Counted(2, 1, 1, kKeyReadOnly | kKeyAccess)};
constexpr uint32_t kRunFlags = kNoScript | kSkipMonitor | kMayReplicate | kNoMandatoryKeys | kStale | kMovableKeys;

constexpr CommandSpec kScriptSubcommands[] = {
    {.name = "debug",
     .arity = -3,
     .flags = kNoScript,
     .acl = kAclScripting,
     .handler = ScriptDebug,
     .group = CommandGroup::kScripting,
     .doc = {.summary = "Accepts a debug mode; there is no debugger.",
             .since = "3.2.0",
             .complexity = "O(1)",
             .arguments = "mode:oneof(yes:pure-token=YES sync:pure-token=SYNC no:pure-token=NO)"}},
    {.name = "exists",
     .arity = -3,
     .flags = kExclusive | kNoScript | kStale,
     .acl = kAclScripting,
     .handler = ScriptExists,
     .group = CommandGroup::kScripting,
     .doc = {.summary = "Tells which scripts are cached.",
             .since = "2.6.0",
             .complexity = "O(N) with N the number of scripts asked for",
             .arguments = "sha1:string*",
             .tips = "request_policy:all_shards,response_policy:agg_logical_and"}},
    {.name = "flush",
     .arity = -2,
     .flags = kExclusive | kNoScript | kStale,
     .acl = kAclScripting,
     .handler = ScriptFlush,
     .group = CommandGroup::kScripting,
     .doc = {.summary = "Forgets all cached scripts.",
             .since = "2.6.0",
             .complexity = "O(N) with N the number of scripts",
             .arguments = "[flush-type:oneof(async:pure-token=ASYNC sync:pure-token=SYNC)!6.2.0]",
             .tips = "request_policy:all_nodes,response_policy:all_succeeded",
             .history = "6.2.0 Added the words ASYNC and SYNC."}},
    {.name = "help",
     .arity = 2,
     .flags = kLoading | kStale,
     .acl = kAclScripting,
     .handler = ScriptHelp,
     .group = CommandGroup::kScripting,
     .doc = {.summary = "Lists the subcommands of SCRIPT.", .since = "5.0.0", .complexity = "O(1)"}},
    {.name = "kill",
     .arity = 2,
     .flags = kAllowBusy | kNoScript,
     .acl = kAclScripting,
     .handler = ScriptKill,
     .group = CommandGroup::kScripting,
     .doc = {.summary = "Stops the running script.",
             .since = "2.6.0",
             .complexity = "O(1)",
             .tips = "request_policy:all_shards,response_policy:one_succeeded"}},
    {.name = "load",
     .arity = 3,
     .flags = kExclusive | kNoScript | kStale,
     .acl = kAclScripting,
     .handler = ScriptLoad,
     .group = CommandGroup::kScripting,
     .doc = {.summary = "Caches a script.",
             .since = "2.6.0",
             .complexity = "O(N) with N the length of the script",
             .arguments = "script:string",
             .tips = "request_policy:all_nodes,response_policy:all_succeeded"}},
    {.name = "show",
     .arity = 3,
     .flags = kExclusive | kNoScript | kStale,
     .acl = kAclScripting,
     .handler = ScriptShow,
     .group = CommandGroup::kScripting,
     .doc = {.summary = "Returns the text of a cached script.",
             .since = "8.0.0",
             .complexity = "O(N) with N the length of the script",
             .arguments = "sha1:string"}},
};

constexpr CommandSpec kScriptCommands[] = {
    {.name = "eval",
     .arity = -3,
     .flags = kRunFlags | kRunsScript,
     .keys = kKeysAfterCount,
     .acl = kAclScripting,
     .handler = Eval,
     .group = CommandGroup::kScripting,
     .doc = {.summary = "Runs a Lua script.",
             .since = "2.6.0",
             .complexity = "Depends on the script",
             .arguments = "script:string numkeys:integer [key:key@0*] [arg:string*]"}},
    {.name = "eval_ro",
     .arity = -3,
     .flags = (kRunFlags & ~kMayReplicate) | kReadOnly | kRunsScript,
     .keys = kReadKeysAfterCount,
     .acl = kAclScripting,
     .handler = EvalReadOnly,
     .group = CommandGroup::kScripting,
     .doc = {.summary = "Runs a Lua script that only reads.",
             .since = "7.0.0",
             .complexity = "Depends on the script",
             .arguments = "script:string numkeys:integer [key:key@0*] [arg:string*]"}},
    {.name = "evalsha",
     .arity = -3,
     .flags = kRunFlags | kRunsScript,
     .keys = kKeysAfterCount,
     .acl = kAclScripting,
     .handler = EvalSha,
     .group = CommandGroup::kScripting,
     .doc = {.summary = "Runs a cached Lua script.",
             .since = "2.6.0",
             .complexity = "Depends on the script",
             .arguments = "sha1:string numkeys:integer [key:key@0*] [arg:string*]"}},
    {.name = "evalsha_ro",
     .arity = -3,
     .flags = (kRunFlags & ~kMayReplicate) | kReadOnly | kRunsScript,
     .keys = kReadKeysAfterCount,
     .acl = kAclScripting,
     .handler = EvalShaReadOnly,
     .group = CommandGroup::kScripting,
     .doc = {.summary = "Runs a cached Lua script that only reads.",
             .since = "7.0.0",
             .complexity = "Depends on the script",
             .arguments = "sha1:string numkeys:integer [key:key@0*] [arg:string*]"}},
    {.name = "script",
     .arity = -2,
     .group = CommandGroup::kScripting,
     .doc = {.summary = "Cached Lua scripts.", .since = "2.6.0", .complexity = "per-subcommand"},
     .subcommands = kScriptSubcommands},
};
}  // namespace

std::span<const CommandSpec> ScriptCommands() { return kScriptCommands; }

}  // namespace cachenode
