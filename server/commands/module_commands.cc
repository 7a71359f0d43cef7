// MODULE: there are none, and none can be loaded.
#include <string>
#include <string_view>

#include "protocol/resp_writer.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/commands/families.h"
#include "server/commands/help.h"
#include "server/server_parts.h"
#include "storage/base/log.h"
#include "storage/base/quoting.h"

namespace cachenode {
namespace {

// MODULE LIST -> nothing.
Status ModuleList(CommandContext& context, Args /*args*/) {
  context.reply().EmptyArray();
  return Status::Ok();
}

// MODULE LOAD path [argument ...], MODULE LOADEX path [CONFIG name value ...] [ARGS argument ...] -> Redis' error for
// what cannot be loaded; the log has the reason.
Status ModuleLoad(CommandContext& context, Args args) {
  std::string path;
  AppendQuoted(path, args[2]);
  CN_LOG(*context.parts().log, kWarning, "{} is not loaded: loading modules is not built into this server", path);
  return Status::Text("ERR Error loading the extension. Please check the server logs.");
}

// MODULE UNLOAD name -> an error.
Status ModuleUnload(CommandContext& /*context*/, Args /*args*/) {
  return Status::Text("ERR Error unloading module: no such module with that name");
}

Status ModuleHelp(CommandContext& context, Args /*args*/) {
  constexpr std::string_view kLines[] = {
      "LIST",
      "    Lists the loaded modules: none.",
      "LOAD <path> [<arg> ...]",
      "    Loads a module. Not built into this server.",
      "LOADEX <path> [CONFIG <name> <value> ...] [ARGS <arg> ...]",
      "    Loads a module with options. Not built into this server.",
      "UNLOAD <name>",
      "    Unloads a module.",
  };
  WriteHelp(context.reply(), "MODULE", kLines);
  return Status::Ok();
}

constexpr CommandSpec kSubcommands[] = {
    {.name = "help",
     .arity = 2,
     .flags = kLoading | kStale,
     .handler = ModuleHelp,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Lists the subcommands.", .since = "5.0.0", .complexity = "O(1)"}},
    {.name = "list",
     .arity = 2,
     .flags = kAdmin | kNoScript,
     .handler = ModuleList,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Lists the loaded modules.",
             .since = "4.0.0",
             .complexity = "O(N)",
             .tips = "nondeterministic_output_order"}},
    {.name = "load",
     .arity = -3,
     .flags = kProtected | kAdmin | kNoAsyncLoading | kNoScript,
     .handler = ModuleLoad,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Loads a module.",
             .since = "4.0.0",
             .complexity = "O(1)",
             .arguments = "path:string [arg:string*]"}},
    {.name = "loadex",
     .arity = -3,
     .flags = kProtected | kAdmin | kNoAsyncLoading | kNoScript,
     .handler = ModuleLoad,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Loads a module with options.",
             .since = "7.0.0",
             .complexity = "O(1)",
             .arguments = "path:string [configs:block(name:string value:string)=CONFIG+] [args:string=ARGS*]"}},
    {.name = "unload",
     .arity = 3,
     .flags = kProtected | kAdmin | kNoAsyncLoading | kNoScript,
     .handler = ModuleUnload,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Unloads a module.", .since = "4.0.0", .complexity = "O(1)", .arguments = "name:string"}},
};

constexpr CommandSpec kModuleCommands[] = {
    {.name = "module",
     .arity = -2,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Groups the commands about modules.", .since = "4.0.0", .complexity = "per-subcommand"},
     .subcommands = kSubcommands},
};

}  // namespace

std::span<const CommandSpec> ModuleCommands() { return kModuleCommands; }

}  // namespace cachenode
