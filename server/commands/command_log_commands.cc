// COMMANDLOG: the requests that took long, were large, or had a large reply.
#include <string_view>

#include "protocol/resp_writer.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/commands/families.h"
#include "server/commands/help.h"
#include "server/commands/slowlog_reply.h"
#include "server/stats/command_log.h"

namespace cachenode {
namespace {

// The log a type names, or null.
SlowLog* LogOf(CommandContext& context, std::string_view type) {
  if (EqualsIgnoreCase(type, "slow")) return context.parts().slowlog;
  if (EqualsIgnoreCase(type, "large-request")) return &context.parts().command_log->large_requests;
  if (EqualsIgnoreCase(type, "large-reply")) return &context.parts().command_log->large_replies;
  return nullptr;
}

Status UnknownType() {
  return Status::Text("ERR type should be one of the following: slow, large-request, large-reply");
}

// COMMANDLOG GET count SLOW|LARGE-REQUEST|LARGE-REPLY -> the newest entries, newest first; -1 for all.
Status CommandLogGet(CommandContext& context, Args args) {
  const Result<int64_t> count = ParseInt64(args[2]);
  if (!count || *count < -1) return Status::Text("ERR count should be greater than or equal to -1");
  const SlowLog* log = LogOf(context, args[3]);
  if (log == nullptr) return UnknownType();
  WriteLogEntries(context.reply(), log->Newest(*count));
  return Status::Ok();
}

// COMMANDLOG LEN type -> number of entries.
Status CommandLogLen(CommandContext& context, Args args) {
  const SlowLog* log = LogOf(context, args[2]);
  if (log == nullptr) return UnknownType();
  context.reply().Integer(static_cast<int64_t>(log->Size()));
  return Status::Ok();
}

// COMMANDLOG RESET type -> OK; the log is empty.
Status CommandLogReset(CommandContext& context, Args args) {
  SlowLog* log = LogOf(context, args[2]);
  if (log == nullptr) return UnknownType();
  log->Clear();
  context.reply().Ok();
  return Status::Ok();
}

Status CommandLogHelp(CommandContext& context, Args /*args*/) {
  constexpr std::string_view kLines[] = {
      "GET <count> <type>",
      "    List the newest <count> entries of a log, -1 for all: id, time, microseconds",
      "    (SLOW) or bytes (LARGE-REQUEST, LARGE-REPLY), arguments, client address, client name.",
      "LEN <type>",
      "    Tell how many entries there are.",
      "RESET <type>",
      "    Forget all entries.",
  };
  WriteHelp(context.reply(), "COMMANDLOG", kLines);
  return Status::Ok();
}

constexpr CommandSpec kCommandLogSubcommands[] = {
    {.name = "get",
     .arity = 4,
     .flags = kAdmin | kLoading | kStale,
     .handler = CommandLogGet,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Lists the newest entries of a command log.",
             .since = "8.1.0",
             .complexity = "O(N)",
             .arguments = "count:integer type:oneof(slow:pure-token=SLOW large-request:pure-token=LARGE-REQUEST "
                          "large-reply:pure-token=LARGE-REPLY)",
             .tips = "request_policy:all_nodes,nondeterministic_output"}},
    {.name = "help",
     .arity = 2,
     .flags = kLoading | kStale,
     .handler = CommandLogHelp,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Lists the subcommands of COMMANDLOG.", .since = "8.1.0", .complexity = "O(1)"}},
    {.name = "len",
     .arity = 3,
     .flags = kAdmin | kLoading | kStale,
     .handler = CommandLogLen,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Counts the entries of a command log.",
             .since = "8.1.0",
             .complexity = "O(1)",
             .arguments = "type:oneof(slow:pure-token=SLOW large-request:pure-token=LARGE-REQUEST "
                          "large-reply:pure-token=LARGE-REPLY)",
             .tips = "request_policy:all_nodes,response_policy:agg_sum,nondeterministic_output"}},
    {.name = "reset",
     .arity = 3,
     .flags = kAdmin | kLoading | kStale,
     .handler = CommandLogReset,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Empties a command log.",
             .since = "8.1.0",
             .complexity = "O(N)",
             .arguments = "type:oneof(slow:pure-token=SLOW large-request:pure-token=LARGE-REQUEST "
                          "large-reply:pure-token=LARGE-REPLY)",
             .tips = "request_policy:all_nodes,response_policy:all_succeeded"}},
};

constexpr CommandSpec kCommandLogCommands[] = {
    {.name = "commandlog",
     .arity = -2,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Groups the commands that handle the logs of slow and large requests.",
             .since = "8.1.0",
             .complexity = "per-subcommand"},
     .subcommands = kCommandLogSubcommands},
};
}  // namespace

std::span<const CommandSpec> CommandLogCommands() { return kCommandLogCommands; }

}  // namespace cachenode
