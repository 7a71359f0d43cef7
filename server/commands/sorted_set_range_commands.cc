// Ranges of one sorted set: by rank, by score, by member, in either direction, replied or stored.
#include <algorithm>
#include <string_view>

#include "protocol/resp_writer.h"
#include "server/arg_parser.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/commands/families.h"
#include "server/commands/sorted_set_bounds.h"
#include "server/commands/sorted_set_reply.h"
#include "server/commands/sorted_set_store.h"

namespace cachenode {
namespace {

enum class RangeBy : uint8_t { kAny, kRank, kScore, kLex };
enum class Direction : uint8_t { kAny, kForward, kReverse };

// What a command allows, then what its arguments chose.
struct RangeRequest {
  RangeBy by = RangeBy::kAny;
  Direction direction = Direction::kAny;
  bool is_stored = false;
  bool with_scores = false;
  int64_t offset = 0;
  int64_t limit = -1;
  // Chosen by `by`.
  RankBounds ranks = {};
  ScoreRange scores = {};
  LexRange members = {};
};

// The options behind key, min and max, which stand at `at` - 2 and `at` - 1.
Status ParseRangeOptions(Args args, size_t at, RangeRequest& request) {
  ArgParser parser(args, at);
  while (parser.HasNext()) {
    if (!request.is_stored && parser.Match("withscores")) {
      request.with_scores = true;
    } else if (parser.Match("limit", 2)) {
      request.offset = parser.NextInt64();
      request.limit = parser.NextInt64();
    } else if (request.direction == Direction::kAny && parser.Match("rev")) {
      request.direction = Direction::kReverse;
    } else if (request.by == RangeBy::kAny && parser.Match("bylex")) {
      request.by = RangeBy::kLex;
    } else if (request.by == RangeBy::kAny && parser.Match("byscore")) {
      request.by = RangeBy::kScore;
    } else {
      return Err::kSyntax;
    }
  }
  if (Status error = parser.Finish(); !error.ok()) return error;
  if (request.by == RangeBy::kAny) request.by = RangeBy::kRank;
  if (request.by == RangeBy::kRank && request.limit != -1) {
    return Status::Text("ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX");
  }
  if (request.by == RangeBy::kLex && request.with_scores) {
    return Status::Text("ERR syntax error, WITHSCORES not supported in combination with BYLEX");
  }
  return Status::Ok();
}

// Reads the whole command; the key stands at args[key_at].
Status ParseRange(Args args, size_t key_at, RangeRequest& request) {
  if (Status error = ParseRangeOptions(args, key_at + 3, request); !error.ok()) return error;
  std::string_view min = args[key_at + 1];
  std::string_view max = args[key_at + 2];
  // A range of scores or members that goes down names its upper end first.
  if (request.direction == Direction::kReverse && request.by != RangeBy::kRank) std::swap(min, max);
  if (request.by == RangeBy::kRank) {
    Result<RankBounds> ranks = ParseRankBounds(min, max);
    if (!ranks) return ranks.error();
    request.ranks = *ranks;
  } else if (request.by == RangeBy::kScore) {
    Result<ScoreRange> scores = ParseScoreRange(min, max);
    if (!scores) return scores.error();
    request.scores = *scores;
  } else {
    Result<LexRange> members = ParseLexRange(min, max);
    if (!members) return members.error();
    request.members = *members;
  }
  return Status::Ok();
}

// Cuts a range to LIMIT's part, counted in the direction the range is read.
RankRange ApplyLimit(const RankRange& range, const RangeRequest& request) {
  if (request.offset < 0 || static_cast<uint64_t>(request.offset) >= range.count) return {};
  const auto skipped = static_cast<uint64_t>(request.offset);
  uint64_t count = range.count - skipped;
  if (request.limit >= 0) count = std::min(count, static_cast<uint64_t>(request.limit));
  if (request.direction == Direction::kReverse) return {range.first + range.count - skipped - count, count};
  return {range.first + skipped, count};
}

RankRange Select(const SortedSetView& set, const RangeRequest& request) {
  if (request.by == RangeBy::kScore) return ApplyLimit(set.Select(request.scores), request);
  if (request.by == RangeBy::kLex) return ApplyLimit(set.Select(request.members), request);
  const uint64_t total = set.Count();
  const RankRange range = request.ranks.Within(total);
  if (request.direction != Direction::kReverse) return range;
  return {total - range.first - range.count, range.count};
}

Status ReplyRange(CommandContext& context, Args args, RangeRequest request) {
  if (Status error = ParseRange(args, 1, request); !error.ok()) return error;
  const KeySlot slot = context.FindForRead(args[1]);
  if (Status error = slot.Require(ValueType::kSortedSet); !error.ok()) return error;
  RespWriter& reply = context.reply();
  if (!slot.Exists()) {
    reply.EmptyArray();
    return Status::Ok();
  }
  const SortedSetView set = SortedSetView::Of(slot);
  const RankRange range = Select(set, request);
  WriteElementsHeader(reply, range.count, request.with_scores);
  set.VisitRange(range, request.direction == Direction::kReverse, [&](std::string_view member, double score) {
    WriteElement(reply, member, score, request.with_scores);
  });
  return Status::Ok();
}

// ZRANGE key start stop [BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES] -> the members of the range.
Status Zrange(CommandContext& context, Args args) { return ReplyRange(context, args, {}); }
// ZREVRANGE key start stop [WITHSCORES]: ranks from the highest score on.
Status Zrevrange(CommandContext& context, Args args) {
  return ReplyRange(context, args, {.by = RangeBy::kRank, .direction = Direction::kReverse});
}
// ZRANGEBYSCORE key min max [WITHSCORES] [LIMIT offset count].
Status Zrangebyscore(CommandContext& context, Args args) {
  return ReplyRange(context, args, {.by = RangeBy::kScore, .direction = Direction::kForward});
}
// ZREVRANGEBYSCORE key max min [WITHSCORES] [LIMIT offset count].
Status Zrevrangebyscore(CommandContext& context, Args args) {
  return ReplyRange(context, args, {.by = RangeBy::kScore, .direction = Direction::kReverse});
}
// ZRANGEBYLEX key min max [LIMIT offset count].
Status Zrangebylex(CommandContext& context, Args args) {
  return ReplyRange(context, args, {.by = RangeBy::kLex, .direction = Direction::kForward});
}
// ZREVRANGEBYLEX key max min [LIMIT offset count].
Status Zrevrangebylex(CommandContext& context, Args args) {
  return ReplyRange(context, args, {.by = RangeBy::kLex, .direction = Direction::kReverse});
}

// ZRANGESTORE destination source min max [BYSCORE | BYLEX] [REV] [LIMIT offset count] -> how many elements the new set
// has. Without any the destination goes.
Status Zrangestore(CommandContext& context, Args args) {
  RangeRequest request{.is_stored = true};
  if (Status error = ParseRange(args, 2, request); !error.ok()) return error;
  const KeySlot source = context.FindForRead(args[2]);
  if (Status error = source.Require(ValueType::kSortedSet); !error.ok()) return error;
  SortedSetBuilder result;
  if (source.Exists()) {
    const SortedSetView set = SortedSetView::Of(source);
    Status failure;
    set.VisitRange(Select(set, request), request.direction == Direction::kReverse,
                   [&](std::string_view member, double score) {
                     if (!failure.ok()) return;
                     Result<bool> added = result.Add(member, score);
                     if (!added) failure = added.error();
                   });
    if (!failure.ok()) return failure;
  }
  return StoreSortedSet(context, args[1], result, "zrangestore");
}

constexpr CommandSpec kSortedSetRangeCommands[] = {
    {.name = "zrange",
     .arity = -4,
     .flags = kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclSortedSet,
     .handler = Zrange,
     .group = CommandGroup::kSortedSet,
     .doc = {.summary = "Lists a range of a sorted set, by rank, score or member.",
             .since = "1.2.0",
             .complexity = "O(log(N)+M)",
             .arguments = "key:key@0 start:string stop:string [sortby:oneof(byscore:pure-token=BYSCORE "
                          "bylex:pure-token=BYLEX)!6.2.0] [rev:pure-token=REV!6.2.0] [limit:block(offset:integer "
                          "count:integer)=LIMIT!6.2.0] [withscores:pure-token=WITHSCORES]"}},
    {.name = "zrangebylex",
     .arity = -4,
     .flags = kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclSortedSet,
     .handler = Zrangebylex,
     .group = CommandGroup::kSortedSet,
     .doc = {.summary = "Lists the members of a sorted set within a range of members.",
             .since = "2.8.9",
             .complexity = "O(log(N)+M); O(log(N))",
             .arguments = "key:key@0 min:string max:string [limit:block(offset:integer count:integer)=LIMIT]"}},
    {.name = "zrangebyscore",
     .arity = -4,
     .flags = kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclSortedSet,
     .handler = Zrangebyscore,
     .group = CommandGroup::kSortedSet,
     .doc = {.summary = "Lists the members of a sorted set within a range of scores.",
             .since = "1.0.5",
             .complexity = "O(log(N)+M); O(log(N))",
             .arguments =
                 "key:key@0 min:double max:double [withscores:pure-token=WITHSCORES!2.0.0] [limit:block(offset:integer "
                 "count:integer)=LIMIT]"}},
    {.name = "zrangestore",
     .arity = -5,
     .flags = kDenyOom | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyOverwrite | kKeyUpdate), KeySpec::One(2, kKeyReadOnly | kKeyAccess)),
     .acl = kAclSortedSet,
     .handler = Zrangestore,
     .group = CommandGroup::kSortedSet,
     .doc = {.summary = "Stores a range of a sorted set under a key.",
             .since = "6.2.0",
             .complexity = "O(log(N)+M)",
             .arguments =
                 "dst:key@0 src:key@1 min:string max:string [sortby:oneof(byscore:pure-token=BYSCORE "
                 "bylex:pure-token=BYLEX)] [rev:pure-token=REV] [limit:block(offset:integer count:integer)=LIMIT]"}},
    {.name = "zrevrange",
     .arity = -4,
     .flags = kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclSortedSet,
     .handler = Zrevrange,
     .group = CommandGroup::kSortedSet,
     .doc = {.summary = "Lists a range of ranks of a sorted set, highest score first.",
             .since = "1.2.0",
             .complexity = "O(log(N)+M)",
             .arguments = "key:key@0 start:integer stop:integer [withscores:pure-token=WITHSCORES]"}},
    {.name = "zrevrangebylex",
     .arity = -4,
     .flags = kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclSortedSet,
     .handler = Zrevrangebylex,
     .group = CommandGroup::kSortedSet,
     .doc = {.summary = "Lists the members of a sorted set within a range of members, last first.",
             .since = "2.8.9",
             .complexity = "O(log(N)+M); O(log(N))",
             .arguments = "key:key@0 max:string min:string [limit:block(offset:integer count:integer)=LIMIT]"}},
    {.name = "zrevrangebyscore",
     .arity = -4,
     .flags = kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclSortedSet,
     .handler = Zrevrangebyscore,
     .group = CommandGroup::kSortedSet,
     .doc = {.summary = "Lists the members of a sorted set within a range of scores, highest first.",
             .since = "2.2.0",
             .complexity = "O(log(N)+M); O(log(N))",
             .arguments =
                 "key:key@0 max:double min:double [withscores:pure-token=WITHSCORES] [limit:block(offset:integer "
                 "count:integer)=LIMIT]"}},
};
}  // namespace

std::span<const CommandSpec> SortedSetRangeCommands() { return kSortedSetRangeCommands; }

}  // namespace cachenode
