// Many fields of a hash at once: HGETALL and its relatives, HRANDFIELD, HSCAN.
#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_set>

#include "protocol/resp_writer.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/commands/families.h"
#include "server/commands/member_scan.h"
#include "server/commands/reply_limit.h"
#include "server/commands/sampling.h"
#include "storage/base/numbers.h"
#include "storage/value/hash_value.h"

namespace cachenode {
namespace {

enum FieldParts : unsigned { kNames = 1, kValues = 2 };

void WriteParts(RespWriter& reply, const HashField& field, unsigned parts) {
  if ((parts & kNames) != 0) reply.Bulk(field.name);
  if ((parts & kValues) != 0) reply.Bulk(field.value);
}

// All fields that have not expired.
Status ReplyAll(CommandContext& context, Args args, unsigned parts) {
  const KeySlot slot = context.FindForRead(args[1]);
  if (Status error = slot.Require(ValueType::kHash); !error.ok()) return error;
  const int64_t now_ms = context.now_ms();
  RespWriter& reply = context.reply();
  const size_t count = slot.Exists() ? HashView::Of(slot).LiveCount(now_ms) : 0;
  if (parts == (kNames | kValues)) {
    reply.MapHeader(count);
  } else {
    reply.ArrayHeader(count);
  }
  if (count == 0) return Status::Ok();
  HashView::Of(slot).ForEach([&](const HashField& field) {
    if (!field.IsExpired(now_ms)) WriteParts(reply, field, parts);
    return true;
  });
  return Status::Ok();
}

// HGETALL key -> a map of all fields.
Status Hgetall(CommandContext& context, Args args) { return ReplyAll(context, args, kNames | kValues); }

// HKEYS key -> the names of all fields.
Status Hkeys(CommandContext& context, Args args) { return ReplyAll(context, args, kNames); }

// HVALS key -> the values of all fields.
Status Hvals(CommandContext& context, Args args) { return ReplyAll(context, args, kValues); }

// --- HRANDFIELD -----------------------------------------------------------------------------------------------------

// Answers of HRANDFIELD with a negative count are bounded: nobody can take more.
constexpr uint64_t kRepeatedFieldsMax = uint64_t{1} << 28;
// Draws that may meet expired fields before all fields are looked at instead.
constexpr int kDrawsMax = 32;
// Below this share of the fields wanted, they are drawn one by one; above, all fields are gone through.
constexpr size_t kDrawnShare = 3;

// Names and values side by side, or pairs of their own in RESP3.
void WriteRandomField(RespWriter& reply, const HashField& field, bool with_values) {
  if (with_values && reply.IsResp3()) reply.ArrayHeader(2);
  WriteParts(reply, field, with_values ? kNames | kValues : kNames);
}

void WriteRandomHeader(RespWriter& reply, size_t count, bool with_values) {
  reply.ArrayHeader(with_values && !reply.IsResp3() ? 2 * count : count);
}

// Calls `visit` for one live field, each with the same chance. Requires live_count > 0.
template <typename Visit>
void VisitRandomLive(CommandContext& context, const HashView& view, size_t live_count, Visit&& visit) {
  HashField field;
  HashScratch scratch;
  for (int i = 0; i < kDrawsMax; ++i) {
    view.RandomField(context.random(), field, scratch);
    if (!field.IsExpired(context.now_ms())) return visit(field);
  }
  uint64_t wanted = context.random().Below(live_count);
  view.ForEach([&](const HashField& each) {
    if (each.IsExpired(context.now_ms()) || wanted-- != 0) return true;
    visit(each);
    return false;
  });
}

// `count` different ones by going through all: each is taken with the chance that makes all choices alike.
void WriteChosenFields(CommandContext& context, const HashView& view, size_t live_count, size_t count,
                       bool with_values) {
  SubsetSampler sampler(count, live_count, context.random());
  view.ForEach([&](const HashField& field) {
    if (!field.IsExpired(context.now_ms()) && sampler.Take()) WriteRandomField(context.reply(), field, with_values);
    return !sampler.Done();
  });
}

// `count` different ones, few of many, drawn until they are found.
void WriteDrawnFields(CommandContext& context, const HashView& view, size_t live_count, size_t count,
                      bool with_values) {
  std::unordered_set<std::string> drawn;
  while (drawn.size() < count) {
    VisitRandomLive(context, view, live_count, [&](const HashField& field) {
      if (drawn.emplace(field.name).second) WriteRandomField(context.reply(), field, with_values);
    });
  }
}

void WriteRandomFields(CommandContext& context, const HashView& view, const SampleCount& wanted, bool with_values) {
  const size_t live_count = view.LiveCount(context.now_ms());
  if (live_count == 0 || wanted.count == 0) return context.reply().EmptyArray();
  if (!wanted.distinct) {
    WriteRandomHeader(context.reply(), wanted.count, with_values);
    const ReplyLimit limit(context);
    for (uint64_t i = 0; i < wanted.count && !limit.IsExceeded(); ++i) {
      VisitRandomLive(context, view, live_count,
                      [&](const HashField& field) { WriteRandomField(context.reply(), field, with_values); });
    }
    return;
  }
  const size_t count = std::min<size_t>(wanted.count, live_count);
  WriteRandomHeader(context.reply(), count, with_values);
  if (view.IsPacked() || count * kDrawnShare > live_count) {
    WriteChosenFields(context, view, live_count, count, with_values);
  } else {
    WriteDrawnFields(context, view, live_count, count, with_values);
  }
}

Status ReplyRandomField(CommandContext& context, Args args) {
  const KeySlot slot = context.FindForRead(args[1]);
  if (Status error = slot.Require(ValueType::kHash); !error.ok()) return error;
  const size_t live_count = slot.Exists() ? HashView::Of(slot).LiveCount(context.now_ms()) : 0;
  if (live_count == 0) {
    context.reply().Null();
    return Status::Ok();
  }
  VisitRandomLive(context, HashView::Of(slot), live_count,
                  [&](const HashField& field) { context.reply().Bulk(field.name); });
  return Status::Ok();
}

// HRANDFIELD key [count [WITHVALUES]] -> a field, or `count` different ones, or with a negative count as many of which
// some may be the same.
Status Hrandfield(CommandContext& context, Args args) {
  if (args.size() == 2) return ReplyRandomField(context, args);
  Result<SampleCount> wanted = ParseSampleCount(args[2]);
  if (!wanted) return wanted.error();
  const bool with_values = args.size() == 4;
  if (args.size() > 4 || (with_values && !EqualsIgnoreCase(args[3], "withvalues"))) return Err::kSyntax;
  if (with_values && wanted->count > INT64_MAX / 2) return Err::kOutOfRange;
  if (!wanted->distinct && wanted->count > kRepeatedFieldsMax && !ReplyLimit(context).IsSet()) return Err::kOutOfRange;
  const KeySlot slot = context.FindForRead(args[1]);
  if (Status error = slot.Require(ValueType::kHash); !error.ok()) return error;
  if (!slot.Exists()) {
    context.reply().EmptyArray();
    return Status::Ok();
  }
  WriteRandomFields(context, HashView::Of(slot), *wanted, with_values);
  return Status::Ok();
}

// The table is walked twice, the first time for the cursor alone, so that nothing has to be kept.
void WriteFieldScan(CommandContext& context, const HashView& view, uint64_t cursor, const MemberScanOptions& options) {
  RespWriter& reply = context.reply();
  const auto count = static_cast<size_t>(options.count);
  reply.ArrayHeader(2);
  reply.BulkInteger(static_cast<int64_t>(view.Scan(cursor, count, [](const HashField&) {})));
  const RespWriter::Deferred fields = reply.DeferArray();
  size_t written = 0;
  view.Scan(cursor, count, [&](const HashField& field) {
    if (field.IsExpired(context.now_ms()) || !options.Takes(field.name)) return;
    WriteParts(reply, field, options.bare ? kNames : kNames | kValues);
    written += options.bare ? 1 : 2;
  });
  reply.Close(fields, written);
}

// HSCAN key cursor [MATCH pattern] [COUNT count] [NOVALUES] -> the next cursor and some fields.
Status Hscan(CommandContext& context, Args args) {
  uint64_t cursor = 0;
  if (Status error = ParseScanCursor(args[2], cursor); !error.ok()) return error;
  const KeySlot slot = context.FindForRead(args[1]);
  if (Status error = slot.Require(ValueType::kHash); !error.ok()) return error;
  if (!slot.Exists()) {
    WriteEmptyScan(context.reply());
    return Status::Ok();
  }
  MemberScanOptions options;
  if (Status error = ParseMemberScan(context, args, "novalues", options); !error.ok()) return error;
  WriteFieldScan(context, HashView::Of(slot), cursor, options);
  return Status::Ok();
}

constexpr CommandSpec kHashReadCommands[] = {
    {.name = "hgetall",
     .arity = 2,
     .flags = kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclHash,
     .handler = Hgetall,
     .group = CommandGroup::kHash,
     .doc = {.summary = "Reads all fields of a hash with their values.",
             .since = "2.0.0",
             .complexity = "O(N)",
             .arguments = "key:key@0",
             .tips = "nondeterministic_output_order"}},
    {.name = "hkeys",
     .arity = 2,
     .flags = kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclHash,
     .handler = Hkeys,
     .group = CommandGroup::kHash,
     .doc = {.summary = "Reads the names of all fields of a hash.",
             .since = "2.0.0",
             .complexity = "O(N)",
             .arguments = "key:key@0",
             .tips = "nondeterministic_output_order"}},
    {.name = "hrandfield",
     .arity = -2,
     .flags = kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclHash,
     .handler = Hrandfield,
     .group = CommandGroup::kHash,
     .doc = {.summary = "Picks fields of a hash at random.",
             .since = "6.2.0",
             .complexity = "O(N)",
             .arguments = "key:key@0 [options:block(count:integer [withvalues:pure-token=WITHVALUES])]",
             .tips = "nondeterministic_output"}},
    {.name = "hscan",
     .arity = -3,
     .flags = kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclHash,
     .handler = Hscan,
     .group = CommandGroup::kHash,
     .doc =
         {.summary = "Walks over the fields of a hash, a few at a time.",
          .since = "2.8.0",
          .complexity = "O(1); O(N)",
          .arguments =
              "key:key@0 cursor:integer [pattern:pattern=MATCH] [count:integer=COUNT] [novalues:pure-token=NOVALUES]",
          .tips = "nondeterministic_output"}},
    {.name = "hvals",
     .arity = 2,
     .flags = kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclHash,
     .handler = Hvals,
     .group = CommandGroup::kHash,
     .doc = {.summary = "Reads the values of all fields of a hash.",
             .since = "2.0.0",
             .complexity = "O(N)",
             .arguments = "key:key@0",
             .tips = "nondeterministic_output_order"}},
};
}  // namespace

std::span<const CommandSpec> HashReadCommands() { return kHashReadCommands; }

}  // namespace cachenode
