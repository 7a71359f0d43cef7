// FUNCTION on a node that holds no libraries: what can be asked about them, and deleting all of the none.
#include <string>
#include <string_view>

#include "protocol/error_text.h"
#include "protocol/resp_writer.h"
#include "server/arg_parser.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/commands/families.h"
#include "server/commands/help.h"

namespace cachenode {
namespace {

// FUNCTION FLUSH [ASYNC|SYNC] -> OK.
Status FunctionFlush(CommandContext& context, Args args) {
  if (args.size() > 3) return Status::Text(SubcommandSyntaxText("function", args[1]));
  if (args.size() == 3 && !EqualsIgnoreCase(args[2], "sync") && !EqualsIgnoreCase(args[2], "async")) {
    return Status::Text("ERR FUNCTION FLUSH only supports SYNC|ASYNC option");
  }
  context.reply().Ok();
  return Status::Ok();
}

// FUNCTION LIST [LIBRARYNAME pattern] [WITHCODE] -> libraries; there are none.
Status FunctionList(CommandContext& context, Args args) {
  ArgParser parser(args, 2);
  bool has_pattern = false;
  bool has_code = false;
  while (parser.HasNext()) {
    if (!has_code && parser.Match("withcode")) {
      has_code = true;
    } else if (!has_pattern && parser.Match("libraryname")) {
      has_pattern = true;
      if (!parser.HasNext()) return Status::Text("ERR library name argument was not given");
      parser.NextString();
    } else {
      return Status::Text(std::string("ERR Unknown argument ").append(parser.NextString()));
    }
  }
  context.reply().EmptyArray();
  return Status::Ok();
}

// FUNCTION DELETE library -> the error of a library that is not there.
Status FunctionDelete(CommandContext& /*context*/, Args /*args*/) { return Status::Text("ERR Library not found"); }

Status FunctionHelp(CommandContext& context, Args /*args*/) {
  constexpr std::string_view kLines[] = {
      "DELETE <library>",
      "    Delete a library.",
      "FLUSH [ASYNC|SYNC]",
      "    Delete all libraries.",
      "LIST [LIBRARYNAME <pattern>] [WITHCODE]",
      "    List libraries.",
  };
  WriteHelp(context.reply(), "FUNCTION", kLines);
  return Status::Ok();
}

constexpr CommandSpec kFunctionSubcommands[] = {
    {.name = "delete",
     .arity = 3,
     .flags = kNoScript | kWrite,
     .acl = kAclScripting,
     .handler = FunctionDelete,
     .group = CommandGroup::kScripting,
     .doc = {.summary = "Deletes a library.",
             .since = "7.0.0",
             .complexity = "O(1)",
             .arguments = "library-name:string",
             .tips = "request_policy:all_shards,response_policy:all_succeeded"}},
    {.name = "flush",
     .arity = -2,
     .flags = kNoScript | kWrite,
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
};

constexpr CommandSpec kFunctionCommands[] = {
    {.name = "function",
     .arity = -2,
     .group = CommandGroup::kScripting,
     .doc = {.summary = "Libraries of server-side functions.", .since = "7.0.0", .complexity = "per-subcommand"},
     .subcommands = kFunctionSubcommands},
};
}  // namespace

std::span<const CommandSpec> FunctionCommands() { return kFunctionCommands; }

}  // namespace cachenode
