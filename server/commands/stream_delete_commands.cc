// Deleting entries with a say about the groups that still refer to them: XDELEX, XACKDEL.
#include <optional>
#include <string_view>
#include <vector>

#include "protocol/resp_writer.h"
#include "server/arg_parser.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/commands/families.h"
#include "server/commands/stream_replies.h"
#include "storage/value/stream_value.h"

namespace cachenode {
namespace {

// What is answered for each id.
enum DeleteOutcome : int8_t {
  kNoSuchEntry = -1,
  kDeleted = 1,
  kStillReferenced = 2,  // Acknowledged by XACKDEL, but some group has yet to read or acknowledge it.
};

struct DeleteOptions {
  StreamReferences references = StreamReferences::kKeep;
  std::vector<StreamId> ids;
};

// [KEEPREF | DELREF | ACKED] IDS count id...
Status ParseDelete(Args args, size_t at, DeleteOptions& options) {
  ArgParser parser(args, at);
  if (!parser.HasNext()) return Err::kSyntax;
  if (const std::optional<StreamReferences> references = ParseReferences(parser.Peek())) {
    options.references = *references;
    parser.NextString();
  }
  if (!parser.Match("ids", 1)) return Err::kSyntax;
  Result<int64_t> count = ParseInt64(parser.NextString());
  if (!count || *count < 1) return Status::Text("ERR Number of IDs must be a positive integer");
  if (static_cast<uint64_t>(*count) != parser.Remaining()) {
    return Status::Text("ERR The `numids` parameter must match the number of arguments");
  }
  Result<std::vector<StreamId>> ids = ParseIdArguments(args.subspan(parser.position()));
  if (!ids) return ids.error();
  options.ids = *std::move(ids);
  return Status::Ok();
}

// Deletes one entry as the references allow.
Result<DeleteOutcome> DeleteOne(StreamValue& stream, StreamId id, StreamReferences references) {
  if (references == StreamReferences::kOnlyAcknowledged && stream.view().IsReferenced(id)) {
    return stream.view().Find(id) ? kStillReferenced : kNoSuchEntry;
  }
  if (references == StreamReferences::kDelete) {
    if (Status error = stream.DropReferences(id); !error.ok()) return error;
  }
  Result<bool> deleted = stream.Delete(id);
  if (!deleted) return deleted.error();
  return *deleted ? kDeleted : kNoSuchEntry;
}

// Applies `remove` to each id and answers an array of the outcomes.
template <typename Remove>
Status DeleteEach(CommandContext& context, std::string_view key, StreamValue& stream, const DeleteOptions& options,
                  const Remove& remove) {
  RespWriter& reply = context.reply();
  const ReplyBuffer::Mark begin = reply.MarkHere();
  reply.ArrayHeader(options.ids.size());
  bool has_deleted = false;
  Status failure;
  for (const StreamId id : options.ids) {
    Result<DeleteOutcome> outcome = remove(id);
    if (!outcome) {
      failure = outcome.error();
      break;
    }
    has_deleted = has_deleted || *outcome == kDeleted;
    reply.Integer(*outcome);
  }
  stream.FinishDeleting();
  if (has_deleted) context.Notify(kNotifyStream, "xdel", key);
  if (!failure.ok()) reply.RollbackTo(begin);
  return failure;
}

void WriteNoneFound(RespWriter& reply, size_t count) {
  reply.ArrayHeader(count);
  for (size_t i = 0; i < count; ++i) reply.Integer(kNoSuchEntry);
}

// XDELEX key [KEEPREF | DELREF | ACKED] IDS count id... -> for each id: -1 not there, 1 deleted, 2 still referenced.
Status Xdelex(CommandContext& context, Args args) {
  DeleteOptions options;
  if (Status error = ParseDelete(args, 2, options); !error.ok()) return error;
  KeySlot slot = context.FindForWrite(args[1]);
  if (Status error = slot.Require(ValueType::kStream); !error.ok()) return error;
  if (!slot.Exists()) {
    WriteNoneFound(context.reply(), options.ids.size());
    return Status::Ok();
  }
  StreamValue stream(slot);
  if (Status error = stream.Open(); !error.ok()) return error;
  return DeleteEach(context, args[1], stream, options,
                    [&](StreamId id) { return DeleteOne(stream, id, options.references); });
}

// XACKDEL key group [KEEPREF | DELREF | ACKED] IDS count id... -> for each id: -1 not pending, 1 acknowledged and
// deleted, 2 acknowledged but still referenced.
Status Xackdel(CommandContext& context, Args args) {
  DeleteOptions options;
  if (Status error = ParseDelete(args, 3, options); !error.ok()) return error;
  KeySlot slot = context.FindForWrite(args[1]);
  if (Status error = slot.Require(ValueType::kStream); !error.ok()) return error;
  if (!slot.Exists() || StreamView::Of(slot).FindGroup(args[2]) == nullptr) {
    WriteNoneFound(context.reply(), options.ids.size());
    return Status::Ok();
  }
  StreamValue stream(slot);
  if (Status error = stream.Open(); !error.ok()) return error;
  return DeleteEach(context, args[1], stream, options, [&](StreamId id) -> Result<DeleteOutcome> {
    StreamGroup* const group = stream.EditGroup(args[2]);
    if (group == nullptr) return Err::kOutOfMemory;
    Result<bool> acknowledged = group->Acknowledge(id);
    if (!acknowledged) return acknowledged.error();
    if (!*acknowledged) return kNoSuchEntry;
    Result<DeleteOutcome> outcome = DeleteOne(stream, id, options.references);
    // An entry that was gone before is off the group's list now, which is what was asked for.
    if (outcome && *outcome == kNoSuchEntry) return kDeleted;
    return outcome;
  });
}

constexpr CommandSpec kStreamDeleteCommands[] = {
    {.name = "xackdel",
     .arity = -6,
     .flags = kFast | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyDelete)),
     .acl = kAclStream,
     .handler = Xackdel,
     .group = CommandGroup::kStream,
     .doc = {.summary = "Acknowledges entries and deletes them.",
             .since = "8.2.0",
             .complexity = "O(1)",
             .arguments = "key:key@0 group:string [condition:oneof(keepref:pure-token=KEEPREF delref:pure-token=DELREF "
                          "acked:pure-token=ACKED)] ids:block(numids:integer id:string*)=IDS"}},
    {.name = "xdelex",
     .arity = -5,
     .flags = kFast | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyDelete)),
     .acl = kAclStream,
     .handler = Xdelex,
     .group = CommandGroup::kStream,
     .doc = {.summary = "Deletes entries, with a say about the groups that refer to them.",
             .since = "8.2.0",
             .complexity = "O(1)",
             .arguments = "key:key@0 [condition:oneof(keepref:pure-token=KEEPREF delref:pure-token=DELREF "
                          "acked:pure-token=ACKED)] ids:block(numids:integer id:string*)=IDS"}},
};
}  // namespace

std::span<const CommandSpec> StreamDeleteCommands() { return kStreamDeleteCommands; }

}  // namespace cachenode
