// One key as bytes: DUMP and RESTORE.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "persistence/rdb_value_codec.h"
#include "protocol/resp_writer.h"
#include "server/arg_parser.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/commands/expire_options.h"
#include "server/commands/families.h"
#include "server/config/config.h"
#include "server/node_state.h"
#include "storage/base/log.h"

namespace cachenode {
namespace {

// DUMP key -> the value serialised, nil when missing.
Status Dump(CommandContext& context, Args args) {
  const KeySlot slot = context.FindForRead(args[1]);
  if (!slot.Exists()) {
    context.reply().Null();
    return Status::Ok();
  }
  const RdbCompression compression = context.config().rdbcompression ? RdbCompression::kLzf : RdbCompression::kOff;
  const std::string payload = DumpPayload(slot.View(), compression);
  if (payload.empty()) return Err::kOutOfMemory;
  context.reply().Bulk(payload);
  return Status::Ok();
}

struct RestoreOptions {
  bool replace = false;
  bool absolute = false;
  int64_t idle_seconds = -1;
  int64_t frequency = -1;
};

Status ParseRestoreOptions(Args args, RestoreOptions& options) {
  ArgParser parser(args, 4);
  while (parser.HasNext()) {
    if (parser.Match("replace")) {
      options.replace = true;
    } else if (parser.Match("absttl")) {
      options.absolute = true;
    } else if (options.frequency < 0 && parser.Match("idletime", 1)) {
      options.idle_seconds = parser.NextInt64();
      if (!parser.failed() && options.idle_seconds < 0) {
        return Status::Text("ERR Invalid IDLETIME value, must be >= 0");
      }
    } else if (options.idle_seconds < 0 && parser.Match("freq", 1)) {
      options.frequency = parser.NextInt64();
      if (!parser.failed() && (options.frequency < 0 || options.frequency > 255)) {
        return Status::Text("ERR Invalid FREQ value, must be >= 0 and <= 255");
      }
    } else {
      return parser.failed() ? parser.Finish() : Status(Err::kSyntax);
    }
  }
  return parser.Finish();
}

// The deadline RESTORE gives, -1 for none.
Result<int64_t> RestoreDeadline(const CommandContext& context, std::string_view text, bool absolute) {
  Result<int64_t> ttl = ParseInt64(text);
  if (!ttl) return ttl.error();
  if (*ttl < 0) return Status::Text("ERR Invalid TTL value, must be >= 0");
  if (*ttl == 0) return int64_t{-1};
  int64_t deadline_ms = *ttl;
  if (!absolute && __builtin_add_overflow(deadline_ms, context.now_ms(), &deadline_ms)) deadline_ms = INT64_MAX;
  return ClampDeadline(deadline_ms);
}

// DEBUG SET-SKIP-CHECKSUM-VALIDATION may have switched the check off.
PayloadChecksum ChecksumRule(const CommandContext& context) {
  const bool skip = context.parts().state->skip_checksums.load(std::memory_order_relaxed);
  return skip ? PayloadChecksum::kIgnore : PayloadChecksum::kVerify;
}

// RESTORE key ttl payload [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency] -> OK.
Status Restore(CommandContext& context, Args args) {
  RestoreOptions options;
  if (Status error = ParseRestoreOptions(args, options); !error.ok()) return error;
  KeySlot slot = context.FindForWrite(args[1]);
  if (slot.Exists() && !options.replace) return Err::kBusyKey;
  Result<int64_t> deadline_ms = RestoreDeadline(context, args[2], options.absolute);
  if (!deadline_ms) return deadline_ms.error();
  Result<RdbPayload> payload = ParseDumpPayload(args[3], ChecksumRule(context));
  if (!payload) return payload.error();

  const bool has_passed = *deadline_ms >= 0 && *deadline_ms <= context.now_ms();
  if (has_passed) {
    if (slot.Exists()) {
      slot.Erase();
      context.Notify(kNotifyGeneric, "del", args[1]);
    }
    context.reply().Ok();
    return Status::Ok();
  }
  const bool replaces = slot.Exists();
  std::string why;
  Status status = WriteRdbPayload(*payload, slot, *deadline_ms >= 0 ? Expiry::At(*deadline_ms) : Expiry::kClear, why);
  if (!status.ok()) {
    if (!why.empty()) CN_LOG(*context.parts().log, kWarning, "RESTORE refused a payload: {}", why);
    return status;
  }
  if (options.idle_seconds >= 0 && context.access().recency == Recency::kTime) {
    slot.SetIdleSeconds(static_cast<uint32_t>(std::min<int64_t>(options.idle_seconds, UINT32_MAX)));
  }
  if (options.frequency >= 0 && context.access().recency != Recency::kTime) {
    slot.SetLfuCounter(static_cast<uint8_t>(options.frequency));
  }
  if (replaces) context.Notify(kNotifyNewKey, "new", args[1]);  // What was there before gave way.
  context.Notify(kNotifyGeneric, "restore", args[1]);
  context.reply().Ok();
  return Status::Ok();
}

constexpr CommandSpec kDumpCommands[] = {
    {.name = "dump",
     .arity = 2,
     .flags = kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclKeyspace,
     .handler = Dump,
     .group = CommandGroup::kGeneric,
     .doc = {.summary = "Serialises the value at a key.",
             .since = "2.6.0",
             .complexity = "O(1); O(N*M); O(1*M)",
             .arguments = "key:key@0",
             .tips = "nondeterministic_output"}},
    {.name = "restore",
     .arity = -4,
     .flags = kDenyOom | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyOverwrite | kKeyUpdate)),
     .acl = kAclDangerous | kAclKeyspace,
     .handler = Restore,
     .group = CommandGroup::kGeneric,
     .doc = {.summary = "Makes a key from a serialised value.",
             .since = "2.6.0",
             .complexity = "O(1); O(N*M); O(1*M); O(N*M*log(N)); O(log(N))",
             .arguments =
                 "key:key@0 ttl:integer serialized-value:string [replace:pure-token=REPLACE!3.0.0] "
                 "[absttl:pure-token=ABSTTL!5.0.0] [seconds:integer=IDLETIME!5.0.0] [frequency:integer=FREQ!5.0.0]"}},
    {.name = "restore-asking",
     .arity = -4,
     .flags = kAsking | kDenyOom | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyOverwrite | kKeyUpdate)),
     .acl = kAclDangerous | kAclKeyspace,
     .handler = Restore,
     .group = CommandGroup::kServer,
     .doc = {.summary = "RESTORE as cluster tools send it while slots move.",
             .since = "3.0.0",
             .complexity = "O(1); O(N*M); O(1*M); O(N*M*log(N)); O(log(N))",
             .arguments =
                 "key:key@0 ttl:integer serialized-value:string [replace:pure-token=REPLACE!3.0.0] "
                 "[absttl:pure-token=ABSTTL!5.0.0] [seconds:integer=IDLETIME!5.0.0] [frequency:integer=FREQ!5.0.0]"}},
};
}  // namespace

std::span<const CommandSpec> DumpCommands() { return kDumpCommands; }

}  // namespace cachenode
