// Walks over the keys of a database, and what OBJECT tells about one key.
#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/resp_writer.h"
#include "server/arg_parser.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/commands/families.h"
#include "server/commands/help.h"
#include "server/commands/member_scan.h"
#include "server/config/config.h"
#include "storage/base/glob.h"

namespace cachenode {
namespace {

// KEYS pattern -> every key that matches.
Status Keys(CommandContext& context, Args args) {
  const std::string_view pattern = args[1];
  const bool takes_all = GlobMatchesAll(pattern);
  const int64_t now_ms = context.now_ms();
  RespWriter& reply = context.reply();
  const RespWriter::Deferred keys = reply.DeferArray();
  size_t count = 0;
  context.keyspace().ForEach(context.db(), [&](const EntryView& entry) {
    if (!entry.IsExpired(now_ms) && (takes_all || GlobMatch(pattern, entry.key, CaseRule::kExact))) {
      reply.Bulk(entry.key);
      ++count;
    }
    return true;
  });
  reply.Close(keys, count);
  return Status::Ok();
}

bool IsTypeName(std::string_view name) {
  constexpr ValueType kTypes[] = {ValueType::kString,    ValueType::kList, ValueType::kSet,
                                  ValueType::kSortedSet, ValueType::kHash, ValueType::kStream};
  return std::any_of(std::begin(kTypes), std::end(kTypes),
                     [&](ValueType type) { return EqualsIgnoreCase(TypeName(type), name); });
}

struct ScanOptions {
  std::string_view pattern = "*";
  uint64_t count = 10;
  bool has_type = false;
  std::string_view type;
};

Status ParseScanOptions(const CommandContext& context, Args args, ScanOptions& options) {
  ArgParser parser(args, 2);
  while (parser.HasNext()) {
    if (parser.Match("match", 1)) {
      options.pattern = parser.NextString();
    } else if (parser.Match("count", 1)) {
      const int64_t count = parser.NextInt64();
      if (!parser.failed() && count < 1) return Err::kSyntax;
      options.count = static_cast<uint64_t>(count);
    } else if (parser.Match("type", 1)) {
      options.has_type = true;
      options.type = parser.NextString();
    } else {
      return Err::kSyntax;
    }
  }
  if (Status error = parser.Finish(); !error.ok()) return error;
  const bool refuses_unknown = context.config().engine_version.AtLeastValkey(9, 0);
  if (options.has_type && refuses_unknown && !IsTypeName(options.type)) {
    return Status::Text("ERR unknown type name '" + std::string(options.type) + "'");
  }
  return Status::Ok();
}

// Keys copied out of the keyspace, whose views die with each shard's lock.
class KeyCopies {
 public:
  void Add(std::string_view key) {
    bytes_.append(key);
    ends_.push_back(bytes_.size());
  }
  void WriteTo(RespWriter& reply) const {
    reply.ArrayHeader(ends_.size());
    size_t begin = 0;
    for (const size_t end : ends_) {
      reply.Bulk(std::string_view(bytes_).substr(begin, end - begin));
      begin = end;
    }
  }

 private:
  std::string bytes_;
  std::vector<size_t> ends_;
};

// SCAN cursor [MATCH pattern] [COUNT count] [TYPE type] -> the next cursor and some keys.
Status Scan(CommandContext& context, Args args) {
  uint64_t cursor = 0;
  if (Status error = ParseScanCursor(args[1], cursor); !error.ok()) return error;
  ScanOptions options;
  if (Status error = ParseScanOptions(context, args, options); !error.ok()) return error;
  const bool takes_all = GlobMatchesAll(options.pattern);
  KeyCopies found;
  cursor = context.keyspace().Scan(context.db(), cursor, options.count, context.now_ms(), context.locking(),
                                   [&](const EntryView& entry) {
                                     if (options.has_type && !EqualsIgnoreCase(TypeName(entry.type), options.type))
                                       return;
                                     if (takes_all || GlobMatch(options.pattern, entry.key, CaseRule::kExact))
                                       found.Add(entry.key);
                                   });
  context.reply().ArrayHeader(2);
  context.reply().BulkInteger(static_cast<int64_t>(cursor));
  found.WriteTo(context.reply());
  return Status::Ok();
}

// RANDOMKEY -> some key, nil when there is none. Where nothing but expired keys is left and CLIENT PAUSE keeps them
// from being erased, one of those.
Status Randomkey(CommandContext& context, Args /*args*/) {
  std::string key;
  const auto draw = [&](int64_t now_ms) {
    return context.keyspace().RandomKey(context.db(), now_ms, context.random(), context.locking(), key);
  };
  constexpr int64_t kBeforeEveryDeadline = -1;
  if (draw(context.now_ms()) || (context.writes_are_paused() && draw(kBeforeEveryDeadline))) {
    context.reply().Bulk(key);
  } else {
    context.reply().Null();
  }
  return Status::Ok();
}

// OBJECT counts a miss, but notifies nobody of it.
KeySlot FindQuietly(CommandContext& context, std::string_view key) {
  const KeySlot slot = context.Inspect(key);
  (slot.Exists() ? context.stats().keyspace_hits : context.stats().keyspace_misses).Increment();
  return slot;
}

// OBJECT ENCODING key -> how the value is stored.
Status ObjectEncoding(CommandContext& context, Args args) {
  const KeySlot slot = FindQuietly(context, args[2]);
  if (slot.Exists()) {
    context.reply().Bulk(slot.EncodingName());
  } else {
    context.reply().Null();
  }
  return Status::Ok();
}

// Redis keeps values apart, and so shares none, when it must know how each is used.
bool TracksUse(const Config& config) {
  if (config.maxmemory == 0) return false;
  switch (config.maxmemory_policy) {
    case EvictionPolicy::kVolatileLru:
    case EvictionPolicy::kVolatileLfu:
    case EvictionPolicy::kAllKeysLru:
    case EvictionPolicy::kAllKeysLfu:
    case EvictionPolicy::kAllKeysS3Fifo:
    case EvictionPolicy::kVolatileS3Fifo:
      return true;
    default:
      return false;
  }
}

// OBJECT REFCOUNT key -> 1; for the integers Redis shares, the number Redis shows.
Status ObjectRefcount(CommandContext& context, Args args) {
  constexpr int64_t kSharedIntegersEnd = 10000;
  constexpr int64_t kSharedCount = INT32_MAX;
  const KeySlot slot = FindQuietly(context, args[2]);
  if (!slot.Exists()) {
    context.reply().Null();
    return Status::Ok();
  }
  const bool shares = context.config().engine_version.family() == EngineFamily::kRedis && !TracksUse(context.config());
  bool is_shared = false;
  if (shares && slot.type() == ValueType::kString && slot.View().String().IsInt()) {
    const std::optional<int64_t> number = slot.View().String().AsInt64();
    is_shared = number && *number >= 0 && *number < kSharedIntegersEnd;
  }
  context.reply().Integer(is_shared ? kSharedCount : 1);
  return Status::Ok();
}

// OBJECT IDLETIME key -> seconds since the last access.
Status ObjectIdletime(CommandContext& context, Args args) {
  const KeySlot slot = FindQuietly(context, args[2]);
  if (!slot.Exists()) {
    context.reply().Null();
    return Status::Ok();
  }
  if (context.access().recency == Recency::kFifo) {
    return Status::Text(
        "ERR An S3-FIFO maxmemory policy is selected, idle time not tracked. Please note that when switching between "
        "policies at runtime LRU and S3-FIFO data will take some time to adjust.");
  }
  if (context.access().recency == Recency::kFrequency) {
    return Status::Text(
        "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between "
        "policies at runtime LRU and LFU data will take some time to adjust.");
  }
  context.reply().Integer(slot.IdleSeconds());
  return Status::Ok();
}

// OBJECT FREQ key -> the logarithmic access counter; under S3-FIFO the uses since the key was last looked at for
// eviction, 0 to 3.
Status ObjectFreq(CommandContext& context, Args args) {
  const KeySlot slot = FindQuietly(context, args[2]);
  if (!slot.Exists()) {
    context.reply().Null();
    return Status::Ok();
  }
  if (context.access().recency == Recency::kTime) {
    return Status::Text(
        "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching "
        "between policies at runtime LRU and LFU data will take some time to adjust.");
  }
  context.reply().Integer(slot.LfuCounter());
  return Status::Ok();
}

Status ObjectHelp(CommandContext& context, Args /*args*/) {
  constexpr std::string_view kLines[] = {
      "ENCODING <key>",
      "    Tell how the value of <key> is stored.",
      "FREQ <key>",
      "    Tell how often <key> is used, as a logarithmic counter (LFU policies), or 0 to 3 (S3-FIFO).",
      "IDLETIME <key>",
      "    Tell how many seconds ago <key> was used last (LRU policies).",
      "REFCOUNT <key>",
      "    Tell how many references the value of <key> has.",
  };
  WriteHelp(context.reply(), "OBJECT", kLines);
  return Status::Ok();
}

constexpr CommandSpec kObjectSubcommands[] = {
    {.name = "encoding",
     .arity = 3,
     .flags = kReadOnly,
     .keys = KeySpecs(KeySpec::One(2, kKeyReadOnly)),
     .acl = kAclKeyspace,
     .handler = ObjectEncoding,
     .group = CommandGroup::kGeneric,
     .doc = {.summary = "Tells how a value is stored.",
             .since = "2.2.3",
             .complexity = "O(1)",
             .arguments = "key:key@0",
             .tips = "nondeterministic_output"}},
    {.name = "freq",
     .arity = 3,
     .flags = kReadOnly,
     .keys = KeySpecs(KeySpec::One(2, kKeyReadOnly)),
     .acl = kAclKeyspace,
     .handler = ObjectFreq,
     .group = CommandGroup::kGeneric,
     .doc = {.summary = "Tells how often a key is used.",
             .since = "4.0.0",
             .complexity = "O(1)",
             .arguments = "key:key@0",
             .tips = "nondeterministic_output"}},
    {.name = "help",
     .arity = 2,
     .flags = kLoading | kStale,
     .acl = kAclKeyspace,
     .handler = ObjectHelp,
     .group = CommandGroup::kGeneric,
     .doc = {.summary = "Lists the subcommands of OBJECT.", .since = "6.2.0", .complexity = "O(1)"}},
    {.name = "idletime",
     .arity = 3,
     .flags = kReadOnly,
     .keys = KeySpecs(KeySpec::One(2, kKeyReadOnly)),
     .acl = kAclKeyspace,
     .handler = ObjectIdletime,
     .group = CommandGroup::kGeneric,
     .doc = {.summary = "Tells how long ago a key was used.",
             .since = "2.2.3",
             .complexity = "O(1)",
             .arguments = "key:key@0",
             .tips = "nondeterministic_output"}},
    {.name = "refcount",
     .arity = 3,
     .flags = kReadOnly,
     .keys = KeySpecs(KeySpec::One(2, kKeyReadOnly)),
     .acl = kAclKeyspace,
     .handler = ObjectRefcount,
     .group = CommandGroup::kGeneric,
     .doc = {.summary = "Tells how many references a value has.",
             .since = "2.2.3",
             .complexity = "O(1)",
             .arguments = "key:key@0",
             .tips = "nondeterministic_output"}},
};

constexpr CommandSpec kKeyScanCommands[] = {
    {.name = "keys",
     .arity = 2,
     .flags = kExclusive | kReadOnly,
     .acl = kAclDangerous | kAclKeyspace,
     .handler = Keys,
     .group = CommandGroup::kGeneric,
     .doc = {.summary = "Lists the keys that match a pattern.",
             .since = "1.0.0",
             .complexity = "O(N)",
             .arguments = "pattern:pattern",
             .tips = "request_policy:all_shards,nondeterministic_output_order"}},
    {.name = "object",
     .arity = -2,
     .group = CommandGroup::kGeneric,
     .doc = {.summary = "Groups the commands that inspect how a value is kept.",
             .since = "2.2.3",
             .complexity = "per-subcommand"},
     .subcommands = kObjectSubcommands},
    {.name = "randomkey",
     .arity = 1,
     .flags = kSelfLocking | kReadOnly,
     .acl = kAclKeyspace,
     .handler = Randomkey,
     .group = CommandGroup::kGeneric,
     .doc = {.summary = "Picks a key at random.",
             .since = "1.0.0",
             .complexity = "O(1)",
             .tips = "request_policy:all_shards,response_policy:special,nondeterministic_output"}},
    {.name = "scan",
     .arity = -2,
     .flags = kSelfLocking | kReadOnly,
     .acl = kAclKeyspace,
     .handler = Scan,
     .group = CommandGroup::kGeneric,
     .doc = {.summary = "Walks over the keys of a database, a few at a time.",
             .since = "2.8.0",
             .complexity = "O(1); O(N)",
             .arguments = "cursor:integer [pattern:pattern=MATCH] [count:integer=COUNT] [type:string=TYPE!6.0.0]",
             .tips = "nondeterministic_output,request_policy:special,response_policy:special"}},
};
}  // namespace

std::span<const CommandSpec> KeyScanCommands() { return kKeyScanCommands; }

}  // namespace cachenode
