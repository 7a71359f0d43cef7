// Deadlines of keys.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/resp_writer.h"
#include "server/arg_parser.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/commands/expire_options.h"
#include "server/commands/families.h"
#include "server/config/config.h"
#include "server/lazy_free.h"
#include "storage/base/bytes.h"

namespace cachenode {
namespace {

struct ExpireConditions {
  bool if_none = false;     // NX
  bool if_some = false;     // XX
  bool if_greater = false;  // GT
  bool if_less = false;     // LT
};

Status ParseConditions(Args args, ExpireConditions& conditions) {
  ArgParser parser(args, 3);
  while (parser.HasNext()) {
    if (parser.Match("nx")) {
      conditions.if_none = true;
    } else if (parser.Match("xx")) {
      conditions.if_some = true;
    } else if (parser.Match("gt")) {
      conditions.if_greater = true;
    } else if (parser.Match("lt")) {
      conditions.if_less = true;
    } else {
      return Status::Text("ERR Unsupported option " + std::string(UpToZero(parser.NextString())));
    }
  }
  if (conditions.if_none && (conditions.if_some || conditions.if_greater || conditions.if_less)) {
    return Status::Text("ERR NX and XX, GT or LT options at the same time are not compatible");
  }
  if (conditions.if_greater && conditions.if_less) {
    return Status::Text("ERR GT and LT options at the same time are not compatible");
  }
  return Status::Ok();
}

// `text` as a deadline; it may lie in the past. Errors: kNotInteger, kInvalidExpire.
Result<int64_t> ParseAnyDeadline(std::string_view text, ExpireUnit unit, ExpireBase base, int64_t now_ms) {
  int64_t amount = 0;
  if (!TryParseInt64(text, amount)) return Err::kNotInteger;
  if (unit == ExpireUnit::kSeconds && __builtin_mul_overflow(amount, 1000, &amount)) return Err::kInvalidExpire;
  if (base == ExpireBase::kNow && __builtin_add_overflow(amount, now_ms, &amount)) return Err::kInvalidExpire;
  return ClampDeadline(amount);
}

// A key without a deadline lives for ever: no new deadline is greater, every one is less.
bool ConditionsHold(const ExpireConditions& conditions, int64_t current_ms, int64_t wanted_ms) {
  const bool has_deadline = current_ms >= 0;
  if (conditions.if_none && has_deadline) return false;
  if (conditions.if_some && !has_deadline) return false;
  if (conditions.if_greater && (!has_deadline || wanted_ms <= current_ms)) return false;
  return !(conditions.if_less && has_deadline && wanted_ms >= current_ms);
}

Status SetDeadline(CommandContext& context, Args args, ExpireUnit unit, ExpireBase base) {
  ExpireConditions conditions;
  if (Status error = ParseConditions(args, conditions); !error.ok()) return error;
  Result<int64_t> deadline_ms = ParseAnyDeadline(args[2], unit, base, context.now_ms());
  if (!deadline_ms) return deadline_ms.error();
  KeySlot slot = context.FindForWrite(args[1]);
  if (!slot.Exists() || !ConditionsHold(conditions, slot.expire_at_ms(), *deadline_ms)) {
    context.reply().Integer(0);
    return Status::Ok();
  }
  if (*deadline_ms <= context.now_ms()) {
    const bool lazily = context.config().lazyfree_lazy_expire;
    EraseKey(context.parts(), slot, lazily ? FreeWhere::kBackground : FreeWhere::kHere);
    context.Notify(kNotifyGeneric, "del", args[1]);
  } else {
    Status status = slot.SetExpire(*deadline_ms);
    if (!status.ok()) return status;
    context.Notify(kNotifyGeneric, "expire", args[1]);
  }
  context.reply().Integer(1);
  return Status::Ok();
}

// EXPIRE key seconds [NX | XX | GT | LT] -> 1 when the deadline was set, else 0. The others differ in unit and base.
Status Expire(CommandContext& context, Args args) {
  return SetDeadline(context, args, ExpireUnit::kSeconds, ExpireBase::kNow);
}
Status Expireat(CommandContext& context, Args args) {
  return SetDeadline(context, args, ExpireUnit::kSeconds, ExpireBase::kEpoch);
}
Status Pexpire(CommandContext& context, Args args) {
  return SetDeadline(context, args, ExpireUnit::kMilliseconds, ExpireBase::kNow);
}
Status Pexpireat(CommandContext& context, Args args) {
  return SetDeadline(context, args, ExpireUnit::kMilliseconds, ExpireBase::kEpoch);
}

// The deadline in the unit and from the base asked for; -2 for a missing key, -1 for one without a deadline.
Status TellDeadline(CommandContext& context, Args args, ExpireUnit unit, ExpireBase base) {
  const KeySlot slot = context.FindUntouched(args[1]);
  int64_t answer = -2;
  if (slot.Exists()) {
    answer = slot.expire_at_ms();
    if (answer >= 0 && base == ExpireBase::kNow) answer = std::max(int64_t{0}, answer - context.now_ms());
    if (answer >= 0 && unit == ExpireUnit::kSeconds) answer = (answer + 500) / 1000;
  }
  context.reply().Integer(answer);
  return Status::Ok();
}

// TTL key -> seconds left, rounded. The others differ in unit and base.
Status Ttl(CommandContext& context, Args args) {
  return TellDeadline(context, args, ExpireUnit::kSeconds, ExpireBase::kNow);
}
Status Pttl(CommandContext& context, Args args) {
  return TellDeadline(context, args, ExpireUnit::kMilliseconds, ExpireBase::kNow);
}
Status Expiretime(CommandContext& context, Args args) {
  return TellDeadline(context, args, ExpireUnit::kSeconds, ExpireBase::kEpoch);
}
Status Pexpiretime(CommandContext& context, Args args) {
  return TellDeadline(context, args, ExpireUnit::kMilliseconds, ExpireBase::kEpoch);
}

// PERSIST key -> 1 when a deadline was removed, else 0.
Status Persist(CommandContext& context, Args args) {
  KeySlot slot = context.FindForWrite(args[1]);
  const bool had_deadline = slot.Exists() && slot.expire_at_ms() >= 0;
  if (had_deadline) {
    Status status = slot.Persist();
    if (!status.ok()) return status;
    context.Notify(kNotifyGeneric, "persist", args[1]);
  }
  context.reply().Integer(had_deadline ? 1 : 0);
  return Status::Ok();
}

constexpr CommandSpec kExpireCommands[] = {
    {.name = "expire",
     .arity = -3,
     .flags = kFast | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyUpdate)),
     .acl = kAclKeyspace,
     .handler = Expire,
     .group = CommandGroup::kGeneric,
     .doc = {.summary = "Sets the deadline of a key, in seconds from now.",
             .since = "1.0.0",
             .complexity = "O(1)",
             .arguments =
                 "key:key@0 seconds:integer [condition:oneof(nx:pure-token=NX xx:pure-token=XX gt:pure-token=GT "
                 "lt:pure-token=LT)!7.0.0]"}},
    {.name = "expireat",
     .arity = -3,
     .flags = kFast | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyUpdate)),
     .acl = kAclKeyspace,
     .handler = Expireat,
     .group = CommandGroup::kGeneric,
     .doc = {.summary = "Sets the deadline of a key, as Unix seconds.",
             .since = "1.2.0",
             .complexity = "O(1)",
             .arguments = "key:key@0 unix-time-seconds:unix-time [condition:oneof(nx:pure-token=NX xx:pure-token=XX "
                          "gt:pure-token=GT lt:pure-token=LT)!7.0.0]"}},
    {.name = "expiretime",
     .arity = 2,
     .flags = kFast | kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclKeyspace,
     .handler = Expiretime,
     .group = CommandGroup::kGeneric,
     .doc = {.summary = "Tells the deadline of a key as Unix seconds.",
             .since = "7.0.0",
             .complexity = "O(1)",
             .arguments = "key:key@0"}},
    {.name = "persist",
     .arity = 2,
     .flags = kFast | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyUpdate)),
     .acl = kAclKeyspace,
     .handler = Persist,
     .group = CommandGroup::kGeneric,
     .doc = {.summary = "Removes the deadline of a key.",
             .since = "2.2.0",
             .complexity = "O(1)",
             .arguments = "key:key@0"}},
    {.name = "pexpire",
     .arity = -3,
     .flags = kFast | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyUpdate)),
     .acl = kAclKeyspace,
     .handler = Pexpire,
     .group = CommandGroup::kGeneric,
     .doc = {.summary = "Sets the deadline of a key, in milliseconds from now.",
             .since = "2.6.0",
             .complexity = "O(1)",
             .arguments =
                 "key:key@0 milliseconds:integer [condition:oneof(nx:pure-token=NX xx:pure-token=XX gt:pure-token=GT "
                 "lt:pure-token=LT)!7.0.0]"}},
    {.name = "pexpireat",
     .arity = -3,
     .flags = kFast | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyUpdate)),
     .acl = kAclKeyspace,
     .handler = Pexpireat,
     .group = CommandGroup::kGeneric,
     .doc = {.summary = "Sets the deadline of a key, as Unix milliseconds.",
             .since = "2.6.0",
             .complexity = "O(1)",
             .arguments =
                 "key:key@0 unix-time-milliseconds:unix-time [condition:oneof(nx:pure-token=NX xx:pure-token=XX "
                 "gt:pure-token=GT lt:pure-token=LT)!7.0.0]"}},
    {.name = "pexpiretime",
     .arity = 2,
     .flags = kFast | kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclKeyspace,
     .handler = Pexpiretime,
     .group = CommandGroup::kGeneric,
     .doc = {.summary = "Tells the deadline of a key as Unix milliseconds.",
             .since = "7.0.0",
             .complexity = "O(1)",
             .arguments = "key:key@0"}},
    {.name = "pttl",
     .arity = 2,
     .flags = kFast | kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclKeyspace,
     .handler = Pttl,
     .group = CommandGroup::kGeneric,
     .doc = {.summary = "Tells how many milliseconds a key has left.",
             .since = "2.6.0",
             .complexity = "O(1)",
             .arguments = "key:key@0",
             .tips = "nondeterministic_output"}},
    {.name = "ttl",
     .arity = 2,
     .flags = kFast | kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclKeyspace,
     .handler = Ttl,
     .group = CommandGroup::kGeneric,
     .doc = {.summary = "Tells how many seconds a key has left.",
             .since = "1.0.0",
             .complexity = "O(1)",
             .arguments = "key:key@0",
             .tips = "nondeterministic_output"}},
};
}  // namespace

std::span<const CommandSpec> ExpireCommands() { return kExpireCommands; }

}  // namespace cachenode
