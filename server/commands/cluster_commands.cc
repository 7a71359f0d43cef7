// CLUSTER and what cluster clients send to every node: ASKING, READONLY, READWRITE. This node is none of a cluster and
// says so.
#include <cstdint>
#include <string_view>

#include "protocol/resp_writer.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/commands/families.h"
#include "server/config/config.h"

namespace cachenode {
namespace {

// The slots of a cluster: CRC-16 (XMODEM: polynomial 0x1021, start 0) of the key, or of what stands between the first
// brace and the next closing one when that is not empty.
constexpr uint16_t kSlotCount = 16384;

uint16_t ClusterSlotOf(std::string_view key) {
  const size_t open = key.find('{');
  if (open != std::string_view::npos) {
    const size_t close = key.find('}', open + 1);
    if (close != std::string_view::npos && close > open + 1) key = key.substr(open + 1, close - open - 1);
  }
  uint32_t crc = 0;
  for (const char byte : key) {
    crc ^= uint32_t{static_cast<uint8_t>(byte)} << 8;
    for (int bit = 0; bit < 8; ++bit) crc = ((crc << 1) ^ ((crc & 0x8000) != 0 ? 0x1021U : 0U)) & 0xFFFF;
  }
  return static_cast<uint16_t>(crc % kSlotCount);
}

constexpr const char* kNoCluster = "ERR This instance has cluster support disabled";

// ASKING -> an error: no slot is on its way to here.
Status Asking(CommandContext& /*context*/, Args /*args*/) { return Status::Text(kNoCluster); }

// Every subcommand of CLUSTER -> an error, HELP too, as Redis has it.
Status Refuse(CommandContext& /*context*/, Args /*args*/) { return Status::Text(kNoCluster); }

// CLUSTER KEYSLOT key -> an error; the slot as a Valkey of 9.1 and later, which tells it outside of a cluster.
Status TellSlot(CommandContext& context, Args args) {
  if (!context.config().engine_version.AtLeastValkey(9, 1)) return Status::Text(kNoCluster);
  context.reply().Integer(ClusterSlotOf(args[2]));
  return Status::Ok();
}

// READONLY, READWRITE -> an error; OK as a Valkey of 9.1 and later, where they concern any replica.
Status SetReadMode(CommandContext& context, Args /*args*/) {
  if (!context.config().engine_version.AtLeastValkey(9, 1)) return Status::Text(kNoCluster);
  context.reply().Ok();
  return Status::Ok();
}

constexpr CommandSpec kSubcommands[] = {
    {.name = "addslots",
     .arity = -3,
     .flags = kAdmin | kNoAsyncLoading | kStale,
     .handler = Refuse,
     .group = CommandGroup::kCluster,
     .doc =
         {.summary = "Gives slots to the node.", .since = "3.0.0", .complexity = "O(N)", .arguments = "slot:integer*"}},
    {.name = "addslotsrange",
     .arity = -4,
     .flags = kAdmin | kNoAsyncLoading | kStale,
     .handler = Refuse,
     .group = CommandGroup::kCluster,
     .doc = {.summary = "Gives ranges of slots to the node.",
             .since = "7.0.0",
             .complexity = "O(N)",
             .arguments = "range:block(start-slot:integer end-slot:integer)*"}},
    {.name = "bumpepoch",
     .arity = 2,
     .flags = kAdmin | kNoAsyncLoading | kStale,
     .handler = Refuse,
     .group = CommandGroup::kCluster,
     .doc = {.summary = "Raises the cluster's configuration epoch.",
             .since = "3.0.0",
             .complexity = "O(1)",
             .tips = "nondeterministic_output"}},
    {.name = "count-failure-reports",
     .arity = 3,
     .flags = kAdmin | kStale,
     .handler = Refuse,
     .group = CommandGroup::kCluster,
     .doc = {.summary = "Counts the reports that call a node failed.",
             .since = "3.0.0",
             .complexity = "O(N)",
             .arguments = "node-id:string",
             .tips = "nondeterministic_output"}},
    {.name = "countkeysinslot",
     .arity = 3,
     .flags = kStale,
     .handler = Refuse,
     .group = CommandGroup::kCluster,
     .doc = {.summary = "Counts the keys of a slot.",
             .since = "3.0.0",
             .complexity = "O(1)",
             .arguments = "slot:integer"}},
    {.name = "delslots",
     .arity = -3,
     .flags = kAdmin | kNoAsyncLoading | kStale,
     .handler = Refuse,
     .group = CommandGroup::kCluster,
     .doc = {.summary = "Takes slots from the node.",
             .since = "3.0.0",
             .complexity = "O(N)",
             .arguments = "slot:integer*"}},
    {.name = "delslotsrange",
     .arity = -4,
     .flags = kAdmin | kNoAsyncLoading | kStale,
     .handler = Refuse,
     .group = CommandGroup::kCluster,
     .doc = {.summary = "Takes ranges of slots from the node.",
             .since = "7.0.0",
             .complexity = "O(N)",
             .arguments = "range:block(start-slot:integer end-slot:integer)*"}},
    {.name = "failover",
     .arity = -2,
     .flags = kAdmin | kNoAsyncLoading | kStale,
     .handler = Refuse,
     .group = CommandGroup::kCluster,
     .doc = {.summary = "Makes a replica the primary of its shard.",
             .since = "3.0.0",
             .complexity = "O(1)",
             .arguments = "[options:oneof(force:pure-token=FORCE takeover:pure-token=TAKEOVER)]"}},
    {.name = "flushslots",
     .arity = 2,
     .flags = kAdmin | kNoAsyncLoading | kStale,
     .handler = Refuse,
     .group = CommandGroup::kCluster,
     .doc = {.summary = "Takes all slots from the node.", .since = "3.0.0", .complexity = "O(1)"}},
    {.name = "forget",
     .arity = 3,
     .flags = kAdmin | kNoAsyncLoading | kStale,
     .handler = Refuse,
     .group = CommandGroup::kCluster,
     .doc = {.summary = "Removes a node from the list of known nodes.",
             .since = "3.0.0",
             .complexity = "O(1)",
             .arguments = "node-id:string"}},
    {.name = "getkeysinslot",
     .arity = 4,
     .flags = kStale,
     .handler = Refuse,
     .group = CommandGroup::kCluster,
     .doc = {.summary = "Lists keys of a slot.",
             .since = "3.0.0",
             .complexity = "O(N)",
             .arguments = "slot:integer count:integer",
             .tips = "nondeterministic_output"}},
    {.name = "help",
     .arity = 2,
     .flags = kLoading | kStale,
     .handler = Refuse,
     .group = CommandGroup::kCluster,
     .doc = {.summary = "Lists the subcommands.", .since = "5.0.0", .complexity = "O(1)"}},
    {.name = "info",
     .arity = 2,
     .flags = kLoading | kStale,
     .handler = Refuse,
     .group = CommandGroup::kCluster,
     .doc = {.summary = "Tells the state of the cluster.",
             .since = "3.0.0",
             .complexity = "O(1)",
             .tips = "nondeterministic_output"}},
    {.name = "keyslot",
     .arity = 3,
     .flags = kStale,
     .handler = TellSlot,
     .group = CommandGroup::kCluster,
     .doc = {.summary = "Tells the slot of a key.", .since = "3.0.0", .complexity = "O(N)", .arguments = "key:string"}},
    {.name = "links",
     .arity = 2,
     .flags = kStale,
     .handler = Refuse,
     .group = CommandGroup::kCluster,
     .doc = {.summary = "Lists the connections of the cluster's bus.",
             .since = "7.0.0",
             .complexity = "O(N)",
             .tips = "nondeterministic_output"}},
    {.name = "meet",
     .arity = -4,
     .flags = kAdmin | kNoAsyncLoading | kStale,
     .handler = Refuse,
     .group = CommandGroup::kCluster,
     .doc = {.summary = "Introduces a node to the cluster.",
             .since = "3.0.0",
             .complexity = "O(1)",
             .arguments = "ip:string port:integer [cluster-bus-port:integer!4.0.0]"}},
    {.name = "myid",
     .arity = 2,
     .flags = kLoading | kStale,
     .handler = Refuse,
     .group = CommandGroup::kCluster,
     .doc = {.summary = "Tells the node's id.", .since = "3.0.0", .complexity = "O(1)"}},
    {.name = "myshardid",
     .arity = 2,
     .flags = kLoading | kStale,
     .handler = Refuse,
     .group = CommandGroup::kCluster,
     .doc = {.summary = "Tells the id of the node's shard.",
             .since = "7.2.0",
             .complexity = "O(1)",
             .tips = "nondeterministic_output"}},
    {.name = "nodes",
     .arity = 2,
     .flags = kLoading | kStale,
     .handler = Refuse,
     .group = CommandGroup::kCluster,
     .doc = {.summary = "Describes all nodes as this one sees them.",
             .since = "3.0.0",
             .complexity = "O(N)",
             .tips = "nondeterministic_output"}},
    {.name = "replicas",
     .arity = 3,
     .flags = kAdmin | kStale,
     .handler = Refuse,
     .group = CommandGroup::kCluster,
     .doc = {.summary = "Lists the replicas of a primary.",
             .since = "5.0.0",
             .complexity = "O(N)",
             .arguments = "node-id:string",
             .tips = "nondeterministic_output"}},
    {.name = "replicate",
     .arity = -3,
     .flags = kAdmin | kNoAsyncLoading | kStale,
     .handler = Refuse,
     .group = CommandGroup::kCluster,
     .doc = {.summary = "Makes the node a replica of another.",
             .since = "3.0.0",
             .complexity = "O(1)",
             .arguments = "node-id:string"}},
    {.name = "reset",
     .arity = -2,
     .flags = kAdmin | kNoScript | kStale,
     .handler = Refuse,
     .group = CommandGroup::kCluster,
     .doc = {.summary = "Takes the node out of its cluster.",
             .since = "3.0.0",
             .complexity = "O(N)",
             .arguments = "[reset-type:oneof(hard:pure-token=HARD soft:pure-token=SOFT)]"}},
    {.name = "saveconfig",
     .arity = 2,
     .flags = kAdmin | kNoAsyncLoading | kStale,
     .handler = Refuse,
     .group = CommandGroup::kCluster,
     .doc = {.summary = "Writes the cluster's state to its file.", .since = "3.0.0", .complexity = "O(1)"}},
    {.name = "set-config-epoch",
     .arity = 3,
     .flags = kAdmin | kNoAsyncLoading | kStale,
     .handler = Refuse,
     .group = CommandGroup::kCluster,
     .doc = {.summary = "Sets a new node's configuration epoch.",
             .since = "3.0.0",
             .complexity = "O(1)",
             .arguments = "config-epoch:integer"}},
    {.name = "setslot",
     .arity = -4,
     .flags = kAdmin | kNoAsyncLoading | kStale,
     .handler = Refuse,
     .group = CommandGroup::kCluster,
     .doc = {.summary = "Binds a slot to a node or to a move.",
             .since = "3.0.0",
             .complexity = "O(1)",
             .arguments = "slot:integer subcommand:oneof(importing:string=IMPORTING migrating:string=MIGRATING "
                          "node:string=NODE stable:pure-token=STABLE)"}},
    {.name = "shards",
     .arity = 2,
     .flags = kLoading | kStale,
     .handler = Refuse,
     .group = CommandGroup::kCluster,
     .doc = {.summary = "Lists the shards and their nodes.",
             .since = "7.0.0",
             .complexity = "O(N)",
             .tips = "nondeterministic_output"}},
    {.name = "slaves",
     .arity = 3,
     .flags = kAdmin | kStale,
     .handler = Refuse,
     .group = CommandGroup::kCluster,
     .doc = {.summary = "Lists the replicas of a primary.",
             .since = "3.0.0",
             .complexity = "O(N)",
             .arguments = "node-id:string",
             .tips = "nondeterministic_output",
             .deprecated_since = "5.0.0",
             .replaced_by = "CLUSTER REPLICAS"}},
    {.name = "slots",
     .arity = 2,
     .flags = kLoading | kStale,
     .handler = Refuse,
     .group = CommandGroup::kCluster,
     .doc = {.summary = "Lists the slots and their nodes.",
             .since = "3.0.0",
             .complexity = "O(N)",
             .tips = "nondeterministic_output",
             .deprecated_since = "7.0.0",
             .replaced_by = "CLUSTER SHARDS"}},
};

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
    {.name = "cluster",
     .arity = -2,
     .group = CommandGroup::kCluster,
     .doc = {.summary = "Groups the commands about the cluster.", .since = "3.0.0", .complexity = "per-subcommand"},
     .subcommands = kSubcommands},
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
