// Sorted sets: taking elements from an end, and waiting for some when there are none.
#include <memory>
#include <string_view>

#include "protocol/resp_writer.h"
#include "server/blocking/timeout.h"
#include "server/blocking/wait_table.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/commands/families.h"
#include "server/commands/sorted_set_reply.h"
#include "server/commands/sorted_set_store.h"

namespace cachenode {
namespace {

class SortedSetWait : public KeyWait {
 public:
  [[nodiscard]] ValueType type() const final { return ValueType::kSortedSet; }
  [[nodiscard]] Prospect LookAt(const KeySlot& slot) const final {
    return slot.Exists() && slot.type() == ValueType::kSortedSet ? Prospect::kServe : Prospect::kNothing;
  }
};

// --- BZPOPMIN, BZPOPMAX ----------------------------------------------------------------------------------------------

// The key, a member and its score.
Status PopOne(CommandContext& context, KeySlot& slot, PopEnd end) {
  RespWriter& reply = context.reply();
  const SortedSetView set = SortedSetView::Of(slot);
  const bool is_max = end == PopEnd::kMax;
  const RankRange range{is_max ? set.Count() - 1 : 0, 1};
  reply.ArrayHeader(3);
  reply.Bulk(slot.key());
  set.VisitRange(range, is_max, [&reply](std::string_view member, double score) {
    reply.Bulk(member);
    reply.Double(score);
  });
  return RemoveRanks(context, slot, range, is_max ? "zpopmax" : "zpopmin");
}

class PopWait final : public SortedSetWait {
 public:
  explicit PopWait(PopEnd end) : end_(end) {}
  [[nodiscard]] Status Serve(CommandContext& context, KeySlot& slot) override { return PopOne(context, slot, end_); }

 private:
  const PopEnd end_;
};

Status PopOrWait(CommandContext& context, Args args, PopEnd end) {
  Result<int64_t> deadline_ms = ParseDeadlineSeconds(context, args.back());
  if (!deadline_ms) return deadline_ms.error();
  const Args keys = args.subspan(1, args.size() - 2);
  for (const std::string_view key : keys) {
    KeySlot slot = context.FindForWrite(key);
    if (Status error = slot.Require(ValueType::kSortedSet); !error.ok()) return error;
    if (slot.Exists()) return PopOne(context, slot, end);
  }
  return WaitTable::BlockOrNullArray(context, {args, keys, std::make_unique<PopWait>(end), *deadline_ms});
}

// BZPOPMIN key [key ...] timeout -> the first key that has elements, the one of the lowest score, and the score; nil
// when the time is up.
Status Bzpopmin(CommandContext& context, Args args) { return PopOrWait(context, args, PopEnd::kMin); }
// BZPOPMAX key [key ...] timeout -> the same with the highest score.
Status Bzpopmax(CommandContext& context, Args args) { return PopOrWait(context, args, PopEnd::kMax); }

// --- BZMPOP ----------------------------------------------------------------------------------------------------------

class MultiPopWait final : public SortedSetWait {
 public:
  explicit MultiPopWait(const PopRequest& request) : request_(request) {}
  [[nodiscard]] Status Serve(CommandContext& context, KeySlot& slot) override {
    return PopWithName(context, slot, request_);
  }

 private:
  const PopRequest request_;
};

// BZMPOP timeout numkeys key [key ...] MIN | MAX [COUNT count] -> the first key that has elements, and those taken.
Status Bzmpop(CommandContext& context, Args args) {
  SortedSetMultiPop pop;
  if (Status error = ParseSortedSetMultiPop(args.subspan(1), pop); !error.ok()) return error;
  Result<int64_t> deadline_ms = ParseDeadlineSeconds(context, args[1]);
  if (!deadline_ms) return deadline_ms.error();
  for (const std::string_view key : pop.keys) {
    KeySlot slot = context.FindForWrite(key);
    if (Status error = slot.Require(ValueType::kSortedSet); !error.ok()) return error;
    if (slot.Exists()) return PopWithName(context, slot, pop.request);
  }
  return WaitTable::BlockOrNullArray(context,
                                     {args, pop.keys, std::make_unique<MultiPopWait>(pop.request), *deadline_ms});
}

constexpr CommandSpec kBlockingSortedSetCommands[] = {
    {.name = "bzmpop",
     .arity = -5,
     .flags = kBlocking | kWrite,
     .keys = KeySpecs(KeySpec::Counted(2, 1, 1, kKeyReadWrite | kKeyAccess | kKeyDelete)),
     .acl = kAclSortedSet,
     .handler = Bzmpop,
     .group = CommandGroup::kSortedSet,
     .doc = {.summary = "Takes elements from either end of the first sorted set that has any, waiting if need be.",
             .since = "7.0.0",
             .complexity = "O(K); O(M*log(N))",
             .arguments = "timeout:double numkeys:integer key:key@0* where:oneof(min:pure-token=MIN "
                          "max:pure-token=MAX) [count:integer=COUNT]"}},
    {.name = "bzpopmax",
     .arity = -3,
     .flags = kBlocking | kFast | kWrite,
     .keys = KeySpecs(KeySpec::Range(1, -2, 1, kKeyReadWrite | kKeyAccess | kKeyDelete)),
     .acl = kAclSortedSet,
     .handler = Bzpopmax,
     .group = CommandGroup::kSortedSet,
     .doc = {.summary = "Takes the element with the highest score, waiting for one if need be.",
             .since = "5.0.0",
             .complexity = "O(log(N))",
             .arguments = "key:key@0* timeout:double",
             .history = "6.0.0 The timeout may have a fraction."}},
    {.name = "bzpopmin",
     .arity = -3,
     .flags = kBlocking | kFast | kWrite,
     .keys = KeySpecs(KeySpec::Range(1, -2, 1, kKeyReadWrite | kKeyAccess | kKeyDelete)),
     .acl = kAclSortedSet,
     .handler = Bzpopmin,
     .group = CommandGroup::kSortedSet,
     .doc = {.summary = "Takes the element with the lowest score, waiting for one if need be.",
             .since = "5.0.0",
             .complexity = "O(log(N))",
             .arguments = "key:key@0* timeout:double",
             .history = "6.0.0 The timeout may have a fraction."}},
};
}  // namespace

std::span<const CommandSpec> BlockingSortedSetCommands() { return kBlockingSortedSetCommands; }

}  // namespace cachenode
