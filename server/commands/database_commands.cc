// Whole databases: DBSIZE, FLUSHDB, FLUSHALL, SWAPDB.
#include <string_view>

#include "protocol/resp_writer.h"
#include "server/arg_parser.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/commands/families.h"
#include "server/config/config.h"
#include "server/lazy_free.h"
#include "server/persistence_service.h"

namespace cachenode {
namespace {

// DBSIZE -> keys of the database, those that expired and were not swept yet included.
Status Dbsize(CommandContext& context, Args /*args*/) {
  context.reply().Integer(static_cast<int64_t>(context.keyspace().KeyCount(context.db())));
  return Status::Ok();
}

// [ASYNC | SYNC]
Result<FreeWhere> ParseFlushMode(const CommandContext& context, Args args) {
  if (args.size() > 2) return Err::kSyntax;
  ArgParser parser(args, 1);
  if (parser.Match("async")) return FreeWhere::kBackground;
  if (parser.Match("sync")) return FreeWhere::kHere;
  if (Status error = parser.Finish(); !error.ok()) return error;
  return context.config().lazyfree_lazy_user_flush ? FreeWhere::kBackground : FreeWhere::kHere;
}

// FLUSHDB [ASYNC | SYNC] -> OK.
Status Flushdb(CommandContext& context, Args args) {
  Result<FreeWhere> where = ParseFlushMode(context, args);
  if (!where) return where.error();
  context.events().DatabaseChanges(DatabaseChange::kFlushed, context.db(), context.db());
  const uint64_t keys = context.keyspace().KeyCount(context.db());
  FreeDetached(context.parts(), context.keyspace().FlushDatabase(context.db()), keys, *where);
  if (*where == FreeWhere::kHere) context.keyspace().FreeDetached();
  context.reply().Ok();
  return Status::Ok();
}

// FLUSHALL [ASYNC | SYNC] -> OK.
Status Flushall(CommandContext& context, Args args) {
  Result<FreeWhere> where = ParseFlushMode(context, args);
  if (!where) return where.error();
  context.events().DatabaseChanges(DatabaseChange::kAllFlushed, 0, 0);
  uint64_t keys = 0;
  for (uint32_t db = 0; db < context.keyspace().database_count(); ++db) keys += context.keyspace().KeyCount(db);
  FreeDetached(context.parts(), context.keyspace().FlushAll(), keys, *where);
  if (*where == FreeWhere::kHere) context.keyspace().FreeDetached();
  // Absent in harnesses without files.
  if (context.parts().persistence != nullptr) context.parts().persistence->OnFlushAll();
  context.reply().Ok();
  return Status::Ok();
}

// SWAPDB index1 index2 -> OK; clients of each see the other's keys.
Status Swapdb(CommandContext& context, Args args) {
  const Result<int64_t> first = ParseInt64Within(args[1], INT32_MIN, INT32_MAX);
  if (!first) return Status::Text("ERR invalid first DB index");
  const Result<int64_t> second = ParseInt64Within(args[2], INT32_MIN, INT32_MAX);
  if (!second) return Status::Text("ERR invalid second DB index");
  const auto count = static_cast<int64_t>(context.keyspace().database_count());
  if (*first < 0 || *first >= count || *second < 0 || *second >= count) return Err::kDbOutOfRange;
  if (*first != *second) {
    context.events().DatabaseChanges(DatabaseChange::kSwapped, static_cast<uint32_t>(*first),
                                     static_cast<uint32_t>(*second));
  }
  context.keyspace().SwapDatabases(static_cast<uint32_t>(*first), static_cast<uint32_t>(*second));
  context.reply().Ok();
  return Status::Ok();
}

constexpr CommandSpec kDatabaseCommands[] = {
    {.name = "dbsize",
     .arity = 1,
     .flags = kFast | kReadOnly,
     .acl = kAclKeyspace,
     .handler = Dbsize,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Counts the keys of the database.",
             .since = "1.0.0",
             .complexity = "O(1)",
             .tips = "request_policy:all_shards,response_policy:agg_sum"}},
    {.name = "flushall",
     .arity = -1,
     .flags = kExclusive | kWrite,
     .acl = kAclDangerous | kAclKeyspace,
     .handler = Flushall,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Deletes all keys of all databases.",
             .since = "1.0.0",
             .complexity = "O(N)",
             .arguments = "[flush-type:oneof(async:pure-token=ASYNC!4.0.0 sync:pure-token=SYNC!6.2.0)]",
             .tips = "request_policy:all_shards,response_policy:all_succeeded"}},
    {.name = "flushdb",
     .arity = -1,
     .flags = kExclusive | kWrite,
     .acl = kAclDangerous | kAclKeyspace,
     .handler = Flushdb,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Deletes all keys of the database.",
             .since = "1.0.0",
             .complexity = "O(N)",
             .arguments = "[flush-type:oneof(async:pure-token=ASYNC!4.0.0 sync:pure-token=SYNC!6.2.0)]",
             .tips = "request_policy:all_shards,response_policy:all_succeeded"}},
    {.name = "swapdb",
     .arity = 3,
     .flags = kExclusive | kFast | kWrite,
     .acl = kAclDangerous | kAclKeyspace,
     .handler = Swapdb,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Exchanges the contents of two databases.",
             .since = "4.0.0",
             .complexity = "O(N)",
             .arguments = "index1:integer index2:integer"}},
};
}  // namespace

std::span<const CommandSpec> DatabaseCommands() { return kDatabaseCommands; }

}  // namespace cachenode
