// Consumer groups: XGROUP, and taking delivered entries off: XACK.
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/error_text.h"
#include "protocol/resp_writer.h"
#include "server/arg_parser.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/commands/families.h"
#include "server/commands/help.h"
#include "server/commands/stream_replies.h"
#include "server/lazy_free.h"
#include "storage/value/stream_value.h"

namespace cachenode {
namespace {

struct GroupOptions {
  bool makes_stream = false;
  std::optional<uint64_t> entries_read;
};

Status ParseGroupOptions(Args args, bool is_create, GroupOptions& options) {
  ArgParser parser(args, 5);
  while (parser.HasNext()) {
    if (is_create && parser.Match("mkstream")) {
      options.makes_stream = true;
    } else if (parser.Match("entriesread", 1)) {
      const int64_t read = parser.NextInt64();
      if (read < -1) parser.Fail(Status::Text("ERR value for ENTRIESREAD must be positive or -1"));
      options.entries_read.reset();
      if (read >= 0) options.entries_read = static_cast<uint64_t>(read);
    } else {
      return Status::Text(SubcommandSyntaxText("xgroup", args[1]));
    }
  }
  return parser.Finish();
}

Status KeyRequired() {
  return Status::Text(
      "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM "
      "option to create an empty stream automatically.");
}

// Ok when the key at args[2] is a stream, and with `needs_group` has the group at args[3].
Status RequireStream(const KeySlot& slot, Args args, bool needs_group) {
  if (Status error = slot.Require(ValueType::kStream); !error.ok()) return error;
  if (!slot.Exists()) return KeyRequired();
  if (needs_group && StreamView::Of(slot).FindGroup(args[3]) == nullptr) return NoSuchGroup(args[2], args[3]);
  return Status::Ok();
}

// "$" or an id.
Result<StreamId> ParsePosition(const KeySlot& slot, std::string_view text) {
  if (text != "$") return ParseIdArgument(text);
  return slot.Exists() ? StreamView::Of(slot).last_id() : StreamId{};
}

// XGROUP CREATE key group id | $ [MKSTREAM] [ENTRIESREAD n] -> OK.
Status XgroupCreate(CommandContext& context, Args args) {
  GroupOptions options;
  if (Status error = ParseGroupOptions(args, true, options); !error.ok()) return error;
  if (args.size() > 8) return Status::Text(SubcommandSyntaxText("xgroup", args[1]));
  KeySlot slot = context.FindForWrite(args[2]);
  if (Status error = slot.Require(ValueType::kStream); !error.ok()) return error;
  if (!slot.Exists() && !options.makes_stream) return KeyRequired();
  Result<StreamId> id = ParsePosition(slot, args[4]);
  if (!id) return id.error();
  if (slot.Exists() && StreamView::Of(slot).FindGroup(args[3]) != nullptr) {
    return Status::Text("BUSYGROUP Consumer Group name already exists");
  }
  std::optional<KeyEvents::Unwatched> unwatched;
  if (slot.Exists()) unwatched.emplace(context.events());
  StreamValue stream(slot);
  if (Status error = stream.Open(); !error.ok()) return error;
  if (Status error = stream.CreateGroup(args[3], *id, options.entries_read); !error.ok()) return error;
  context.Notify(kNotifyStream, "xgroup-create", args[2]);
  context.reply().Ok();
  return Status::Ok();
}

// XGROUP SETID key group id | $ [ENTRIESREAD n] -> OK.
Status XgroupSetid(CommandContext& context, Args args) {
  GroupOptions options;
  if (Status error = ParseGroupOptions(args, false, options); !error.ok()) return error;
  if (args.size() > 7) return Status::Text(SubcommandSyntaxText("xgroup", args[1]));
  KeySlot slot = context.FindForWrite(args[2]);
  if (Status error = RequireStream(slot, args, true); !error.ok()) return error;
  // Unlike CREATE, this takes "-" and "+" too.
  const bool is_edge = args[4] == "-" || args[4] == "+";
  Result<StreamId> id = is_edge ? ParseRangeStart(args[4]) : ParsePosition(slot, args[4]);
  if (!id) return id.error();
  const KeyEvents::Unwatched unwatched(context.events());
  StreamValue stream(slot);
  if (Status error = stream.Open(); !error.ok()) return error;
  StreamGroup* const group = stream.EditGroup(args[3]);
  if (group == nullptr) return Err::kOutOfMemory;
  group->SetPosition(*id, options.entries_read);
  context.Notify(kNotifyStream, "xgroup-setid", args[2]);
  context.reply().Ok();
  return Status::Ok();
}

// XGROUP DESTROY key group -> 1, 0 when there is no such group.
Status XgroupDestroy(CommandContext& context, Args args) {
  KeySlot slot = context.FindForWrite(args[2]);
  if (Status error = RequireStream(slot, args, false); !error.ok()) return error;
  if (StreamView::Of(slot).FindGroup(args[3]) == nullptr) {
    context.reply().Integer(0);
    return Status::Ok();
  }
  const KeyEvents::Unwatched unwatched(context.events());
  StreamValue stream(slot);
  if (Status error = stream.Open(); !error.ok()) return error;
  FreeGroup(context.parts(), stream.TakeGroup(args[3]));
  context.Notify(kNotifyStream, "xgroup-destroy", args[2]);
  context.reply().Integer(1);
  return Status::Ok();
}

// XGROUP CREATECONSUMER key group consumer -> 1, 0 when it is there.
Status XgroupCreateconsumer(CommandContext& context, Args args) {
  KeySlot slot = context.FindForWrite(args[2]);
  if (Status error = RequireStream(slot, args, true); !error.ok()) return error;
  if (StreamView::Of(slot).FindGroup(args[3])->FindConsumer(args[4]) != nullptr) {
    context.reply().Integer(0);
    return Status::Ok();
  }
  const KeyEvents::Unwatched unwatched(context.events());
  StreamValue stream(slot);
  if (Status error = stream.Open(); !error.ok()) return error;
  StreamGroup* const group = stream.EditGroup(args[3]);
  if (group == nullptr) return Err::kOutOfMemory;
  Result<ConsumerNumber> added = group->AddConsumer(args[4], context.now_ms());
  if (!added) return added.error();
  context.Notify(kNotifyStream, "xgroup-createconsumer", args[2]);
  context.reply().Integer(1);
  return Status::Ok();
}

// XGROUP DELCONSUMER key group consumer -> how many entries were pending for it.
Status XgroupDelconsumer(CommandContext& context, Args args) {
  KeySlot slot = context.FindForWrite(args[2]);
  if (Status error = RequireStream(slot, args, true); !error.ok()) return error;
  const StreamConsumer* const consumer = StreamView::Of(slot).FindGroup(args[3])->FindConsumer(args[4]);
  if (consumer == nullptr) {
    context.reply().Integer(0);
    return Status::Ok();
  }
  const auto pending = static_cast<int64_t>(consumer->pending().count());
  const ConsumerNumber number = consumer->number();
  const KeyEvents::Unwatched unwatched(context.events());
  StreamValue stream(slot);
  if (Status error = stream.Open(); !error.ok()) return error;
  StreamGroup* const group = stream.EditGroup(args[3]);
  if (group == nullptr) return Err::kOutOfMemory;
  Result<RemovedConsumer> removed = group->RemoveConsumer(number);
  if (!removed) return removed.error();
  FreeConsumer(context.parts(), std::move(*removed));
  context.Notify(kNotifyStream, "xgroup-delconsumer", args[2]);
  context.reply().Integer(pending);
  return Status::Ok();
}

Status XgroupHelp(CommandContext& context, Args /*args*/) {
  constexpr std::string_view kLines[] = {
      "CREATE <key> <groupname> <id|$> [option]",
      "    Create a consumer group. Options are:",
      "    * MKSTREAM",
      "      Create an empty stream when the key is missing.",
      "    * ENTRIESREAD entries_read",
      "      Say how many entries the group has read.",
      "CREATECONSUMER <key> <groupname> <consumer>",
      "    Create a consumer in the group.",
      "DELCONSUMER <key> <groupname> <consumer>",
      "    Delete a consumer and what is pending for it.",
      "DESTROY <key> <groupname>",
      "    Delete the group.",
      "SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]",
      "    Set how far the group has read.",
  };
  WriteHelp(context.reply(), "XGROUP", kLines);
  return Status::Ok();
}

// XACK key group id... -> how many were pending.
Status Xack(CommandContext& context, Args args) {
  KeySlot slot = context.FindForRead(args[1]);
  if (Status error = slot.Require(ValueType::kStream); !error.ok()) return error;
  if (!slot.Exists() || StreamView::Of(slot).FindGroup(args[2]) == nullptr) {
    context.reply().Integer(0);  // Not even the ids are looked at.
    return Status::Ok();
  }
  Result<std::vector<StreamId>> ids = ParseIdArguments(args.subspan(3));
  if (!ids) return ids.error();
  const KeyEvents::Unwatched unwatched(context.events());
  StreamValue stream(slot);
  if (Status error = stream.Open(); !error.ok()) return error;
  StreamGroup* const group = stream.EditGroup(args[2]);
  if (group == nullptr) return Err::kOutOfMemory;
  int64_t acknowledged = 0;
  for (const StreamId id : *ids) {
    Result<bool> done = group->Acknowledge(id);
    if (!done) break;
    acknowledged += *done ? 1 : 0;
  }
  context.reply().Integer(acknowledged);
  return Status::Ok();
}

constexpr CommandSpec kXgroupSubcommands[] = {
    {.name = "create",
     .arity = -5,
     .flags = kDenyOom | kWrite,
     .keys = KeySpecs(KeySpec::One(2, kKeyReadWrite | kKeyInsert)),
     .acl = kAclStream,
     .handler = XgroupCreate,
     .group = CommandGroup::kStream,
     .doc = {.summary = "Creates a consumer group.",
             .since = "5.0.0",
             .complexity = "O(1)",
             .arguments = "key:key@0 group:string id-selector:oneof(id:string new-id:pure-token=$) "
                          "[mkstream:pure-token=MKSTREAM] [entriesread:integer=ENTRIESREAD]"}},
    {.name = "createconsumer",
     .arity = 5,
     .flags = kDenyOom | kWrite,
     .keys = KeySpecs(KeySpec::One(2, kKeyReadWrite | kKeyInsert)),
     .acl = kAclStream,
     .handler = XgroupCreateconsumer,
     .group = CommandGroup::kStream,
     .doc = {.summary = "Creates a consumer.",
             .since = "6.2.0",
             .complexity = "O(1)",
             .arguments = "key:key@0 group:string consumer:string"}},
    {.name = "delconsumer",
     .arity = 5,
     .flags = kWrite,
     .keys = KeySpecs(KeySpec::One(2, kKeyReadWrite | kKeyDelete)),
     .acl = kAclStream,
     .handler = XgroupDelconsumer,
     .group = CommandGroup::kStream,
     .doc = {.summary = "Deletes a consumer and what is pending for it.",
             .since = "5.0.0",
             .complexity = "O(1)",
             .arguments = "key:key@0 group:string consumer:string"}},
    {.name = "destroy",
     .arity = 4,
     .flags = kWrite,
     .keys = KeySpecs(KeySpec::One(2, kKeyReadWrite | kKeyDelete)),
     .acl = kAclStream,
     .handler = XgroupDestroy,
     .group = CommandGroup::kStream,
     .doc = {.summary = "Deletes a consumer group.",
             .since = "5.0.0",
             .complexity = "O(N)",
             .arguments = "key:key@0 group:string"}},
    {.name = "help",
     .arity = 2,
     .flags = kLoading | kStale,
     .acl = kAclStream,
     .handler = XgroupHelp,
     .group = CommandGroup::kStream,
     .doc = {.summary = "Describes the subcommands.", .since = "5.0.0", .complexity = "O(1)"}},
    {.name = "setid",
     .arity = -5,
     .flags = kWrite,
     .keys = KeySpecs(KeySpec::One(2, kKeyReadWrite | kKeyUpdate)),
     .acl = kAclStream,
     .handler = XgroupSetid,
     .group = CommandGroup::kStream,
     .doc = {.summary = "Sets how far a group has read.",
             .since = "5.0.0",
             .complexity = "O(1)",
             .arguments = "key:key@0 group:string id-selector:oneof(id:string new-id:pure-token=$) "
                          "[entriesread:integer=ENTRIESREAD]"}},
};

constexpr CommandSpec kStreamGroupCommands[] = {
    {.name = "xack",
     .arity = -4,
     .flags = kFast | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyUpdate)),
     .acl = kAclStream,
     .handler = Xack,
     .group = CommandGroup::kStream,
     .doc = {.summary = "Acknowledges entries that were delivered to a group.",
             .since = "5.0.0",
             .complexity = "O(1)",
             .arguments = "key:key@0 group:string id:string*"}},
    {.name = "xgroup",
     .arity = -2,
     .group = CommandGroup::kStream,
     .doc = {.summary = "Manages consumer groups.", .since = "5.0.0", .complexity = "per-subcommand"},
     .subcommands = kXgroupSubcommands},
};
}  // namespace

std::span<const CommandSpec> StreamGroupCommands() { return kStreamGroupCommands; }

}  // namespace cachenode
