// Deadlines of hash fields: HEXPIRE and its relatives, HTTL and its relatives, HPERSIST.
#include <algorithm>
#include <cstdint>
#include <string_view>

#include "protocol/resp_writer.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/commands/expire_options.h"
#include "server/commands/families.h"
#include "server/commands/hash_field_options.h"
#include "server/commands/hash_reply.h"
#include "storage/value/hash_value.h"

namespace cachenode {
namespace {

// What HEXPIRE, HTTL and HPERSIST answer for a field.
constexpr int64_t kNoSuchField = -2;
constexpr int64_t kNoDeadline = -1;
constexpr int64_t kConditionNotMet = 0;
constexpr int64_t kDone = 1;
constexpr int64_t kDeleted = 2;

enum class SetIf : uint8_t { kAlways, kNone, kSome, kGreater, kLess };

SetIf ParseCondition(std::string_view word) {
  if (EqualsIgnoreCase(word, "nx")) return SetIf::kNone;
  if (EqualsIgnoreCase(word, "xx")) return SetIf::kSome;
  if (EqualsIgnoreCase(word, "gt")) return SetIf::kGreater;
  if (EqualsIgnoreCase(word, "lt")) return SetIf::kLess;
  return SetIf::kAlways;
}

// A field without a deadline lives for ever: none is greater, every one is less.
bool ConditionHolds(SetIf condition, int64_t current_ms, int64_t wanted_ms) {
  const bool has_deadline = current_ms >= 0;
  switch (condition) {
    case SetIf::kAlways:
      return true;
    case SetIf::kNone:
      return !has_deadline;
    case SetIf::kSome:
      return has_deadline;
    case SetIf::kGreater:
      return has_deadline && wanted_ms > current_ms;
    case SetIf::kLess:
      return !has_deadline || wanted_ms < current_ms;
  }
  return false;
}

// Two conditions, which Valkey tells apart from other words in the place of FIELDS.
Status CheckSecondCondition(SetIf first, SetIf second) {
  if (first == SetIf::kAlways || second == SetIf::kAlways || first == second) return Status::Ok();
  if (first == SetIf::kNone || second == SetIf::kNone) {
    return Status::Text("ERR NX and XX, GT or LT options at the same time are not compatible");
  }
  const bool compare_both = first != SetIf::kSome && second != SetIf::kSome;
  return compare_both ? Status::Text("ERR GT and LT options at the same time are not compatible") : Status::Ok();
}

struct NewDeadline {
  int64_t at_ms = 0;
  SetIf condition = SetIf::kAlways;
};

// Gives one field its deadline; the answer for it.
Result<int64_t> ExpireField(CommandContext& context, KeySlot& slot, std::string_view name, const NewDeadline& wanted) {
  HashField field;
  HashScratch scratch;
  if (!FindField(context, slot, name, field, scratch)) return kNoSuchField;
  if (!ConditionHolds(wanted.condition, field.expire_at_ms, wanted.at_ms)) return kConditionNotMet;
  const bool is_past = wanted.at_ms <= context.now_ms();
  Result<bool> done =
      is_past ? HashValue(slot).Erase(name) : HashValue(slot).SetDeadline(name, Expiry::At(wanted.at_ms));
  if (!done) return done.error();
  return is_past ? kDeleted : kDone;
}

Status ExpireFields(CommandContext& context, Args args, ExpireUnit unit, ExpireBase base) {
  KeySlot slot = context.FindForWrite(args[1]);
  if (Status error = slot.Require(ValueType::kHash); !error.ok()) return error;
  Result<int64_t> deadline_ms = ParseFieldDeadline(context, args[2], unit, base);
  if (!deadline_ms) return deadline_ms.error();
  const NewDeadline wanted{*deadline_ms, ParseCondition(args[3])};
  if (SpeaksValkey(context)) {
    if (Status error = CheckSecondCondition(wanted.condition, ParseCondition(args[4])); !error.ok()) return error;
  }
  FieldNames names;
  const size_t fields_at = wanted.condition == SetIf::kAlways ? 3 : 4;
  if (Status error = ParseFieldNames(context, args, fields_at, FieldsOf::kExpire, names); !error.ok()) return error;
  bool any_set = false;
  bool any_deleted = false;
  const auto mark = context.reply().MarkHere();
  context.reply().ArrayHeader(names.size());
  for (const std::string_view name : names) {
    Result<int64_t> answer = ExpireField(context, slot, name, wanted);
    if (!answer) {
      context.reply().RollbackTo(mark);
      return answer.error();
    }
    any_set |= *answer == kDone;
    any_deleted |= *answer == kDeleted;
    context.reply().Integer(*answer);
  }
  if (any_deleted) NotifyFieldsDeleted(context, slot);
  if (any_set && slot.Exists()) context.Notify(kNotifyHash, "hexpire", args[1]);
  return Status::Ok();
}

// HEXPIRE key seconds [NX | XX | GT | LT] FIELDS n field ... -> for each field -2 when there is none, 0 when the
// condition does not hold, 1 when the deadline was set, 2 when it lies in the past and the field is gone. The others
// differ in unit and base.
Status Hexpire(CommandContext& context, Args args) {
  return ExpireFields(context, args, ExpireUnit::kSeconds, ExpireBase::kNow);
}
Status Hpexpire(CommandContext& context, Args args) {
  return ExpireFields(context, args, ExpireUnit::kMilliseconds, ExpireBase::kNow);
}
Status Hexpireat(CommandContext& context, Args args) {
  return ExpireFields(context, args, ExpireUnit::kSeconds, ExpireBase::kEpoch);
}
Status Hpexpireat(CommandContext& context, Args args) {
  return ExpireFields(context, args, ExpireUnit::kMilliseconds, ExpireBase::kEpoch);
}

Status TellDeadlines(CommandContext& context, Args args, ExpireUnit unit, ExpireBase base) {
  const KeySlot slot = context.FindForRead(args[1]);
  if (Status error = slot.Require(ValueType::kHash); !error.ok()) return error;
  FieldNames names;
  if (Status error = ParseFieldNames(context, args, 2, FieldsOf::kTell, names); !error.ok()) return error;
  context.reply().ArrayHeader(names.size());
  HashField field;
  HashScratch scratch;
  for (const std::string_view name : names) {
    int64_t answer = kNoSuchField;
    if (FindField(context, slot, name, field, scratch)) {
      answer = field.expire_at_ms < 0 ? kNoDeadline : field.expire_at_ms;
      if (answer >= 0 && base == ExpireBase::kNow) answer -= context.now_ms();
      if (answer >= 0 && unit == ExpireUnit::kSeconds) answer = (answer + 999) / 1000;
    }
    context.reply().Integer(answer);
  }
  return Status::Ok();
}

// HTTL key FIELDS n field ... -> for each field the seconds left, rounded up; -1 without a deadline, -2 when there is
// no such field. The others differ in unit and base.
Status Httl(CommandContext& context, Args args) {
  return TellDeadlines(context, args, ExpireUnit::kSeconds, ExpireBase::kNow);
}
Status Hpttl(CommandContext& context, Args args) {
  return TellDeadlines(context, args, ExpireUnit::kMilliseconds, ExpireBase::kNow);
}
Status Hexpiretime(CommandContext& context, Args args) {
  return TellDeadlines(context, args, ExpireUnit::kSeconds, ExpireBase::kEpoch);
}
Status Hpexpiretime(CommandContext& context, Args args) {
  return TellDeadlines(context, args, ExpireUnit::kMilliseconds, ExpireBase::kEpoch);
}

Result<int64_t> PersistField(CommandContext& context, KeySlot& slot, std::string_view name) {
  HashField field;
  HashScratch scratch;
  if (!FindField(context, slot, name, field, scratch)) return kNoSuchField;
  if (field.expire_at_ms < 0) return kNoDeadline;
  Result<bool> done = HashValue(slot).SetDeadline(name, Expiry::kClear);
  if (!done) return done.error();
  return kDone;
}

// HPERSIST key FIELDS n field ... -> for each field 1 when its deadline was removed, -1 when it had none, -2 when there
// is no such field.
Status Hpersist(CommandContext& context, Args args) {
  KeySlot slot = context.FindForWrite(args[1]);
  if (Status error = slot.Require(ValueType::kHash); !error.ok()) return error;
  FieldNames names;
  if (Status error = ParseFieldNames(context, args, 2, FieldsOf::kOther, names); !error.ok()) return error;
  bool any_done = false;
  const auto mark = context.reply().MarkHere();
  context.reply().ArrayHeader(names.size());
  for (const std::string_view name : names) {
    Result<int64_t> answer = PersistField(context, slot, name);
    if (!answer) {
      context.reply().RollbackTo(mark);
      return answer.error();
    }
    any_done |= *answer == kDone;
    context.reply().Integer(*answer);
  }
  if (any_done) context.Notify(kNotifyHash, "hpersist", args[1]);
  return Status::Ok();
}

constexpr CommandSpec kHashExpireCommands[] = {
    {.name = "hexpire",
     .arity = -6,
     .flags = kFast | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyUpdate)),
     .acl = kAclHash,
     .handler = Hexpire,
     .group = CommandGroup::kHash,
     .doc = {.summary = "Sets deadlines of hash fields, in seconds from now.",
             .since = "7.4.0",
             .complexity = "O(N)",
             .arguments =
                 "key:key@0 seconds:integer [condition:oneof(nx:pure-token=NX xx:pure-token=XX gt:pure-token=GT "
                 "lt:pure-token=LT)] fields:block(numfields:integer field:string*)=FIELDS"}},
    {.name = "hexpireat",
     .arity = -6,
     .flags = kFast | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyUpdate)),
     .acl = kAclHash,
     .handler = Hexpireat,
     .group = CommandGroup::kHash,
     .doc = {.summary = "Sets deadlines of hash fields, as Unix seconds.",
             .since = "7.4.0",
             .complexity = "O(N)",
             .arguments = "key:key@0 unix-time-seconds:unix-time [condition:oneof(nx:pure-token=NX xx:pure-token=XX "
                          "gt:pure-token=GT lt:pure-token=LT)] fields:block(numfields:integer field:string*)=FIELDS"}},
    {.name = "hexpiretime",
     .arity = -5,
     .flags = kFast | kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclHash,
     .handler = Hexpiretime,
     .group = CommandGroup::kHash,
     .doc = {.summary = "Tells the deadlines of hash fields as Unix seconds.",
             .since = "7.4.0",
             .complexity = "O(N)",
             .arguments = "key:key@0 fields:block(numfields:integer field:string*)=FIELDS"}},
    {.name = "hpersist",
     .arity = -5,
     .flags = kFast | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyUpdate)),
     .acl = kAclHash,
     .handler = Hpersist,
     .group = CommandGroup::kHash,
     .doc = {.summary = "Removes the deadlines of hash fields.",
             .since = "7.4.0",
             .complexity = "O(N)",
             .arguments = "key:key@0 fields:block(numfields:integer field:string*)=FIELDS"}},
    {.name = "hpexpire",
     .arity = -6,
     .flags = kFast | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyUpdate)),
     .acl = kAclHash,
     .handler = Hpexpire,
     .group = CommandGroup::kHash,
     .doc = {.summary = "Sets deadlines of hash fields, in milliseconds from now.",
             .since = "7.4.0",
             .complexity = "O(N)",
             .arguments =
                 "key:key@0 milliseconds:integer [condition:oneof(nx:pure-token=NX xx:pure-token=XX gt:pure-token=GT "
                 "lt:pure-token=LT)] fields:block(numfields:integer field:string*)=FIELDS"}},
    {.name = "hpexpireat",
     .arity = -6,
     .flags = kFast | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyUpdate)),
     .acl = kAclHash,
     .handler = Hpexpireat,
     .group = CommandGroup::kHash,
     .doc = {.summary = "Sets deadlines of hash fields, as Unix milliseconds.",
             .since = "7.4.0",
             .complexity = "O(N)",
             .arguments =
                 "key:key@0 unix-time-milliseconds:unix-time [condition:oneof(nx:pure-token=NX xx:pure-token=XX "
                 "gt:pure-token=GT lt:pure-token=LT)] fields:block(numfields:integer field:string*)=FIELDS"}},
    {.name = "hpexpiretime",
     .arity = -5,
     .flags = kFast | kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclHash,
     .handler = Hpexpiretime,
     .group = CommandGroup::kHash,
     .doc = {.summary = "Tells the deadlines of hash fields as Unix milliseconds.",
             .since = "7.4.0",
             .complexity = "O(N)",
             .arguments = "key:key@0 fields:block(numfields:integer field:string*)=FIELDS"}},
    {.name = "hpttl",
     .arity = -5,
     .flags = kFast | kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclHash,
     .handler = Hpttl,
     .group = CommandGroup::kHash,
     .doc = {.summary = "Tells how many milliseconds hash fields have left.",
             .since = "7.4.0",
             .complexity = "O(N)",
             .arguments = "key:key@0 fields:block(numfields:integer field:string*)=FIELDS"}},
    {.name = "httl",
     .arity = -5,
     .flags = kFast | kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclHash,
     .handler = Httl,
     .group = CommandGroup::kHash,
     .doc = {.summary = "Tells how many seconds hash fields have left.",
             .since = "7.4.0",
             .complexity = "O(N)",
             .arguments = "key:key@0 fields:block(numfields:integer field:string*)=FIELDS"}},
};
}  // namespace

std::span<const CommandSpec> HashExpireCommands() { return kHashExpireCommands; }

}  // namespace cachenode
