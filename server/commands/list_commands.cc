// Lists: pushing and popping, looking, and changing them in the middle.
#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

#include "protocol/resp_writer.h"
#include "server/arg_parser.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/commands/families.h"
#include "server/commands/index_range.h"
#include "server/commands/list_core.h"
#include "server/config/config.h"
#include "storage/value/list_value.h"

namespace cachenode {
namespace {

enum class IfMissing : uint8_t { kCreate, kRefuse };

Status Push(CommandContext& context, Args args, ListEnd end, IfMissing if_missing) {
  KeySlot slot = context.FindForWrite(args[1]);
  if (Status error = slot.Require(ValueType::kList); !error.ok()) return error;
  if (if_missing == IfMissing::kRefuse && !slot.Exists()) {
    context.reply().Integer(0);
    return Status::Ok();
  }
  ListValue list(slot);
  if (Status error = list.Push(end, args.subspan(2)); !error.ok()) return error;
  context.Notify(kNotifyList, end == ListEnd::kFront ? "lpush" : "rpush", args[1]);
  context.reply().Integer(static_cast<int64_t>(list.Count()));
  return Status::Ok();
}

// LPUSH key element [element ...] -> the list's new length.
Status Lpush(CommandContext& context, Args args) { return Push(context, args, ListEnd::kFront, IfMissing::kCreate); }

// RPUSH key element [element ...] -> the list's new length.
Status Rpush(CommandContext& context, Args args) { return Push(context, args, ListEnd::kBack, IfMissing::kCreate); }

// LPUSHX key element [element ...] -> the list's new length, 0 when there is none.
Status Lpushx(CommandContext& context, Args args) { return Push(context, args, ListEnd::kFront, IfMissing::kRefuse); }

// RPUSHX key element [element ...] -> the list's new length, 0 when there is none.
Status Rpushx(CommandContext& context, Args args) { return Push(context, args, ListEnd::kBack, IfMissing::kRefuse); }

Status Pop(CommandContext& context, Args args, ListEnd end) {
  if (args.size() > 3) return Err::kArity;
  const bool has_count = args.size() == 3;
  int64_t count = 1;
  if (has_count && (!TryParseInt64(args[2], count) || count < 0)) return Err::kNegative;
  KeySlot slot = context.FindForWrite(args[1]);
  if (Status error = slot.Require(ValueType::kList); !error.ok()) return error;
  RespWriter& reply = context.reply();
  if (!slot.Exists()) {
    if (has_count) {
      reply.NullArray();
    } else {
      reply.Null();
    }
    return Status::Ok();
  }
  if (!has_count) return PopListElement(context, slot, end, reply);
  if (count == 0) {
    reply.EmptyArray();
    return Status::Ok();
  }
  return PopListElements(context, slot, end, static_cast<uint64_t>(count), reply);
}

// LPOP key [count] -> the first element, or an array of up to `count`; nil when the key is missing.
Status Lpop(CommandContext& context, Args args) { return Pop(context, args, ListEnd::kFront); }

// RPOP key [count] -> the last element, or an array of up to `count` from the end; nil when the key is missing.
Status Rpop(CommandContext& context, Args args) { return Pop(context, args, ListEnd::kBack); }

// LLEN key -> number of elements, 0 for a missing key.
Status Llen(CommandContext& context, Args args) {
  KeySlot slot = context.FindForRead(args[1]);
  if (Status error = slot.Require(ValueType::kList); !error.ok()) return error;
  context.reply().Integer(static_cast<int64_t>(ListValue(slot).Count()));
  return Status::Ok();
}

// The element `index` means, negative from the end; nothing when there is none.
std::optional<uint64_t> ResolveIndex(int64_t index, uint64_t count) {
  const auto length = static_cast<int64_t>(count);
  if (index < 0) index += length;
  if (index < 0 || index >= length) return std::nullopt;
  return static_cast<uint64_t>(index);
}

// LINDEX key index -> the element, nil when there is none.
Status Lindex(CommandContext& context, Args args) {
  const KeySlot slot = context.FindForRead(args[1]);
  if (Status error = slot.Require(ValueType::kList); !error.ok()) return error;
  if (!slot.Exists()) {
    context.reply().Null();
    return Status::Ok();
  }
  Result<int64_t> index = ParseInt64(args[2]);
  if (!index) return index.error();
  const ListView list = ListView::Of(slot);
  const std::optional<uint64_t> at = ResolveIndex(*index, list.Count());
  if (at) {
    WriteListElement(context.reply(), ListCursor(list, *at, ListEnd::kBack).Get());
  } else {
    context.reply().Null();
  }
  return Status::Ok();
}

// LSET key index element -> OK.
Status Lset(CommandContext& context, Args args) {
  KeySlot slot = context.FindForWrite(args[1]);
  if (!slot.Exists()) return Err::kNoSuchKey;
  if (Status error = slot.Require(ValueType::kList); !error.ok()) return error;
  Result<int64_t> index = ParseInt64(args[2]);
  if (!index) return index.error();
  ListValue list(slot);
  const std::optional<uint64_t> at = ResolveIndex(*index, list.Count());
  if (!at) return Status::Text("ERR index out of range");
  if (Status error = list.Replace(*at, args[3]); !error.ok()) return error;
  context.Notify(kNotifyList, "lset", args[1]);
  context.reply().Ok();
  return Status::Ok();
}

struct StartAndEnd {
  int64_t start;
  int64_t end;
};

Result<StartAndEnd> ParseStartAndEnd(Args args) {
  Result<int64_t> start = ParseInt64(args[2]);
  if (!start) return start.error();
  Result<int64_t> end = ParseInt64(args[3]);
  if (!end) return end.error();
  return StartAndEnd{*start, *end};
}

// LRANGE key start stop -> the elements from start to stop, both included.
Status Lrange(CommandContext& context, Args args) {
  Result<StartAndEnd> wanted = ParseStartAndEnd(args);
  if (!wanted) return wanted.error();
  const KeySlot slot = context.FindForRead(args[1]);
  if (Status error = slot.Require(ValueType::kList); !error.ok()) return error;
  RespWriter& reply = context.reply();
  if (!slot.Exists()) {
    reply.EmptyArray();
    return Status::Ok();
  }
  const ListView list = ListView::Of(slot);
  const auto total = static_cast<size_t>(list.Count());
  const std::optional<IndexRange> range = ResolveElementRange(wanted->start, wanted->end, total);
  if (!range) {
    reply.EmptyArray();
    return Status::Ok();
  }
  const size_t count = range->last - range->first + 1;
  reply.ArrayHeader(count);
  WriteListElements(reply, list, range->first, count, ListEnd::kBack);
  return Status::Ok();
}

// LTRIM key start stop -> OK; other elements than those from start to stop go.
Status Ltrim(CommandContext& context, Args args) {
  Result<StartAndEnd> wanted = ParseStartAndEnd(args);
  if (!wanted) return wanted.error();
  KeySlot slot = context.FindForWrite(args[1]);
  if (Status error = slot.Require(ValueType::kList); !error.ok()) return error;
  if (!slot.Exists()) {
    context.reply().Ok();
    return Status::Ok();
  }
  ListValue list(slot);
  const uint64_t count = list.Count();
  const std::optional<IndexRange> kept = ResolveElementRange(wanted->start, wanted->end, static_cast<size_t>(count));
  if (!kept) {
    slot.Erase();
  } else {
    context.events().BeforeChange(context.db(), args[1]);  // Even if nothing goes.
    if (Status error = list.Erase(kept->last + 1, count - kept->last - 1); !error.ok()) return error;
    if (Status error = list.Erase(0, kept->first); !error.ok()) return error;
  }
  context.Notify(kNotifyList, "ltrim", args[1]);
  if (!kept) context.Notify(kNotifyGeneric, "del", args[1]);
  context.reply().Ok();
  return Status::Ok();
}

// LREM key count element -> how many were removed: all for count 0, the last ones for a negative count.
Status Lrem(CommandContext& context, Args args) {
  Result<int64_t> count = ParseInt64(args[2]);
  if (!count) return count.error();
  KeySlot slot = context.FindForWrite(args[1]);
  if (Status error = slot.Require(ValueType::kList); !error.ok()) return error;
  if (!slot.Exists()) {
    context.reply().Integer(0);
    return Status::Ok();
  }
  const ListEnd from = *count < 0 ? ListEnd::kBack : ListEnd::kFront;
  const uint64_t magnitude = *count < 0 ? uint64_t{0} - static_cast<uint64_t>(*count) : static_cast<uint64_t>(*count);
  Result<uint64_t> removed = ListValue(slot).RemoveEqual(args[3], magnitude == 0 ? UINT64_MAX : magnitude, from);
  if (!removed) return removed.error();
  if (*removed > 0) context.Notify(kNotifyList, "lrem", args[1]);
  if (!slot.Exists()) context.Notify(kNotifyGeneric, "del", args[1]);
  context.reply().Integer(static_cast<int64_t>(*removed));
  return Status::Ok();
}

// The first element equal to `element`.
std::optional<uint64_t> FindElement(const ListView& list, std::string_view element) {
  const std::optional<int64_t> as_number = ParseListpackInteger(element);
  uint64_t index = 0;
  for (ListCursor cursor(list, 0, ListEnd::kBack); !cursor.IsEnd(); cursor.Advance(), ++index) {
    if (cursor.Get().Equals(element, as_number)) return index;
  }
  return std::nullopt;
}

// LINSERT key BEFORE | AFTER pivot element -> the list's new length, -1 without pivot, 0 for a missing key.
Status Linsert(CommandContext& context, Args args) {
  const bool is_after = EqualsIgnoreCase(args[2], "after");
  if (!is_after && !EqualsIgnoreCase(args[2], "before")) return Err::kSyntax;
  KeySlot slot = context.FindForWrite(args[1]);
  if (Status error = slot.Require(ValueType::kList); !error.ok()) return error;
  if (!slot.Exists()) {
    context.reply().Integer(0);
    return Status::Ok();
  }
  const std::optional<uint64_t> pivot = FindElement(ListView::Of(slot), args[3]);
  if (!pivot) {
    context.reply().Integer(-1);
    return Status::Ok();
  }
  ListValue list(slot);
  if (Status error = list.Insert(*pivot + (is_after ? 1 : 0), args[4]); !error.ok()) return error;
  context.Notify(kNotifyList, "linsert", args[1]);
  context.reply().Integer(static_cast<int64_t>(list.Count()));
  return Status::Ok();
}

struct PositionOptions {
  uint64_t rank = 1;  // Of the first match told.
  ListEnd from = ListEnd::kFront;
  std::optional<uint64_t> count;  // Matches told, 0: all. Nothing: the first one, alone.
  uint64_t comparisons_max = 0;   // 0: all elements.
};

Status ParseRank(const CommandContext& context, int64_t rank, PositionOptions& options) {
  constexpr int64_t kLowest = std::numeric_limits<int64_t>::min();
  if (rank == 0) {
    return Status::Text(
        "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start "
        "from the end of the list");
  }
  if (rank == kLowest && context.config().engine_version.has_listpack_lists()) {
    return Status::Text("ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807");
  }
  options.from = rank < 0 ? ListEnd::kBack : ListEnd::kFront;
  // Engine 7.0 takes the lowest rank for the first match.
  options.rank = rank == kLowest ? 1 : static_cast<uint64_t>(rank < 0 ? -rank : rank);
  return Status::Ok();
}

Status ParsePositionOptions(const CommandContext& context, Args args, PositionOptions& options) {
  ArgParser parser(args, 3);
  while (parser.HasNext()) {
    if (parser.Match("rank", 1)) {
      const int64_t rank = parser.NextInt64();
      if (!parser.failed()) parser.Fail(ParseRank(context, rank, options));
    } else if (parser.Match("count", 1)) {
      int64_t count = 0;
      if (!TryParseInt64(parser.NextString(), count) || count < 0) return Status::Text("ERR COUNT can't be negative");
      options.count = static_cast<uint64_t>(count);
    } else if (parser.Match("maxlen", 1)) {
      int64_t length = 0;
      if (!TryParseInt64(parser.NextString(), length) || length < 0) {
        return Status::Text("ERR MAXLEN can't be negative");
      }
      options.comparisons_max = static_cast<uint64_t>(length);
    } else {
      return Err::kSyntax;
    }
  }
  return parser.Finish();
}

// Calls `tell(index)` for each match the options ask for.
template <typename Tell>
void FindPositions(const ListView& list, std::string_view element, const PositionOptions& options, const Tell& tell) {
  const uint64_t size = list.Count();
  const bool forward = options.from == ListEnd::kFront;
  const std::optional<int64_t> as_number = ParseListpackInteger(element);
  const uint64_t compared_max = options.comparisons_max == 0 ? size : std::min(options.comparisons_max, size);
  const uint64_t told_max = options.count.value_or(1) == 0 ? UINT64_MAX : options.count.value_or(1);
  uint64_t matches = 0;
  uint64_t told = 0;
  ListCursor cursor(list, forward ? 0 : size - 1, forward ? ListEnd::kBack : ListEnd::kFront);
  for (uint64_t i = 0; i < compared_max && told < told_max; ++i, cursor.Advance()) {
    if (!cursor.Get().Equals(element, as_number) || ++matches < options.rank) continue;
    tell(forward ? i : size - 1 - i);
    ++told;
  }
}

// LPOS key element [RANK rank] [COUNT count] [MAXLEN length] -> the index of the element or nil; with COUNT an array.
Status Lpos(CommandContext& context, Args args) {
  PositionOptions options;
  if (Status error = ParsePositionOptions(context, args, options); !error.ok()) return error;
  const KeySlot slot = context.FindForRead(args[1]);
  if (Status error = slot.Require(ValueType::kList); !error.ok()) return error;
  RespWriter& reply = context.reply();
  if (options.count) {
    const RespWriter::Deferred positions = reply.DeferArray();
    size_t count = 0;
    if (slot.Exists()) {
      FindPositions(ListView::Of(slot), args[2], options, [&](uint64_t index) {
        reply.Integer(static_cast<int64_t>(index));
        ++count;
      });
    }
    reply.Close(positions, count);
    return Status::Ok();
  }
  std::optional<uint64_t> found;
  if (slot.Exists()) {
    FindPositions(ListView::Of(slot), args[2], options, [&](uint64_t index) { found = index; });
  }
  if (found) {
    reply.Integer(static_cast<int64_t>(*found));
  } else {
    reply.Null();
  }
  return Status::Ok();
}

constexpr CommandSpec kListCommands[] = {
    {.name = "lindex",
     .arity = 3,
     .flags = kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclList,
     .handler = Lindex,
     .group = CommandGroup::kList,
     .doc = {.summary = "Tells the element at a position of a list.",
             .since = "1.0.0",
             .complexity = "O(N); O(1)",
             .arguments = "key:key@0 index:integer"}},
    {.name = "linsert",
     .arity = 5,
     .flags = kDenyOom | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyInsert)),
     .acl = kAclList,
     .handler = Linsert,
     .group = CommandGroup::kList,
     .doc = {.summary = "Adds an element before or behind another one of a list.",
             .since = "2.2.0",
             .complexity = "O(N); O(1)",
             .arguments =
                 "key:key@0 where:oneof(before:pure-token=BEFORE after:pure-token=AFTER) pivot:string element:string"}},
    {.name = "llen",
     .arity = 2,
     .flags = kFast | kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly)),
     .acl = kAclList,
     .handler = Llen,
     .group = CommandGroup::kList,
     .doc = {.summary = "Tells how many elements a list has.",
             .since = "1.0.0",
             .complexity = "O(1)",
             .arguments = "key:key@0"}},
    {.name = "lpop",
     .arity = -2,
     .flags = kFast | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyAccess | kKeyDelete)),
     .acl = kAclList,
     .handler = Lpop,
     .group = CommandGroup::kList,
     .doc = {.summary = "Takes elements from the head of a list.",
             .since = "1.0.0",
             .complexity = "O(N)",
             .arguments = "key:key@0 [count:integer!6.2.0]"}},
    {.name = "lpos",
     .arity = -3,
     .flags = kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclList,
     .handler = Lpos,
     .group = CommandGroup::kList,
     .doc = {.summary = "Tells where in a list an element stands.",
             .since = "6.0.6",
             .complexity = "O(N)",
             .arguments =
                 "key:key@0 element:string [rank:integer=RANK] [num-matches:integer=COUNT] [len:integer=MAXLEN]"}},
    {.name = "lpush",
     .arity = -3,
     .flags = kDenyOom | kFast | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyInsert)),
     .acl = kAclList,
     .handler = Lpush,
     .group = CommandGroup::kList,
     .doc = {.summary = "Adds elements at the head of a list, creating it if needed.",
             .since = "1.0.0",
             .complexity = "O(1); O(N)",
             .arguments = "key:key@0 element:string*"}},
    {.name = "lpushx",
     .arity = -3,
     .flags = kDenyOom | kFast | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyInsert)),
     .acl = kAclList,
     .handler = Lpushx,
     .group = CommandGroup::kList,
     .doc = {.summary = "Adds elements at the head of a list that exists.",
             .since = "2.2.0",
             .complexity = "O(1); O(N)",
             .arguments = "key:key@0 element:string*"}},
    {.name = "lrange",
     .arity = 4,
     .flags = kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclList,
     .handler = Lrange,
     .group = CommandGroup::kList,
     .doc = {.summary = "Tells the elements between two positions of a list.",
             .since = "1.0.0",
             .complexity = "O(S+N)",
             .arguments = "key:key@0 start:integer stop:integer"}},
    {.name = "lrem",
     .arity = 4,
     .flags = kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyDelete)),
     .acl = kAclList,
     .handler = Lrem,
     .group = CommandGroup::kList,
     .doc = {.summary = "Takes elements equal to one out of a list.",
             .since = "1.0.0",
             .complexity = "O(N+M)",
             .arguments = "key:key@0 count:integer element:string"}},
    {.name = "lset",
     .arity = 4,
     .flags = kDenyOom | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyUpdate)),
     .acl = kAclList,
     .handler = Lset,
     .group = CommandGroup::kList,
     .doc = {.summary = "Replaces the element at a position of a list.",
             .since = "1.0.0",
             .complexity = "O(N); O(1)",
             .arguments = "key:key@0 index:integer element:string"}},
    {.name = "ltrim",
     .arity = 4,
     .flags = kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyDelete)),
     .acl = kAclList,
     .handler = Ltrim,
     .group = CommandGroup::kList,
     .doc = {.summary = "Keeps the elements between two positions of a list.",
             .since = "1.0.0",
             .complexity = "O(N)",
             .arguments = "key:key@0 start:integer stop:integer"}},
    {.name = "rpop",
     .arity = -2,
     .flags = kFast | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyAccess | kKeyDelete)),
     .acl = kAclList,
     .handler = Rpop,
     .group = CommandGroup::kList,
     .doc = {.summary = "Takes elements from the tail of a list.",
             .since = "1.0.0",
             .complexity = "O(N)",
             .arguments = "key:key@0 [count:integer!6.2.0]"}},
    {.name = "rpush",
     .arity = -3,
     .flags = kDenyOom | kFast | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyInsert)),
     .acl = kAclList,
     .handler = Rpush,
     .group = CommandGroup::kList,
     .doc = {.summary = "Adds elements at the tail of a list, creating it if needed.",
             .since = "1.0.0",
             .complexity = "O(1); O(N)",
             .arguments = "key:key@0 element:string*"}},
    {.name = "rpushx",
     .arity = -3,
     .flags = kDenyOom | kFast | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyInsert)),
     .acl = kAclList,
     .handler = Rpushx,
     .group = CommandGroup::kList,
     .doc = {.summary = "Adds elements at the tail of a list that exists.",
             .since = "2.2.0",
             .complexity = "O(1); O(N)",
             .arguments = "key:key@0 element:string*"}},
};
}  // namespace

std::span<const CommandSpec> ListCommands() { return kListCommands; }

}  // namespace cachenode
