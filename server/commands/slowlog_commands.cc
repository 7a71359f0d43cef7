// SLOWLOG: the requests that took long.
#include <string_view>

#include "protocol/resp_writer.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/commands/families.h"
#include "server/commands/help.h"
#include "server/commands/slowlog_reply.h"
#include "server/stats/slowlog.h"

namespace cachenode {
namespace {

// SLOWLOG GET [count] -> the newest entries, newest first; -1 for all.
Status SlowlogGet(CommandContext& context, Args args) {
  constexpr int64_t kDefaultCount = 10;
  int64_t count = kDefaultCount;
  if (args.size() == 3) {
    const Result<int64_t> wanted = ParseInt64(args[2]);
    if (!wanted || *wanted < -1) return Status::Text("ERR count should be greater than or equal to -1");
    count = *wanted;
  } else if (args.size() > 3) {
    return Status::Text("ERR wrong number of arguments for 'slowlog|get' command");
  }
  WriteLogEntries(context.reply(), context.parts().slowlog->Newest(count));
  return Status::Ok();
}

// SLOWLOG LEN -> number of entries.
Status SlowlogLen(CommandContext& context, Args /*args*/) {
  context.reply().Integer(static_cast<int64_t>(context.parts().slowlog->Size()));
  return Status::Ok();
}

// SLOWLOG RESET -> OK; the log is empty.
Status SlowlogReset(CommandContext& context, Args /*args*/) {
  context.parts().slowlog->Clear();
  context.reply().Ok();
  return Status::Ok();
}

Status SlowlogHelp(CommandContext& context, Args /*args*/) {
  constexpr std::string_view kLines[] = {
      "GET [<count>]",
      "    List the newest <count> entries (10 by default, -1 means all): id, time,",
      "    microseconds, arguments, client address, client name.",
      "LEN",
      "    Tell how many entries there are.",
      "RESET",
      "    Forget all entries.",
  };
  WriteHelp(context.reply(), "SLOWLOG", kLines);
  return Status::Ok();
}

constexpr CommandSpec kSlowlogSubcommands[] = {
    {.name = "get",
     .arity = -2,
     .flags = kAdmin | kLoading | kStale,
     .handler = SlowlogGet,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Lists the newest slow requests.",
             .since = "2.2.12",
             .complexity = "O(N)",
             .arguments = "[count:integer]",
             .tips = "request_policy:all_nodes,nondeterministic_output"}},
    {.name = "help",
     .arity = 2,
     .flags = kLoading | kStale,
     .handler = SlowlogHelp,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Lists the subcommands of SLOWLOG.", .since = "6.2.0", .complexity = "O(1)"}},
    {.name = "len",
     .arity = 2,
     .flags = kAdmin | kLoading | kStale,
     .handler = SlowlogLen,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Counts the entries of the slow log.",
             .since = "2.2.12",
             .complexity = "O(1)",
             .tips = "request_policy:all_nodes,response_policy:agg_sum,nondeterministic_output"}},
    {.name = "reset",
     .arity = 2,
     .flags = kAdmin | kLoading | kStale,
     .handler = SlowlogReset,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Empties the slow log.",
             .since = "2.2.12",
             .complexity = "O(N)",
             .tips = "request_policy:all_nodes,response_policy:all_succeeded"}},
};

constexpr CommandSpec kSlowlogCommands[] = {
    {.name = "slowlog",
     .arity = -2,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Groups the commands that handle the log of slow requests.",
             .since = "2.2.12",
             .complexity = "per-subcommand"},
     .subcommands = kSlowlogSubcommands},
};
}  // namespace

std::span<const CommandSpec> SlowlogCommands() { return kSlowlogCommands; }

}  // namespace cachenode
