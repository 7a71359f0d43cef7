// One sorted set: its members, their scores and their ranks, some of them at random.
#include <array>
#include <optional>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "protocol/resp_writer.h"
#include "server/arg_parser.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/commands/families.h"
#include "server/commands/member_scan.h"
#include "server/commands/reply_limit.h"
#include "server/commands/sampling.h"
#include "server/commands/sorted_set_bounds.h"
#include "server/commands/sorted_set_reply.h"
#include "server/config/config.h"
#include "storage/base/numbers.h"

namespace cachenode {
namespace {

// Distinct draws are remembered while the set is at least this many times what is wanted; else the set is gone through.
constexpr uint64_t kDrawsWorthRemembering = 8;
// No client can take a reply of so many members.
constexpr uint64_t kDrawsMax = uint64_t{1} << 30;

// --- ZADD, ZINCRBY -----------------------------------------------------------------------------------------------

struct AddOptions {
  ScoreUpdate update;
  bool counts_changed = false;  // CH.
  size_t pairs_at = 2;          // Where scores and members begin.
};

Status CheckAddOptions(Args args, const AddOptions& options) {
  const ScoreUpdate& update = options.update;
  const size_t rest = args.size() - options.pairs_at;
  if (rest == 0 || rest % 2 != 0) return Err::kSyntax;
  if (update.only_new && update.only_existing) {
    return Status::Text("ERR XX and NX options at the same time are not compatible");
  }
  if (static_cast<int>(update.only_greater) + static_cast<int>(update.only_less) + static_cast<int>(update.only_new) >
      1) {
    return Status::Text("ERR GT, LT, and/or NX options at the same time are not compatible");
  }
  if (update.increments && rest > 2) return Status::Text("ERR INCR option supports a single increment-element pair");
  return Status::Ok();
}

// Options end at the first argument that is none of them, which nearly always is a number.
Status ParseAddOptions(Args args, AddOptions& options) {
  ArgParser parser(args, 2);
  const auto begins_number = [](std::string_view word) { return !word.empty() && IsDigitAscii(word.front()); };
  while (parser.HasNext() && !begins_number(parser.Peek())) {
    if (parser.Match("nx")) {
      options.update.only_new = true;
    } else if (parser.Match("xx")) {
      options.update.only_existing = true;
    } else if (parser.Match("gt")) {
      options.update.only_greater = true;
    } else if (parser.Match("lt")) {
      options.update.only_less = true;
    } else if (parser.Match("ch")) {
      options.counts_changed = true;
    } else if (parser.Match("incr")) {
      options.update.increments = true;
    } else {
      break;
    }
  }
  options.pairs_at = parser.position();
  return CheckAddOptions(args, options);
}

// The scores of a ZADD, read before anything is changed.
class AddScores {
 public:
  Status Parse(Args pairs) {
    const size_t count = pairs.size() / 2;
    double* to = few_.data();
    if (count > few_.size()) {
      many_.resize(count);
      to = many_.data();
    }
    scores_ = to;
    for (size_t i = 0; i < count; ++i) {
      if (!TryParseDouble(pairs[2 * i], to[i])) return Err::kNotFloat;
    }
    return Status::Ok();
  }
  [[nodiscard]] double operator[](size_t index) const { return scores_[index]; }

 private:
  std::array<double, 8> few_;
  std::vector<double> many_;
  const double* scores_ = nullptr;
};

struct AddTotals {
  int64_t added = 0;
  int64_t updated = 0;
  SortedSetValue::Added last;
};

Status AddPairs(KeySlot& slot, Args pairs, const AddScores& scores, const ScoreUpdate& update, AddTotals& totals) {
  SortedSetValue set(slot);
  for (size_t i = 0; i < pairs.size() / 2; ++i) {
    Result<SortedSetValue::Added> added = set.Put(pairs[2 * i + 1], scores[i], update);
    if (!added) return added.error();
    totals.last = *added;
    totals.added += added->outcome == SortedSetValue::Outcome::kAdded ? 1 : 0;
    totals.updated += added->outcome == SortedSetValue::Outcome::kUpdated ? 1 : 0;
  }
  return Status::Ok();
}

Status AddTo(CommandContext& context, Args args, const AddOptions& options) {
  const Args pairs = args.subspan(options.pairs_at);
  AddScores scores;
  if (Status error = scores.Parse(pairs); !error.ok()) return error;
  KeySlot slot = context.FindForWrite(args[1]);
  if (Status error = slot.Require(ValueType::kSortedSet); !error.ok()) return error;
  AddTotals totals;
  Status status = AddPairs(slot, pairs, scores, options.update, totals);
  const bool increments = options.update.increments;
  if (totals.added + totals.updated > 0) context.Notify(kNotifyZset, increments ? "zincr" : "zadd", args[1]);
  if (!status.ok()) return status;
  if (!increments) {
    context.reply().Integer(totals.added + (options.counts_changed ? totals.updated : 0));
  } else if (totals.last.outcome == SortedSetValue::Outcome::kRefused) {
    context.reply().Null();
  } else {
    context.reply().Double(totals.last.score);
  }
  return Status::Ok();
}

// The one member of a ZADD without options.
Status AddOne(CommandContext& context, Args args, double score) {
  KeySlot slot = context.FindForWrite(args[1]);
  if (Status error = slot.Require(ValueType::kSortedSet); !error.ok()) return error;
  Result<SortedSetValue::Added> added = SortedSetValue(slot).Put(args[3], score, ScoreUpdate());
  if (!added) return added.error();
  if (added->outcome != SortedSetValue::Outcome::kUnchanged) context.Notify(kNotifyZset, "zadd", args[1]);
  context.reply().Integer(added->outcome == SortedSetValue::Outcome::kAdded ? 1 : 0);
  return Status::Ok();
}

// ZADD key [NX | XX] [GT | LT] [CH] [INCR] score member [score member ...] -> how many were added, with CH also how
// many got another score; with INCR the new score, nil when the options forbade it.
Status Zadd(CommandContext& context, Args args) {
  double score = 0;  // No option is a number.
  if (args.size() == 4 && TryParseDouble(args[2], score)) [[likely]]
    return AddOne(context, args, score);
  AddOptions options;
  if (Status error = ParseAddOptions(args, options); !error.ok()) return error;
  return AddTo(context, args, options);
}

// ZINCRBY key increment member -> the new score.
Status Zincrby(CommandContext& context, Args args) {
  AddOptions options;
  options.update.increments = true;
  return AddTo(context, args, options);
}

// ZREM key member [member ...] -> how many were there.
Status Zrem(CommandContext& context, Args args) {
  KeySlot slot = context.FindForWrite(args[1]);
  if (Status error = slot.Require(ValueType::kSortedSet); !error.ok()) return error;
  SortedSetValue set(slot);
  int64_t removed_count = 0;
  Status status;
  for (const std::string_view member : args.subspan(2)) {
    Result<bool> removed = set.Remove(member);
    if (!removed) {
      status = removed.error();
      break;
    }
    removed_count += *removed ? 1 : 0;
  }
  if (removed_count > 0) {
    context.Notify(kNotifyZset, "zrem", args[1]);
    if (!slot.Exists()) context.Notify(kNotifyGeneric, "del", args[1]);
  }
  if (status.ok()) context.reply().Integer(removed_count);
  return status;
}

// --- Looking -----------------------------------------------------------------------------------------------------

// ZCARD key -> how many members.
Status Zcard(CommandContext& context, Args args) {
  const KeySlot slot = context.FindForRead(args[1]);
  if (Status error = slot.Require(ValueType::kSortedSet); !error.ok()) return error;
  context.reply().Integer(slot.Exists() ? static_cast<int64_t>(SortedSetView::Of(slot).Count()) : 0);
  return Status::Ok();
}

void WriteScoreOrNull(RespWriter& reply, const KeySlot& slot, std::string_view member) {
  const std::optional<double> score = slot.Exists() ? SortedSetView::Of(slot).Score(member) : std::nullopt;
  if (score) {
    reply.Double(*score);
  } else {
    reply.Null();
  }
}

// ZSCORE key member -> the score, nil when there is no such member.
Status Zscore(CommandContext& context, Args args) {
  const KeySlot slot = context.FindForRead(args[1]);
  if (Status error = slot.Require(ValueType::kSortedSet); !error.ok()) return error;
  WriteScoreOrNull(context.reply(), slot, args[2]);
  return Status::Ok();
}

// ZMSCORE key member [member ...] -> each score, nil where there is no such member.
Status Zmscore(CommandContext& context, Args args) {
  const KeySlot slot = context.FindForRead(args[1]);
  if (Status error = slot.Require(ValueType::kSortedSet); !error.ok()) return error;
  context.reply().ArrayHeader(args.size() - 2);
  for (const std::string_view member : args.subspan(2)) WriteScoreOrNull(context.reply(), slot, member);
  return Status::Ok();
}

Status Rank(CommandContext& context, Args args, bool is_reverse) {
  const bool with_score = args.size() > 3;
  if (args.size() > 4 || (with_score && !context.config().engine_version.AtLeast(7, 2))) return Err::kArity;
  if (with_score && !EqualsIgnoreCase(args[3], "withscore")) return Err::kSyntax;
  const KeySlot slot = context.FindForRead(args[1]);
  if (Status error = slot.Require(ValueType::kSortedSet); !error.ok()) return error;
  RespWriter& reply = context.reply();
  std::optional<SortedSetView::Ranked> found;
  uint64_t count = 0;
  if (slot.Exists()) {
    const SortedSetView set = SortedSetView::Of(slot);
    found = set.Rank(args[2]);
    count = set.Count();
  }
  if (!found) {
    with_score ? reply.NullArray() : reply.Null();
    return Status::Ok();
  }
  if (with_score) reply.ArrayHeader(2);
  reply.Integer(static_cast<int64_t>(is_reverse ? count - 1 - found->rank : found->rank));
  if (with_score) reply.Double(found->score);
  return Status::Ok();
}

// ZRANK key member [WITHSCORE] -> the rank from the lowest score on, nil when there is no such member.
Status Zrank(CommandContext& context, Args args) { return Rank(context, args, false); }
// ZREVRANK key member [WITHSCORE] -> the same from the highest score on.
Status Zrevrank(CommandContext& context, Args args) { return Rank(context, args, true); }

template <typename Range>
Status Count(CommandContext& context, Args args, Result<Range> range) {
  if (!range) return range.error();
  const KeySlot slot = context.FindForRead(args[1]);
  if (Status error = slot.Require(ValueType::kSortedSet); !error.ok()) return error;
  context.reply().Integer(slot.Exists() ? static_cast<int64_t>(SortedSetView::Of(slot).Select(*range).count) : 0);
  return Status::Ok();
}

// ZCOUNT key min max -> how many members have a score in the range.
Status Zcount(CommandContext& context, Args args) { return Count(context, args, ParseScoreRange(args[2], args[3])); }
// ZLEXCOUNT key min max -> how many members are in the range, all scores being equal.
Status Zlexcount(CommandContext& context, Args args) { return Count(context, args, ParseLexRange(args[2], args[3])); }

// --- ZRANDMEMBER -------------------------------------------------------------------------------------------------

void WriteAtRank(RespWriter& reply, const SortedSetView& set, uint64_t rank, bool with_scores) {
  SortedSetView::Cursor cursor(set, rank);
  WriteElement(reply, cursor.member(), cursor.score(), with_scores);
}

void WriteDistinct(CommandContext& context, const SortedSetView& set, uint64_t wanted, bool with_scores) {
  RespWriter& reply = context.reply();
  const uint64_t total = set.Count();
  wanted = std::min(wanted, total);
  WriteElementsHeader(reply, wanted, with_scores);
  if (wanted * kDrawsWorthRemembering <= total) {
    std::unordered_set<uint64_t> drawn;
    while (drawn.size() < wanted) {
      const uint64_t rank = context.random().Below(total);
      if (drawn.insert(rank).second) WriteAtRank(reply, set, rank, with_scores);
    }
    return;
  }
  SubsetSampler sampler(static_cast<size_t>(wanted), static_cast<size_t>(total), context.random());
  for (SortedSetView::Cursor cursor(set, 0); !sampler.Done(); cursor.Next()) {
    if (sampler.Take()) WriteElement(reply, cursor.member(), cursor.score(), with_scores);
  }
}

Status RandomMembers(CommandContext& context, Args args) {
  Result<SampleCount> wanted = ParseSampleCount(args[2]);
  if (!wanted) return wanted.error();
  const bool with_scores = args.size() == 4;
  if (args.size() > 4 || (with_scores && !EqualsIgnoreCase(args[3], "withscores"))) return Err::kSyntax;
  if (with_scores && wanted->count > static_cast<uint64_t>(INT64_MAX / 2)) return Err::kOutOfRange;
  const KeySlot slot = context.FindForRead(args[1]);
  if (Status error = slot.Require(ValueType::kSortedSet); !error.ok()) return error;
  RespWriter& reply = context.reply();
  if (!slot.Exists() || wanted->count == 0) {
    reply.EmptyArray();
    return Status::Ok();
  }
  const SortedSetView set = SortedSetView::Of(slot);
  if (wanted->distinct) {
    WriteDistinct(context, set, wanted->count, with_scores);
    return Status::Ok();
  }
  const ReplyLimit limit(context);
  if (wanted->count > kDrawsMax && !limit.IsSet()) return Err::kOutOfRange;
  WriteElementsHeader(reply, wanted->count, with_scores);
  const uint64_t total = set.Count();
  for (uint64_t i = 0; i < wanted->count && !limit.IsExceeded(); ++i) {
    WriteAtRank(reply, set, context.random().Below(total), with_scores);
  }
  return Status::Ok();
}

// ZRANDMEMBER key [count [WITHSCORES]] -> a member at random, nil when the key is missing; with a count a list of
// distinct members, or with a negative one of as many draws.
Status Zrandmember(CommandContext& context, Args args) {
  if (args.size() > 2) return RandomMembers(context, args);
  const KeySlot slot = context.FindForRead(args[1]);
  if (Status error = slot.Require(ValueType::kSortedSet); !error.ok()) return error;
  if (!slot.Exists()) {
    context.reply().Null();
    return Status::Ok();
  }
  const SortedSetView set = SortedSetView::Of(slot);
  WriteAtRank(context.reply(), set, context.random().Below(set.Count()), false);
  return Status::Ok();
}

// --- ZSCAN -------------------------------------------------------------------------------------------------------

// Scores are bulk strings here in every protocol version.
void WriteScanned(RespWriter& reply, std::string_view member, double score, const MemberScanOptions& options) {
  reply.Bulk(member);
  if (options.bare) return;
  std::array<char, kDoubleCharsMax> text;
  const char* const end = FormatDouble(score, reply.double_rule(), text.data());
  reply.Bulk({text.data(), static_cast<size_t>(end - text.data())});
}

// ZSCAN key cursor [MATCH pattern] [COUNT count] [NOSCORES] -> the next cursor and some members with their scores.
Status Zscan(CommandContext& context, Args args) {
  uint64_t cursor = 0;
  if (Status error = ParseScanCursor(args[2], cursor); !error.ok()) return error;
  const KeySlot slot = context.FindForRead(args[1]);
  if (Status error = slot.Require(ValueType::kSortedSet); !error.ok()) return error;
  RespWriter& reply = context.reply();
  if (!slot.Exists()) {
    WriteEmptyScan(reply);
    return Status::Ok();
  }
  MemberScanOptions options;
  const bool knows_noscores = context.config().engine_version.AtLeastValkey(8, 1);
  if (Status error = ParseMemberScan(context, args, knows_noscores ? "noscores" : "", options); !error.ok()) {
    return error;
  }
  const SortedSetView set = SortedSetView::Of(slot);
  const size_t items = options.bare ? 1 : 2;
  if (!set.is_packed()) {
    WriteTableScan(reply, set.index(), cursor, options, items,
                   [&](const PackedRecord& record) { WriteScanned(reply, record.key, RecordScore(record), options); });
    return Status::Ok();
  }
  reply.ArrayHeader(2);
  reply.Bulk("0");
  const RespWriter::Deferred members = reply.DeferArray();
  size_t written = 0;
  set.ForEach([&](std::string_view member, double score) {
    if (!options.Takes(member)) return;
    WriteScanned(reply, member, score, options);
    written += items;
  });
  reply.Close(members, written);
  return Status::Ok();
}

constexpr CommandSpec kSortedSetCommands[] = {
    {.name = "zadd",
     .arity = -4,
     .flags = kDenyOom | kFast | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyUpdate)),
     .acl = kAclSortedSet,
     .handler = Zadd,
     .group = CommandGroup::kSortedSet,
     .doc = {.summary = "Adds members to a sorted set, or changes their scores.",
             .since = "1.2.0",
             .complexity = "O(log(N))",
             .arguments = "key:key@0 [condition:oneof(nx:pure-token=NX xx:pure-token=XX)!3.0.2] "
                          "[comparison:oneof(gt:pure-token=GT lt:pure-token=LT)!6.2.0] [change:pure-token=CH!3.0.2] "
                          "[increment:pure-token=INCR!3.0.2] data:block(score:double member:string)*"}},
    {.name = "zcard",
     .arity = 2,
     .flags = kFast | kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly)),
     .acl = kAclSortedSet,
     .handler = Zcard,
     .group = CommandGroup::kSortedSet,
     .doc = {.summary = "Tells how many members a sorted set has.",
             .since = "1.2.0",
             .complexity = "O(1)",
             .arguments = "key:key@0"}},
    {.name = "zcount",
     .arity = 4,
     .flags = kFast | kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclSortedSet,
     .handler = Zcount,
     .group = CommandGroup::kSortedSet,
     .doc = {.summary = "Counts the members of a sorted set within a range of scores.",
             .since = "2.0.0",
             .complexity = "O(log(N))",
             .arguments = "key:key@0 min:double max:double"}},
    {.name = "zincrby",
     .arity = 4,
     .flags = kDenyOom | kFast | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyAccess | kKeyUpdate)),
     .acl = kAclSortedSet,
     .handler = Zincrby,
     .group = CommandGroup::kSortedSet,
     .doc = {.summary = "Adds to the score of a member of a sorted set.",
             .since = "1.2.0",
             .complexity = "O(log(N))",
             .arguments = "key:key@0 increment:integer member:string"}},
    {.name = "zlexcount",
     .arity = 4,
     .flags = kFast | kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclSortedSet,
     .handler = Zlexcount,
     .group = CommandGroup::kSortedSet,
     .doc = {.summary = "Counts the members of a sorted set within a range of members.",
             .since = "2.8.9",
             .complexity = "O(log(N))",
             .arguments = "key:key@0 min:string max:string"}},
    {.name = "zmscore",
     .arity = -3,
     .flags = kFast | kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclSortedSet,
     .handler = Zmscore,
     .group = CommandGroup::kSortedSet,
     .doc = {.summary = "Tells the scores of several members of a sorted set.",
             .since = "6.2.0",
             .complexity = "O(N)",
             .arguments = "key:key@0 member:string*"}},
    {.name = "zrandmember",
     .arity = -2,
     .flags = kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclSortedSet,
     .handler = Zrandmember,
     .group = CommandGroup::kSortedSet,
     .doc = {.summary = "Answers members of a sorted set chosen at random.",
             .since = "6.2.0",
             .complexity = "O(N)",
             .arguments = "key:key@0 [options:block(count:integer [withscores:pure-token=WITHSCORES])]",
             .tips = "nondeterministic_output"}},
    {.name = "zrank",
     .arity = -3,
     .flags = kFast | kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclSortedSet,
     .handler = Zrank,
     .group = CommandGroup::kSortedSet,
     .doc = {.summary = "Tells the rank of a member of a sorted set, lowest score first.",
             .since = "2.0.0",
             .complexity = "O(log(N))",
             .arguments = "key:key@0 member:string [withscore:pure-token=WITHSCORE]"}},
    {.name = "zrem",
     .arity = -3,
     .flags = kFast | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyDelete)),
     .acl = kAclSortedSet,
     .handler = Zrem,
     .group = CommandGroup::kSortedSet,
     .doc = {.summary = "Removes members from a sorted set.",
             .since = "1.2.0",
             .complexity = "O(M*log(N))",
             .arguments = "key:key@0 member:string*"}},
    {.name = "zrevrank",
     .arity = -3,
     .flags = kFast | kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclSortedSet,
     .handler = Zrevrank,
     .group = CommandGroup::kSortedSet,
     .doc = {.summary = "Tells the rank of a member of a sorted set, highest score first.",
             .since = "2.0.0",
             .complexity = "O(log(N))",
             .arguments = "key:key@0 member:string [withscore:pure-token=WITHSCORE]"}},
    {.name = "zscan",
     .arity = -3,
     .flags = kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclSortedSet,
     .handler = Zscan,
     .group = CommandGroup::kSortedSet,
     .doc = {.summary = "Walks over the members and scores of a sorted set, a few at a time.",
             .since = "2.8.0",
             .complexity = "O(1); O(N)",
             .arguments = "key:key@0 cursor:integer [pattern:pattern=MATCH] [count:integer=COUNT]",
             .tips = "nondeterministic_output"}},
    {.name = "zscore",
     .arity = 3,
     .flags = kFast | kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclSortedSet,
     .handler = Zscore,
     .group = CommandGroup::kSortedSet,
     .doc = {.summary = "Tells the score of a member of a sorted set.",
             .since = "1.2.0",
             .complexity = "O(1)",
             .arguments = "key:key@0 member:string"}},
};
}  // namespace

std::span<const CommandSpec> SortedSetCommands() { return kSortedSetCommands; }

}  // namespace cachenode
