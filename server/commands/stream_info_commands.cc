// XINFO: streams, groups and consumers described.
#include <algorithm>
#include <optional>
#include <string_view>

#include "protocol/error_text.h"
#include "protocol/resp_writer.h"
#include "server/arg_parser.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/commands/families.h"
#include "server/commands/help.h"
#include "server/commands/stream_replies.h"
#include "server/config/config.h"
#include "storage/value/stream_value.h"

namespace cachenode {
namespace {

using Direction = StreamCursor::Direction;

void WriteCount(RespWriter& reply, std::string_view name, uint64_t count) {
  reply.Bulk(name);
  reply.Integer(static_cast<int64_t>(count));
}

void WriteIdField(RespWriter& reply, std::string_view name, StreamId id) {
  reply.Bulk(name);
  WriteStreamId(reply, id);
}

void WriteOptional(RespWriter& reply, std::string_view name, std::optional<uint64_t> value) {
  reply.Bulk(name);
  if (value) {
    reply.Integer(static_cast<int64_t>(*value));
  } else {
    reply.Null();
  }
}

// The seven fields both forms of XINFO STREAM begin with.
void WriteStreamFields(RespWriter& reply, StreamView view) {
  const StreamHistory& history = view.history();
  WriteCount(reply, "length", view.length());
  // Redis' names for nodes of entries, and for all nodes of the structure above them.
  WriteCount(reply, "radix-tree-keys", view.node_count());
  WriteCount(reply, "radix-tree-nodes", view.node_count() + 1);
  WriteIdField(reply, "last-generated-id", history.last_id);
  WriteIdField(reply, "max-deleted-entry-id", history.max_deleted_id);
  WriteCount(reply, "entries-added", history.entries_added);
  WriteIdField(reply, "recorded-first-entry-id", history.first_id);
}

void WriteEdge(RespWriter& reply, StreamView view, std::string_view name, Direction direction) {
  reply.Bulk(name);
  StreamEntry entry;
  if (view.Range(kStreamIdMin, kStreamIdMax, direction).Next(entry)) {
    WriteStreamEntry(reply, entry);
  } else {
    reply.Null();
  }
}

void WriteShort(RespWriter& reply, StreamView view) {
  reply.MapHeader(10);
  WriteStreamFields(reply, view);
  WriteCount(reply, "groups", view.group_count());
  WriteEdge(reply, view, "first-entry", Direction::kForward);
  WriteEdge(reply, view, "last-entry", Direction::kBackward);
}

// --- XINFO STREAM FULL -----------------------------------------------------------------------------------------------

struct FullForm {
  uint64_t count_max = 10;  // Of entries, and of pending entries of each group and consumer.
  bool has_active_time = false;
};

void WriteConsumerFull(RespWriter& reply, const StreamGroup& group, const StreamConsumer& consumer,
                       const FullForm& form) {
  reply.MapHeader(form.has_active_time ? 5 : 4);
  reply.Bulk("name");
  reply.Bulk(consumer.name());
  reply.Bulk("seen-time");
  reply.Integer(consumer.seen_at_ms());
  if (form.has_active_time) {
    reply.Bulk("active-time");
    reply.Integer(consumer.active_at_ms());
  }
  WriteCount(reply, "pel-count", consumer.pending().count());
  reply.Bulk("pending");
  const uint64_t shown = std::min(consumer.pending().count(), form.count_max);
  reply.ArrayHeader(static_cast<size_t>(shown));
  auto cursor = consumer.pending().From(kStreamIdMin);
  for (uint64_t i = 0; i < shown; ++i) {
    const PendingEntry& entry = *group.pending().Find(cursor.Next()->id);
    reply.ArrayHeader(3);
    WriteStreamId(reply, entry.id);
    reply.Integer(entry.delivered_at_ms);
    reply.Integer(static_cast<int64_t>(entry.deliveries));
  }
}

void WriteGroupFull(RespWriter& reply, StreamView view, const StreamGroup& group, const FullForm& form) {
  reply.MapHeader(7);
  reply.Bulk("name");
  reply.Bulk(group.name());
  WriteIdField(reply, "last-delivered-id", group.last_id());
  WriteOptional(reply, "entries-read", group.entries_read());
  WriteOptional(reply, "lag", view.Lag(group));
  WriteCount(reply, "pel-count", group.pending().count());
  reply.Bulk("pending");
  const uint64_t shown = std::min(group.pending().count(), form.count_max);
  reply.ArrayHeader(static_cast<size_t>(shown));
  auto cursor = group.pending().From(kStreamIdMin);
  for (uint64_t i = 0; i < shown; ++i) {
    const PendingEntry& entry = *cursor.Next();
    reply.ArrayHeader(4);
    WriteStreamId(reply, entry.id);
    reply.Bulk(group.ByNumber(entry.consumer).name());
    reply.Integer(entry.delivered_at_ms);
    reply.Integer(static_cast<int64_t>(entry.deliveries));
  }
  reply.Bulk("consumers");
  reply.ArrayHeader(group.consumer_count());
  for (uint32_t i = 0; i < group.consumer_count(); ++i) WriteConsumerFull(reply, group, group.consumer(i), form);
}

void WriteFull(RespWriter& reply, StreamView view, const FullForm& form) {
  reply.MapHeader(9);
  WriteStreamFields(reply, view);
  reply.Bulk("entries");
  const RespWriter::Deferred array = reply.DeferArray();
  StreamCursor cursor = view.Range(kStreamIdMin, kStreamIdMax, Direction::kForward);
  StreamEntry entry;
  uint64_t written = 0;
  for (; written < form.count_max && cursor.Next(entry); ++written) WriteStreamEntry(reply, entry);
  reply.Close(array, written);
  reply.Bulk("groups");
  reply.ArrayHeader(view.group_count());
  for (uint32_t i = 0; i < view.group_count(); ++i) WriteGroupFull(reply, view, view.group(i), form);
}

// --- The subcommands -------------------------------------------------------------------------------------------------

// Ok when `slot` holds a stream.
Status RequireStream(const KeySlot& slot) {
  if (!slot.Exists()) return Err::kNoSuchKey;
  return slot.Require(ValueType::kStream);
}

// XINFO STREAM key [FULL [COUNT n]] -> a map that describes the stream.
Status XinfoStream(CommandContext& context, Args args) {
  const KeySlot slot = context.FindForRead(args[2]);
  if (Status error = RequireStream(slot); !error.ok()) return error;
  const StreamView view = StreamView::Of(slot);
  if (args.size() == 3) {
    WriteShort(context.reply(), view);
    return Status::Ok();
  }
  const bool has_count = args.size() == 6;
  if ((args.size() != 4 && !has_count) || !EqualsIgnoreCase(args[3], "full") ||
      (has_count && !EqualsIgnoreCase(args[4], "count"))) {
    return Status::Text(SubcommandSyntaxText("xinfo", args[1]));
  }
  FullForm form;
  form.has_active_time = context.config().engine_version.AtLeast(7, 2);
  if (has_count) {
    Result<int64_t> count = ParseInt64(args[5]);
    if (!count) return count.error();
    if (*count >= 0) form.count_max = *count == 0 ? UINT64_MAX : static_cast<uint64_t>(*count);
  }
  WriteFull(context.reply(), view, form);
  return Status::Ok();
}

// XINFO GROUPS key -> a map for each group.
Status XinfoGroups(CommandContext& context, Args args) {
  const KeySlot slot = context.FindForRead(args[2]);
  if (Status error = RequireStream(slot); !error.ok()) return error;
  const StreamView view = StreamView::Of(slot);
  RespWriter& reply = context.reply();
  reply.ArrayHeader(view.group_count());
  for (uint32_t i = 0; i < view.group_count(); ++i) {
    const StreamGroup& group = view.group(i);
    reply.MapHeader(6);
    reply.Bulk("name");
    reply.Bulk(group.name());
    WriteCount(reply, "consumers", group.consumer_count());
    WriteCount(reply, "pending", group.pending().count());
    WriteIdField(reply, "last-delivered-id", group.last_id());
    WriteOptional(reply, "entries-read", group.entries_read());
    WriteOptional(reply, "lag", view.Lag(group));
  }
  return Status::Ok();
}

// Milliseconds since `time_ms`; -1 when it never was.
int64_t AgeMs(int64_t now_ms, int64_t time_ms) {
  if (time_ms == StreamConsumer::kNeverActive) return -1;
  return std::max<int64_t>(now_ms - time_ms, 0);
}

// XINFO CONSUMERS key group -> a map for each consumer.
Status XinfoConsumers(CommandContext& context, Args args) {
  const KeySlot slot = context.FindForRead(args[2]);
  if (Status error = RequireStream(slot); !error.ok()) return error;
  const StreamGroup* const group = StreamView::Of(slot).FindGroup(args[3]);
  if (group == nullptr) return NoSuchGroup(args[2], args[3]);
  const bool has_inactive = context.config().engine_version.AtLeast(7, 2);
  RespWriter& reply = context.reply();
  reply.ArrayHeader(group->consumer_count());
  for (uint32_t i = 0; i < group->consumer_count(); ++i) {
    const StreamConsumer& consumer = group->consumer(i);
    reply.MapHeader(has_inactive ? 4 : 3);
    reply.Bulk("name");
    reply.Bulk(consumer.name());
    WriteCount(reply, "pending", consumer.pending().count());
    reply.Bulk("idle");
    reply.Integer(std::max<int64_t>(context.now_ms() - consumer.seen_at_ms(), 0));
    if (!has_inactive) continue;
    reply.Bulk("inactive");
    reply.Integer(AgeMs(context.now_ms(), consumer.active_at_ms()));
  }
  return Status::Ok();
}

Status XinfoHelp(CommandContext& context, Args /*args*/) {
  constexpr std::string_view kLines[] = {
      "CONSUMERS <key> <groupname>",          "    Describe the consumers of a group.", "GROUPS <key>",
      "    Describe the groups of a stream.", "STREAM <key> [FULL [COUNT <count>]",     "    Describe a stream.",
  };
  WriteHelp(context.reply(), "XINFO", kLines);
  return Status::Ok();
}

constexpr CommandSpec kXinfoSubcommands[] = {
    {.name = "consumers",
     .arity = 4,
     .flags = kReadOnly,
     .keys = KeySpecs(KeySpec::One(2, kKeyReadOnly | kKeyAccess)),
     .acl = kAclStream,
     .handler = XinfoConsumers,
     .group = CommandGroup::kStream,
     .doc = {.summary = "Describes the consumers of a group.",
             .since = "5.0.0",
             .complexity = "O(1)",
             .arguments = "key:key@0 group:string",
             .tips = "nondeterministic_output"}},
    {.name = "groups",
     .arity = 3,
     .flags = kReadOnly,
     .keys = KeySpecs(KeySpec::One(2, kKeyReadOnly | kKeyAccess)),
     .acl = kAclStream,
     .handler = XinfoGroups,
     .group = CommandGroup::kStream,
     .doc = {.summary = "Describes the groups of a stream.",
             .since = "5.0.0",
             .complexity = "O(1)",
             .arguments = "key:key@0"}},
    {.name = "help",
     .arity = 2,
     .flags = kLoading | kStale,
     .acl = kAclStream,
     .handler = XinfoHelp,
     .group = CommandGroup::kStream,
     .doc = {.summary = "Describes the subcommands.", .since = "5.0.0", .complexity = "O(1)"}},
    {.name = "stream",
     .arity = -3,
     .flags = kReadOnly,
     .keys = KeySpecs(KeySpec::One(2, kKeyReadOnly | kKeyAccess)),
     .acl = kAclStream,
     .handler = XinfoStream,
     .group = CommandGroup::kStream,
     .doc = {.summary = "Describes a stream.",
             .since = "5.0.0",
             .complexity = "O(1)",
             .arguments = "key:key@0 [full-block:block(full:pure-token=FULL [count:integer=COUNT])]"}},
};

constexpr CommandSpec kStreamInfoCommands[] = {
    {.name = "xinfo",
     .arity = -2,
     .group = CommandGroup::kStream,
     .doc = {.summary = "Describes streams.", .since = "5.0.0", .complexity = "per-subcommand"},
     .subcommands = kXinfoSubcommands},
};
}  // namespace

std::span<const CommandSpec> StreamInfoCommands() { return kStreamInfoCommands; }

}  // namespace cachenode
