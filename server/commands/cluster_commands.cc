// What cluster clients send to every node: ASKING, READONLY, READWRITE. This node is none of a cluster and says so.
#include "protocol/resp_writer.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/commands/families.h"
#include "server/config/config.h"

namespace cachenode {
namespace {

constexpr const char* kNoCluster = "ERR This instance has cluster support disabled";

// ASKING -> an error: no slot is on its way to here.
Status Asking(CommandContext& /*context*/, Args /*args*/) { return Status::Text(kNoCluster); }

// READONLY, READWRITE -> an error; OK as a Valkey of 9.1 and later, where they concern any replica.
Status SetReadMode(CommandContext& context, Args /*args*/) {
  if (!context.config().engine_version.AtLeastValkey(9, 1)) return Status::Text(kNoCluster);
  context.reply().Ok();
  return Status::Ok();
}

constexpr CommandSpec kClusterCommands[] = {
    {.name = "asking",
     .arity = 1,
     .flags = kFast,
     .acl = kAclConnection,
     .handler = Asking,
     .group = CommandGroup::kCluster,
     .doc = {.summary = "Lets the next command reach a slot that is being moved here.",
             .since = "3.0.0",
             .complexity = "O(1)"}},
    {.name = "readonly",
     .arity = 1,
     .flags = kFast | kLoading | kStale,
     .acl = kAclConnection,
     .handler = SetReadMode,
     .group = CommandGroup::kCluster,
     .doc = {.summary = "Lets the connection read from a replica.", .since = "3.0.0", .complexity = "O(1)"}},
    {.name = "readwrite",
     .arity = 1,
     .flags = kFast | kLoading | kStale,
     .acl = kAclConnection,
     .handler = SetReadMode,
     .group = CommandGroup::kCluster,
     .doc = {.summary = "Takes READONLY back.", .since = "3.0.0", .complexity = "O(1)"}},
};

}  // namespace

std::span<const CommandSpec> ClusterCommands() { return kClusterCommands; }

}  // namespace cachenode
