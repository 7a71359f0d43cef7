// DEBUG: what tests and operators in need ask a node to do. Every subcommand runs alone, under the world lock.
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/error_text.h"
#include "protocol/resp_writer.h"
#include "server/acl/acl_store.h"
#include "server/arg_parser.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/commands/debug_internals.h"
#include "server/commands/debug_protocol.h"
#include "server/commands/debug_values.h"
#include "server/commands/families.h"
#include "server/commands/help.h"
#include "server/config/config.h"
#include "server/config/config_store.h"
#include "server/dataset_digest.h"
#include "server/node_state.h"
#include "server/persistence_service.h"
#include "server/script/script_engine.h"
#include "server/server_control.h"
#include "storage/base/glob.h"
#include "storage/base/log.h"

namespace cachenode {
namespace {

// DEBUG DIGEST -> 40 hexadecimal digits for the whole data set.
Status DebugDigest(CommandContext& context, Args /*args*/) {
  context.reply().SimpleString(DatasetDigest::OfKeyspace(context.keyspace()).Hex());
  return Status::Ok();
}

// DEBUG SLEEP seconds -> OK, after the whole node stood still that long.
Status DebugSleep(CommandContext& context, Args args) {
  Result<double> seconds = ParseDouble(args[2]);
  if (!seconds) return seconds.error();
  constexpr double kSecondsMax = 3600;
  const double bounded = std::clamp(*seconds, 0.0, kSecondsMax);
  timespec wait{};
  wait.tv_sec = static_cast<time_t>(bounded);
  wait.tv_nsec = static_cast<long>((bounded - static_cast<double>(wait.tv_sec)) * 1e9);
  // tidy: allow(sleep) DEBUG SLEEP blocks by definition.
  nanosleep(&wait, nullptr);
  context.reply().Ok();
  return Status::Ok();
}

// DEBUG RELOAD [MERGE] [NOFLUSH] [NOSAVE] -> OK, after the data set went through an RDB file.
Status DebugReload(CommandContext& context, Args args) {
  PersistenceService::ReloadOptions options;
  ArgParser parser(args, 2);
  while (parser.HasNext()) {
    if (parser.Match("merge")) {
      options.merge = true;
    } else if (parser.Match("noflush")) {
      options.flush = false;
    } else if (parser.Match("nosave")) {
      options.save = false;
    } else {
      return Status::Text("ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.");
    }
  }
  Status status = context.parts().persistence->Reload(options);
  if (status.ok()) context.reply().Ok();
  return status;
}

// The value DEBUG POPULATE gives key number `index`: cut or padded with zeros to `size_bytes` unless that is negative.
std::string PopulateValue(int64_t index, int64_t size_bytes) {
  std::string value = "value:" + std::to_string(index);
  if (size_bytes >= 0) value.resize(static_cast<size_t>(size_bytes), '\0');
  return value;
}

// DEBUG POPULATE count [prefix] [size] -> OK; keys prefix:0, prefix:1, ... exist.
Status DebugPopulate(CommandContext& context, Args args) {
  if (args.size() > 5) return Status::Text(SubcommandSyntaxText("DEBUG", args[1]));
  const Result<int64_t> count = ParseInt64Within(args[2], 0, INT64_MAX);
  if (!count) return Status::Text("ERR value is out of range, must be positive");
  const std::string_view prefix = args.size() > 3 ? args[3] : std::string_view("key");
  int64_t size_bytes = -1;
  if (args.size() == 5) {
    const Result<int64_t> wanted = ParseInt64Within(args[4], 0, context.config().proto_max_bulk_len);
    if (!wanted) return Status::Text("ERR value is out of range, must be positive");
    size_bytes = *wanted;
  }
  for (int64_t i = 0; i < *count; ++i) {
    const std::string key = std::string(prefix) + ":" + std::to_string(i);
    KeySlot slot = context.FindForWrite(key);
    if (slot.Exists()) continue;
    Status status = slot.WriteString(PopulateValue(i, size_bytes), Expiry::kClear);
    if (!status.ok()) return status;
  }
  context.reply().Ok();
  return Status::Ok();
}

Result<bool> ParseSwitch(std::string_view text) {
  const Result<int64_t> number = ParseInt64(text);
  if (!number) return Err::kNotInteger;
  return *number != 0;
}

// DEBUG SET-ACTIVE-EXPIRE 0|1 -> OK; with 0 keys expire only when they are touched.
Status DebugSetActiveExpire(CommandContext& context, Args args) {
  Result<bool> on = ParseSwitch(args[2]);
  if (!on) return on.error();
  context.parts().state->active_expire.store(*on);
  context.reply().Ok();
  return Status::Ok();
}

// DEBUG PAUSE-CRON 0|1 -> OK; with 1 periodic work stops.
Status DebugPauseCron(CommandContext& context, Args args) {
  Result<bool> on = ParseSwitch(args[2]);
  if (!on) return on.error();
  context.parts().control->PauseCron(*on);
  context.reply().Ok();
  return Status::Ok();
}

// DEBUG SET-SKIP-CHECKSUM-VALIDATION 0|1 -> OK; with 1 RESTORE and loads believe wrong checksums.
Status DebugSkipChecksum(CommandContext& context, Args args) {
  Result<bool> on = ParseSwitch(args[2]);
  if (!on) return on.error();
  context.parts().state->skip_checksums.store(*on);
  context.reply().Ok();
  return Status::Ok();
}

// DEBUG SET-DISABLE-DENY-SCRIPTS 0|1 -> OK; with 1 scripts may call every command.
Status DebugDisableDenyScripts(CommandContext& context, Args args) {
  Result<bool> on = ParseSwitch(args[2]);
  if (!on) return on.error();
  context.parts().scripts->AllowEverything(*on);
  context.reply().Ok();
  return Status::Ok();
}

// DEBUG CONFIG-REWRITE-FORCE-ALL -> OK; the file holds every option.
Status DebugConfigRewriteForceAll(CommandContext& context, Args /*args*/) {
  Status status = context.parts().config->Rewrite(context.parts().acl->ConfigLines(), true);
  if (status.ok()) context.reply().Ok();
  return status;
}

// DEBUG ERROR text -> that error.
Status DebugError(CommandContext& context, Args args) {
  context.reply().Error(args[2]);
  return Status::Ok();
}

// DEBUG LOG text -> OK; the text is in the log.
Status DebugLog(CommandContext& context, Args args) {
  CN_LOG(*context.parts().log, kWarning, "DEBUG LOG: {}", args[2]);
  context.reply().Ok();
  return Status::Ok();
}

// DEBUG STRINGMATCH-TEST -> OK, after random patterns met random strings.
Status DebugStringmatchTest(CommandContext& context, Args /*args*/) {
  constexpr int kRounds = 100000;
  for (int i = 0; i < kRounds; ++i) {
    std::string pattern(context.random().Below(32), '\0');
    std::string text(context.random().Below(32), '\0');
    for (char& c : pattern) c = static_cast<char>("ab*?[]\\^-"[context.random().Below(9)]);
    for (char& c : text) c = static_cast<char>('a' + context.random().Below(3));
    static_cast<void>(GlobMatch(pattern, text, CaseRule::kExact));
  }
  context.reply().Ok();
  return Status::Ok();
}

// DEBUG STRUCTSIZE -> sizes of core structures.
Status DebugStructsize(CommandContext& context, Args /*args*/) {
  context.reply().SimpleString("bits:64 session:" + std::to_string(sizeof(Session)) + " shard:" +
                               std::to_string(sizeof(Shard)) + " bucket:64 slot:" + std::to_string(sizeof(KeySlot)));
  return Status::Ok();
}

// DEBUG LEAK text -> OK; so many bytes are lost for leak detectors to find.
Status DebugLeak(CommandContext& context, Args args) {
  void* lost = std::malloc(args[2].size() + 1);
  if (lost != nullptr) std::memcpy(lost, args[2].data(), args[2].size());
  context.reply().Ok();  // NOLINT(clang-analyzer-unix.Malloc): it is to be lost.
  return Status::Ok();
}

// DEBUG SEGFAULT, PANIC, ASSERT, OOM: the process ends as it would on such a fault, a sanitizer's build too.
__attribute__((no_sanitize("address", "thread", "undefined"))) Status DebugSegfault(CommandContext& context,
                                                                                    Args /*args*/) {
  // tidy: allow(volatile) the write to nowhere has to happen.
  volatile int* nowhere = nullptr;
  *nowhere = static_cast<int>(context.now_ms());  // NOLINT(clang-analyzer-core.NullDereference): it is to crash.
  return Status::Ok();
}
Status DebugPanic(CommandContext& context, Args /*args*/) {
  Log& log = *context.parts().log;
  log.WriteLine(LogLevel::kWarning, "------------------------------------------------");
  log.WriteLine(LogLevel::kWarning, "!!! Software Failure. Press left mouse button to continue");
  log.WriteLine(LogLevel::kWarning, "Guru Meditation: called by DEBUG PANIC");
  log.WriteLine(LogLevel::kWarning, "------------------------------------------------");
  std::abort();
}
Status DebugAssert(CommandContext& context, Args /*args*/) {
  Log& log = *context.parts().log;
  log.WriteLine(LogLevel::kWarning, "=== ASSERTION FAILED ===");
  log.WriteLine(LogLevel::kWarning, "==> DEBUG ASSERT: '1 == 2' is not true");
  std::abort();
}
Status DebugOom(CommandContext& context, Args /*args*/) {
  CN_LOG(*context.parts().log, kWarning, "Out Of Memory, called by DEBUG OOM");
  std::abort();
}

Status DebugHelp(CommandContext& context, Args /*args*/);

struct DebugRow {
  std::string_view name;
  int arity;  // As a command's, the word DEBUG included.
  CommandHandler handler;
  std::string_view help;
};

constexpr DebugRow kDebugRows[] = {
    {"assert", 2, DebugAssert, "Fail an assertion."},
    {"change-repl-id", 2, DebugChangeReplId, "Take another replication id."},
    {"client-eviction", 2, DebugClientEviction, "Tell how large clients are, by classes of size."},
    {"config-rewrite-force-all", 2, DebugConfigRewriteForceAll, "Rewrite the configuration file with every option."},
    {"digest", 2, DebugDigest, "Tell a digest of the data set."},
    {"digest-value", -2, DebugDigestValue, "Tell digests of the values at keys."},
    {"error", 3, DebugError, "Answer with an error of that text."},
    {"help", 2, DebugHelp, "Print this help."},
    {"htstats", 3, DebugHtstats, "Tell how the tables of a database are filled."},
    {"htstats-key", 3, DebugHtstatsKey, "Tell how the table of a value is filled."},
    {"leak", 3, DebugLeak, "Lose memory."},
    {"listpack", 3, DebugListpack, "Write to the log what a packed value holds."},
    {"log", 3, DebugLog, "Write to the server's log."},
    {"mallctl", -3, DebugMallctl, "Read or set a number among the allocator's knobs."},
    {"mallctl-str", -3, DebugMallctlStr, "Read or set a text among the allocator's knobs."},
    {"object", -3, DebugObject, "Tell how the value at a key is kept."},
    {"oom", 2, DebugOom, "End as when memory is exhausted."},
    {"panic", 2, DebugPanic, "Crash."},
    {"pause-cron", 3, DebugPauseCron, "Stop or resume periodic work."},
    {"populate", -3, DebugPopulate, "Make many keys."},
    {"protocol", 3, DebugProtocol, "Answer with a value of the given protocol type."},
    {"quicklist", -3, DebugQuicklist, "Write to the log what nodes a list has."},
    {"quicklist-packed-threshold", 3, DebugPackedThreshold, "Set the size of list elements with nodes of their own."},
    {"reload", -2, DebugReload, "Save, empty and load the data set."},
    {"replybuffer", 4, DebugReplybuffer, "Tune reply buffers; here they need none of it."},
    {"sdslen", 3, DebugSdslen, "Tell the lengths of a key and its string."},
    {"segfault", 2, DebugSegfault, "Crash by an invalid access."},
    {"set-active-expire", 3, DebugSetActiveExpire, "Stop or resume looking for expired keys."},
    {"set-disable-deny-scripts", 3, DebugDisableDenyScripts, "Let scripts call every command, or not."},
    {"set-skip-checksum-validation", 3, DebugSkipChecksum, "Believe or check checksums."},
    {"sleep", 3, DebugSleep, "Let the whole server stand still."},
    {"stringmatch-test", 2, DebugStringmatchTest, "Try the glob matcher on random strings."},
    {"structsize", 2, DebugStructsize, "Tell the sizes of core structures."},
};

Status DebugHelp(CommandContext& context, Args /*args*/) {
  std::vector<std::string> texts;
  for (const DebugRow& row : kDebugRows) {
    texts.push_back(UpperCased(row.name));
    texts.push_back("    " + std::string(row.help));
  }
  const std::vector<std::string_view> lines(texts.begin(), texts.end());
  WriteHelp(context.reply(), "DEBUG", lines);
  return Status::Ok();
}

// DEBUG subcommand [argument ...]
Status Debug(CommandContext& context, Args args) {
  for (const DebugRow& row : kDebugRows) {
    if (!EqualsIgnoreCase(row.name, args[1])) continue;
    const auto count = static_cast<int>(args.size());
    const bool fits = row.arity >= 0 ? count == row.arity : count >= -row.arity;
    if (fits) return row.handler(context, args);
    break;
  }
  return Status::Text(SubcommandSyntaxText("DEBUG", args[1]));
}

constexpr CommandSpec kDebugCommands[] = {
    {.name = "debug",
     .arity = -2,
     .flags = kExclusive | kProtected | kAdmin | kLoading | kNoScript | kStale,
     .handler = Debug,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Groups the commands for debugging the server.",
             .since = "1.0.0",
             .complexity = "per-subcommand"}},
};
}  // namespace

std::span<const CommandSpec> DebugCommands() { return kDebugCommands; }

}  // namespace cachenode
