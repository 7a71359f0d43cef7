// Entries that were delivered and not acknowledged: XPENDING, XCLAIM, XAUTOCLAIM.
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
#include "server/commands/stream_replies.h"
#include "server/config/config.h"
#include "storage/base/bytes.h"
#include "storage/value/stream_value.h"

namespace cachenode {
namespace {

// --- XPENDING --------------------------------------------------------------------------------------------------------

struct PendingQuery {
  StreamId start;
  StreamId end;
  uint64_t count = 0;
  int64_t idle_ms_min = 0;
  std::optional<std::string_view> consumer;
};

// [IDLE ms] start end count [consumer]
Status ParsePendingQuery(Args args, PendingQuery& query) {
  if (args.size() < 6 || args.size() > 9) return Err::kSyntax;
  ArgParser parser(args, 3);
  if (parser.Match("idle")) {
    query.idle_ms_min = parser.NextInt64();
    if (!parser.failed() && args.size() < 8) return Err::kSyntax;
  }
  const std::string_view start = parser.NextString();
  const std::string_view end = parser.NextString();
  const int64_t count = parser.NextInt64();
  if (parser.failed()) return parser.Finish();
  query.count = count > 0 ? static_cast<uint64_t>(count) : 0;
  Result<StreamId> first = ParseRangeStart(start);
  if (!first) return first.error();
  Result<StreamId> last = ParseRangeEnd(end);
  if (!last) return last.error();
  query.start = *first;
  query.end = *last;
  if (parser.HasNext()) query.consumer = parser.NextString();
  return Status::Ok();
}

// Count, lowest and highest id, and how many each consumer has.
void WritePendingSummary(RespWriter& reply, const StreamGroup& group) {
  reply.ArrayHeader(4);
  reply.Integer(static_cast<int64_t>(group.pending().count()));
  if (group.pending().count() == 0) {
    reply.Null();
    reply.Null();
    reply.NullArray();
    return;
  }
  WriteStreamId(reply, group.pending().From(kStreamIdMin).Next()->id);
  WriteStreamId(reply, group.pending().Last().id);
  const RespWriter::Deferred array = reply.DeferArray();
  size_t written = 0;
  for (uint32_t i = 0; i < group.consumer_count(); ++i) {
    const StreamConsumer& consumer = group.consumer(i);
    if (consumer.pending().count() == 0) continue;
    reply.ArrayHeader(2);
    reply.Bulk(consumer.name());
    reply.BulkInteger(static_cast<int64_t>(consumer.pending().count()));
    ++written;
  }
  reply.Close(array, written);
}

// Writes one pending entry when it fits the query.
bool WritePending(RespWriter& reply, const StreamGroup& group, const PendingEntry& entry, const PendingQuery& query,
                  int64_t now_ms) {
  const int64_t idle_ms = now_ms - entry.delivered_at_ms;
  if (query.idle_ms_min != 0 && idle_ms < query.idle_ms_min) return false;
  reply.ArrayHeader(4);
  WriteStreamId(reply, entry.id);
  reply.Bulk(group.ByNumber(entry.consumer).name());
  reply.Integer(std::max<int64_t>(idle_ms, 0));
  reply.Integer(static_cast<int64_t>(entry.deliveries));
  return true;
}

void WritePendingEntries(CommandContext& context, const StreamGroup& group, const PendingQuery& query) {
  RespWriter& reply = context.reply();
  const StreamConsumer* const consumer = query.consumer ? group.FindConsumer(*query.consumer) : nullptr;
  if (query.consumer && consumer == nullptr) return reply.EmptyArray();
  const RespWriter::Deferred array = reply.DeferArray();
  uint64_t written = 0;
  if (consumer != nullptr) {
    auto cursor = consumer->pending().From(query.start);
    for (const PendingId* id = cursor.Next(); id != nullptr && id->id <= query.end && written < query.count;
         id = cursor.Next()) {
      if (WritePending(reply, group, *group.pending().Find(id->id), query, context.now_ms())) ++written;
    }
  } else {
    auto cursor = group.pending().From(query.start);
    for (const PendingEntry* entry = cursor.Next(); entry != nullptr && entry->id <= query.end && written < query.count;
         entry = cursor.Next()) {
      if (WritePending(reply, group, *entry, query, context.now_ms())) ++written;
    }
  }
  reply.Close(array, written);
}

// XPENDING key group [[IDLE ms] start end count [consumer]] -> a summary, or the pending entries of the range.
Status Xpending(CommandContext& context, Args args) {
  PendingQuery query;
  const bool is_summary = args.size() == 3;
  if (!is_summary) {
    if (Status error = ParsePendingQuery(args, query); !error.ok()) return error;
  }
  const KeySlot slot = context.FindForRead(args[1]);
  if (Status error = slot.Require(ValueType::kStream); !error.ok()) return error;
  const StreamGroup* const group = slot.Exists() ? StreamView::Of(slot).FindGroup(args[2]) : nullptr;
  if (group == nullptr) return NoSuchKeyOrGroup(args[1], args[2]);
  if (is_summary) {
    WritePendingSummary(context.reply(), *group);
  } else {
    WritePendingEntries(context, *group, query);
  }
  return Status::Ok();
}

// --- XCLAIM and XAUTOCLAIM -------------------------------------------------------------------------------------------

// How an entry is claimed.
struct Claim {
  int64_t idle_ms_min = 0;
  int64_t delivered_at_ms = 0;
  std::optional<uint64_t> deliveries;  // As given; else one more, unless only ids are asked for.
  bool only_ids = false;
  bool forces = false;  // What is not pending becomes it.
};

enum class ClaimOutcome : uint8_t { kClaimed, kNotClaimed, kEntryIsGone };

// The consumer who claims: seen now, created when it is missing. Before 7.2 both happen only when something is claimed.
class Claimer {
 public:
  Claimer(CommandContext& context, StreamGroup& group, Args args) : context_(context), group_(group), args_(args) {}

  // Before the first entry.
  [[nodiscard]] Status Begin() {
    if (!context_.config().engine_version.AtLeast(7, 2)) return Status::Ok();
    return See().status().ok() ? Status::Ok() : Status(Err::kOutOfMemory);
  }
  // Claims `id`; an entry that is no longer there stops being pending.
  [[nodiscard]] Result<ClaimOutcome> Take(StreamView view, StreamId id, const Claim& claim);
  // Behind the last entry.
  [[nodiscard]] Status Finish() {
    return has_claimed_ ? group_.SetTimes(*number_, std::nullopt, context_.now_ms()) : Status::Ok();
  }

 private:
  Result<ConsumerNumber> See();

  CommandContext& context_;
  StreamGroup& group_;
  Args args_;
  std::optional<ConsumerNumber> number_;
  bool has_claimed_ = false;
};

Result<ConsumerNumber> Claimer::See() {
  if (number_) return *number_;
  if (const StreamConsumer* const known = group_.FindConsumer(args_[3])) {
    const ConsumerNumber number = known->number();
    if (Status error = group_.SetTimes(number, context_.now_ms(), std::nullopt); !error.ok()) return error;
    number_ = number;
    return number;
  }
  Result<ConsumerNumber> added = group_.AddConsumer(args_[3], context_.now_ms());
  if (!added) return added;
  context_.Notify(kNotifyStream, "xgroup-createconsumer", args_[1]);
  number_ = *added;
  return added;
}

Result<ClaimOutcome> Claimer::Take(StreamView view, StreamId id, const Claim& claim) {
  const PendingEntry* const known = group_.pending().Find(id);
  if (known == nullptr && !claim.forces) return ClaimOutcome::kNotClaimed;
  if (!view.Find(id)) {
    if (known == nullptr) return ClaimOutcome::kNotClaimed;
    Result<bool> done = group_.Acknowledge(id);
    if (!done) return done.error();
    return ClaimOutcome::kEntryIsGone;
  }
  PendingEntry entry{.id = id, .delivered_at_ms = claim.delivered_at_ms, .deliveries = 1, .consumer = kNoConsumer};
  if (known != nullptr) {
    if (claim.idle_ms_min != 0 && context_.now_ms() - known->delivered_at_ms < claim.idle_ms_min) {
      return ClaimOutcome::kNotClaimed;
    }
    entry.deliveries = known->deliveries;
  }
  if (claim.deliveries) {
    entry.deliveries = *claim.deliveries;
  } else if (!claim.only_ids) {
    ++entry.deliveries;
  }
  Result<ConsumerNumber> consumer = See();
  if (!consumer) return consumer.error();
  entry.consumer = *consumer;
  if (Status error = group_.Assign(entry); !error.ok()) return error;
  has_claimed_ = true;
  return ClaimOutcome::kClaimed;
}

void WriteClaimed(RespWriter& reply, StreamView view, StreamId id, bool only_id) {
  if (only_id) {
    WriteStreamId(reply, id);
  } else {
    WriteStreamEntry(reply, *view.Find(id));
  }
}

// The stream and the group at args[1] and args[2], for changing them.
Result<StreamGroup*> OpenGroup(StreamValue& stream, const KeySlot& slot, Args args) {
  if (Status error = slot.Require(ValueType::kStream); !error.ok()) return error;
  if (!slot.Exists() || StreamView::Of(slot).FindGroup(args[2]) == nullptr) return NoSuchKeyOrGroup(args[1], args[2]);
  if (Status error = stream.Open(); !error.ok()) return error;
  StreamGroup* const group = stream.EditGroup(args[2]);
  if (group == nullptr) return Err::kOutOfMemory;
  return group;
}

Result<int64_t> ParseClaimNumber(std::string_view text, const char* error) {
  Result<int64_t> number = ParseInt64(text);
  if (!number) return Status::Text(error);
  return *number;
}

struct ClaimOptions {
  Claim claim;
  std::vector<StreamId> ids;
  StreamId last_id;
};

// The options behind XCLAIM's ids.
Status ParseClaimOptions(const CommandContext& context, ArgParser& parser, ClaimOptions& options) {
  Claim& claim = options.claim;
  while (parser.HasNext()) {
    Result<int64_t> number = int64_t{0};
    if (parser.Match("force")) {
      claim.forces = true;
    } else if (parser.Match("justid")) {
      claim.only_ids = true;
    } else if (parser.Match("idle", 1)) {
      number = ParseClaimNumber(parser.NextString(), "ERR Invalid IDLE option argument for XCLAIM");
      if (number && __builtin_sub_overflow(context.now_ms(), *number, &claim.delivered_at_ms)) {
        claim.delivered_at_ms = -1;
      }
    } else if (parser.Match("time", 1)) {
      number = ParseClaimNumber(parser.NextString(), "ERR Invalid TIME option argument for XCLAIM");
      if (number) claim.delivered_at_ms = *number;
    } else if (parser.Match("retrycount", 1)) {
      number = ParseClaimNumber(parser.NextString(), "ERR Invalid RETRYCOUNT option argument for XCLAIM");
      if (number && *number >= 0) claim.deliveries = static_cast<uint64_t>(*number);
    } else if (parser.Match("lastid", 1)) {
      Result<StreamId> id = ParseIdArgument(parser.NextString());
      if (!id) return id.error();
      options.last_id = *id;
    } else {
      std::string text("ERR Unrecognized XCLAIM option '");
      return Status::Text(text.append(UpToZero(parser.NextString())).append("'"));
    }
    if (!number) return number.error();
  }
  // A time that makes no sense means now.
  if (claim.delivered_at_ms < 0 || claim.delivered_at_ms > context.now_ms()) claim.delivered_at_ms = context.now_ms();
  return Status::Ok();
}

Status ParseXclaim(const CommandContext& context, Args args, ClaimOptions& options) {
  Result<int64_t> idle_ms = ParseClaimNumber(args[4], "ERR Invalid min-idle-time argument for XCLAIM");
  if (!idle_ms) return idle_ms.error();
  options.claim.idle_ms_min = std::max<int64_t>(*idle_ms, 0);
  options.claim.delivered_at_ms = context.now_ms();
  size_t at = 5;
  for (; at < args.size(); ++at) {
    const std::optional<StreamId> id = ParseStreamId(args[at], 0);
    if (!id) break;  // Options begin.
    options.ids.push_back(*id);
  }
  ArgParser parser(args, at);
  return ParseClaimOptions(context, parser, options);
}

// XCLAIM key group consumer min-idle id... [IDLE ms] [TIME ms] [RETRYCOUNT n] [FORCE] [JUSTID] [LASTID id] -> the
// entries claimed, or their ids.
Status Xclaim(CommandContext& context, Args args) {
  KeySlot slot = context.FindForRead(args[1]);
  if (Status error = slot.Require(ValueType::kStream); !error.ok()) return error;
  if (!slot.Exists() || StreamView::Of(slot).FindGroup(args[2]) == nullptr) return NoSuchKeyOrGroup(args[1], args[2]);
  ClaimOptions options;
  if (Status error = ParseXclaim(context, args, options); !error.ok()) return error;
  const KeyEvents::Unwatched unwatched(context.events());
  StreamValue stream(slot);
  Result<StreamGroup*> opened = OpenGroup(stream, slot, args);
  if (!opened) return opened.error();
  StreamGroup& group = **opened;
  if (options.last_id > group.last_id()) group.SetPosition(options.last_id, group.entries_read());
  Claimer claimer(context, group, args);
  if (Status error = claimer.Begin(); !error.ok()) return error;

  RespWriter& reply = context.reply();
  const ReplyBuffer::Mark begin = reply.MarkHere();
  const RespWriter::Deferred array = reply.DeferArray();
  size_t written = 0;
  Status failure;
  for (const StreamId id : options.ids) {
    Result<ClaimOutcome> outcome = claimer.Take(stream.view(), id, options.claim);
    if (!outcome) {
      failure = outcome.error();
      break;
    }
    if (*outcome != ClaimOutcome::kClaimed) continue;
    WriteClaimed(reply, stream.view(), id, options.claim.only_ids);
    ++written;
  }
  if (failure.ok()) failure = claimer.Finish();
  if (failure.ok()) {
    reply.Close(array, written);
  } else {
    reply.RollbackTo(begin);
  }
  return failure;
}

struct AutoClaimOptions {
  Claim claim;
  StreamId start;
  uint64_t count = 100;
};

Status ParseXautoclaim(const CommandContext& context, Args args, AutoClaimOptions& options) {
  constexpr int64_t kCountMax = INT64_MAX / 16;
  Result<int64_t> idle_ms = ParseClaimNumber(args[4], "ERR Invalid min-idle-time argument for XAUTOCLAIM");
  if (!idle_ms) return idle_ms.error();
  options.claim.idle_ms_min = std::max<int64_t>(*idle_ms, 0);
  options.claim.delivered_at_ms = context.now_ms();
  Result<StreamId> start = ParseRangeStart(args[5]);
  if (!start) return start.error();
  options.start = *start;
  ArgParser parser(args, 6);
  while (parser.HasNext()) {
    if (parser.Match("count", 1)) {
      Result<int64_t> count = ParseInt64(parser.NextString());
      if (!count || *count < 1 || *count > kCountMax) return Status::Text("ERR COUNT must be > 0");
      options.count = static_cast<uint64_t>(*count);
    } else if (parser.Match("justid")) {
      options.claim.only_ids = true;
    } else {
      return Err::kSyntax;
    }
  }
  return parser.Finish();
}

// What XAUTOCLAIM went over.
struct AutoClaimed {
  StreamId next;  // To go on from; 0-0 at the end.
  std::vector<StreamId> claimed;
  std::vector<StreamId> gone;
};

Status ClaimFrom(Claimer& claimer, StreamView view, const StreamGroup& group, const AutoClaimOptions& options,
                 AutoClaimed& result) {
  constexpr uint64_t kTriesPerEntry = 10;
  uint64_t tries = options.count * kTriesPerEntry;
  std::optional<StreamId> from = options.start;
  for (; from && tries > 0 && result.claimed.size() + result.gone.size() < options.count; --tries) {
    const PendingEntry* const pending = group.pending().From(*from).Next();
    if (pending == nullptr) return Status::Ok();
    const StreamId id = pending->id;
    Result<ClaimOutcome> outcome = claimer.Take(view, id, options.claim);
    if (!outcome) return outcome.error();
    if (*outcome == ClaimOutcome::kClaimed) result.claimed.push_back(id);
    if (*outcome == ClaimOutcome::kEntryIsGone) result.gone.push_back(id);
    from = NextStreamId(id);
  }
  const PendingEntry* const next = from ? group.pending().From(*from).Next() : nullptr;
  if (next != nullptr) result.next = next->id;
  return Status::Ok();
}

// XAUTOCLAIM key group consumer min-idle start [COUNT n] [JUSTID] -> where to go on, what was claimed, and the ids of
// pending entries that were deleted.
Status Xautoclaim(CommandContext& context, Args args) {
  KeySlot slot = context.FindForRead(args[1]);
  AutoClaimOptions options;
  if (Status error = ParseXautoclaim(context, args, options); !error.ok()) return error;
  const KeyEvents::Unwatched unwatched(context.events());
  StreamValue stream(slot);
  Result<StreamGroup*> group = OpenGroup(stream, slot, args);
  if (!group) return group.error();
  Claimer claimer(context, **group, args);
  if (Status error = claimer.Begin(); !error.ok()) return error;
  AutoClaimed result;
  if (Status error = ClaimFrom(claimer, stream.view(), **group, options, result); !error.ok()) return error;
  if (Status error = claimer.Finish(); !error.ok()) return error;

  RespWriter& reply = context.reply();
  reply.ArrayHeader(3);
  WriteStreamId(reply, result.next);
  reply.ArrayHeader(result.claimed.size());
  for (const StreamId id : result.claimed) WriteClaimed(reply, stream.view(), id, options.claim.only_ids);
  reply.ArrayHeader(result.gone.size());
  for (const StreamId id : result.gone) WriteStreamId(reply, id);
  return Status::Ok();
}

constexpr CommandSpec kStreamPendingCommands[] = {
    {.name = "xautoclaim",
     .arity = -6,
     .flags = kFast | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyDelete)),
     .acl = kAclStream,
     .handler = Xautoclaim,
     .group = CommandGroup::kStream,
     .doc = {.summary = "Makes a consumer the owner of entries that have been pending for long.",
             .since = "6.2.0",
             .complexity = "O(1)",
             .arguments =
                 "key:key@0 group:string consumer:string min-idle-time:string start:string [count:integer=COUNT] "
                 "[justid:pure-token=JUSTID]",
             .tips = "nondeterministic_output"}},
    {.name = "xclaim",
     .arity = -6,
     .flags = kFast | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyUpdate)),
     .acl = kAclStream,
     .handler = Xclaim,
     .group = CommandGroup::kStream,
     .doc = {.summary = "Makes a consumer the owner of pending entries.",
             .since = "5.0.0",
             .complexity = "O(log N)",
             .arguments = "key:key@0 group:string consumer:string min-idle-time:string id:string* [ms:integer=IDLE] "
                          "[unix-time-milliseconds:unix-time=TIME] [count:integer=RETRYCOUNT] [force:pure-token=FORCE] "
                          "[justid:pure-token=JUSTID] [lastid:string=LASTID]",
             .tips = "nondeterministic_output"}},
    {.name = "xpending",
     .arity = -3,
     .flags = kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclStream,
     .handler = Xpending,
     .group = CommandGroup::kStream,
     .doc = {.summary = "Lists the entries that were delivered and not acknowledged.",
             .since = "5.0.0",
             .complexity = "O(N); O(1); O(M)",
             .arguments =
                 "key:key@0 group:string [filters:block([min-idle-time:integer=IDLE!6.2.0] start:string end:string "
                 "count:integer [consumer:string])]",
             .tips = "nondeterministic_output"}},
};
}  // namespace

std::span<const CommandSpec> StreamPendingCommands() { return kStreamPendingCommands; }

}  // namespace cachenode
