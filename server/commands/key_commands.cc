// Keys whatever they hold: deleting, renaming, copying, listing, inspecting.
#include <string>
#include <string_view>

#include "protocol/resp_writer.h"
#include "server/arg_parser.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/commands/database_number.h"
#include "server/commands/families.h"
#include "server/config/config.h"
#include "server/lazy_free.h"

namespace cachenode {
namespace {

Status EraseKeys(CommandContext& context, Args keys, FreeWhere where) {
  int64_t erased = 0;
  for (const std::string_view key : keys) {
    KeySlot slot = context.FindForWrite(key);
    if (!slot.Exists()) continue;
    EraseKey(context.parts(), slot, where);
    context.Notify(kNotifyGeneric, "del", key);
    ++erased;
  }
  context.reply().Integer(erased);
  return Status::Ok();
}

// DEL key [key ...] -> how many there were.
Status Del(CommandContext& context, Args args) {
  const bool lazily = context.config().lazyfree_lazy_user_del;
  return EraseKeys(context, args.subspan(1), lazily ? FreeWhere::kBackground : FreeWhere::kHere);
}

// UNLINK key [key ...] -> how many there were; large values are freed in the background.
Status Unlink(CommandContext& context, Args args) {
  return EraseKeys(context, args.subspan(1), FreeWhere::kBackground);
}

// EXISTS key [key ...] -> how many of the arguments exist; a key named twice counts twice.
Status Exists(CommandContext& context, Args args) {
  int64_t count = 0;
  for (const std::string_view key : args.subspan(1)) count += context.FindUntouched(key).Exists() ? 1 : 0;
  context.reply().Integer(count);
  return Status::Ok();
}

// TOUCH key [key ...] -> how many exist; counts as an access to each.
Status Touch(CommandContext& context, Args args) {
  int64_t count = 0;
  for (const std::string_view key : args.subspan(1)) {
    KeySlot slot = context.FindForRead(key);
    if (!slot.Exists()) continue;
    slot.Touch();
    ++count;
  }
  context.reply().Integer(count);
  return Status::Ok();
}

// TYPE key -> the type's name, or none.
Status Type(CommandContext& context, Args args) {
  const KeySlot slot = context.FindUntouched(args[1]);
  context.reply().SimpleString(slot.Exists() ? TypeName(slot.type()) : std::string_view("none"));
  return Status::Ok();
}

// What was there before gives way, so the key counts as new, as Redis tells it.
void NotifyReplaced(CommandContext& context, uint32_t db, std::string_view key) {
  context.NotifyIn(db, kNotifyNewKey, "new", key);
}

// Moves `from` onto `to`; the caller checked that both differ and that `from` exists.
Status MoveKey(CommandContext& context, KeySlot& from, KeySlot& to) {
  const bool replaces = to.Exists();
  Status status = from.MoveTo(to);
  if (!status.ok()) return status;
  if (replaces) NotifyReplaced(context, context.db(), to.key());
  context.Notify(kNotifyGeneric, "rename_from", from.key());
  context.Notify(kNotifyGeneric, "rename_to", to.key());
  return Status::Ok();
}

// RENAME key newkey -> OK; what newkey held is gone.
Status Rename(CommandContext& context, Args args) {
  KeySlot from = context.FindForWrite(args[1]);
  if (!from.Exists()) return Err::kNoSuchKey;
  if (args[1] != args[2]) {
    KeySlot to = context.FindForWrite(args[2]);
    if (Status status = MoveKey(context, from, to); !status.ok()) return status;
  }
  context.reply().Ok();
  return Status::Ok();
}

// RENAMENX key newkey -> 1, or 0 and nothing moved when newkey exists.
Status Renamenx(CommandContext& context, Args args) {
  KeySlot from = context.FindForWrite(args[1]);
  if (!from.Exists()) return Err::kNoSuchKey;
  KeySlot to = context.FindForWrite(args[2]);
  if (to.Exists()) {
    context.reply().Integer(0);
    return Status::Ok();
  }
  Status status = MoveKey(context, from, to);
  if (status.ok()) context.reply().Integer(1);
  return status;
}

struct CopyOptions {
  uint32_t database;
  bool replace = false;
};

Status ParseCopyOptions(CommandContext& context, Args args, CopyOptions& options) {
  ArgParser parser(args, 3);
  while (parser.HasNext()) {
    if (parser.Match("replace")) {
      options.replace = true;
    } else if (parser.Match("db", 1)) {
      Result<uint32_t> database = ParseDatabase(context, parser.NextString());
      if (!database) return database.error();
      options.database = *database;
    } else {
      return Err::kSyntax;
    }
  }
  return parser.Finish();
}

// COPY source destination [DB destination-db] [REPLACE] -> 1 when copied, 0 when source is missing or destination
// there.
Status Copy(CommandContext& context, Args args) {
  CopyOptions options{.database = context.db()};
  if (Status error = ParseCopyOptions(context, args, options); !error.ok()) return error;
  if (args[1] == args[2] && options.database == context.db()) return Err::kSameObject;
  const KeySlot from = context.FindForRead(args[1]);
  if (!from.Exists()) {
    context.reply().Integer(0);
    return Status::Ok();
  }
  KeySlot to = context.FindInDatabase(options.database, args[2]);
  if (to.Exists() && !options.replace) {
    context.reply().Integer(0);
    return Status::Ok();
  }
  const bool replaces = to.Exists();
  Status status = from.CopyTo(to);
  if (!status.ok()) return status;
  if (replaces) NotifyReplaced(context, options.database, args[2]);
  context.NotifyIn(options.database, kNotifyGeneric, "copy_to", args[2]);
  context.reply().Integer(1);
  return Status::Ok();
}

// MOVE key db -> 1 when moved, 0 when the key is missing here or there already.
Status Move(CommandContext& context, Args args) {
  Result<uint32_t> database = ParseDatabase(context, args[2]);
  if (!database) return database.error();
  if (*database == context.db()) return Err::kSameObject;
  KeySlot from = context.FindForWrite(args[1]);
  KeySlot to = context.FindInDatabase(*database, args[1]);
  if (!from.Exists() || to.Exists()) {
    context.reply().Integer(0);
    return Status::Ok();
  }
  Status status = from.MoveTo(to);
  if (!status.ok()) return status;
  context.Notify(kNotifyGeneric, "move_from", args[1]);
  context.NotifyIn(*database, kNotifyGeneric, "move_to", args[1]);
  context.reply().Integer(1);
  return Status::Ok();
}

constexpr CommandSpec kKeyCommands[] = {
    {.name = "copy",
     .arity = -3,
     .flags = kDenyOom | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly | kKeyAccess), KeySpec::One(2, kKeyOverwrite | kKeyUpdate)),
     .acl = kAclKeyspace,
     .handler = Copy,
     .group = CommandGroup::kGeneric,
     .doc = {.summary = "Copies a key, to another database if wanted.",
             .since = "6.2.0",
             .complexity = "O(N); O(1)",
             .arguments = "source:key@0 destination:key@1 [destination-db:integer=DB] [replace:pure-token=REPLACE]"}},
    {.name = "del",
     .arity = -2,
     .flags = kWrite,
     .keys = KeySpecs(KeySpec::Range(1, -1, 1, kKeyRemove | kKeyDelete)),
     .acl = kAclKeyspace,
     .handler = Del,
     .group = CommandGroup::kGeneric,
     .doc = {.summary = "Deletes keys.",
             .since = "1.0.0",
             .complexity = "O(N); O(M); O(1)",
             .arguments = "key:key@0*",
             .tips = "request_policy:multi_shard,response_policy:agg_sum"}},
    {.name = "exists",
     .arity = -2,
     .flags = kFast | kReadOnly,
     .keys = KeySpecs(KeySpec::Range(1, -1, 1, kKeyReadOnly)),
     .acl = kAclKeyspace,
     .handler = Exists,
     .group = CommandGroup::kGeneric,
     .doc = {.summary = "Counts which of the given keys exist.",
             .since = "1.0.0",
             .complexity = "O(N)",
             .arguments = "key:key@0*",
             .tips = "request_policy:multi_shard,response_policy:agg_sum"}},
    {.name = "move",
     .arity = 3,
     .flags = kFast | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyAccess | kKeyUpdate)),
     .acl = kAclKeyspace,
     .handler = Move,
     .group = CommandGroup::kGeneric,
     .doc = {.summary = "Moves a key to another database.",
             .since = "1.0.0",
             .complexity = "O(1)",
             .arguments = "key:key@0 db:integer"}},
    {.name = "rename",
     .arity = 3,
     .flags = kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyAccess | kKeyDelete),
                      KeySpec::One(2, kKeyOverwrite | kKeyUpdate)),
     .acl = kAclKeyspace,
     .handler = Rename,
     .group = CommandGroup::kGeneric,
     .doc = {.summary = "Renames a key, replacing what has the new name.",
             .since = "1.0.0",
             .complexity = "O(1)",
             .arguments = "key:key@0 newkey:key@1"}},
    {.name = "renamenx",
     .arity = 3,
     .flags = kFast | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyAccess | kKeyDelete),
                      KeySpec::One(2, kKeyOverwrite | kKeyInsert)),
     .acl = kAclKeyspace,
     .handler = Renamenx,
     .group = CommandGroup::kGeneric,
     .doc = {.summary = "Renames a key if the new name is free.",
             .since = "1.0.0",
             .complexity = "O(1)",
             .arguments = "key:key@0 newkey:key@1"}},
    {.name = "touch",
     .arity = -2,
     .flags = kFast | kReadOnly,
     .keys = KeySpecs(KeySpec::Range(1, -1, 1, kKeyReadOnly)),
     .acl = kAclKeyspace,
     .handler = Touch,
     .group = CommandGroup::kGeneric,
     .doc = {.summary = "Counts as an access to keys and tells how many exist.",
             .since = "3.2.1",
             .complexity = "O(N)",
             .arguments = "key:key@0*",
             .tips = "request_policy:multi_shard,response_policy:agg_sum"}},
    {.name = "type",
     .arity = 2,
     .flags = kFast | kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly)),
     .acl = kAclKeyspace,
     .handler = Type,
     .group = CommandGroup::kGeneric,
     .doc = {.summary = "Tells the type of the value at a key.",
             .since = "1.0.0",
             .complexity = "O(1)",
             .arguments = "key:key@0"}},
    {.name = "unlink",
     .arity = -2,
     .flags = kFast | kWrite,
     .keys = KeySpecs(KeySpec::Range(1, -1, 1, kKeyRemove | kKeyDelete)),
     .acl = kAclKeyspace,
     .handler = Unlink,
     .group = CommandGroup::kGeneric,
     .doc = {.summary = "Deletes keys and frees large values in the background.",
             .since = "4.0.0",
             .complexity = "O(1); O(N)",
             .arguments = "key:key@0*",
             .tips = "request_policy:multi_shard,response_policy:agg_sum"}},
};
}  // namespace

std::span<const CommandSpec> KeyCommands() { return kKeyCommands; }

}  // namespace cachenode
