// HGETDEL, HGETEX and HSETEX: fields read or written together with what becomes of their deadlines.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/resp_writer.h"
#include "server/arg_parser.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/commands/families.h"
#include "server/commands/hash_field_options.h"
#include "server/commands/hash_reply.h"
#include "storage/value/hash_value.h"

namespace cachenode {
namespace {

// HGETDEL key FIELDS n field ... -> the values, nil for each that is missing; the fields are gone.
Status Hgetdel(CommandContext& context, Args args) {
  KeySlot slot = context.FindForWrite(args[1]);
  if (Status error = slot.Require(ValueType::kHash); !error.ok()) return error;
  FieldNames names;
  if (Status error = ParseFieldNames(context, args, 2, FieldsOf::kOther, names); !error.ok()) return error;
  const auto mark = context.reply().MarkHere();
  context.reply().ArrayHeader(names.size());
  bool any_erased = false;
  for (const std::string_view name : names) {
    ReplyField(context, slot, name);
    if (!slot.Exists()) continue;
    Result<bool> erased = HashValue(slot).Erase(name);
    if (!erased) {
      context.reply().RollbackTo(mark);
      return erased.error();
    }
    any_erased |= *erased;
  }
  if (any_erased) NotifyFieldsDeleted(context, slot);
  return Status::Ok();
}

// What becomes of the deadlines of fields.
struct FieldExpire {
  enum class Kind : uint8_t { kNone, kAt, kPersist, kKeep };
  Kind kind = Kind::kNone;
  int64_t at_ms = 0;
};

// The option of HGETEX, if any, in front of FIELDS; `fields_at` gets where that should be.
Status ParseGetOption(const CommandContext& context, Args args, FieldExpire& expire, size_t& fields_at) {
  ExpireUnit unit = ExpireUnit::kSeconds;
  ExpireBase base = ExpireBase::kNow;
  if (EqualsIgnoreCase(args[2], "persist")) {
    expire.kind = FieldExpire::Kind::kPersist;
    fields_at = 3;
  } else if (ParseDeadlineWord(args[2], unit, base)) {
    Result<int64_t> at_ms = ParseFieldDeadline(context, args[3], unit, base);
    if (!at_ms) return at_ms.error();
    expire = {FieldExpire::Kind::kAt, *at_ms};
    fields_at = 4;
  }
  return Status::Ok();
}

// What HGETEX did to fields, for the events.
struct FieldsTouched {
  bool set = false;
  bool persisted = false;
  bool deleted = false;
};

Status TouchField(CommandContext& context, KeySlot& slot, std::string_view name, const FieldExpire& expire,
                  FieldsTouched& touched) {
  HashField field;
  HashScratch scratch;
  if (expire.kind == FieldExpire::Kind::kNone || !FindField(context, slot, name, field, scratch)) return Status::Ok();
  HashValue hash(slot);
  Result<bool> done = true;
  if (expire.kind == FieldExpire::Kind::kPersist) {
    if (field.expire_at_ms < 0) return Status::Ok();
    done = hash.SetDeadline(name, Expiry::kClear);
    touched.persisted = true;
  } else if (expire.at_ms <= context.now_ms()) {
    done = hash.Erase(name);
    touched.deleted = true;
  } else {
    done = hash.SetDeadline(name, Expiry::At(expire.at_ms));
    touched.set = true;
  }
  return done ? Status::Ok() : done.error();
}

// HGETEX key [EX s | PX ms | EXAT s | PXAT ms | PERSIST] FIELDS n field ... -> the values, nil for each that is
// missing.
Status Hgetex(CommandContext& context, Args args) {
  KeySlot slot = context.FindForWrite(args[1]);
  if (Status error = slot.Require(ValueType::kHash); !error.ok()) return error;
  FieldExpire expire;
  size_t fields_at = 2;
  if (Status error = ParseGetOption(context, args, expire, fields_at); !error.ok()) return error;
  FieldNames names;
  if (Status error = ParseFieldNames(context, args, fields_at, FieldsOf::kOther, names); !error.ok()) return error;
  FieldsTouched touched;
  const auto mark = context.reply().MarkHere();
  context.reply().ArrayHeader(names.size());
  for (const std::string_view name : names) {
    ReplyField(context, slot, name);
    if (Status error = TouchField(context, slot, name, expire, touched); !error.ok()) {
      context.reply().RollbackTo(mark);
      return error;
    }
  }
  if (touched.set) context.Notify(kNotifyHash, "hexpire", args[1]);
  if (touched.persisted) context.Notify(kNotifyHash, "hpersist", args[1]);
  if (touched.deleted) NotifyFieldsDeleted(context, slot);
  return Status::Ok();
}

struct SetOptions {
  std::optional<bool> wants_existing;  // FXX, FNX.
  FieldExpire expire;
  Args pairs;
};

// FIELDS n field value ... from args[at] on; answers where it ends.
Result<size_t> ParsePairs(const CommandContext& context, Args args, size_t at, SetOptions& options) {
  if (at + 3 >= args.size()) return Err::kArity;
  const bool is_valkey = SpeaksValkey(context);
  int64_t count = 0;
  const bool is_number = TryParseInt64(args[at + 1], count);
  if (!is_number && is_valkey) return Err::kNotInteger;
  if (!is_number || count < 1 || count > INT32_MAX) {
    return Status::Text(std::string(is_valkey ? kValkeyFieldsText : "ERR invalid number of fields"));
  }
  const auto words = 2 * static_cast<size_t>(count);
  if (words > args.size() - at - 2) {
    return is_valkey ? Status::Text(std::string(kValkeyFieldsText)) : Status(Err::kArity);
  }
  options.pairs = args.subspan(at + 2, words);
  return at + 2 + words;
}

Status ParseSetExpire(const CommandContext& context, ArgParser& parser, SetOptions& options) {
  if (options.expire.kind != FieldExpire::Kind::kNone) {
    if (SpeaksValkey(context)) return Err::kSyntax;
    return Status::Text("ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified");
  }
  ExpireUnit unit = ExpireUnit::kSeconds;
  ExpireBase base = ExpireBase::kNow;
  if (!ParseDeadlineWord(parser.NextString(), unit, base)) {
    options.expire.kind = FieldExpire::Kind::kKeep;
    return Status::Ok();
  }
  if (!parser.HasNext()) return Status::Text("ERR missing expire time");
  Result<int64_t> at_ms = ParseFieldDeadline(context, parser.NextString(), unit, base);
  if (!at_ms) return at_ms.error();
  options.expire = {FieldExpire::Kind::kAt, *at_ms};
  return Status::Ok();
}

bool IsExpireWord(std::string_view word) {
  ExpireUnit unit = ExpireUnit::kSeconds;
  ExpireBase base = ExpireBase::kNow;
  return EqualsIgnoreCase(word, "keepttl") || ParseDeadlineWord(word, unit, base);
}

Status ParseSetOptions(const CommandContext& context, Args args, SetOptions& options) {
  const bool is_valkey = SpeaksValkey(context);
  for (size_t at = 2; at < args.size();) {
    const std::string_view word = args[at];
    const bool wants_existing = EqualsIgnoreCase(word, "fxx");
    if (EqualsIgnoreCase(word, "fields")) {
      Result<size_t> end = ParsePairs(context, args, at, options);
      if (!end) return end.error();
      at = *end;
    } else if (IsExpireWord(word)) {
      ArgParser parser(args, at);
      if (Status error = ParseSetExpire(context, parser, options); !error.ok()) return error;
      at = parser.position();
    } else if (wants_existing || EqualsIgnoreCase(word, "fnx")) {
      if (options.wants_existing && is_valkey) return Err::kSyntax;
      if (options.wants_existing) return Status::Text("ERR Only one of FXX or FNX arguments can be specified");
      options.wants_existing = wants_existing;
      ++at;
    } else {
      return is_valkey ? Status(Err::kSyntax) : Status::Text("ERR unknown argument: " + std::string(word));
    }
  }
  return options.pairs.empty() ? Status(Err::kArity) : Status::Ok();
}

// Whether all fields are there, or none.
bool ConditionHolds(const CommandContext& context, const KeySlot& slot, const SetOptions& options) {
  if (!options.wants_existing) return true;
  HashField field;
  HashScratch scratch;
  for (size_t i = 0; i < options.pairs.size(); i += 2) {
    if (FindField(context, slot, options.pairs[i], field, scratch) != *options.wants_existing) return false;
  }
  return true;
}

// Sets the fields; those whose deadline has passed already are deleted instead.
Status WritePairs(CommandContext& context, KeySlot& slot, const SetOptions& options) {
  const FieldExpire& expire = options.expire;
  const bool has_deadline = expire.kind == FieldExpire::Kind::kAt;
  const bool is_past = has_deadline && expire.at_ms <= context.now_ms();
  bool any_erased = false;
  for (size_t i = 0; i < options.pairs.size(); i += 2) {
    const std::string_view name = options.pairs[i];
    if (is_past) {
      if (!slot.Exists()) continue;
      Result<bool> erased = HashValue(slot).Erase(name);
      if (!erased) return erased.error();
      any_erased |= *erased;
      continue;
    }
    HashField field;
    HashScratch scratch;
    // A field past its deadline has none to keep.
    const bool keeps = expire.kind == FieldExpire::Kind::kKeep && FindField(context, slot, name, field, scratch);
    const Expiry expiry = has_deadline ? Expiry::At(expire.at_ms) : (keeps ? Expiry::kKeep : Expiry::kClear);
    Result<bool> set = HashValue(slot).Set(name, options.pairs[i + 1], expiry);
    if (!set) return set.error();
  }
  if (!is_past) context.Notify(kNotifyHash, "hset", slot.key());
  if (has_deadline && !is_past) context.Notify(kNotifyHash, "hexpire", slot.key());
  if (any_erased) NotifyFieldsDeleted(context, slot);
  return Status::Ok();
}

// HSETEX key [FNX | FXX] [EX s | PX ms | EXAT s | PXAT ms | KEEPTTL] FIELDS n field value ... -> 1 when the fields were
// set, 0 when the condition did not hold.
Status Hsetex(CommandContext& context, Args args) {
  SetOptions options;
  if (Status error = ParseSetOptions(context, args, options); !error.ok()) return error;
  KeySlot slot = context.FindForWrite(args[1]);
  if (Status error = slot.Require(ValueType::kHash); !error.ok()) return error;
  const bool holds = ConditionHolds(context, slot, options);
  if (holds) {
    if (Status error = WritePairs(context, slot, options); !error.ok()) return error;
  }
  context.reply().Integer(holds ? 1 : 0);
  return Status::Ok();
}

constexpr CommandSpec kHashFieldCommands[] = {
    {.name = "hgetdel",
     .arity = -5,
     .flags = kFast | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyAccess | kKeyDelete)),
     .acl = kAclHash,
     .handler = Hgetdel,
     .group = CommandGroup::kHash,
     .doc = {.summary = "Reads fields of a hash and deletes them.",
             .since = "8.0.0",
             .complexity = "O(N)",
             .arguments = "key:key@0 fields:block(numfields:integer field:string*)=FIELDS"}},
    {.name = "hgetex",
     .arity = -5,
     .flags = kFast | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyAccess | kKeyUpdate)),
     .acl = kAclHash,
     .handler = Hgetex,
     .group = CommandGroup::kHash,
     .doc = {.summary = "Reads fields of a hash and changes their deadlines.",
             .since = "8.0.0",
             .complexity = "O(N)",
             .arguments =
                 "key:key@0 [expiration:oneof(seconds:integer=EX milliseconds:integer=PX "
                 "unix-time-seconds:unix-time=EXAT unix-time-milliseconds:unix-time=PXAT persist:pure-token=PERSIST)] "
                 "fields:block(numfields:integer field:string*)=FIELDS"}},
    {.name = "hsetex",
     .arity = -6,
     .flags = kDenyOom | kFast | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyInsert)),
     .acl = kAclHash,
     .handler = Hsetex,
     .group = CommandGroup::kHash,
     .doc = {.summary = "Sets fields of a hash with one deadline, under a condition if wanted.",
             .since = "8.0.0",
             .complexity = "O(N)",
             .arguments =
                 "key:key@0 [condition:oneof(fnx:pure-token=FNX fxx:pure-token=FXX)] "
                 "[expiration:oneof(seconds:integer=EX milliseconds:integer=PX unix-time-seconds:unix-time=EXAT "
                 "unix-time-milliseconds:unix-time=PXAT keepttl:pure-token=KEEPTTL)] fields:block(numfields:integer "
                 "data:block(field:string value:string)*)=FIELDS"}},
};
}  // namespace

std::span<const CommandSpec> HashFieldCommands() { return kHashFieldCommands; }

}  // namespace cachenode
