// One set: its members, some of them at random, one moved to another set.
#include <algorithm>
#include <optional>
#include <string_view>
#include <unordered_set>

#include "protocol/resp_writer.h"
#include "server/arg_parser.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/commands/families.h"
#include "server/commands/member_scan.h"
#include "server/commands/reply_limit.h"
#include "server/commands/sampling.h"
#include "server/commands/set_reply.h"
#include "storage/access_context.h"
#include "storage/base/thread_annotations.h"
#include "storage/key_observer.h"
#include "storage/value/set_value.h"

namespace cachenode {
namespace {

// Distinct draws are remembered while the set is at least this many times what is wanted; else the set is gone through.
constexpr size_t kDrawsWorthRemembering = 8;
// No client can take a reply of so many members.
constexpr uint64_t kDrawsMax = uint64_t{1} << 30;

// SADD key member [member ...] -> how many were new.
Status Sadd(CommandContext& context, Args args) {
  KeySlot slot = context.FindForWrite(args[1]);
  if (Status error = slot.Require(ValueType::kSet); !error.ok()) return error;
  SetValue set(slot);
  if (args.size() > 3) {
    if (Status error = set.Expect(args[2], args.size() - 2); !error.ok()) return error;
  }
  int64_t added_count = 0;
  for (const std::string_view member : args.subspan(2)) {
    Result<bool> added = set.Add(member);
    if (!added) return added.error();
    added_count += *added ? 1 : 0;
  }
  if (added_count > 0) context.Notify(kNotifySet, "sadd", args[1]);
  context.reply().Integer(added_count);
  return Status::Ok();
}

// What SREM, SPOP and SMOVE tell after they took something out.
void NotifyRemoved(CommandContext& context, std::string_view event, const KeySlot& slot) {
  context.Notify(kNotifySet, event, slot.key());
  if (!slot.Exists()) context.Notify(kNotifyGeneric, "del", slot.key());
}

// SREM key member [member ...] -> how many were there.
Status Srem(CommandContext& context, Args args) {
  KeySlot slot = context.FindForWrite(args[1]);
  if (Status error = slot.Require(ValueType::kSet); !error.ok()) return error;
  SetValue set(slot);
  int64_t removed_count = 0;
  for (const std::string_view member : args.subspan(2)) {
    Result<bool> removed = set.Remove(member);
    if (!removed) return removed.error();
    removed_count += *removed ? 1 : 0;
  }
  if (removed_count > 0) NotifyRemoved(context, "srem", slot);
  context.reply().Integer(removed_count);
  return Status::Ok();
}

// SCARD key -> how many members.
Status Scard(CommandContext& context, Args args) {
  const KeySlot slot = context.FindForRead(args[1]);
  if (Status error = slot.Require(ValueType::kSet); !error.ok()) return error;
  context.reply().Integer(slot.Exists() ? static_cast<int64_t>(SetView::Of(slot).Count()) : 0);
  return Status::Ok();
}

// SISMEMBER key member -> 1 or 0.
Status Sismember(CommandContext& context, Args args) {
  const KeySlot slot = context.FindForRead(args[1]);
  if (Status error = slot.Require(ValueType::kSet); !error.ok()) return error;
  context.reply().Integer(slot.Exists() && SetView::Of(slot).Contains(args[2]) ? 1 : 0);
  return Status::Ok();
}

// SMISMEMBER key member [member ...] -> 1 or 0 for each.
Status Smismember(CommandContext& context, Args args) {
  const KeySlot slot = context.FindForRead(args[1]);
  if (Status error = slot.Require(ValueType::kSet); !error.ok()) return error;
  context.reply().ArrayHeader(args.size() - 2);
  for (const std::string_view member : args.subspan(2))
    context.reply().Integer(slot.Exists() && SetView::Of(slot).Contains(member) ? 1 : 0);
  return Status::Ok();
}

// SMEMBERS key -> all members.
Status Smembers(CommandContext& context, Args args) {
  const KeySlot slot = context.FindForRead(args[1]);
  if (Status error = slot.Require(ValueType::kSet); !error.ok()) return error;
  if (!slot.Exists()) {
    context.reply().SetHeader(0);
    return Status::Ok();
  }
  const SetView set = SetView::Of(slot);
  context.reply().SetHeader(set.Count());
  WriteAllMembers(context.reply(), set);
  return Status::Ok();
}

// --- SPOP --------------------------------------------------------------------------------------------------------

// Takes one member at random out of an existing set, into the reply.
Status PopOne(CommandContext& context, KeySlot& slot) {
  const ListpackElement member = SetView::Of(slot).RandomMember(context.random());
  const ReplyBuffer::Mark mark = context.reply().MarkHere();
  WriteMember(context.reply(), member);
  ListpackScratch scratch;
  Result<bool> removed = SetValue(slot).Remove(member.Read(scratch));
  if (removed) return Status::Ok();
  context.reply().RollbackTo(mark);
  return removed.error();
}

Status PopSome(CommandContext& context, KeySlot& slot, size_t count) {
  RespWriter& reply = context.reply();
  const SetView set = SetView::Of(slot);
  if (count >= set.Count()) {
    reply.SetHeader(set.Count());
    WriteAllMembers(reply, set);
    slot.Erase();
    return Status::Ok();
  }
  const ReplyBuffer::Mark mark = reply.MarkHere();
  const RespWriter::Deferred members = reply.DeferSet();
  for (size_t popped = 0; popped < count; ++popped) {
    const ListpackElement member = SetView::Of(slot).RandomMember(context.random());
    WriteMember(reply, member);
    ListpackScratch scratch;
    Result<bool> removed = SetValue(slot).Remove(member.Read(scratch));
    if (removed) [[likely]]
      continue;
    // Out of memory: what is gone must be told, the last one stayed. Without any it is a plain error.
    if (popped == 0) {
      reply.RollbackTo(mark);
      return removed.error();
    }
    reply.Close(members, popped + 1);
    return Status::Ok();
  }
  reply.Close(members, count);
  return Status::Ok();
}

// SPOP key [count] -> a member at random, nil when there is none; with a count, so many.
Status Spop(CommandContext& context, Args args) {
  if (args.size() > 3) return Err::kSyntax;
  const bool has_count = args.size() == 3;
  Result<int64_t> count = has_count ? ParseInt64(args[2]) : Result<int64_t>(1);
  if (!count || *count < 0) return Err::kNegative;
  KeySlot slot = context.FindForWrite(args[1]);
  if (Status error = slot.Require(ValueType::kSet); !error.ok()) return error;
  if (!slot.Exists() || *count == 0) {
    has_count ? context.reply().SetHeader(0) : context.reply().Null();
    return Status::Ok();
  }
  Status status = has_count ? PopSome(context, slot, static_cast<size_t>(*count)) : PopOne(context, slot);
  if (status.ok()) NotifyRemoved(context, "spop", slot);
  return status;
}

// --- SRANDMEMBER -------------------------------------------------------------------------------------------------

// `count` distinct members of a table that has many more.
void WriteDistinctDraws(RespWriter& reply, const PackedTable& table, size_t count, Random& random) {
  std::unordered_set<const char*> drawn;  // By where their bytes lie.
  drawn.reserve(count);
  while (drawn.size() < count) {
    const PackedRecord record = table.RandomRecord(random);
    if (drawn.insert(record.payload).second) reply.Bulk(record.key);
  }
}

void WriteDistinct(RespWriter& reply, const SetView& set, size_t count, Random& random) {
  const size_t total = set.Count();
  count = std::min(count, total);
  reply.ArrayHeader(count);
  if (set.form() == SetView::Form::kTable && count < total / kDrawsWorthRemembering) {
    WriteDistinctDraws(reply, set.table(), count, random);
    return;
  }
  SubsetSampler sampler(count, total, random);
  ListpackElement member;
  for (SetView::Iterator members(set); !sampler.Done() && members.Next(member);) {
    if (sampler.Take()) WriteMember(reply, member);
  }
}

// SRANDMEMBER key [count] -> a member at random; with a count so many distinct ones, or with repetition when it is
// negative.
Status Srandmember(CommandContext& context, Args args) {
  if (args.size() > 3) return Err::kSyntax;
  const bool has_count = args.size() == 3;
  Result<SampleCount> wanted = has_count ? ParseSampleCount(args[2]) : Result<SampleCount>(SampleCount{});
  if (!wanted) return wanted.error();
  const KeySlot slot = context.FindForRead(args[1]);
  if (Status error = slot.Require(ValueType::kSet); !error.ok()) return error;
  RespWriter& reply = context.reply();
  if (!slot.Exists() || (has_count && wanted->count == 0)) {
    has_count ? reply.EmptyArray() : reply.Null();
    return Status::Ok();
  }
  const SetView set = SetView::Of(slot);
  if (!has_count) {
    WriteMember(reply, set.RandomMember(context.random()));
    return Status::Ok();
  }
  if (wanted->distinct) {
    WriteDistinct(reply, set, static_cast<size_t>(wanted->count), context.random());
    return Status::Ok();
  }
  const ReplyLimit limit(context);
  if (wanted->count > kDrawsMax && !limit.IsSet()) return Err::kOutOfRange;
  reply.ArrayHeader(static_cast<size_t>(wanted->count));
  for (uint64_t i = 0; i < wanted->count && !limit.IsExceeded(); ++i) {
    WriteMember(reply, set.RandomMember(context.random()));
  }
  return Status::Ok();
}

// --- SMOVE, SSCAN ------------------------------------------------------------------------------------------------

// Passes everything on but the birth of a key, which SMOVE tells in its turn.
class BirthWithholder final : public KeyObserver {
 public:
  explicit BirthWithholder(KeyObserver& next) : next_(next) {}
  void BeforeChange(uint32_t db, std::string_view key) override { next_.BeforeChange(db, key); }
  void OnCreated(uint32_t /*db*/, std::string_view /*key*/) override { was_born_ = true; }
  void OnExpired(uint32_t db, std::string_view key) override { next_.OnExpired(db, key); }
  void OnFieldsExpired(uint32_t db, std::string_view key, uint64_t count, bool key_gone) override {
    next_.OnFieldsExpired(db, key, count, key_gone);
  }
  void OnEvicted(uint32_t db, std::string_view key) override { next_.OnEvicted(db, key); }
  [[nodiscard]] bool was_born() const { return was_born_; }

 private:
  KeyObserver& next_;
  bool was_born_ = false;
};

// A slot like FindForWrite's with another observer. The dispatcher holds the shard, which the analysis cannot know.
KeySlot FindObserved(CommandContext& context, std::string_view key,
                     const AccessContext& access) CACHENODE_NO_THREAD_SAFETY_ANALYSIS {
  const KeyHash hash = KeyHash::Of(key);
  return context.keyspace().ShardOf(hash).Find(context.db(), hash, key, access);
}

// SMOVE source destination member -> 1 when the member was in the source.
Status Smove(CommandContext& context, Args args) {
  KeySlot source = context.FindForWrite(args[1]);
  BirthWithholder observer(context.events());
  AccessContext access = context.access();
  access.observer = &observer;
  KeySlot destination = FindObserved(context, args[2], access);
  if (!source.Exists()) {
    context.reply().Integer(0);
    return Status::Ok();
  }
  if (Status error = source.Require(ValueType::kSet); !error.ok()) return error;
  if (Status error = destination.Require(ValueType::kSet); !error.ok()) return error;
  const std::string_view member = args[3];
  if (args[1] == args[2]) {
    context.reply().Integer(SetView::Of(source).Contains(member) ? 1 : 0);
    return Status::Ok();
  }
  if (!SetView::Of(source).Contains(member)) {
    context.reply().Integer(0);
    return Status::Ok();
  }
  // Added first: when there is no memory for it, nothing has changed.
  Result<bool> added = SetValue(destination).Add(member);
  if (!added) return added.error();
  Result<bool> removed = SetValue(source).Remove(member);
  if (!removed) {
    if (*added) static_cast<void>(SetValue(destination).Remove(member));
    return removed.error();
  }
  NotifyRemoved(context, "srem", source);
  if (observer.was_born()) context.Notify(kNotifyNewKey, "new", args[2]);
  if (*added) context.Notify(kNotifySet, "sadd", args[2]);
  context.reply().Integer(1);
  return Status::Ok();
}

// Small sets are returned whole, whatever the count.
void WritePackedScan(RespWriter& reply, const SetView& set, const MemberScanOptions& options) {
  reply.ArrayHeader(2);
  reply.Bulk("0");
  const RespWriter::Deferred members = reply.DeferArray();
  size_t written = 0;
  ListpackElement member;
  ListpackScratch scratch;
  for (SetView::Iterator all(set); all.Next(member);) {
    const std::string_view bytes = member.Read(scratch);
    if (!options.Takes(bytes)) continue;
    reply.Bulk(bytes);
    ++written;
  }
  reply.Close(members, written);
}

// SSCAN key cursor [MATCH pattern] [COUNT count] -> the next cursor and some members.
Status Sscan(CommandContext& context, Args args) {
  uint64_t cursor = 0;
  if (Status error = ParseScanCursor(args[2], cursor); !error.ok()) return error;
  const KeySlot slot = context.FindForRead(args[1]);
  if (Status error = slot.Require(ValueType::kSet); !error.ok()) return error;
  if (!slot.Exists()) {
    WriteEmptyScan(context.reply());
    return Status::Ok();
  }
  MemberScanOptions options;
  if (Status error = ParseMemberScan(context, args, {}, options); !error.ok()) return error;
  const SetView set = SetView::Of(slot);
  if (set.form() != SetView::Form::kTable) {
    WritePackedScan(context.reply(), set, options);
    return Status::Ok();
  }
  RespWriter& reply = context.reply();
  WriteTableScan(reply, set.table(), cursor, options, 1, [&](const PackedRecord& record) { reply.Bulk(record.key); });
  return Status::Ok();
}

constexpr CommandSpec kSetCommands[] = {
    {.name = "sadd",
     .arity = -3,
     .flags = kDenyOom | kFast | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyInsert)),
     .acl = kAclSet,
     .handler = Sadd,
     .group = CommandGroup::kSet,
     .doc = {.summary = "Adds members to a set, which is created when missing.",
             .since = "1.0.0",
             .complexity = "O(1); O(N)",
             .arguments = "key:key@0 member:string*"}},
    {.name = "scard",
     .arity = 2,
     .flags = kFast | kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly)),
     .acl = kAclSet,
     .handler = Scard,
     .group = CommandGroup::kSet,
     .doc = {.summary = "Tells how many members a set has.",
             .since = "1.0.0",
             .complexity = "O(1)",
             .arguments = "key:key@0"}},
    {.name = "sismember",
     .arity = 3,
     .flags = kFast | kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly)),
     .acl = kAclSet,
     .handler = Sismember,
     .group = CommandGroup::kSet,
     .doc = {.summary = "Tells whether a set has a member.",
             .since = "1.0.0",
             .complexity = "O(1)",
             .arguments = "key:key@0 member:string"}},
    {.name = "smembers",
     .arity = 2,
     .flags = kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclSet,
     .handler = Smembers,
     .group = CommandGroup::kSet,
     .doc = {.summary = "Lists all members of a set.",
             .since = "1.0.0",
             .complexity = "O(N)",
             .arguments = "key:key@0",
             .tips = "nondeterministic_output_order"}},
    {.name = "smismember",
     .arity = -3,
     .flags = kFast | kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclSet,
     .handler = Smismember,
     .group = CommandGroup::kSet,
     .doc = {.summary = "Tells for each of several members whether a set has it.",
             .since = "6.2.0",
             .complexity = "O(N)",
             .arguments = "key:key@0 member:string*"}},
    {.name = "smove",
     .arity = 4,
     .flags = kFast | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyAccess | kKeyDelete),
                      KeySpec::One(2, kKeyReadWrite | kKeyInsert)),
     .acl = kAclSet,
     .handler = Smove,
     .group = CommandGroup::kSet,
     .doc = {.summary = "Moves a member from one set to another.",
             .since = "1.0.0",
             .complexity = "O(1)",
             .arguments = "source:key@0 destination:key@1 member:string"}},
    {.name = "spop",
     .arity = -2,
     .flags = kFast | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyAccess | kKeyDelete)),
     .acl = kAclSet,
     .handler = Spop,
     .group = CommandGroup::kSet,
     .doc = {.summary = "Takes members out of a set at random.",
             .since = "1.0.0",
             .complexity = "O(1); O(N)",
             .arguments = "key:key@0 [count:integer!3.2.0]",
             .tips = "nondeterministic_output"}},
    {.name = "srandmember",
     .arity = -2,
     .flags = kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclSet,
     .handler = Srandmember,
     .group = CommandGroup::kSet,
     .doc = {.summary = "Picks members of a set at random.",
             .since = "1.0.0",
             .complexity = "O(1); O(N)",
             .arguments = "key:key@0 [count:integer!2.6.0]",
             .tips = "nondeterministic_output"}},
    {.name = "srem",
     .arity = -3,
     .flags = kFast | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyDelete)),
     .acl = kAclSet,
     .handler = Srem,
     .group = CommandGroup::kSet,
     .doc = {.summary = "Removes members from a set; the last one takes the key with it.",
             .since = "1.0.0",
             .complexity = "O(N)",
             .arguments = "key:key@0 member:string*"}},
    {.name = "sscan",
     .arity = -3,
     .flags = kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclSet,
     .handler = Sscan,
     .group = CommandGroup::kSet,
     .doc = {.summary = "Walks over the members of a set, a few at a time.",
             .since = "2.8.0",
             .complexity = "O(1); O(N)",
             .arguments = "key:key@0 cursor:integer [pattern:pattern=MATCH] [count:integer=COUNT]",
             .tips = "nondeterministic_output"}},
};
}  // namespace

std::span<const CommandSpec> SetCommands() { return kSetCommands; }

}  // namespace cachenode
