// REPLICAOF, SYNC and what primaries and replicas say to each other. This node is a primary that takes no replicas:
// requests are checked as Redis checks them, and what would begin replication is refused with the reason.
#include <string>
#include <string_view>

#include "protocol/resp_writer.h"
#include "server/arg_parser.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/commands/families.h"

namespace cachenode {
namespace {

constexpr const char* kNoReplication = "ERR Replication is not built into this server yet";

// REPLICAOF NO ONE -> OK: the node is a primary. REPLICAOF host port -> an error.
Status Replicaof(CommandContext& context, Args args) {
  if (EqualsIgnoreCase(args[1], "no") && EqualsIgnoreCase(args[2], "one")) {
    context.reply().Ok();
    return Status::Ok();
  }
  const Result<int64_t> port = ParseInt64(args[2]);
  if (!port || *port < 0 || *port > 65535) return Status::Text("ERR Invalid master port");
  return Status::Text(kNoReplication);
}

// SYNC -> an error.
Status Sync(CommandContext& /*context*/, Args /*args*/) { return Status::Text(kNoReplication); }

// PSYNC replication-id offset -> an error.
Status Psync(CommandContext& /*context*/, Args args) {
  Result<int64_t> offset = ParseInt64(args[2]);
  if (!offset) return offset.error();
  return Status::Text(kNoReplication);
}

// Whether an option of REPLCONF exists, and its value can be read.
Status CheckReplicaOption(std::string_view name, std::string_view value) {
  constexpr std::string_view kTexts[] = {"ip-address", "capa", "ack", "fack", "getack"};
  for (const std::string_view text : kTexts) {
    if (EqualsIgnoreCase(name, text)) return Status::Ok();
  }
  if (EqualsIgnoreCase(name, "rdb-filter-only")) {
    if (value.empty() || EqualsIgnoreCase(value, "functions")) return Status::Ok();
    return Status::Text("ERR Unsupported rdb-filter-only option: " + std::string(value));
  }
  const bool is_switch = EqualsIgnoreCase(name, "rdb-only");
  if (!is_switch && !EqualsIgnoreCase(name, "listening-port")) {
    return Status::Text("ERR Unrecognized REPLCONF option: " + std::string(name));
  }
  Result<int64_t> number = ParseInt64(value);
  if (!number) return number.error();
  if (is_switch && *number != 0 && *number != 1) {
    return Status::Text("ERR value is out of range, value must between 0 and 1");
  }
  return Status::Ok();
}

// REPLCONF [option value ...] -> an error, but for no options at all, which ask for nothing.
Status Replconf(CommandContext& context, Args args) {
  if (args.size() % 2 == 0) return Err::kSyntax;
  for (size_t i = 1; i < args.size(); i += 2) {
    if (Status error = CheckReplicaOption(args[i], args[i + 1]); !error.ok()) return error;
  }
  if (args.size() > 1) return Status::Text(kNoReplication);
  context.reply().Ok();
  return Status::Ok();
}

// FAILOVER [TO host port [FORCE]] [ABORT] [TIMEOUT milliseconds] -> an error: there is no replica, and so no failover
// that could be given up.
Status Failover(CommandContext& /*context*/, Args args) {
  if (args.size() == 2 && EqualsIgnoreCase(args[1], "abort")) return Status::Text("ERR No failover in progress.");
  ArgParser parser(args, 1);
  bool has_timeout = false;
  bool has_target = false;
  bool is_forced = false;
  while (parser.HasNext()) {
    if (!has_timeout && parser.Match("timeout", 1)) {
      has_timeout = true;
      const int64_t timeout_ms = parser.NextInt64();
      if (!parser.failed() && timeout_ms <= 0) return Status::Text("ERR FAILOVER timeout must be greater than 0");
    } else if (!has_target && parser.Match("to", 2)) {
      has_target = true;
      parser.NextString();
      parser.NextInt64();
    } else if (!is_forced && parser.Match("force")) {
      is_forced = true;
    } else {
      parser.Fail(Err::kSyntax);
    }
  }
  if (parser.failed()) return parser.Finish();
  return Status::Text("ERR FAILOVER requires connected replicas.");
}

constexpr CommandSpec kReplicationCommands[] = {
    {.name = "failover",
     .arity = -1,
     .flags = kAdmin | kNoScript | kStale,
     .handler = Failover,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Hands the work of the primary to a replica.",
             .since = "6.2.0",
             .complexity = "O(1)",
             .arguments = "[target:block(host:string port:integer [force:pure-token=FORCE])=TO] "
                          "[abort:pure-token=ABORT] [milliseconds:integer=TIMEOUT]"}},
    {.name = "psync",
     .arity = -3,
     .flags = kAdmin | kNoAsyncLoading | kNoMulti | kNoScript,
     .handler = Psync,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Begins or resumes the stream of writes to a replica.",
             .since = "2.8.0",
             .complexity = "-",
             .arguments = "replicationid:string offset:integer"}},
    {.name = "replconf",
     .arity = -1,
     .flags = kAdmin | kAllowBusy | kLoading | kNoScript | kStale,
     .handler = Replconf,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Tells a primary about its replica.", .since = "3.0.0", .complexity = "O(1)"}},
    {.name = "replicaof",
     .arity = 3,
     .flags = kAdmin | kNoAsyncLoading | kNoScript | kStale,
     .handler = Replicaof,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Makes the node a replica of another, or a primary.",
             .since = "5.0.0",
             .complexity = "O(1)",
             .arguments = "args:oneof(host-port:block(host:string port:integer) no-one:block(no:pure-token=NO "
                          "one:pure-token=ONE))"}},
    {.name = "slaveof",
     .arity = 3,
     .flags = kAdmin | kNoAsyncLoading | kNoScript | kStale,
     .handler = Replicaof,
     .group = CommandGroup::kServer,
     .doc =
         {.summary = "Makes the node a replica of another, or a primary.",
          .since = "1.0.0",
          .complexity = "O(1)",
          .arguments =
              "args:oneof(host-port:block(host:string port:integer) no-one:block(no:pure-token=NO one:pure-token=ONE))",
          .deprecated_since = "5.0.0",
          .replaced_by = "REPLICAOF"}},
    {.name = "sync",
     .arity = 1,
     .flags = kAdmin | kNoAsyncLoading | kNoMulti | kNoScript,
     .handler = Sync,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Begins the stream of writes to a replica.", .since = "1.0.0", .complexity = "-"}},
};

}  // namespace

std::span<const CommandSpec> ReplicationCommands() { return kReplicationCommands; }

}  // namespace cachenode
