// Hashes, field by field.
#include <cmath>
#include <string>
#include <string_view>

#include "protocol/resp_writer.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/commands/families.h"
#include "server/commands/hash_reply.h"
#include "storage/base/numbers.h"
#include "storage/value/hash_value.h"

namespace cachenode {
namespace {

// The pairs of HSET and HMSET; `created` gets how many fields are new.
Status SetFields(CommandContext& context, Args args, int64_t& created) {
  if (args.size() % 2 != 0) return Err::kArity;
  KeySlot slot = context.FindForWrite(args[1]);
  if (Status error = slot.Require(ValueType::kHash); !error.ok()) return error;
  Result<size_t> set = HashValue(slot).SetPairs(args.subspan(2));
  if (!set) return set.error();
  created = static_cast<int64_t>(*set);
  context.Notify(kNotifyHash, "hset", args[1]);
  return Status::Ok();
}

// HSET key field value [field value ...] -> how many fields are new.
Status Hset(CommandContext& context, Args args) {
  int64_t created = 0;
  if (Status error = SetFields(context, args, created); !error.ok()) return error;
  context.reply().Integer(created);
  return Status::Ok();
}

// HMSET key field value [field value ...] -> OK.
Status Hmset(CommandContext& context, Args args) {
  int64_t created = 0;
  if (Status error = SetFields(context, args, created); !error.ok()) return error;
  context.reply().Ok();
  return Status::Ok();
}

// HSETNX key field value -> 1 when the field was missing and is set now, else 0.
Status Hsetnx(CommandContext& context, Args args) {
  KeySlot slot = context.FindForWrite(args[1]);
  if (Status error = slot.Require(ValueType::kHash); !error.ok()) return error;
  HashField field;
  HashScratch scratch;
  const bool wanted = !FindField(context, slot, args[2], field, scratch);
  if (wanted) {
    Result<bool> set = HashValue(slot).Set(args[2], args[3]);
    if (!set) return set.error();
    context.Notify(kNotifyHash, "hset", args[1]);
  }
  context.reply().Integer(wanted ? 1 : 0);
  return Status::Ok();
}

// HGET key field -> the value, nil when there is none.
Status Hget(CommandContext& context, Args args) {
  const KeySlot slot = context.FindForRead(args[1]);
  if (Status error = slot.Require(ValueType::kHash); !error.ok()) return error;
  ReplyField(context, slot, args[2]);
  return Status::Ok();
}

// HMGET key field [field ...] -> the values, nil for each that is missing.
Status Hmget(CommandContext& context, Args args) {
  const KeySlot slot = context.FindForRead(args[1]);
  if (Status error = slot.Require(ValueType::kHash); !error.ok()) return error;
  context.reply().ArrayHeader(args.size() - 2);
  for (size_t i = 2; i < args.size(); ++i) ReplyField(context, slot, args[i]);
  return Status::Ok();
}

// HDEL key field [field ...] -> how many fields were there. Fields past their deadline count as long as they stay.
Status Hdel(CommandContext& context, Args args) {
  KeySlot slot = context.FindForWrite(args[1]);
  if (Status error = slot.Require(ValueType::kHash); !error.ok()) return error;
  int64_t erased_count = 0;
  for (size_t i = 2; i < args.size() && slot.Exists(); ++i) {
    Result<bool> erased = HashValue(slot).Erase(args[i]);
    if (!erased) return erased.error();
    erased_count += *erased;
  }
  if (erased_count > 0) {
    context.Notify(kNotifyHash, "hdel", args[1]);
    if (!slot.Exists()) context.Notify(kNotifyGeneric, "del", args[1]);
  }
  context.reply().Integer(erased_count);
  return Status::Ok();
}

// HEXISTS key field -> 1 or 0.
Status Hexists(CommandContext& context, Args args) {
  const KeySlot slot = context.FindForRead(args[1]);
  if (Status error = slot.Require(ValueType::kHash); !error.ok()) return error;
  HashField field;
  HashScratch scratch;
  context.reply().Integer(FindField(context, slot, args[2], field, scratch) ? 1 : 0);
  return Status::Ok();
}

// HLEN key -> how many fields there are, those past their deadline included as long as they stay.
Status Hlen(CommandContext& context, Args args) {
  const KeySlot slot = context.FindForRead(args[1]);
  if (Status error = slot.Require(ValueType::kHash); !error.ok()) return error;
  context.reply().Integer(slot.Exists() ? static_cast<int64_t>(HashView::Of(slot).Count()) : 0);
  return Status::Ok();
}

// HSTRLEN key field -> the length of the value, 0 when there is none.
Status Hstrlen(CommandContext& context, Args args) {
  const KeySlot slot = context.FindForRead(args[1]);
  if (Status error = slot.Require(ValueType::kHash); !error.ok()) return error;
  HashField field;
  HashScratch scratch;
  const bool found = FindField(context, slot, args[2], field, scratch);
  context.reply().Integer(found ? static_cast<int64_t>(field.value.size()) : 0);
  return Status::Ok();
}

// HINCRBY key field increment -> the value after the addition. A missing field counts as 0; a deadline stays.
Status Hincrby(CommandContext& context, Args args) {
  Result<int64_t> delta = ParseInt64(args[3]);
  if (!delta) return delta.error();
  KeySlot slot = context.FindForWrite(args[1]);
  if (Status error = slot.Require(ValueType::kHash); !error.ok()) return error;
  HashField field;
  HashScratch scratch;
  const bool found = FindField(context, slot, args[2], field, scratch);
  int64_t number = 0;
  if (found && !TryParseInt64(field.value, number)) return Status::Text("ERR hash value is not an integer");
  if (__builtin_add_overflow(number, *delta, &number)) return Err::kOverflow;
  char text[kIntegerCharsMax];
  const char* const end = FormatInt64(number, text);
  Result<bool> set =
      HashValue(slot).Set(args[2], {text, static_cast<size_t>(end - text)}, found ? Expiry::kKeep : Expiry::kClear);
  if (!set) return set.error();
  context.Notify(kNotifyHash, "hincrby", args[1]);
  context.reply().Integer(number);
  return Status::Ok();
}

// HINCRBYFLOAT key field increment -> the sum as text, 17 decimals at most, never an exponent.
Status Hincrbyfloat(CommandContext& context, Args args) {
  Result<long double> delta = ParseLongDouble(args[3]);
  if (!delta) return delta.error();
  if (std::isnan(*delta) || std::isinf(*delta)) return Status::Text("ERR value is NaN or Infinity");
  KeySlot slot = context.FindForWrite(args[1]);
  if (Status error = slot.Require(ValueType::kHash); !error.ok()) return error;
  HashField field;
  HashScratch scratch;
  const bool found = FindField(context, slot, args[2], field, scratch);
  long double number = 0;
  if (found && !TryParseLongDouble(field.value, number)) return Status::Text("ERR hash value is not a float");
  number += *delta;
  if (std::isnan(number) || std::isinf(number)) return Err::kNanOrInfinity;
  std::string text;
  AppendLongDouble(text, number);
  Result<bool> set = HashValue(slot).Set(args[2], text, found ? Expiry::kKeep : Expiry::kClear);
  if (!set) return set.error();
  context.Notify(kNotifyHash, "hincrbyfloat", args[1]);
  context.reply().Bulk(text);
  return Status::Ok();
}

constexpr CommandSpec kHashCommands[] = {
    {.name = "hdel",
     .arity = -3,
     .flags = kFast | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyDelete)),
     .acl = kAclHash,
     .handler = Hdel,
     .group = CommandGroup::kHash,
     .doc = {.summary = "Deletes fields of a hash.",
             .since = "2.0.0",
             .complexity = "O(N)",
             .arguments = "key:key@0 field:string*"}},
    {.name = "hexists",
     .arity = 3,
     .flags = kFast | kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly)),
     .acl = kAclHash,
     .handler = Hexists,
     .group = CommandGroup::kHash,
     .doc = {.summary = "Tells whether a hash has a field.",
             .since = "2.0.0",
             .complexity = "O(1)",
             .arguments = "key:key@0 field:string"}},
    {.name = "hget",
     .arity = 3,
     .flags = kFast | kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclHash,
     .handler = Hget,
     .group = CommandGroup::kHash,
     .doc = {.summary = "Reads a field of a hash.",
             .since = "2.0.0",
             .complexity = "O(1)",
             .arguments = "key:key@0 field:string"}},
    {.name = "hincrby",
     .arity = 4,
     .flags = kDenyOom | kFast | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyAccess | kKeyUpdate)),
     .acl = kAclHash,
     .handler = Hincrby,
     .group = CommandGroup::kHash,
     .doc = {.summary = "Adds to the integer in a field of a hash.",
             .since = "2.0.0",
             .complexity = "O(1)",
             .arguments = "key:key@0 field:string increment:integer"}},
    {.name = "hincrbyfloat",
     .arity = 4,
     .flags = kDenyOom | kFast | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyAccess | kKeyUpdate)),
     .acl = kAclHash,
     .handler = Hincrbyfloat,
     .group = CommandGroup::kHash,
     .doc = {.summary = "Adds to the floating-point number in a field of a hash.",
             .since = "2.6.0",
             .complexity = "O(1)",
             .arguments = "key:key@0 field:string increment:double"}},
    {.name = "hlen",
     .arity = 2,
     .flags = kFast | kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly)),
     .acl = kAclHash,
     .handler = Hlen,
     .group = CommandGroup::kHash,
     .doc =
         {.summary = "Counts the fields of a hash.", .since = "2.0.0", .complexity = "O(1)", .arguments = "key:key@0"}},
    {.name = "hmget",
     .arity = -3,
     .flags = kFast | kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclHash,
     .handler = Hmget,
     .group = CommandGroup::kHash,
     .doc = {.summary = "Reads several fields of a hash.",
             .since = "2.0.0",
             .complexity = "O(N)",
             .arguments = "key:key@0 field:string*"}},
    {.name = "hmset",
     .arity = -4,
     .flags = kDenyOom | kFast | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyUpdate)),
     .acl = kAclHash,
     .handler = Hmset,
     .group = CommandGroup::kHash,
     .doc = {.summary = "Sets fields of a hash.",
             .since = "2.0.0",
             .complexity = "O(N)",
             .arguments = "key:key@0 data:block(field:string value:string)*"}},
    {.name = "hset",
     .arity = -4,
     .flags = kDenyOom | kFast | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyUpdate)),
     .acl = kAclHash,
     .handler = Hset,
     .group = CommandGroup::kHash,
     .doc = {.summary = "Sets fields of a hash.",
             .since = "2.0.0",
             .complexity = "O(1); O(N)",
             .arguments = "key:key@0 data:block(field:string value:string)*"}},
    {.name = "hsetnx",
     .arity = 4,
     .flags = kDenyOom | kFast | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyInsert)),
     .acl = kAclHash,
     .handler = Hsetnx,
     .group = CommandGroup::kHash,
     .doc = {.summary = "Sets a field of a hash only if it is missing.",
             .since = "2.0.0",
             .complexity = "O(1)",
             .arguments = "key:key@0 field:string value:string"}},
    {.name = "hstrlen",
     .arity = 3,
     .flags = kFast | kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly)),
     .acl = kAclHash,
     .handler = Hstrlen,
     .group = CommandGroup::kHash,
     .doc = {.summary = "Tells the length of a field's value.",
             .since = "3.2.0",
             .complexity = "O(1)",
             .arguments = "key:key@0 field:string"}},
};
}  // namespace

std::span<const CommandSpec> HashCommands() { return kHashCommands; }

}  // namespace cachenode
