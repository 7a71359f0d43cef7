// SNAPSHOT: named snapshots of this node.
#include <fmt/format.h>

#include <memory>
#include <string>
#include <string_view>

#include "persistence/catalogue/utc_time.h"
#include "protocol/resp_writer.h"
#include "server/arg_parser.h"
#include "server/client_registry.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/commands/families.h"
#include "server/commands/help.h"
#include "server/config/config.h"
#include "server/node/snapshot_service.h"
#include "server/node_state.h"
#include "server/persistence_service.h"

namespace cachenode {
namespace {

using Shown = SnapshotService::Shown;

// A map of two texts a line: what DESCRIBE tells of a snapshot. Numbers are integers.
void WriteSnapshot(RespWriter& reply, const Shown& shown) {
  const SnapshotMetadata& about = shown.entry.metadata;
  const RespWriter::Deferred map = reply.DeferMap();
  size_t pairs = 0;
  const auto text = [&](std::string_view name, std::string_view value) {
    reply.Bulk(name);
    reply.Bulk(value);
    ++pairs;
  };
  const auto number = [&](std::string_view name, uint64_t value) {
    reply.Bulk(name);
    reply.Integer(static_cast<int64_t>(value));
    ++pairs;
  };
  text("name", about.name);
  text("status", shown.status);
  text("source", about.automatic ? "automated" : "manual");
  text("cluster-id", about.cluster_id);
  if (!shown.entry.fault.empty()) text("fault", shown.entry.fault);
  if (about.size_bytes != 0) {
    text("create-time", FormatUtcTime(about.created_s));
    text("node-type", about.node_type);
    text("engine", about.engine);
    text("engine-version", about.engine_version);
    text("parameter-group", about.parameter_group);
    number("port", static_cast<uint64_t>(about.port));
    number("size-bytes", about.size_bytes);
    number("keys", about.key_count);
    number("keys-with-expiry", about.expiring_count);
    number("memory-bytes", about.needed_bytes);
    number("rdb-version", static_cast<uint64_t>(about.rdb_version));
    text("crc64", fmt::format("{:016x}", about.checksum));
    text("copied-from", about.copied_from);
  }
  reply.Close(map, pairs);
}

// SNAPSHOT CREATE name -> OK once it has begun; DESCRIBE tells when it is there.
Status SnapshotCreate(CommandContext& context, Args args) {
  Status status = context.parts().snapshots->Create(args[2]);
  if (status.ok()) context.reply().Ok();
  return status;
}

// SNAPSHOT DELETE name -> OK; it is gone a moment later.
Status SnapshotDelete(CommandContext& context, Args args) {
  Status status = context.parts().snapshots->Delete(args[2]);
  if (status.ok()) context.reply().Ok();
  return status;
}

// SNAPSHOT COPY source target -> OK once it has begun.
Status SnapshotCopy(CommandContext& context, Args args) {
  Status status = context.parts().snapshots->Copy(args[2], args[3]);
  if (status.ok()) context.reply().Ok();
  return status;
}

// SNAPSHOT EXPORT name target -> OK once it has begun: the snapshot goes to `<target>/<name>-0001.rdb` in an object
// store. INFO snapshots and NODE EVENTS tell how it went.
// Errors: no such snapshot, or one that is busy or damaged; a target that is no bucket or folder of one; an export of
// another snapshot that runs.
Status SnapshotExport(CommandContext& context, Args args) {
  Status status = context.parts().snapshots->Export(args[2], args[3]);
  if (status.ok()) context.reply().Ok();
  return status;
}

// SNAPSHOT CANCEL name -> OK; the creation, the copy or the export that goes on with that snapshot ends. Its event
// tells when: what was made of it is gone then. An export may have been completed just before. Errors: nothing goes on
// with a snapshot of that name; it is being deleted, which cannot be taken back.
Status SnapshotCancel(CommandContext& context, Args args) {
  Status status = context.parts().snapshots->Cancel(args[2]);
  if (status.ok()) context.reply().Ok();
  return status;
}

// SNAPSHOT DESCRIBE name -> a map.
Status SnapshotDescribe(CommandContext& context, Args args) {
  Result<Shown> found = context.parts().snapshots->Find(args[2]);
  if (!found) return found.error();
  WriteSnapshot(context.reply(), *found);
  return Status::Ok();
}

// SNAPSHOT LIST [MANUAL | AUTOMATED] -> an array of what DESCRIBE answers, by name.
Status SnapshotList(CommandContext& context, Args args) {
  ArgParser parser(args, 2);
  const bool manual_only = parser.Match("manual");
  const bool automatic_only = !manual_only && parser.Match("automated");
  if (Status error = parser.Finish(); !error.ok()) return error;
  Result<std::vector<Shown>> all = context.parts().snapshots->List();
  if (!all) return all.error();
  const RespWriter::Deferred array = context.reply().DeferArray();
  size_t count = 0;
  for (const Shown& shown : *all) {
    const bool automatic = shown.entry.metadata.automatic;
    if ((manual_only && automatic) || (automatic_only && !automatic)) continue;
    WriteSnapshot(context.reply(), shown);
    ++count;
  }
  context.reply().Close(array, count);
  return Status::Ok();
}

// What a check found, and whether the data would fit into this node.
void WriteCheck(CommandContext& context, std::string_view name, const RdbSummary& summary) {
  RespWriter& reply = context.reply();
  const uint64_t limit = context.parts().persistence->RestoreLimitBytes(context.config());
  std::string_view fits = "unknown";  // Another server's file does not tell what it needs here.
  if (summary.needed_bytes != 0) fits = summary.needed_bytes <= limit ? "yes" : "no";
  reply.MapHeader(9);
  reply.Bulk("name");
  reply.Bulk(name);
  reply.Bulk("status");
  reply.Bulk("ok");
  reply.Bulk("size-bytes");
  reply.Integer(static_cast<int64_t>(summary.size_bytes));
  reply.Bulk("rdb-version");
  reply.Integer(summary.version);
  reply.Bulk("keys");
  reply.Integer(static_cast<int64_t>(summary.key_count));
  reply.Bulk("keys-by-type");
  reply.MapHeader(summary.keys_by_type.size());
  for (const auto& [type, count] : summary.keys_by_type) {
    reply.Bulk(type);
    reply.Integer(static_cast<int64_t>(count));
  }
  reply.Bulk("memory-bytes");
  reply.Integer(static_cast<int64_t>(summary.needed_bytes));
  reply.Bulk("memory-limit");
  reply.Integer(static_cast<int64_t>(limit));
  reply.Bulk("fits");
  reply.Bulk(fits);
}

Status AnswerCheck(CommandContext& context, std::string_view name, const Result<RdbSummary>& outcome) {
  if (!outcome) return Status::Text(fmt::format("ERR {}", outcome.status().text()));
  WriteCheck(context, name, *outcome);
  return Status::Ok();
}

// SNAPSHOT RESTORE-CHECK name -> a map, after every byte of the snapshot was read on another thread. The client sleeps
// meanwhile and offers the same request again; the check under way is kept for it.
Status SnapshotRestoreCheck(CommandContext& context, Args args) {
  SnapshotService& snapshots = *context.parts().snapshots;
  Session& session = context.session();
  if (!context.MayGiveTurnBack()) {  // No client of a node: scripts and transactions are refused before.
    return AnswerCheck(context, args[2], snapshots.CheckNow(args[2]));
  }
  std::shared_ptr<SnapshotService::Check> check = snapshots.CheckOf(session.id);
  if (check == nullptr) {
    ClientRegistry& clients = *context.parts().clients;
    const uint64_t id = session.id;
    Status status = snapshots.StartCheck(id, args[2], [&clients, id] {
      static_cast<void>(clients.Post(id, [](Session& there) { there.connection->Resume(); }));
    });
    if (!status.ok()) return status;
    session.connection->Park();
    return context.GiveTurnBack();
  }
  if (!check->done.load(std::memory_order_acquire)) {  // Woken by something else.
    session.connection->Park();
    return context.GiveTurnBack();
  }
  snapshots.EndCheck(session.id);
  return AnswerCheck(context, check->name, check->outcome);
}

Status SnapshotHelp(CommandContext& context, Args /*args*/) {
  constexpr std::string_view kLines[] = {
      "CANCEL <name>",
      "    End the creation, the copy or the export that goes on with a snapshot.",
      "COPY <source> <target>",
      "    Make a manual snapshot with the data of another one.",
      "CREATE <name>",
      "    Begin a manual snapshot of the present data.",
      "DELETE <name>",
      "    Delete a snapshot.",
      "DESCRIBE <name>",
      "    Tell everything about a snapshot.",
      "EXPORT <name> <target>",
      "    Upload a snapshot to <target>/<name>-0001.rdb, where <target> is a bucket, or a",
      "    bucket and a folder: s3://bucket/folder.",
      "LIST [MANUAL|AUTOMATED]",
      "    Describe all snapshots, or those of one kind.",
      "RESTORE-CHECK <name>",
      "    Read a snapshot from end to end and tell whether this node could load it.",
  };
  WriteHelp(context.reply(), "SNAPSHOT", kLines);
  return Status::Ok();
}

constexpr uint32_t kLooking = kAdmin | kLoading | kStale | kNoScript;
constexpr uint32_t kChanging = kAdmin | kNoScript | kNoAsyncLoading;

constexpr CommandSpec kSnapshotSubcommands[] = {
    {.name = "cancel",
     .arity = 3,
     .flags = kChanging | kExclusive,
     .handler = SnapshotCancel,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Ends what goes on with a snapshot.",
             .since = "0.1.0",
             .complexity = "O(1)",
             .arguments = "name:string"}},
    {.name = "copy",
     .arity = 4,
     .flags = kChanging,
     .handler = SnapshotCopy,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Makes a manual snapshot with the data of another one.",
             .since = "0.1.0",
             .complexity = "O(1); O(N) in the background",
             .arguments = "source:string target:string"}},
    {.name = "create",
     .arity = 3,
     .flags = kChanging | kExclusive,
     .handler = SnapshotCreate,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Begins a named snapshot of the data.",
             .since = "0.1.0",
             .complexity = "O(1); O(N) in the background",
             .arguments = "name:string"}},
    {.name = "delete",
     .arity = 3,
     .flags = kChanging,
     .handler = SnapshotDelete,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Deletes a snapshot.", .since = "0.1.0", .complexity = "O(1)", .arguments = "name:string"}},
    {.name = "describe",
     .arity = 3,
     .flags = kLooking,
     .handler = SnapshotDescribe,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Tells everything about a snapshot.",
             .since = "0.1.0",
             .complexity = "O(1)",
             .arguments = "name:string",
             .tips = "nondeterministic_output"}},
    {.name = "export",
     .arity = 4,
     .flags = kChanging,
     .handler = SnapshotExport,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Uploads a snapshot into an object store.",
             .since = "0.1.0",
             .complexity = "O(1); O(N) in the background",
             .arguments = "name:string target:string"}},
    {.name = "help",
     .arity = 2,
     .flags = kLoading | kStale,
     .handler = SnapshotHelp,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Lists the subcommands of SNAPSHOT.", .since = "0.1.0", .complexity = "O(1)"}},
    {.name = "list",
     .arity = -2,
     .flags = kLooking,
     .handler = SnapshotList,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Describes all snapshots.",
             .since = "0.1.0",
             .complexity = "O(N) where N is the number of snapshots",
             .arguments = "[kind:oneof(manual:pure-token=MANUAL automated:pure-token=AUTOMATED)]",
             .tips = "nondeterministic_output"}},
    {.name = "restore-check",
     .arity = 3,
     .flags = kAdmin | kNoScript | kNoMulti,
     .handler = SnapshotRestoreCheck,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Reads a snapshot from end to end and tells whether this node could load it.",
             .since = "0.1.0",
             .complexity = "O(N) in the background",
             .arguments = "name:string",
             .tips = "nondeterministic_output"}},
};

constexpr CommandSpec kSnapshotCommands[] = {
    {.name = "snapshot",
     .arity = -2,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Groups the commands for named snapshots.", .since = "0.1.0", .complexity = "per-subcommand"},
     .subcommands = kSnapshotSubcommands},
};

}  // namespace

std::span<const CommandSpec> SnapshotCommands() { return kSnapshotCommands; }

}  // namespace cachenode
