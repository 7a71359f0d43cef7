// CONFIG: reading, changing and saving the options of the running node. The work is ConfigStore's.
#include <string>
#include <string_view>
#include <vector>

#include "protocol/resp_writer.h"
#include "server/acl/acl_store.h"
#include "server/client_identity.h"
#include "server/command_context.h"
#include "server/commands/families.h"
#include "server/commands/help.h"
#include "server/config/config_store.h"
#include "server/config/option_table.h"
#include "server/node_state.h"
#include "server/script/script_engine.h"
#include "server/stats/stats_hub.h"

namespace cachenode {
namespace {

// CONFIG GET pattern [pattern ...] -> map of names and values.
Status ConfigGet(CommandContext& context, Args args) {
  const std::vector<ConfigPair> pairs = context.parts().config->Get(args.subspan(2));
  context.reply().MapHeader(pairs.size());
  for (const ConfigPair& pair : pairs) {
    context.reply().Bulk(pair.name);
    context.reply().Bulk(pair.value);
  }
  return Status::Ok();
}

// CONFIG SET name value [name value ...] -> OK; all of them or none.
Status ConfigSet(CommandContext& context, Args args) {
  const ConfigCaller caller{.is_local = IsLocalClient(context.session()),
                            .is_loading = context.parts().state->loading.load(std::memory_order_relaxed)};
  Status done = context.parts().config->Set(args.subspan(2), caller);
  if (!done.ok()) return done;
  context.reply().Ok();
  return Status::Ok();
}

// The value after the name of an option that is never shown.
bool IsConfigSetSecret(Args args, size_t index) {
  if (index < 3 || index % 2 == 0) return false;
  const OptionSpec* option = FindOption(args[index - 1]);
  return option != nullptr && option->Has(kOptionSensitive);
}

// CONFIG RESETSTAT -> OK; the counters INFO shows start again at 0.
Status ConfigResetstat(CommandContext& context, Args /*args*/) {
  context.parts().stats->Reset();
  context.parts().state->lazily_freed.store(0, std::memory_order_relaxed);
  context.parts().acl->log().ResetCounts();
  if (context.parts().scripts != nullptr) context.parts().scripts->cache().ResetEvicted();
  context.reply().Ok();
  return Status::Ok();
}

// CONFIG REWRITE -> OK; the file the node was started from holds the current values.
Status ConfigRewrite(CommandContext& context, Args /*args*/) {
  Status done = context.parts().config->Rewrite(context.parts().acl->ConfigLines(), false);
  if (!done.ok()) return done;
  context.reply().Ok();
  return Status::Ok();
}

// CONFIG HELP -> lines.
Status ConfigHelp(CommandContext& context, Args /*args*/) {
  constexpr std::string_view kLines[] = {
      "GET <pattern> [<pattern> ...]",
      "    Show the options whose names match a glob pattern.",
      "SET <option> <value> [<option> <value> ...]",
      "    Change options; all of them or none.",
      "RESETSTAT",
      "    Start the counters of INFO again at zero.",
      "REWRITE",
      "    Bring the configuration file up to the current values.",
  };
  WriteHelp(context.reply(), "CONFIG", kLines);
  return Status::Ok();
}

constexpr uint32_t kConfigFlags = kAdmin | kLoading | kNoScript | kStale;
constexpr std::string_view kEveryNode = "request_policy:all_nodes,response_policy:all_succeeded";

constexpr CommandSpec kConfigSubcommands[] = {
    {.name = "get",
     .arity = -3,
     .flags = kConfigFlags,
     .handler = ConfigGet,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Shows options.",
             .since = "2.0.0",
             .complexity = "O(N)",
             .arguments = "parameter:block(parameter:string)*",
             .history = "7.0.0 Takes several patterns."}},
    {.name = "help",
     .arity = 2,
     .flags = kLoading | kStale,
     .handler = ConfigHelp,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Lists the subcommands of CONFIG.", .since = "5.0.0", .complexity = "O(1)"}},
    {.name = "resetstat",
     .arity = 2,
     .flags = kConfigFlags | kExclusive,
     .handler = ConfigResetstat,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Clears the counters of INFO.", .since = "2.0.0", .complexity = "O(1)", .tips = kEveryNode}},
    {.name = "rewrite",
     .arity = 2,
     .flags = kConfigFlags | kExclusive,
     .handler = ConfigRewrite,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Saves the options to the configuration file.",
             .since = "2.8.0",
             .complexity = "O(1)",
             .tips = kEveryNode}},
    {.name = "set",
     .arity = -4,
     .flags = kConfigFlags | kExclusive,
     .handler = ConfigSet,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Changes options.",
             .since = "2.0.0",
             .complexity = "O(N)",
             .arguments = "parameter_value:block(parameter:string value:string)*",
             .tips = kEveryNode,
             .history = "7.0.0 Takes several options."},
     .is_secret = IsConfigSetSecret},
};

constexpr CommandSpec kConfigCommands[] = {
    {.name = "config",
     .arity = -2,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Options of the running node.", .since = "2.0.0", .complexity = "Depends on subcommand."},
     .subcommands = kConfigSubcommands},
};

}  // namespace

std::span<const CommandSpec> ConfigCommands() { return kConfigCommands; }

}  // namespace cachenode
