// Taking elements out of sorted sets: by range, and from either end.
#include <string_view>

#include "protocol/resp_writer.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/commands/families.h"
#include "server/commands/sorted_set_bounds.h"
#include "server/commands/sorted_set_store.h"

namespace cachenode {
namespace {

RankRange RanksOf(const SortedSetView& set, const RankBounds& bounds) { return bounds.Within(set.Count()); }
RankRange RanksOf(const SortedSetView& set, const ScoreRange& range) { return set.Select(range); }
RankRange RanksOf(const SortedSetView& set, const LexRange& range) { return set.Select(range); }

// Removes a range; `event` is the command's name.
template <typename Range>
Status RemoveRange(CommandContext& context, Args args, Result<Range> bounds, std::string_view event) {
  if (!bounds) return bounds.error();
  KeySlot slot = context.FindForWrite(args[1]);
  if (Status error = slot.Require(ValueType::kSortedSet); !error.ok()) return error;
  const RankRange range = slot.Exists() ? RanksOf(SortedSetView::Of(slot), *bounds) : RankRange{};
  if (Status error = RemoveRanks(context, slot, range, event); !error.ok()) return error;
  context.reply().Integer(static_cast<int64_t>(range.count));
  return Status::Ok();
}

// ZREMRANGEBYRANK key start stop -> how many were removed.
Status Zremrangebyrank(CommandContext& context, Args args) {
  return RemoveRange(context, args, ParseRankBounds(args[2], args[3]), "zremrangebyrank");
}
// ZREMRANGEBYSCORE key min max -> how many were removed.
Status Zremrangebyscore(CommandContext& context, Args args) {
  return RemoveRange(context, args, ParseScoreRange(args[2], args[3]), "zremrangebyscore");
}
// ZREMRANGEBYLEX key min max -> how many were removed.
Status Zremrangebylex(CommandContext& context, Args args) {
  return RemoveRange(context, args, ParseLexRange(args[2], args[3]), "zremrangebylex");
}

Status Pop(CommandContext& context, Args args, PopEnd end) {
  if (args.size() > 3) return Err::kSyntax;
  PopRequest request{.end = end};
  if (args.size() == 3) {
    int64_t count = 0;
    if (!TryParseInt64(args[2], count) || count < 0) return Err::kNegative;
    request.count = static_cast<uint64_t>(count);
    request.nests_pairs = context.reply().IsResp3();
  }
  KeySlot slot = context.FindForWrite(args[1]);
  if (Status error = slot.Require(ValueType::kSortedSet); !error.ok()) return error;
  if (!slot.Exists() || request.count == 0) {
    context.reply().EmptyArray();
    return Status::Ok();
  }
  return PopInto(context, slot, request);
}

// ZPOPMIN key [count] -> the elements of the lowest scores, which are removed.
Status Zpopmin(CommandContext& context, Args args) { return Pop(context, args, PopEnd::kMin); }
// ZPOPMAX key [count] -> the elements of the highest scores, the highest first, which are removed.
Status Zpopmax(CommandContext& context, Args args) { return Pop(context, args, PopEnd::kMax); }

// ZMPOP numkeys key [key ...] MIN | MAX [COUNT count] -> the first key that exists and elements from one of its ends,
// which are removed; nil when no key exists.
Status Zmpop(CommandContext& context, Args args) {
  SortedSetMultiPop pop;
  if (Status error = ParseSortedSetMultiPop(args, pop); !error.ok()) return error;
  for (const std::string_view key : pop.keys) {
    KeySlot slot = context.FindForWrite(key);
    if (Status error = slot.Require(ValueType::kSortedSet); !error.ok()) return error;
    if (!slot.Exists()) continue;
    return PopWithName(context, slot, pop.request);
  }
  context.reply().NullArray();
  return Status::Ok();
}

constexpr CommandSpec kSortedSetRemovalCommands[] = {
    {.name = "zmpop",
     .arity = -4,
     .flags = kWrite,
     .keys = KeySpecs(KeySpec::Counted(1, 1, 1, kKeyReadWrite | kKeyAccess | kKeyDelete)),
     .acl = kAclSortedSet,
     .handler = Zmpop,
     .group = CommandGroup::kSortedSet,
     .doc =
         {.summary = "Takes elements from either end of the first sorted set that exists.",
          .since = "7.0.0",
          .complexity = "O(K); O(M*log(N))",
          .arguments =
              "numkeys:integer key:key@0* where:oneof(min:pure-token=MIN max:pure-token=MAX) [count:integer=COUNT]"}},
    {.name = "zpopmax",
     .arity = -2,
     .flags = kFast | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyAccess | kKeyDelete)),
     .acl = kAclSortedSet,
     .handler = Zpopmax,
     .group = CommandGroup::kSortedSet,
     .doc = {.summary = "Takes the elements with the highest scores out of a sorted set.",
             .since = "5.0.0",
             .complexity = "O(log(N)*M)",
             .arguments = "key:key@0 [count:integer]"}},
    {.name = "zpopmin",
     .arity = -2,
     .flags = kFast | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyAccess | kKeyDelete)),
     .acl = kAclSortedSet,
     .handler = Zpopmin,
     .group = CommandGroup::kSortedSet,
     .doc = {.summary = "Takes the elements with the lowest scores out of a sorted set.",
             .since = "5.0.0",
             .complexity = "O(log(N)*M)",
             .arguments = "key:key@0 [count:integer]"}},
    {.name = "zremrangebylex",
     .arity = 4,
     .flags = kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyDelete)),
     .acl = kAclSortedSet,
     .handler = Zremrangebylex,
     .group = CommandGroup::kSortedSet,
     .doc = {.summary = "Removes the members of a sorted set within a range of members.",
             .since = "2.8.9",
             .complexity = "O(log(N)+M)",
             .arguments = "key:key@0 min:string max:string"}},
    {.name = "zremrangebyrank",
     .arity = 4,
     .flags = kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyDelete)),
     .acl = kAclSortedSet,
     .handler = Zremrangebyrank,
     .group = CommandGroup::kSortedSet,
     .doc = {.summary = "Removes a range of ranks from a sorted set.",
             .since = "2.0.0",
             .complexity = "O(log(N)+M)",
             .arguments = "key:key@0 start:integer stop:integer"}},
    {.name = "zremrangebyscore",
     .arity = 4,
     .flags = kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyDelete)),
     .acl = kAclSortedSet,
     .handler = Zremrangebyscore,
     .group = CommandGroup::kSortedSet,
     .doc = {.summary = "Removes the members of a sorted set within a range of scores.",
             .since = "1.2.0",
             .complexity = "O(log(N)+M)",
             .arguments = "key:key@0 min:double max:double"}},
};
}  // namespace

std::span<const CommandSpec> SortedSetRemovalCommands() { return kSortedSetRemovalCommands; }

}  // namespace cachenode
