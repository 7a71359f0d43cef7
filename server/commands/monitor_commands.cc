// MONITOR: shows a client every request of the node.
#include "server/command_context.h"
#include "server/commands/families.h"
#include "server/pubsub/pubsub.h"

namespace cachenode {
namespace {

// MONITOR -> OK, then a line for each request until RESET or the end of the connection. Silent when repeated.
Status Monitor(CommandContext& context, Args /*args*/) {
  if (context.is_nested()) return Status::Text("ERR MONITOR isn't allowed for DENY BLOCKING client");
  Session& session = context.session();
  if ((session.conditions & kIsMonitor) != 0) return Status::Ok();
  context.parts().pubsub->JoinMonitors(session);
  context.reply().Ok();
  return Status::Ok();
}

constexpr CommandSpec kMonitorCommands[] = {
    {.name = "monitor",
     .arity = 1,
     .flags = kAdmin | kLoading | kNoScript | kStale,
     .handler = Monitor,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Shows every request the node gets.", .since = "1.0.0", .complexity = "per-subcommand"}},
};

}  // namespace

std::span<const CommandSpec> MonitorCommands() { return kMonitorCommands; }

}  // namespace cachenode
