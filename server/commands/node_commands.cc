// NODE: the life of this node as a managed cache service would tell it. Not a command of Redis.
#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/resp_writer.h"
#include "server/arg_parser.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/commands/families.h"
#include "server/commands/help.h"
#include "server/node/node_events.h"
#include "server/persistence_service.h"

namespace cachenode {
namespace {

constexpr int64_t kEventCountDefault = 100;
constexpr int64_t kDurationMinutesMax = int64_t{366} * 24 * 60;
constexpr int64_t kMsPerMinute = 60'000;

void WriteEvent(RespWriter& reply, const NodeEvent& event, std::string_view source_identifier) {
  const std::array<std::pair<std::string_view, std::string>, 5> texts{{
      {"date", EventDate(event.time_ms)},
      {"source-type", std::string(kEventSourceType)},
      {"source-identifier", std::string(source_identifier)},
      {"event", std::string(TopicNameOf(event.kind))},
      {"message", event.message},
  }};
  reply.MapHeader(texts.size() + 1);
  reply.Bulk("id");
  reply.Integer(static_cast<int64_t>(event.id));
  for (const auto& [name, text] : texts) {
    reply.Bulk(name);
    reply.Bulk(text);
  }
}

// NODE EVENTS [COUNT count] [DURATION minutes] -> the newest events, newest first: of each a map of id, date,
// source-type, source-identifier, event (the name of its notification, empty when there is none) and message.
// Errors: count below 1; minutes outside 1 to a year.
Status ShowEvents(CommandContext& context, Args args) {
  int64_t count = kEventCountDefault;
  int64_t since_ms = 0;
  ArgParser parser(args, 2);
  while (parser.HasNext()) {
    if (parser.Match("count", 1)) {
      count = parser.NextInt64();
      if (count < 1) parser.Fail(Status::Text("ERR COUNT must be positive"));
    } else if (parser.Match("duration", 1)) {
      const int64_t minutes = parser.NextInt64();
      if (minutes < 1 || minutes > kDurationMinutesMax) {
        parser.Fail(
            Status::Text("ERR DURATION must be between 1 and " + std::to_string(kDurationMinutesMax) + " minutes"));
      } else {
        since_ms = context.now_ms() - minutes * kMsPerMinute;
      }
    } else {
      parser.Fail(Err::kSyntax);
    }
  }
  if (Status failed = parser.Finish(); !failed.ok()) return failed;
  const NodeEvents& events = *context.parts().events;
  const std::vector<NodeEvent> found = events.Newest(static_cast<size_t>(count), since_ms);
  context.reply().ArrayHeader(found.size());
  for (const NodeEvent& event : found) WriteEvent(context.reply(), event, events.source_identifier());
  return Status::Ok();
}

// NODE EXPORT name target -> what was begun: the data set as it is now goes to `<target>/<name>-0001.rdb` in an object
// store. BGSAVE CANCEL ends it; INFO and NODE EVENTS tell how it went.
// Errors: a target that is no bucket or folder of one; a background snapshot that runs.
Status ExportSnapshot(CommandContext& context, Args args) {
  Status status = context.parts().persistence->StartExport(args[2], args[3]);
  if (status.ok()) context.reply().SimpleString("Background export started");
  return status;
}

Status NodeHelp(CommandContext& context, Args /*args*/) {
  constexpr std::string_view kLines[] = {
      "EVENTS [COUNT <count>] [DURATION <minutes>]",
      "    List the newest events of this node (100 by default), of the last minutes only",
      "    if told so: id, date, source, name of the notification, message.",
      "EXPORT <name> <target>",
      "    Export the data set as it is now to <target>/<name>-0001.rdb, where <target> is",
      "    a bucket, or a bucket and a folder: s3://bucket/folder.",
  };
  WriteHelp(context.reply(), "NODE", kLines);
  return Status::Ok();
}

constexpr CommandSpec kNodeSubcommands[] = {
    {.name = "events",
     .arity = -2,
     .flags = kAdmin | kLoading | kStale,
     .handler = ShowEvents,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Lists the newest events of this node.",
             .since = "0.1.0",
             .complexity = "O(N) where N is the number of events kept.",
             .arguments = "[count:integer=COUNT] [minutes:integer=DURATION]",
             .tips = "nondeterministic_output"}},
    {.name = "export",
     .arity = 4,
     .flags = kAdmin | kNoScript | kNoAsyncLoading | kExclusive,
     .handler = ExportSnapshot,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Exports the data set into an object store.",
             .since = "0.1.0",
             .complexity = "O(1)",
             .arguments = "name:string target:string"}},
    {.name = "help",
     .arity = 2,
     .flags = kLoading | kStale,
     .handler = NodeHelp,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Lists the subcommands of NODE.", .since = "0.1.0", .complexity = "O(1)"}},
};

constexpr CommandSpec kNodeCommands[] = {
    {.name = "node",
     .arity = -2,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Groups the commands about the life of this node.",
             .since = "0.1.0",
             .complexity = "per-subcommand"},
     .subcommands = kNodeSubcommands},
};
}  // namespace

std::span<const CommandSpec> NodeCommands() { return kNodeCommands; }

}  // namespace cachenode
