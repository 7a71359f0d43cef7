// Entries of streams: XADD and the trimming it shares with XTRIM, ranges, deleting, XSETID.
#include <algorithm>
#include <optional>
#include <string_view>

#include "protocol/resp_writer.h"
#include "server/arg_parser.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/commands/families.h"
#include "server/commands/stream_replies.h"
#include "server/config/config.h"
#include "storage/value/listpack.h"
#include "storage/value/stream_value.h"
#include "storage/value/value_limits.h"

namespace cachenode {
namespace {

// How XADD names the entry.
struct IdChoice {
  enum class Kind : uint8_t { kAutomatic, kAutomaticSeq, kGiven };
  Kind kind = Kind::kAutomatic;
  StreamId id;
};

struct AddOptions {
  StreamTrim trim;
  std::optional<int64_t> limit;
  bool makes_stream = true;
  IdChoice id;
  size_t fields_at = 0;
};

// What "~" without LIMIT removes at most: a hundred nodes' worth, within sane bounds.
uint64_t DefaultTrimLimit() {
  constexpr uint64_t kNodes = 100;
  constexpr uint64_t kWithoutNodeLimit = 10'000;
  constexpr uint64_t kLimitMax = 1'000'000;
  const uint64_t entries = value_limits.stream_node_max_entries;
  return entries == 0 ? kWithoutNodeLimit : std::min(entries, kLimitMax / kNodes) * kNodes;
}

// MAXLEN | MINID [= | ~] threshold. The word itself is taken.
void ParseThreshold(ArgParser& parser, StreamTrim& trim, StreamTrim::By by) {
  if (trim.by != StreamTrim::By::kNothing) {
    return parser.Fail(Status::Text("ERR syntax error, MAXLEN and MINID options at the same time are not compatible"));
  }
  trim.by = by;
  trim.whole_nodes = parser.Match("~", 1);
  if (!trim.whole_nodes) (void)parser.Match("=", 1);
  if (by == StreamTrim::By::kLength) {
    const int64_t length = parser.NextInt64();
    if (length < 0) parser.Fail(Status::Text("ERR The MAXLEN argument must be >= 0."));
    trim.length = static_cast<uint64_t>(length);
    return;
  }
  Result<StreamId> id = ParseIdArgument(parser.NextString());
  if (id) {
    trim.id = *id;
  } else {
    parser.Fail(id.error());
  }
}

void ParseLimit(ArgParser& parser, AddOptions& options) {
  options.limit = parser.NextInt64();
  if (*options.limit < 0) parser.Fail(Status::Text("ERR The LIMIT argument must be >= 0."));
}

// One trimming option. False when the next argument is none.
bool MatchTrimOption(ArgParser& parser, AddOptions& options) {
  if (parser.Match("maxlen", 1)) {
    ParseThreshold(parser, options.trim, StreamTrim::By::kLength);
  } else if (parser.Match("minid", 1)) {
    ParseThreshold(parser, options.trim, StreamTrim::By::kId);
  } else if (parser.Match("limit", 1)) {
    ParseLimit(parser, options);
  } else if (const std::optional<StreamReferences> references = ParseReferences(parser.Peek())) {
    options.trim.references = *references;
    parser.NextString();
  } else {
    return false;
  }
  return true;
}

Status CheckTrim(AddOptions& options) {
  StreamTrim& trim = options.trim;
  if (options.limit.value_or(0) != 0 && trim.by == StreamTrim::By::kNothing) {
    return Status::Text("ERR syntax error, LIMIT cannot be used without specifying a trimming strategy");
  }
  if (options.limit && !trim.whole_nodes) {
    return Status::Text("ERR syntax error, LIMIT cannot be used without the special ~ option");
  }
  if (trim.whole_nodes) trim.limit = options.limit ? static_cast<uint64_t>(*options.limit) : DefaultTrimLimit();
  return Status::Ok();
}

// "*", "ms-*", or an id.
Result<IdChoice> ParseIdChoice(std::string_view text) {
  if (text == "*") return IdChoice{};
  const bool has_automatic_seq = text.ends_with("-*");
  Result<StreamId> id = ParseIdArgument(has_automatic_seq ? text.substr(0, text.size() - 2) : text);
  if (!id) return id.error();
  if (has_automatic_seq && text.find('-') != text.size() - 2) return ParseIdArgument("-").error();
  return IdChoice{has_automatic_seq ? IdChoice::Kind::kAutomaticSeq : IdChoice::Kind::kGiven, *id};
}

Status ParseAdd(Args args, AddOptions& options) {
  ArgParser parser(args, 2);
  while (parser.HasNext()) {
    if (parser.Peek() != "*" && (MatchTrimOption(parser, options))) continue;
    if (parser.Match("nomkstream")) {
      options.makes_stream = false;
      continue;
    }
    if (parser.failed()) break;
    Result<IdChoice> id = ParseIdChoice(parser.NextString());
    if (!id) return id.error();
    options.id = *id;
    options.fields_at = parser.position();
    break;
  }
  if (parser.failed()) return parser.Finish();
  if (Status error = CheckTrim(options); !error.ok()) return error;
  const size_t field_count = options.fields_at == 0 ? 0 : args.size() - options.fields_at;
  if (field_count < 2 || field_count % 2 != 0) return Err::kArity;
  return Status::Ok();
}

// The new entry's id. Error: that it is not above the last one.
Result<StreamId> ChooseId(const IdChoice& choice, StreamId last_id, int64_t now_ms) {
  constexpr const char* kTooSmall = "ERR The ID specified in XADD is equal or smaller than the target stream top item";
  const auto now = static_cast<uint64_t>(now_ms);
  StreamId id = choice.id;
  if (choice.kind == IdChoice::Kind::kAutomatic) {
    id = last_id.ms < now ? StreamId{now, 0} : *NextStreamId(last_id);
  } else if (choice.kind == IdChoice::Kind::kAutomaticSeq && id.ms == last_id.ms) {
    if (last_id.seq == UINT64_MAX) return Status::Text(kTooSmall);
    id.seq = last_id.seq + 1;
  }
  if (id <= last_id) return Status::Text(kTooSmall);
  return id;
}

// XADD key [NOMKSTREAM] [KEEPREF | DELREF | ACKED] [MAXLEN | MINID [= | ~] threshold [LIMIT n]] * | id field value...
// -> the entry's id, nil when NOMKSTREAM found no key.
Status Xadd(CommandContext& context, Args args) {
  AddOptions options;
  if (Status error = ParseAdd(args, options); !error.ok()) return error;
  if (options.id.kind == IdChoice::Kind::kGiven && options.id.id.IsZero()) {
    return Status::Text("ERR The ID specified in XADD must be greater than 0-0");
  }
  KeySlot slot = context.FindForWrite(args[1]);
  if (Status error = slot.Require(ValueType::kStream); !error.ok()) return error;
  if (!slot.Exists() && !options.makes_stream) {
    context.reply().Null();
    return Status::Ok();
  }
  const StreamId last_id = slot.Exists() ? StreamView::Of(slot).last_id() : StreamId{};
  if (last_id == kStreamIdMax) {
    return Status::Text("ERR The stream has exhausted the last possible ID, unable to add more items");
  }
  Result<StreamId> id = ChooseId(options.id, last_id, context.now_ms());
  if (!id) return id.error();
  const StreamFields fields = args.subspan(options.fields_at);
  size_t bytes = 0;
  for (const std::string_view part : fields) bytes += part.size();
  if (bytes > kListpackBytesMax) return Status::Text("ERR Elements are too large to be stored");

  StreamValue stream(slot);
  if (Status error = stream.Open(); !error.ok()) return error;
  if (Status error = stream.Append(*id, fields); !error.ok()) return error;
  context.Notify(kNotifyStream, "xadd", args[1]);
  Result<uint64_t> trimmed = stream.Trim(options.trim);
  if (trimmed && *trimmed > 0) context.Notify(kNotifyStream, "xtrim", args[1]);
  WriteStreamId(context.reply(), *id);
  return Status::Ok();
}

// Entries went, under KeyEvents::Unwatched.
void NotifyRemoved(CommandContext& context, std::string_view event, std::string_view key) {
  context.events().BeforeChange(context.db(), key);
  context.Notify(kNotifyStream, event, key);
}

// XTRIM key MAXLEN | MINID [= | ~] threshold [LIMIT n] [KEEPREF | DELREF | ACKED] -> how many entries went.
Status Xtrim(CommandContext& context, Args args) {
  AddOptions options;
  ArgParser parser(args, 2);
  while (parser.HasNext()) {
    if (!MatchTrimOption(parser, options)) return Err::kSyntax;
  }
  if (Status error = parser.Finish(); !error.ok()) return error;
  if (options.limit.value_or(0) == 0 && options.trim.by == StreamTrim::By::kNothing) {
    return Status::Text("ERR syntax error, XTRIM must be called with a trimming strategy");
  }
  if (Status error = CheckTrim(options); !error.ok()) return error;
  KeySlot slot = context.FindForWrite(args[1]);
  if (Status error = slot.Require(ValueType::kStream); !error.ok()) return error;
  Result<uint64_t> removed = uint64_t{0};
  if (slot.Exists() && StreamView::Of(slot).length() > 0) {
    const KeyEvents::Unwatched unwatched(context.events());
    StreamValue stream(slot);
    if (Status error = stream.Open(); !error.ok()) return error;
    removed = stream.Trim(options.trim);
  }
  if (!removed) {
    context.events().BeforeChange(context.db(), args[1]);  // Some may have gone.
    return removed.error();
  }
  if (*removed > 0) NotifyRemoved(context, "xtrim", args[1]);
  context.reply().Integer(static_cast<int64_t>(*removed));
  return Status::Ok();
}

// XLEN key -> number of entries.
Status Xlen(CommandContext& context, Args args) {
  const KeySlot slot = context.FindForRead(args[1]);
  if (Status error = slot.Require(ValueType::kStream); !error.ok()) return error;
  context.reply().Integer(slot.Exists() ? static_cast<int64_t>(StreamView::Of(slot).length()) : 0);
  return Status::Ok();
}

// The entries from `args[first]` to `args[last]`, at most COUNT.
Status RangeIn(CommandContext& context, Args args, StreamCursor::Direction direction) {
  const bool forward = direction == StreamCursor::Direction::kForward;
  Result<StreamId> start = ParseRangeStart(args[forward ? 2 : 3]);
  if (!start) return start.error();
  Result<StreamId> end = ParseRangeEnd(args[forward ? 3 : 2]);
  if (!end) return end.error();
  std::optional<int64_t> count;
  ArgParser parser(args, 4);
  while (parser.HasNext()) {
    if (!parser.Match("count", 1)) return Err::kSyntax;
    count = parser.NextInt64();
  }
  if (Status error = parser.Finish(); !error.ok()) return error;
  const KeySlot slot = context.FindForRead(args[1]);
  if (Status error = slot.Require(ValueType::kStream); !error.ok()) return error;
  RespWriter& reply = context.reply();
  if (!slot.Exists()) {
    reply.EmptyArray();
    return Status::Ok();
  }
  if (count && *count <= 0) {
    reply.NullArray();
    return Status::Ok();
  }
  const uint64_t limit = count ? static_cast<uint64_t>(*count) : UINT64_MAX;
  const RespWriter::Deferred array = reply.DeferArray();
  StreamCursor cursor = StreamView::Of(slot).Range(*start, *end, direction);
  StreamEntry entry;
  uint64_t written = 0;
  for (; written < limit && cursor.Next(entry); ++written) WriteStreamEntry(reply, entry);
  reply.Close(array, written);
  return Status::Ok();
}

// XRANGE key start end [COUNT n] -> entries in ascending order.
Status Xrange(CommandContext& context, Args args) { return RangeIn(context, args, StreamCursor::Direction::kForward); }

// XREVRANGE key end start [COUNT n] -> entries in descending order.
Status Xrevrange(CommandContext& context, Args args) {
  return RangeIn(context, args, StreamCursor::Direction::kBackward);
}

// How many were there.
Result<int64_t> DeleteEntries(CommandContext& context, KeySlot& slot, const std::vector<StreamId>& ids) {
  const KeyEvents::Unwatched unwatched(context.events());
  StreamValue stream(slot);
  if (Status error = stream.Open(); !error.ok()) return error;
  int64_t deleted = 0;
  for (const StreamId id : ids) {
    Result<bool> done = stream.Delete(id);
    if (!done) break;
    deleted += *done ? 1 : 0;
  }
  stream.FinishDeleting();
  return deleted;
}

// XDEL key id... -> how many were there.
Status Xdel(CommandContext& context, Args args) {
  Result<std::vector<StreamId>> ids = ParseIdArguments(args.subspan(2));
  KeySlot slot = context.FindForWrite(args[1]);
  if (Status error = slot.Require(ValueType::kStream); !error.ok()) return error;
  if (!slot.Exists()) {
    context.reply().Integer(0);  // Not even the ids are looked at.
    return Status::Ok();
  }
  if (!ids) return ids.error();
  Result<int64_t> deleted = DeleteEntries(context, slot, *ids);
  if (!deleted) return deleted.error();
  if (*deleted > 0) NotifyRemoved(context, "xdel", args[1]);
  context.reply().Integer(*deleted);
  return Status::Ok();
}

struct SetIdOptions {
  StreamId id;
  StreamId max_deleted_id;
  std::optional<int64_t> entries_added;
};

Status ParseSetId(Args args, SetIdOptions& options) {
  Result<StreamId> id = ParseIdArgument(args[2]);
  if (!id) return id.error();
  options.id = *id;
  ArgParser parser(args, 3);
  while (parser.HasNext()) {
    if (parser.Match("entriesadded", 1)) {
      options.entries_added = parser.NextInt64();
      if (*options.entries_added < 0) parser.Fail(Status::Text("ERR entries_added must be positive"));
    } else if (parser.Match("maxdeletedid", 1)) {
      Result<StreamId> deleted = ParseIdArgument(parser.NextString());
      if (!deleted) return deleted.error();
      options.max_deleted_id = *deleted;
      if (options.id < *deleted) {
        return Status::Text("ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id");
      }
    } else {
      return Err::kSyntax;
    }
  }
  return parser.Finish();
}

// XSETID key id [ENTRIESADDED n] [MAXDELETEDID id] -> OK. Sets what a stream remembers of its past.
Status Xsetid(CommandContext& context, Args args) {
  SetIdOptions options;
  if (Status error = ParseSetId(args, options); !error.ok()) return error;
  KeySlot slot = context.FindForWrite(args[1]);
  if (!slot.Exists()) return Err::kNoSuchKey;
  if (Status error = slot.Require(ValueType::kStream); !error.ok()) return error;
  const StreamView view = StreamView::Of(slot);
  if (context.config().engine_version.AtLeast(7, 2) && options.id < view.history().max_deleted_id) {
    return Status::Text("ERR The ID specified in XSETID is smaller than current max_deleted_entry_id");
  }
  if (const std::optional<StreamId> top = view.LastEntryId()) {
    if (options.id < *top) {
      return Status::Text("ERR The ID specified in XSETID is smaller than the target stream top item");
    }
    if (options.entries_added && view.length() > static_cast<uint64_t>(*options.entries_added)) {
      return Status::Text("ERR The entries_added specified in XSETID is smaller than the target stream length");
    }
  }
  const KeyEvents::Unwatched unwatched(context.events());
  StreamValue stream(slot);
  if (Status error = stream.Open(); !error.ok()) return error;
  StreamHistory& history = stream.history();
  history.last_id = options.id;
  if (options.entries_added) history.entries_added = static_cast<uint64_t>(*options.entries_added);
  if (!options.max_deleted_id.IsZero()) history.max_deleted_id = options.max_deleted_id;
  context.Notify(kNotifyStream, "xsetid", args[1]);
  context.reply().Ok();
  return Status::Ok();
}

constexpr CommandSpec kStreamCommands[] = {
    {.name = "xadd",
     .arity = -5,
     .flags = kDenyOom | kFast | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyUpdate)),
     .acl = kAclStream,
     .handler = Xadd,
     .group = CommandGroup::kStream,
     .doc = {.summary = "Adds an entry to a stream, creating the stream.",
             .since = "5.0.0",
             .complexity = "O(1); O(N)",
             .arguments = "key:key@0 [nomkstream:pure-token=NOMKSTREAM!6.2.0] "
                          "[trim:block(strategy:oneof(maxlen:pure-token=MAXLEN minid:pure-token=MINID!6.2.0) "
                          "[operator:oneof(equal:pure-token== approximately:pure-token=~)] threshold:string "
                          "[count:integer=LIMIT!6.2.0])] id-selector:oneof(auto-id:pure-token=* id:string) "
                          "data:block(field:string value:string)*",
             .tips = "nondeterministic_output"}},
    {.name = "xdel",
     .arity = -3,
     .flags = kFast | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyDelete)),
     .acl = kAclStream,
     .handler = Xdel,
     .group = CommandGroup::kStream,
     .doc = {.summary = "Deletes entries of a stream by id.",
             .since = "5.0.0",
             .complexity = "O(1)",
             .arguments = "key:key@0 id:string*"}},
    {.name = "xlen",
     .arity = 2,
     .flags = kFast | kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly)),
     .acl = kAclStream,
     .handler = Xlen,
     .group = CommandGroup::kStream,
     .doc = {.summary = "Counts the entries of a stream.",
             .since = "5.0.0",
             .complexity = "O(1)",
             .arguments = "key:key@0"}},
    {.name = "xrange",
     .arity = -4,
     .flags = kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclStream,
     .handler = Xrange,
     .group = CommandGroup::kStream,
     .doc = {.summary = "Reads the entries of a stream from one id to another.",
             .since = "5.0.0",
             .complexity = "O(N); O(1)",
             .arguments = "key:key@0 start:string end:string [count:integer=COUNT]"}},
    {.name = "xrevrange",
     .arity = -4,
     .flags = kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclStream,
     .handler = Xrevrange,
     .group = CommandGroup::kStream,
     .doc = {.summary = "Reads the entries of a stream from one id down to another.",
             .since = "5.0.0",
             .complexity = "O(N); O(1)",
             .arguments = "key:key@0 end:string start:string [count:integer=COUNT]"}},
    {.name = "xsetid",
     .arity = -3,
     .flags = kDenyOom | kFast | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyUpdate)),
     .acl = kAclStream,
     .handler = Xsetid,
     .group = CommandGroup::kStream,
     .doc = {.summary = "Sets what a stream remembers of its past.",
             .since = "5.0.0",
             .complexity = "O(1)",
             .arguments = "key:key@0 last-id:string [entries-added:integer=ENTRIESADDED!7.0.0] "
                          "[max-deleted-id:string=MAXDELETEDID!7.0.0]"}},
    {.name = "xtrim",
     .arity = -4,
     .flags = kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyDelete)),
     .acl = kAclStream,
     .handler = Xtrim,
     .group = CommandGroup::kStream,
     .doc = {.summary = "Removes entries from the start of a stream.",
             .since = "5.0.0",
             .complexity = "O(N)",
             .arguments = "key:key@0 trim:block(strategy:oneof(maxlen:pure-token=MAXLEN minid:pure-token=MINID!6.2.0) "
                          "[operator:oneof(equal:pure-token== approximately:pure-token=~)] threshold:string "
                          "[count:integer=LIMIT!6.2.0])",
             .tips = "nondeterministic_output"}},
};
}  // namespace

std::span<const CommandSpec> StreamCommands() { return kStreamCommands; }

}  // namespace cachenode
