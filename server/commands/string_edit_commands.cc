// Strings as numbers and as bytes that are edited in place: INCR and its relatives, APPEND, SETRANGE, GETRANGE, STRLEN.
#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/resp_writer.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/commands/families.h"
#include "server/commands/index_range.h"
#include "server/config/config.h"
#include "storage/base/numbers.h"

namespace cachenode {
namespace {

// Adds `delta` to the integer at `key`, a missing key counting as 0 and the deadline staying.
Status AddInteger(CommandContext& context, std::string_view key, int64_t delta) {
  KeySlot slot = context.FindForWrite(key);
  if (Status error = slot.Require(ValueType::kString); !error.ok()) return error;
  Result<int64_t> before = int64_t{0};
  if (slot.Exists()) before = slot.AsInt64();
  if (!before) return before.error();
  int64_t after = 0;
  if (__builtin_add_overflow(*before, delta, &after)) return Err::kOverflow;
  Status status = slot.WriteInt64(after, Expiry::kKeep);
  if (!status.ok()) return status;
  context.Notify(kNotifyString, "incrby", key);
  context.reply().Integer(after);
  return Status::Ok();
}

// INCR key -> the value after the addition.
Status Incr(CommandContext& context, Args args) { return AddInteger(context, args[1], 1); }

// DECR key -> the value after the subtraction.
Status Decr(CommandContext& context, Args args) { return AddInteger(context, args[1], -1); }

// INCRBY key increment -> the value after the addition.
Status Incrby(CommandContext& context, Args args) {
  Result<int64_t> delta = ParseInt64(args[2]);
  if (!delta) return delta.error();
  return AddInteger(context, args[1], *delta);
}

// DECRBY key decrement -> the value after the subtraction.
Status Decrby(CommandContext& context, Args args) {
  Result<int64_t> delta = ParseInt64(args[2]);
  if (!delta) return delta.error();
  if (*delta == INT64_MIN) return Status::Text("ERR decrement would overflow");
  return AddInteger(context, args[1], -*delta);
}

// INCRBYFLOAT key increment -> the sum as text, 17 decimals at most, never an exponent.
Status Incrbyfloat(CommandContext& context, Args args) {
  KeySlot slot = context.FindForWrite(args[1]);
  if (Status error = slot.Require(ValueType::kString); !error.ok()) return error;
  Result<long double> before = 0.0L;
  StringScratch scratch;
  if (slot.Exists()) before = ParseLongDouble(slot.ReadString(scratch));
  if (!before) return before.error();
  Result<long double> delta = ParseLongDouble(args[2]);
  if (!delta) return delta.error();
  const long double after = *before + *delta;
  if (std::isnan(after) || std::isinf(after)) return Err::kNanOrInfinity;
  std::string text;
  AppendLongDouble(text, after);
  Status status = slot.WriteText(text, Expiry::kKeep);
  if (!status.ok()) return status;
  context.Notify(kNotifyString, "incrbyfloat", args[1]);
  context.reply().Bulk(text);
  return Status::Ok();
}

// Whether a string may grow to offset + size bytes.
bool FitsStringLimit(const CommandContext& context, uint64_t offset, uint64_t size) {
  uint64_t total = 0;
  if (__builtin_add_overflow(offset, size, &total)) return false;
  return total <= static_cast<uint64_t>(context.config().proto_max_bulk_len);
}

// APPEND key value -> length after the addition.
Status Append(CommandContext& context, Args args) {
  KeySlot slot = context.FindForWrite(args[1]);
  if (Status error = slot.Require(ValueType::kString); !error.ok()) return error;
  const size_t before = slot.Exists() ? slot.StringSize() : 0;
  if (slot.Exists() && !FitsStringLimit(context, before, args[2].size())) return Err::kStringTooLong;
  Result<size_t> after = slot.AppendString(args[2]);
  if (!after) return after.error();
  context.Notify(kNotifyString, "append", args[1]);
  context.reply().Integer(static_cast<int64_t>(*after));
  return Status::Ok();
}

// SETRANGE key offset value -> length afterwards. An empty value changes nothing and creates nothing.
Status Setrange(CommandContext& context, Args args) {
  Result<int64_t> offset = ParseInt64(args[2]);
  if (!offset) return offset.error();
  if (*offset < 0) return Err::kOffsetOutOfRange;
  const std::string_view value = args[3];
  KeySlot slot = context.FindForWrite(args[1]);
  if (Status error = slot.Require(ValueType::kString); !error.ok()) return error;
  const size_t before = slot.Exists() ? slot.StringSize() : 0;
  if (value.empty()) {
    context.reply().Integer(static_cast<int64_t>(before));
    return Status::Ok();
  }
  if (!FitsStringLimit(context, static_cast<uint64_t>(*offset), value.size())) return Err::kStringTooLong;
  const size_t from = static_cast<size_t>(*offset);
  const size_t after = std::max(before, from + value.size());
  Result<std::span<char>> bytes = slot.EditString(after);
  if (!bytes) return bytes.error();
  std::copy(value.begin(), value.end(), bytes->begin() + static_cast<std::ptrdiff_t>(from));
  context.Notify(kNotifyString, "setrange", args[1]);
  context.reply().Integer(static_cast<int64_t>(after));
  return Status::Ok();
}

// GETRANGE key start end -> the bytes between, both ends included; negative ones count from the end.
Status Getrange(CommandContext& context, Args args) {
  Result<int64_t> start = ParseInt64(args[2]);
  if (!start) return start.error();
  Result<int64_t> end = ParseInt64(args[3]);
  if (!end) return end.error();
  const KeySlot slot = context.FindForRead(args[1]);
  if (Status error = slot.Require(ValueType::kString); !error.ok()) return error;
  StringScratch scratch;
  const std::string_view bytes = slot.Exists() ? slot.ReadString(scratch) : std::string_view();
  const std::optional<IndexRange> range = ResolveRange(*start, *end, bytes.size());
  if (!range) {
    context.reply().Bulk({});
    return Status::Ok();
  }
  const std::string_view part = bytes.substr(range->first, range->last - range->first + 1);
  if (part.size() < ReplyBuffer::kPinBytesMin) {
    context.reply().Bulk(part);
  } else {
    context.reply().BulkPinned(slot.PinString(), part);
  }
  return Status::Ok();
}

// STRLEN key -> length in bytes, 0 when missing.
Status Strlen(CommandContext& context, Args args) {
  const KeySlot slot = context.FindForRead(args[1]);
  if (Status error = slot.Require(ValueType::kString); !error.ok()) return error;
  context.reply().Integer(slot.Exists() ? static_cast<int64_t>(slot.StringSize()) : 0);
  return Status::Ok();
}

constexpr CommandSpec kStringEditCommands[] = {
    {.name = "append",
     .arity = 3,
     .flags = kDenyOom | kFast | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyInsert)),
     .acl = kAclString,
     .handler = Append,
     .group = CommandGroup::kString,
     .doc = {.summary = "Adds bytes to the end of a string.",
             .since = "2.0.0",
             .complexity = "O(1)",
             .arguments = "key:key@0 value:string"}},
    {.name = "decr",
     .arity = 2,
     .flags = kDenyOom | kFast | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyAccess | kKeyUpdate)),
     .acl = kAclString,
     .handler = Decr,
     .group = CommandGroup::kString,
     .doc = {.summary = "Takes one from the integer at a key.",
             .since = "1.0.0",
             .complexity = "O(1)",
             .arguments = "key:key@0"}},
    {.name = "decrby",
     .arity = 3,
     .flags = kDenyOom | kFast | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyAccess | kKeyUpdate)),
     .acl = kAclString,
     .handler = Decrby,
     .group = CommandGroup::kString,
     .doc = {.summary = "Subtracts from the integer at a key.",
             .since = "1.0.0",
             .complexity = "O(1)",
             .arguments = "key:key@0 decrement:integer"}},
    {.name = "getrange",
     .arity = 4,
     .flags = kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclString,
     .handler = Getrange,
     .group = CommandGroup::kString,
     .doc = {.summary = "Reads a part of a string.",
             .since = "2.4.0",
             .complexity = "O(N); O(1)",
             .arguments = "key:key@0 start:integer end:integer"}},
    {.name = "incr",
     .arity = 2,
     .flags = kDenyOom | kFast | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyAccess | kKeyUpdate)),
     .acl = kAclString,
     .handler = Incr,
     .group = CommandGroup::kString,
     .doc = {.summary = "Adds one to the integer at a key.",
             .since = "1.0.0",
             .complexity = "O(1)",
             .arguments = "key:key@0"}},
    {.name = "incrby",
     .arity = 3,
     .flags = kDenyOom | kFast | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyAccess | kKeyUpdate)),
     .acl = kAclString,
     .handler = Incrby,
     .group = CommandGroup::kString,
     .doc = {.summary = "Adds to the integer at a key.",
             .since = "1.0.0",
             .complexity = "O(1)",
             .arguments = "key:key@0 increment:integer"}},
    {.name = "incrbyfloat",
     .arity = 3,
     .flags = kDenyOom | kFast | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyAccess | kKeyUpdate)),
     .acl = kAclString,
     .handler = Incrbyfloat,
     .group = CommandGroup::kString,
     .doc = {.summary = "Adds to the floating-point number at a key.",
             .since = "2.6.0",
             .complexity = "O(1)",
             .arguments = "key:key@0 increment:double"}},
    {.name = "setrange",
     .arity = 4,
     .flags = kDenyOom | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyUpdate)),
     .acl = kAclString,
     .handler = Setrange,
     .group = CommandGroup::kString,
     .doc = {.summary = "Overwrites a part of a string.",
             .since = "2.2.0",
             .complexity = "O(1); O(M)",
             .arguments = "key:key@0 offset:integer value:string"}},
    {.name = "strlen",
     .arity = 2,
     .flags = kFast | kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly)),
     .acl = kAclString,
     .handler = Strlen,
     .group = CommandGroup::kString,
     .doc = {.summary = "Tells the length of a string.",
             .since = "2.2.0",
             .complexity = "O(1)",
             .arguments = "key:key@0"}},
    {.name = "substr",
     .arity = 4,
     .flags = kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclString,
     .handler = Getrange,
     .group = CommandGroup::kString,
     .doc = {.summary = "Reads a part of a string; the old name of GETRANGE.",
             .since = "1.0.0",
             .complexity = "O(N); O(1)",
             .arguments = "key:key@0 start:integer end:integer"}},
};
}  // namespace

std::span<const CommandSpec> StringEditCommands() { return kStringEditCommands; }

}  // namespace cachenode
