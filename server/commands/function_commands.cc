// Libraries of functions: FCALL, which runs one, and FUNCTION, which manages them.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "persistence/function_payload.h"
#include "protocol/error_text.h"
#include "protocol/resp_writer.h"
#include "server/arg_parser.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/commands/families.h"
#include "server/commands/help.h"
#include "server/commands/script_arguments.h"
#include "server/config/config.h"
#include "server/node_state.h"
#include "server/script/script_engine.h"
#include "server/script/script_run.h"
#include "server/script/shebang.h"
#include "storage/base/bytes.h"
#include "storage/base/glob.h"

namespace cachenode {
namespace {

ScriptEngine& EngineOf(CommandContext& context) { return *context.parts().scripts; }

// --- Running ---------------------------------------------------------------------------------------------------------

Status RunFunction(CommandContext& context, Args args, bool read_only) {
  ScriptEngine& engine = EngineOf(context);
  const LibrarySet::Found found = engine.libraries().FindFunction(args[1]);
  if (found.function == nullptr) return Status::Text("ERR Function not found");
  Result<ScriptArguments> arguments = ParseScriptArguments(args, Status::Text("ERR Bad number of keys provided"));
  if (!arguments) return arguments.error();
  ScriptTarget target;
  target.vm = &engine.function_vm();
  target.kind = ScriptKind::kFunction;
  target.function_ref = found.function->callback_ref;
  target.name = found.function->name;
  target.flags = found.function->flags;
  target.read_only = read_only;
  target.keys = arguments->keys;
  target.arguments = arguments->rest;
  ScriptRun run(context, engine, target, args);
  Status status = run.Execute();
  if (run.needed_world()) engine.NoteFunctionNeedsWorld(args[1]);
  return status;
}

// FCALL function numkeys [key ...] [arg ...] -> what the function returns.
Status Fcall(CommandContext& context, Args args) { return RunFunction(context, args, false); }
Status FcallReadOnly(CommandContext& context, Args args) { return RunFunction(context, args, true); }

// --- Managing --------------------------------------------------------------------------------------------------------

// FUNCTION DELETE library -> OK.
Status FunctionDelete(CommandContext& context, Args args) {
  LibrarySet changed = EngineOf(context).libraries();
  if (!changed.Remove(std::string(args[2]))) return Status::Text("ERR Library not found");
  EngineOf(context).SetLibraries(std::move(changed));
  context.reply().Ok();
  return Status::Ok();
}

// FUNCTION DUMP -> all libraries as one string.
Status FunctionDump(CommandContext& context, Args /*args*/) {
  const RdbCompression compression = context.config().rdbcompression ? RdbCompression::kLzf : RdbCompression::kOff;
  const std::string payload = DumpFunctions(EngineOf(context).libraries().Sources(), compression);
  if (payload.empty()) return Err::kOutOfMemory;
  context.reply().Bulk(payload);
  return Status::Ok();
}

// FUNCTION FLUSH [ASYNC|SYNC] -> OK.
Status FunctionFlush(CommandContext& context, Args args) {
  if (args.size() > 3) return Status::Text(SubcommandSyntaxText("function", args[1]));
  if (args.size() == 3 && !EqualsIgnoreCase(args[2], "sync") && !EqualsIgnoreCase(args[2], "async")) {
    return Status::Text("ERR FUNCTION FLUSH only supports SYNC|ASYNC option");
  }
  EngineOf(context).FlushLibraries();
  context.reply().Ok();
  return Status::Ok();
}

// FUNCTION KILL -> OK when the running function has written nothing yet.
Status FunctionKill(CommandContext& context, Args /*args*/) {
  Status status = EngineOf(context).Kill(ScriptKind::kFunction);
  if (status.ok()) context.reply().Ok();
  return status;
}

struct ListOptions {
  bool has_pattern = false;
  std::string_view pattern;
  bool with_code = false;
};

Status ParseListOptions(Args args, ListOptions& options) {
  ArgParser parser(args, 2);
  while (parser.HasNext()) {
    if (!options.with_code && parser.Match("withcode")) {
      options.with_code = true;
    } else if (!options.has_pattern && parser.Match("libraryname")) {
      options.has_pattern = true;
      if (!parser.HasNext()) return Status::Text("ERR library name argument was not given");
      options.pattern = parser.NextString();
    } else {
      return Status::Text(std::string("ERR Unknown argument ").append(UpToZero(parser.NextString())));
    }
  }
  return parser.Finish();
}

void WriteFlags(RespWriter& reply, uint32_t flags) {
  size_t count = 0;
  for (const ScriptFlagName& entry : kScriptFlagNames) count += (flags & entry.flag) != 0 ? 1 : 0;
  reply.SetHeader(count);
  for (const ScriptFlagName& entry : kScriptFlagNames) {
    if ((flags & entry.flag) != 0) reply.SimpleString(entry.name);
  }
}

void WriteLibrary(RespWriter& reply, const FunctionLibrary& library, bool with_code) {
  reply.MapHeader(with_code ? 4 : 3);
  reply.Bulk("library_name");
  reply.Bulk(library.name);
  reply.Bulk("engine");
  reply.Bulk("LUA");
  reply.Bulk("functions");
  reply.ArrayHeader(library.functions.size());
  for (const auto& function : library.functions) {
    reply.MapHeader(3);
    reply.Bulk("name");
    reply.Bulk(function->name);
    reply.Bulk("description");
    if (function->has_description) {
      reply.Bulk(function->description);
    } else {
      reply.Null();
    }
    reply.Bulk("flags");
    WriteFlags(reply, function->flags);
  }
  if (!with_code) return;
  reply.Bulk("library_code");
  reply.Bulk(library.code);
}

// FUNCTION LIST [LIBRARYNAME pattern] [WITHCODE] -> the libraries and their functions.
Status FunctionList(CommandContext& context, Args args) {
  ListOptions options;
  if (Status status = ParseListOptions(args, options); !status.ok()) return status;
  const RespWriter::Deferred list = context.reply().DeferArray();
  size_t count = 0;
  for (const auto& [name, library] : EngineOf(context).libraries().libraries()) {
    if (options.has_pattern && !GlobMatch(options.pattern, name, CaseRule::kIgnore)) continue;
    WriteLibrary(context.reply(), *library, options.with_code);
    ++count;
  }
  context.reply().Close(list, count);
  return Status::Ok();
}

// FUNCTION LOAD [REPLACE] code -> the library's name.
Status FunctionLoadCode(CommandContext& context, Args args) {
  bool replace = false;
  for (const std::string_view option : args.subspan(2, args.size() - 3)) {
    if (!EqualsIgnoreCase(option, "replace")) {
      return Status::Text(std::string("ERR Unknown option given: ").append(UpToZero(option)));
    }
    replace = true;
  }
  Result<std::string> name = EngineOf(context).LoadLibrary(args.back(), replace);
  if (!name) return name.error();
  context.reply().Bulk(*name);
  return Status::Ok();
}

// FUNCTION RESTORE payload [FLUSH|APPEND|REPLACE] -> OK.
Status FunctionRestore(CommandContext& context, Args args) {
  if (args.size() > 4) return Status::Text(SubcommandSyntaxText("function", args[1]));
  LibraryPolicy policy = LibraryPolicy::kAppend;
  if (args.size() == 4) {
    if (EqualsIgnoreCase(args[3], "flush")) {
      policy = LibraryPolicy::kFlush;
    } else if (EqualsIgnoreCase(args[3], "replace")) {
      policy = LibraryPolicy::kReplace;
    } else if (!EqualsIgnoreCase(args[3], "append")) {
      return Status::Text("ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.");
    }
  }
  const bool skip = context.parts().state->skip_checksums.load(std::memory_order_relaxed);
  Result<std::vector<std::string>> sources =
      ParseFunctionPayload(args[2], skip ? PayloadChecksum::kIgnore : PayloadChecksum::kVerify);
  if (!sources) return sources.error();
  Status status = EngineOf(context).RestoreLibraries(*sources, policy);
  if (status.ok()) context.reply().Ok();
  return status;
}

void WriteRunning(RespWriter& reply, const ScriptEngine::Running& running) {
  reply.Bulk("running_script");
  if (!running.any) {
    reply.Null();
    return;
  }
  reply.MapHeader(3);
  reply.Bulk("name");
  reply.Bulk(running.name);
  reply.Bulk("command");
  reply.ArrayHeader(running.request.size());
  for (const std::string& argument : running.request) reply.Bulk(argument);
  reply.Bulk("duration_ms");
  reply.Integer(running.duration_ms);
}

// FUNCTION STATS -> what runs, and how much the engine holds.
Status FunctionStats(CommandContext& context, Args /*args*/) {
  RespWriter& reply = context.reply();
  const ScriptFigures figures = EngineOf(context).figures();
  reply.MapHeader(2);
  WriteRunning(reply, EngineOf(context).Describe());
  reply.Bulk("engines");
  reply.MapHeader(1);
  reply.Bulk("LUA");
  reply.MapHeader(2);
  reply.Bulk("libraries_count");
  reply.Integer(static_cast<int64_t>(figures.libraries));
  reply.Bulk("functions_count");
  reply.Integer(static_cast<int64_t>(figures.functions));
  return Status::Ok();
}

Status FunctionHelp(CommandContext& context, Args /*args*/) {
  constexpr std::string_view kLines[] = {
      "DELETE <library>",
      "    Delete a library.",
      "DUMP",
      "    Give all libraries as one string for RESTORE.",
      "FLUSH [ASYNC|SYNC]",
      "    Delete all libraries.",
      "KILL",
      "    Stop the running function if it has not written yet.",
      "LIST [LIBRARYNAME <pattern>] [WITHCODE]",
      "    List libraries.",
      "LOAD [REPLACE] <code>",
      "    Create a library, or replace the one of its name.",
      "RESTORE <payload> [FLUSH|APPEND|REPLACE]",
      "    Create the libraries of a dump: after deleting all others, beside them, or in the place of namesakes.",
      "STATS",
      "    Tell what runs and how much is loaded.",
  };
  WriteHelp(context.reply(), "FUNCTION", kLines);
  return Status::Ok();
}

constexpr CommandSpec kFunctionSubcommands[] = {
    {.name = "delete",
     .arity = 3,
     .flags = kExclusive | kNoScript | kWrite,
     .acl = kAclScripting,
     .handler = FunctionDelete,
     .group = CommandGroup::kScripting,
     .doc = {.summary = "Deletes a library.",
             .since = "7.0.0",
             .complexity = "O(1)",
             .arguments = "library-name:string",
             .tips = "request_policy:all_shards,response_policy:all_succeeded"}},
    {.name = "dump",
     .arity = 2,
     .flags = kNoScript,
     .acl = kAclScripting,
     .handler = FunctionDump,
     .group = CommandGroup::kScripting,
     .doc = {.summary = "Gives all libraries as one string.", .since = "7.0.0", .complexity = "O(N)"}},
    {.name = "flush",
     .arity = -2,
     .flags = kExclusive | kNoScript | kWrite,
     .acl = kAclScripting,
     .handler = FunctionFlush,
     .group = CommandGroup::kScripting,
     .doc = {.summary = "Deletes all libraries.",
             .since = "7.0.0",
             .complexity = "O(N)",
             .arguments = "[flush-type:oneof(async:pure-token=ASYNC sync:pure-token=SYNC)]",
             .tips = "request_policy:all_shards,response_policy:all_succeeded"}},
    {.name = "help",
     .arity = 2,
     .flags = kLoading | kStale,
     .acl = kAclScripting,
     .handler = FunctionHelp,
     .group = CommandGroup::kScripting,
     .doc = {.summary = "Lists the subcommands of FUNCTION.", .since = "7.0.0", .complexity = "O(1)"}},
    {.name = "kill",
     .arity = 2,
     .flags = kAllowBusy | kNoScript,
     .acl = kAclScripting,
     .handler = FunctionKill,
     .group = CommandGroup::kScripting,
     .doc = {.summary = "Stops the running function.",
             .since = "7.0.0",
             .complexity = "O(1)",
             .tips = "request_policy:all_shards,response_policy:one_succeeded"}},
    {.name = "list",
     .arity = -2,
     .flags = kNoScript,
     .acl = kAclScripting,
     .handler = FunctionList,
     .group = CommandGroup::kScripting,
     .doc = {.summary = "Lists libraries.",
             .since = "7.0.0",
             .complexity = "O(N)",
             .arguments = "[library-name-pattern:string=LIBRARYNAME] [withcode:pure-token=WITHCODE]",
             .tips = "nondeterministic_output_order"}},
    {.name = "load",
     .arity = -3,
     .flags = kDenyOom | kExclusive | kNoScript | kWrite,
     .acl = kAclScripting,
     .handler = FunctionLoadCode,
     .group = CommandGroup::kScripting,
     .doc = {.summary = "Creates a library.",
             .since = "7.0.0",
             .complexity = "O(1)",
             .arguments = "[replace:pure-token=REPLACE] function-code:string",
             .tips = "request_policy:all_shards,response_policy:all_succeeded"}},
    {.name = "restore",
     .arity = -3,
     .flags = kDenyOom | kExclusive | kNoScript | kWrite,
     .acl = kAclScripting,
     .handler = FunctionRestore,
     .group = CommandGroup::kScripting,
     .doc = {.summary = "Creates the libraries of a dump.",
             .since = "7.0.0",
             .complexity = "O(N)",
             .arguments = "serialized-value:string [policy:oneof(flush:pure-token=FLUSH append:pure-token=APPEND "
                          "replace:pure-token=REPLACE)]",
             .tips = "request_policy:all_shards,response_policy:all_succeeded"}},
    {.name = "stats",
     .arity = 2,
     .flags = kAllowBusy | kNoScript,
     .acl = kAclScripting,
     .handler = FunctionStats,
     .group = CommandGroup::kScripting,
     .doc = {.summary = "Tells what runs and how much is loaded.",
             .since = "7.0.0",
             .complexity = "O(1)",
             .tips = "nondeterministic_output,request_policy:all_shards,response_policy:special"}},
};

constexpr uint32_t kRunFlags = kNoScript | kSkipMonitor | kNoMandatoryKeys | kStale | kMovableKeys | kRunsScript;

constexpr CommandSpec kFunctionCommands[] = {
    {.name = "fcall",
     .arity = -3,
     .flags = kRunFlags | kMayReplicate,
     .keys = KeySpecs(KeySpec::Counted(2, 1, 1, kKeyReadWrite | kKeyAccess | kKeyUpdate)),
     .acl = kAclScripting,
     .handler = Fcall,
     .group = CommandGroup::kScripting,
     .doc = {.summary = "Runs a function.",
             .since = "7.0.0",
             .complexity = "Depends on the function",
             .arguments = "function:string numkeys:integer [key:key@0*] [arg:string*]"}},
    {.name = "fcall_ro",
     .arity = -3,
     .flags = kRunFlags | kReadOnly,
     .keys = KeySpecs(KeySpec::Counted(2, 1, 1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclScripting,
     .handler = FcallReadOnly,
     .group = CommandGroup::kScripting,
     .doc = {.summary = "Runs a function that only reads.",
             .since = "7.0.0",
             .complexity = "Depends on the function",
             .arguments = "function:string numkeys:integer [key:key@0*] [arg:string*]"}},
    {.name = "function",
     .arity = -2,
     .group = CommandGroup::kScripting,
     .doc = {.summary = "Libraries of server-side functions.", .since = "7.0.0", .complexity = "per-subcommand"},
     .subcommands = kFunctionSubcommands},
};
}  // namespace

std::span<const CommandSpec> FunctionCommands() { return kFunctionCommands; }

}  // namespace cachenode
