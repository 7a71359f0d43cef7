// Whole strings: SET and its relatives, GET and its relatives, several keys at once.
#include <algorithm>
#include <string>
#include <string_view>

#include "protocol/resp_writer.h"
#include "server/arg_parser.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/commands/expire_options.h"
#include "server/commands/families.h"
#include "server/commands/string_reply.h"
#include "server/config/config.h"
#include "storage/base/bytes.h"
#include "storage/base/numbers.h"

namespace cachenode {
namespace {

// When SET and MSETEX write.
enum class WriteIf : uint8_t { kAlways, kMissing, kExists, kEquals };

struct SetOptions {
  WriteIf write_if = WriteIf::kAlways;
  std::string_view comparison;  // kEquals.
  bool returns_old = false;
  ExpireOption expire;
};

void MatchCondition(ArgParser& parser, SetOptions& options, WriteIf found) {
  if (options.write_if != WriteIf::kAlways && options.write_if != found) parser.Fail(Err::kSyntax);
  options.write_if = found;
}

Status ParseSetOptions(Args args, SetOptions& options) {
  ArgParser parser(args, 3);
  while (parser.HasNext()) {
    if (parser.Match("nx")) {
      MatchCondition(parser, options, WriteIf::kMissing);
    } else if (parser.Match("xx")) {
      MatchCondition(parser, options, WriteIf::kExists);
    } else if (parser.Match("ifeq", 1)) {
      MatchCondition(parser, options, WriteIf::kEquals);
      options.comparison = parser.NextString();
    } else if (parser.Match("get")) {
      options.returns_old = true;
    } else if (!options.expire.Match(parser, ExpireOption::Kind::kKeepTtl)) {
      return Err::kSyntax;
    }
  }
  return parser.Finish();
}

// Stores `value` with the deadline the options ask for. A deadline that has passed leaves a key that expires at once;
// newer Valkey engines do not even write it.
Status WriteWithExpiry(CommandContext& context, KeySlot& slot, std::string_view value, const ExpireOption& option,
                       int64_t deadline_ms) {
  const bool writes_expired = !context.config().engine_version.AtLeastValkey(8, 1);
  if (!writes_expired && option.HasDeadline() && deadline_ms <= context.now_ms()) {
    if (slot.Exists()) {
      slot.Erase();
      context.Notify(kNotifyGeneric, "del", slot.key());
    }
    return Status::Ok();
  }
  const bool keeps = option.kind() == ExpireOption::Kind::kKeepTtl;
  const Expiry expiry = option.HasDeadline() ? Expiry::At(deadline_ms) : (keeps ? Expiry::kKeep : Expiry::kClear);
  Status status = slot.WriteString(value, expiry);
  if (!status.ok()) return status;
  context.Notify(kNotifyString, "set", slot.key());
  if (option.HasDeadline()) context.Notify(kNotifyGeneric, "expire", slot.key());
  return Status::Ok();
}

Result<bool> ConditionHolds(const KeySlot& slot, const SetOptions& options) {
  switch (options.write_if) {
    case WriteIf::kAlways:
      return true;
    case WriteIf::kMissing:
      return !slot.Exists();
    case WriteIf::kExists:
      return slot.Exists();
    case WriteIf::kEquals:
      break;
  }
  if (!slot.Exists()) return false;
  if (Status error = slot.Require(ValueType::kString); !error.ok()) return error;
  StringScratch scratch;
  return slot.ReadString(scratch) == options.comparison;
}

Status SetWithOptions(CommandContext& context, Args args) {
  SetOptions options;
  if (Status error = ParseSetOptions(args, options); !error.ok()) return error;
  Result<int64_t> deadline_ms = int64_t{-1};
  if (options.expire.HasDeadline()) deadline_ms = options.expire.DeadlineMs(context.now_ms());
  if (!deadline_ms) return deadline_ms.error();

  KeySlot slot = options.returns_old ? context.FindForRead(args[1]) : context.FindForWrite(args[1]);
  if (options.returns_old) {
    if (Status error = slot.Require(ValueType::kString); !error.ok()) return error;
  }
  Result<bool> holds = ConditionHolds(slot, options);
  if (!holds) return holds.error();
  if (options.returns_old) WriteStringOrNull(context.reply(), slot);
  if (!*holds) {
    if (!options.returns_old) context.reply().Null();
    return Status::Ok();
  }
  Status status = WriteWithExpiry(context, slot, args[2], options.expire, *deadline_ms);
  if (status.ok() && !options.returns_old) context.reply().Ok();
  return status;
}

// SET key value [NX | XX | IFEQ comparison] [GET] [EX s | PX ms | EXAT s | PXAT ms | KEEPTTL] -> OK, nil when the
// condition does not hold, or with GET the old value.
Status Set(CommandContext& context, Args args) {
  if (args.size() > 3) return SetWithOptions(context, args);
  KeySlot slot = context.FindForWrite(args[1]);
  Status status = slot.WriteString(args[2], Expiry::kClear);
  if (!status.ok()) return status;
  context.Notify(kNotifyString, "set", args[1]);
  context.reply().Ok();
  return Status::Ok();
}

// SETNX key value -> 1 when the key was missing and is set, else 0.
Status Setnx(CommandContext& context, Args args) {
  KeySlot slot = context.FindForWrite(args[1]);
  if (slot.Exists()) {
    context.reply().Integer(0);
    return Status::Ok();
  }
  Status status = slot.WriteString(args[2], Expiry::kClear);
  if (!status.ok()) return status;
  context.Notify(kNotifyString, "set", args[1]);
  context.reply().Integer(1);
  return Status::Ok();
}

Status SetFor(CommandContext& context, Args args, ExpireUnit unit) {
  Result<int64_t> deadline_ms = ParseDeadline(args[2], unit, ExpireBase::kNow, context.now_ms());
  if (!deadline_ms) return deadline_ms.error();
  KeySlot slot = context.FindForWrite(args[1]);
  Status status = slot.WriteString(args[3], Expiry::At(*deadline_ms));
  if (!status.ok()) return status;
  context.Notify(kNotifyString, "set", args[1]);
  context.Notify(kNotifyGeneric, "expire", args[1]);
  context.reply().Ok();
  return Status::Ok();
}

// SETEX key seconds value -> OK.
Status Setex(CommandContext& context, Args args) { return SetFor(context, args, ExpireUnit::kSeconds); }

// PSETEX key milliseconds value -> OK.
Status Psetex(CommandContext& context, Args args) { return SetFor(context, args, ExpireUnit::kMilliseconds); }

// GET key -> the string, nil when missing.
Status Get(CommandContext& context, Args args) {
  const KeySlot slot = context.FindForRead(args[1]);
  if (Status error = slot.Require(ValueType::kString); !error.ok()) return error;
  WriteStringOrNull(context.reply(), slot);
  return Status::Ok();
}

// GETSET key value -> the old string or nil; the deadline goes.
Status Getset(CommandContext& context, Args args) {
  KeySlot slot = context.FindForRead(args[1]);
  if (Status error = slot.Require(ValueType::kString); !error.ok()) return error;
  WriteStringOrNull(context.reply(), slot);
  Status status = slot.WriteString(args[2], Expiry::kClear);
  if (status.ok()) context.Notify(kNotifyString, "set", args[1]);
  return status;
}

// GETDEL key -> the string or nil; the key goes.
Status Getdel(CommandContext& context, Args args) {
  KeySlot slot = context.FindForRead(args[1]);
  if (Status error = slot.Require(ValueType::kString); !error.ok()) return error;
  WriteStringOrNull(context.reply(), slot);
  if (!slot.Exists()) return Status::Ok();
  slot.Erase();
  context.Notify(kNotifyGeneric, "del", args[1]);
  return Status::Ok();
}

// Changes the deadline as GETEX asks; the string was replied already.
Status ApplyGetexOption(CommandContext& context, KeySlot& slot, const ExpireOption& option, int64_t deadline_ms) {
  if (option.kind() == ExpireOption::Kind::kPersist) {
    if (slot.expire_at_ms() < 0) return Status::Ok();
    Status status = slot.Persist();
    if (status.ok()) context.Notify(kNotifyGeneric, "persist", slot.key());
    return status;
  }
  if (!option.HasDeadline()) return Status::Ok();
  if (deadline_ms <= context.now_ms()) {
    slot.Erase();
    context.Notify(kNotifyGeneric, "del", slot.key());
    return Status::Ok();
  }
  Status status = slot.SetExpire(deadline_ms);
  if (status.ok()) context.Notify(kNotifyGeneric, "expire", slot.key());
  return status;
}

// GETEX key [EX s | PX ms | EXAT s | PXAT ms | PERSIST] -> the string or nil; the deadline changes.
Status Getex(CommandContext& context, Args args) {
  ExpireOption option;
  ArgParser parser(args, 2);
  while (parser.HasNext()) {
    if (!option.Match(parser, ExpireOption::Kind::kPersist)) return Err::kSyntax;
  }
  if (Status error = parser.Finish(); !error.ok()) return error;

  KeySlot slot = context.FindForRead(args[1]);
  if (Status error = slot.Require(ValueType::kString); !error.ok()) return error;
  if (!slot.Exists()) {
    context.reply().Null();
    return Status::Ok();
  }
  Result<int64_t> deadline_ms = int64_t{-1};
  if (option.HasDeadline()) deadline_ms = option.DeadlineMs(context.now_ms());
  if (!deadline_ms) return deadline_ms.error();
  WriteStringOrNull(context.reply(), slot);
  return ApplyGetexOption(context, slot, option, *deadline_ms);
}

// MGET key [key ...] -> the strings in order, nil where missing or of another type.
Status Mget(CommandContext& context, Args args) {
  context.reply().ArrayHeader(args.size() - 1);
  for (const std::string_view key : args.subspan(1)) {
    const KeySlot slot = context.FindForRead(key);
    if (slot.Exists() && slot.type() == ValueType::kString) {
      WriteStringOrNull(context.reply(), slot);
    } else {
      context.reply().Null();
    }
  }
  return Status::Ok();
}

// Writes the key, value, key, value, ... of `pairs`.
Status WritePairs(CommandContext& context, Args pairs) {
  for (size_t i = 0; i + 1 < pairs.size(); i += 2) {
    KeySlot slot = context.FindForWrite(pairs[i]);
    Status status = slot.WriteString(pairs[i + 1], Expiry::kClear);
    if (!status.ok()) return status;
    context.Notify(kNotifyString, "set", pairs[i]);
  }
  return Status::Ok();
}

// MSET key value [key value ...] -> OK.
Status Mset(CommandContext& context, Args args) {
  if (args.size() % 2 == 0) return Err::kArity;
  Status status = WritePairs(context, args.subspan(1));
  if (status.ok()) context.reply().Ok();
  return status;
}

// MSETNX key value [key value ...] -> 1, or 0 and nothing set when any of the keys exists.
Status Msetnx(CommandContext& context, Args args) {
  if (args.size() % 2 == 0) return Err::kArity;
  for (size_t i = 1; i < args.size(); i += 2) {
    if (!context.Inspect(args[i]).Exists()) continue;
    context.reply().Integer(0);
    return Status::Ok();
  }
  Status status = WritePairs(context, args.subspan(1));
  if (status.ok()) context.reply().Integer(1);
  return status;
}

// What MSETEX was asked to do.
struct MsetexRequest {
  Args pairs;
  WriteIf write_if = WriteIf::kAlways;
  ExpireOption expire;
};

Status ParseMsetex(Args args, MsetexRequest& request) {
  const Result<int64_t> key_count = ParseInt64Within(args[1], 1, INT32_MAX);
  if (!key_count) return Status::Text("ERR invalid numkeys value or out of range");
  const auto pair_args = static_cast<size_t>(*key_count) * 2;
  if (args.size() - 2 < pair_args) return Err::kSyntax;
  request.pairs = args.subspan(2, pair_args);
  SetOptions options;
  ArgParser parser(args, 2 + pair_args);
  while (parser.HasNext()) {
    if (parser.Match("nx")) {
      MatchCondition(parser, options, WriteIf::kMissing);
    } else if (parser.Match("xx")) {
      MatchCondition(parser, options, WriteIf::kExists);
    } else if (!request.expire.Match(parser, ExpireOption::Kind::kKeepTtl)) {
      return Err::kSyntax;
    }
  }
  request.write_if = options.write_if;
  return parser.Finish();
}

// MSETEX numkeys key value [key value ...] [NX | XX] [EX s | PX ms | EXAT s | PXAT ms | KEEPTTL] -> 1 when all were
// set, 0 when none was because of the condition.
Status Msetex(CommandContext& context, Args args) {
  MsetexRequest request;
  if (Status error = ParseMsetex(args, request); !error.ok()) return error;
  Result<int64_t> deadline_ms = int64_t{-1};
  if (request.expire.HasDeadline()) deadline_ms = request.expire.DeadlineMs(context.now_ms());
  if (!deadline_ms) return deadline_ms.error();

  for (size_t i = 0; request.write_if != WriteIf::kAlways && i < request.pairs.size(); i += 2) {
    const bool wants_existing = request.write_if == WriteIf::kExists;
    if (context.Inspect(request.pairs[i]).Exists() == wants_existing) continue;
    context.reply().Integer(0);
    return Status::Ok();
  }
  for (size_t i = 0; i < request.pairs.size(); i += 2) {
    KeySlot slot = context.FindForWrite(request.pairs[i]);
    Status status = WriteWithExpiry(context, slot, request.pairs[i + 1], request.expire, *deadline_ms);
    if (!status.ok()) return status;
  }
  context.reply().Integer(1);
  return Status::Ok();
}

// DELIFEQ key value -> 1 when the key held that string and was deleted, else 0.
Status Delifeq(CommandContext& context, Args args) {
  KeySlot slot = context.FindForWrite(args[1]);
  if (Status error = slot.Require(ValueType::kString); !error.ok()) return error;
  StringScratch scratch;
  const bool equal = slot.Exists() && slot.ReadString(scratch) == args[2];
  if (equal) {
    slot.Erase();
    context.Notify(kNotifyGeneric, "del", args[1]);
  }
  context.reply().Integer(equal ? 1 : 0);
  return Status::Ok();
}

// SET reads its key only when it answers the old value.
KeySearch FindSetKeys(Args args, std::vector<KeyPosition>& positions) {
  const Args options = args.subspan(std::min<size_t>(args.size(), 3));
  const bool gets = std::any_of(options.begin(), options.end(),
                                [](std::string_view option) { return EqualsIgnoreCase(option, "get"); });
  const uint16_t replaces = kKeyOverwrite | kKeyUpdate;
  const uint16_t exchanges = kKeyReadWrite | kKeyAccess | kKeyUpdate;
  positions.assign(1, {1, gets ? exchanges : replaces});
  return KeySearch::kFound;
}

constexpr CommandSpec kStringCommands[] = {
    {.name = "set",
     .arity = -3,
     .flags = kDenyOom | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyAccess | kKeyUpdate | kKeyVariableFlags)),
     .find_keys = FindSetKeys,
     .acl = kAclString,
     .handler = Set,
     .group = CommandGroup::kString,
     .doc =
         {.summary = "Sets a key to a string, under conditions and with a deadline if wanted.",
          .since = "1.0.0",
          .complexity = "O(1)",
          .arguments =
              "key:key@0 value:string [condition:oneof(nx:pure-token=NX xx:pure-token=XX)!2.6.12] "
              "[get:pure-token=GET!6.2.0] [expiration:oneof(seconds:integer=EX!2.6.12 milliseconds:integer=PX!2.6.12 "
              "unix-time-seconds:unix-time=EXAT!6.2.0 unix-time-milliseconds:unix-time=PXAT!6.2.0 "
              "keepttl:pure-token=KEEPTTL!6.0.0)]"}},
    {.name = "setnx",
     .arity = 3,
     .flags = kDenyOom | kFast | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyOverwrite | kKeyInsert)),
     .acl = kAclString,
     .handler = Setnx,
     .group = CommandGroup::kString,
     .doc = {.summary = "Sets a key to a string only if it is missing.",
             .since = "1.0.0",
             .complexity = "O(1)",
             .arguments = "key:key@0 value:string"}},
    {.name = "setex",
     .arity = 4,
     .flags = kDenyOom | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyOverwrite | kKeyUpdate)),
     .acl = kAclString,
     .handler = Setex,
     .group = CommandGroup::kString,
     .doc = {.summary = "Sets a key to a string that expires after seconds.",
             .since = "2.0.0",
             .complexity = "O(1)",
             .arguments = "key:key@0 seconds:integer value:string"}},
    {.name = "psetex",
     .arity = 4,
     .flags = kDenyOom | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyOverwrite | kKeyUpdate)),
     .acl = kAclString,
     .handler = Psetex,
     .group = CommandGroup::kString,
     .doc = {.summary = "Sets a key to a string that expires after milliseconds.",
             .since = "2.6.0",
             .complexity = "O(1)",
             .arguments = "key:key@0 milliseconds:integer value:string"}},
    {.name = "get",
     .arity = 2,
     .flags = kFast | kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclString,
     .handler = Get,
     .group = CommandGroup::kString,
     .doc =
         {.summary = "Reads the string at a key.", .since = "1.0.0", .complexity = "O(1)", .arguments = "key:key@0"}},
    {.name = "getset",
     .arity = 3,
     .flags = kDenyOom | kFast | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyAccess | kKeyUpdate)),
     .acl = kAclString,
     .handler = Getset,
     .group = CommandGroup::kString,
     .doc = {.summary = "Sets a key to a string and answers the old one.",
             .since = "1.0.0",
             .complexity = "O(1)",
             .arguments = "key:key@0 value:string"}},
    {.name = "getdel",
     .arity = 2,
     .flags = kFast | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyAccess | kKeyDelete)),
     .acl = kAclString,
     .handler = Getdel,
     .group = CommandGroup::kString,
     .doc = {.summary = "Reads the string at a key and deletes the key.",
             .since = "6.2.0",
             .complexity = "O(1)",
             .arguments = "key:key@0"}},
    {.name = "getex",
     .arity = -2,
     .flags = kFast | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyAccess | kKeyUpdate)),
     .acl = kAclString,
     .handler = Getex,
     .group = CommandGroup::kString,
     .doc =
         {.summary = "Reads the string at a key and changes its deadline.",
          .since = "6.2.0",
          .complexity = "O(1)",
          .arguments =
              "key:key@0 [expiration:oneof(seconds:integer=EX milliseconds:integer=PX "
              "unix-time-seconds:unix-time=EXAT unix-time-milliseconds:unix-time=PXAT persist:pure-token=PERSIST)]"}},
    {.name = "mget",
     .arity = -2,
     .flags = kFast | kReadOnly,
     .keys = KeySpecs(KeySpec::Range(1, -1, 1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclString,
     .handler = Mget,
     .group = CommandGroup::kString,
     .doc = {.summary = "Reads the strings of several keys.",
             .since = "1.0.0",
             .complexity = "O(N)",
             .arguments = "key:key@0*",
             .tips = "request_policy:multi_shard"}},
    {.name = "mset",
     .arity = -3,
     .flags = kDenyOom | kWrite,
     .keys = KeySpecs(KeySpec::Range(1, -1, 2, kKeyOverwrite | kKeyUpdate)),
     .acl = kAclString,
     .handler = Mset,
     .group = CommandGroup::kString,
     .doc = {.summary = "Sets several keys at once.",
             .since = "1.0.1",
             .complexity = "O(N)",
             .arguments = "data:block(key:key@0 value:string)*",
             .tips = "request_policy:multi_shard,response_policy:all_succeeded"}},
    {.name = "msetnx",
     .arity = -3,
     .flags = kDenyOom | kWrite,
     .keys = KeySpecs(KeySpec::Range(1, -1, 2, kKeyOverwrite | kKeyInsert)),
     .acl = kAclString,
     .handler = Msetnx,
     .group = CommandGroup::kString,
     .doc = {.summary = "Sets several keys at once, only if all are missing.",
             .since = "1.0.1",
             .complexity = "O(N)",
             .arguments = "data:block(key:key@0 value:string)*"}},
    {.name = "msetex",
     .arity = -4,
     .flags = kDenyOom | kWrite,
     .keys = KeySpecs(KeySpec::Counted(1, 1, 2, kKeyOverwrite | kKeyUpdate)),
     .acl = kAclString,
     .handler = Msetex,
     .group = CommandGroup::kString,
     .doc = {.summary = "Sets several keys at once, under a condition and with one deadline.",
             .since = "9.1.0",
             .complexity = "O(N)",
             .arguments =
                 "numkeys:integer data:block(key:key@0 value:string)* [condition:oneof(nx:pure-token=NX "
                 "xx:pure-token=XX)] [expiration:oneof(seconds:integer=EX milliseconds:integer=PX "
                 "unix-time-seconds:unix-time=EXAT unix-time-milliseconds:unix-time=PXAT keepttl:pure-token=KEEPTTL)]",
             .tips = "request_policy:multi_shard,response_policy:all_succeeded"}},
    {.name = "delifeq",
     .arity = 3,
     .flags = kFast | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyRemove | kKeyDelete)),
     .acl = kAclString,
     .handler = Delifeq,
     .group = CommandGroup::kString,
     .doc = {.summary = "Deletes a key if it holds the given string.",
             .since = "9.0.0",
             .complexity = "O(1)",
             .arguments = "key:key@0 value:string"}},
};
}  // namespace

std::span<const CommandSpec> StringCommands() { return kStringCommands; }

}  // namespace cachenode
