// Several sorted sets and sets: union, intersection and difference, as a reply, as a count, or stored under a key.
#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/resp_writer.h"
#include "server/arg_parser.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/commands/families.h"
#include "server/commands/sorted_set_reply.h"
#include "server/commands/sorted_set_store.h"
#include "storage/base/function_ref.h"
#include "storage/value/packed_table.h"
#include "storage/value/set_value.h"

namespace cachenode {
namespace {

enum class Aggregate : uint8_t { kSum, kMin, kMax };
enum class Operation : uint8_t { kUnion, kIntersection, kDifference };

// False ends the walk.
using ElementVisitor = FunctionRef<bool(std::string_view member, double score)>;

// A sorted set, or a set whose members all have the score 1. Views live until the next change.
class Source {
 public:
  Source() = default;  // Of a missing key: empty.
  explicit Source(const KeySlot& slot) {
    if (!slot.Exists()) return;
    if (slot.type() == ValueType::kSet) {
      set_ = SetView::Of(slot);
    } else {
      sorted_ = SortedSetView::Of(slot);
    }
  }

  [[nodiscard]] uint64_t Count() const { return sorted_ ? sorted_->Count() : set_ ? set_->Count() : 0; }
  [[nodiscard]] std::optional<double> Score(std::string_view member) const {
    if (sorted_) return sorted_->Score(member);
    return set_ && set_->Contains(member) ? std::optional<double>(1.0) : std::nullopt;
  }
  void ForEach(ElementVisitor visit) const {
    if (sorted_) {
      for (SortedSetView::Cursor cursor(*sorted_, 0); !cursor.IsEnd(); cursor.Next()) {
        if (!visit(cursor.member(), cursor.score())) return;
      }
    } else if (set_) {
      ListpackElement member;
      ListpackScratch scratch;
      for (SetView::Iterator members(*set_); members.Next(member);) {
        if (!visit(member.Read(scratch), 1.0)) return;
      }
    }
  }
  // infinity * 0 counts as 0.
  [[nodiscard]] double Weighted(double score) const {
    const double weighted = score * weight_;
    return std::isnan(weighted) ? 0 : weighted;
  }
  void SetWeight(double weight) { weight_ = weight; }

 private:
  std::optional<SortedSetView> sorted_;
  std::optional<SetView> set_;
  double weight_ = 1;
};

struct Request {
  Operation operation = Operation::kUnion;
  bool is_stored = false;
  bool is_counted = false;  // ZINTERCARD.
  std::vector<Source> sources = {};
  Aggregate aggregate = Aggregate::kSum;
  bool with_scores = false;
  uint64_t limit = 0;  // Of a count; 0: none.

  [[nodiscard]] double Combine(double a, double b) const {
    if (aggregate == Aggregate::kMin) return std::min(a, b);
    if (aggregate == Aggregate::kMax) return std::max(a, b);
    const double sum = a + b;
    return std::isnan(sum) ? 0 : sum;  // Infinities of both signs.
  }
};

// --- Reading the command -----------------------------------------------------------------------------------------

Status FindSources(CommandContext& context, Args keys, Request& request) {
  // All slots first: finding a key may move others.
  std::vector<KeySlot> slots;
  slots.reserve(keys.size());
  for (const std::string_view key : keys) {
    const KeySlot& slot = slots.emplace_back(context.FindForRead(key));
    if (slot.Exists() && slot.type() != ValueType::kSet && slot.type() != ValueType::kSortedSet) return Err::kWrongType;
  }
  request.sources.reserve(keys.size());
  for (const KeySlot& slot : slots) request.sources.emplace_back(slot);
  return Status::Ok();
}

void ParseAggregate(ArgParser& parser, Request& request) {
  if (parser.Match("sum")) {
    request.aggregate = Aggregate::kSum;
  } else if (parser.Match("min")) {
    request.aggregate = Aggregate::kMin;
  } else if (parser.Match("max")) {
    request.aggregate = Aggregate::kMax;
  } else {
    parser.Fail(Err::kSyntax);
  }
}

void ParseWeights(ArgParser& parser, Request& request) {
  for (Source& source : request.sources) {
    double weight = 1;
    if (!TryParseDouble(parser.NextString(), weight))
      return parser.Fail(Status::Text("ERR weight value is not a float"));
    source.SetWeight(weight);
  }
}

void ParseLimit(ArgParser& parser, Request& request) {
  int64_t limit = 0;
  if (!TryParseInt64(parser.NextString(), limit) || limit < 0) {
    return parser.Fail(Status::Text("ERR LIMIT can't be negative"));
  }
  request.limit = static_cast<uint64_t>(limit);
}

Status ParseOptions(Args args, size_t at, Request& request) {
  const bool combines = request.operation != Operation::kDifference && !request.is_counted;
  ArgParser parser(args, at);
  while (parser.HasNext()) {
    if (combines && parser.Match("weights", request.sources.size())) {
      ParseWeights(parser, request);
    } else if (combines && parser.Match("aggregate", 1)) {
      ParseAggregate(parser, request);
    } else if (!request.is_stored && !request.is_counted && parser.Match("withscores")) {
      request.with_scores = true;
    } else if (request.is_counted && parser.Match("limit", 1)) {
      ParseLimit(parser, request);
    } else {
      return Err::kSyntax;
    }
  }
  return parser.Finish();
}

// Reads numkeys at args[at] and all behind it, and finds the sources.
Status ParseRequest(CommandContext& context, Args args, size_t at, Request& request) {
  int64_t key_count = 0;
  if (!TryParseInt64(args[at], key_count)) return Err::kNotInteger;
  if (key_count < 1) {
    std::string text = "ERR at least 1 input key is needed for '";
    text.append(context.command().full_name).append("' command");
    return Status::Text(std::move(text));
  }
  if (static_cast<uint64_t>(key_count) > args.size() - at - 1) return Err::kSyntax;
  const Args keys = args.subspan(at + 1, static_cast<size_t>(key_count));
  if (Status error = FindSources(context, keys, request); !error.ok()) return error;
  return ParseOptions(args, at + 1 + keys.size(), request);
}

// --- The operations ----------------------------------------------------------------------------------------------

void SmallestFirst(std::vector<Source>& sources) {
  std::stable_sort(sources.begin(), sources.end(),
                   [](const Source& a, const Source& b) { return a.Count() < b.Count(); });
}

// Members of the smallest source are looked up in the others.
void Intersect(Request& request, ElementVisitor visit) {
  SmallestFirst(request.sources);
  const Source& first = request.sources.front();
  first.ForEach([&](std::string_view member, double score) {
    double combined = first.Weighted(score);
    for (size_t i = 1; i < request.sources.size(); ++i) {
      const Source& other = request.sources[i];
      const std::optional<double> found = other.Score(member);
      if (!found) return true;
      combined = request.Combine(combined, other.Weighted(*found));
    }
    return visit(member, combined);
  });
}

void Subtract(Request& request, ElementVisitor visit) {
  const std::vector<Source>& sources = request.sources;
  sources.front().ForEach([&](std::string_view member, double score) {
    for (size_t i = 1; i < sources.size(); ++i) {
      if (sources[i].Score(member)) return true;
    }
    return visit(member, score);
  });
}

// The scores of a union while it is made.
class ScoreSums {
 public:
  ScoreSums() : table_(PackedTable::Create(RecordPayload::kScore)) {}
  ScoreSums(const ScoreSums&) = delete;
  ScoreSums& operator=(const ScoreSums&) = delete;
  ~ScoreSums() {
    if (table_ != nullptr) PackedTable::Drop(table_);
  }

  // False when there is no memory.
  bool Add(const Request& request, std::string_view member, double score) {
    if (table_ == nullptr) return false;
    bool existed = false;
    // Sums change, so each gets room for any score.
    char* const payload = table_->Put(member, HashKey(member), kRecordScoreBytesMax, existed);
    if (payload == nullptr) return false;
    const double sum = existed ? request.Combine(RecordScore({member, payload}), score) : score;
    PutRecordScore(payload, kRecordScoreBytesMax, sum, 0);
    return true;
  }
  void ForEach(ElementVisitor visit) const {
    table_->ForEach([&](const PackedRecord& record) { return visit(record.key, RecordScore(record)); });
  }

 private:
  PackedTable* table_;
};

Status Unite(Request& request, ElementVisitor visit) {
  SmallestFirst(request.sources);
  if (request.sources.size() == 1) {
    const Source& only = request.sources.front();
    only.ForEach([&](std::string_view member, double score) { return visit(member, only.Weighted(score)); });
    return Status::Ok();
  }
  ScoreSums sums;
  bool is_done = true;
  for (const Source& source : request.sources) {
    source.ForEach([&](std::string_view member, double score) {
      is_done = sums.Add(request, member, source.Weighted(score));
      return is_done;
    });
    if (!is_done) return Err::kOutOfMemory;
  }
  sums.ForEach(visit);
  return Status::Ok();
}

Status Run(Request& request, ElementVisitor visit) {
  switch (request.operation) {
    case Operation::kUnion:
      return Unite(request, visit);
    case Operation::kIntersection:
      Intersect(request, visit);
      break;
    case Operation::kDifference:
      Subtract(request, visit);
      break;
  }
  return Status::Ok();
}

Status Build(Request& request, SortedSetBuilder& result) {
  Status failure;
  Status status = Run(request, [&](std::string_view member, double score) {
    Result<bool> added = result.Add(member, score);
    if (!added) failure = added.error();
    return added.ok();
  });
  return status.ok() ? std::move(failure) : std::move(status);
}

// --- The commands ------------------------------------------------------------------------------------------------

Status Reply(CommandContext& context, Args args, Operation operation) {
  Request request{.operation = operation};
  if (Status error = ParseRequest(context, args, 1, request); !error.ok()) return error;
  SortedSetBuilder result;
  if (Status error = Build(request, result); !error.ok()) return error;
  RespWriter& reply = context.reply();
  WriteElementsHeader(reply, result.count(), request.with_scores);
  result.View().ForEach(
      [&](std::string_view member, double score) { WriteElement(reply, member, score, request.with_scores); });
  return Status::Ok();
}

// `event` is the command's name.
Status Store(CommandContext& context, Args args, Operation operation, std::string_view event) {
  Request request{.operation = operation, .is_stored = true};
  if (Status error = ParseRequest(context, args, 2, request); !error.ok()) return error;
  SortedSetBuilder result;
  if (Status error = Build(request, result); !error.ok()) return error;
  return StoreSortedSet(context, args[1], result, event);
}

// ZUNION numkeys key [key ...] [WEIGHTS weight ...] [AGGREGATE SUM | MIN | MAX] [WITHSCORES] -> all elements.
Status Zunion(CommandContext& context, Args args) { return Reply(context, args, Operation::kUnion); }
// ZINTER, the same options -> the elements that all sources have.
Status Zinter(CommandContext& context, Args args) { return Reply(context, args, Operation::kIntersection); }
// ZDIFF numkeys key [key ...] [WITHSCORES] -> the elements of the first source that no other has.
Status Zdiff(CommandContext& context, Args args) { return Reply(context, args, Operation::kDifference); }

// ZUNIONSTORE, ZINTERSTORE, ZDIFFSTORE destination numkeys key [key ...] and options -> how many elements were stored.
Status Zunionstore(CommandContext& context, Args args) {
  return Store(context, args, Operation::kUnion, "zunionstore");
}
Status Zinterstore(CommandContext& context, Args args) {
  return Store(context, args, Operation::kIntersection, "zinterstore");
}
Status Zdiffstore(CommandContext& context, Args args) {
  return Store(context, args, Operation::kDifference, "zdiffstore");
}

// ZINTERCARD numkeys key [key ...] [LIMIT limit] -> how many members all sources have, counted up to the limit.
Status Zintercard(CommandContext& context, Args args) {
  Request request{.operation = Operation::kIntersection, .is_counted = true};
  if (Status error = ParseRequest(context, args, 1, request); !error.ok()) return error;
  uint64_t count = 0;
  Intersect(request, [&](std::string_view, double) { return ++count != request.limit; });
  context.reply().Integer(static_cast<int64_t>(count));
  return Status::Ok();
}

constexpr CommandSpec kSortedSetAlgebraCommands[] = {
    {.name = "zdiff",
     .arity = -3,
     .flags = kReadOnly,
     .keys = KeySpecs(KeySpec::Counted(1, 1, 1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclSortedSet,
     .handler = Zdiff,
     .group = CommandGroup::kSortedSet,
     .doc = {.summary = "Lists the elements of the first sorted set that no other has.",
             .since = "6.2.0",
             .complexity = "O(L + (N-K)log(N))",
             .arguments = "numkeys:integer key:key@0* [withscores:pure-token=WITHSCORES]"}},
    {.name = "zdiffstore",
     .arity = -4,
     .flags = kDenyOom | kWrite,
     .keys =
         KeySpecs(KeySpec::One(1, kKeyOverwrite | kKeyUpdate), KeySpec::Counted(2, 1, 1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclSortedSet,
     .handler = Zdiffstore,
     .group = CommandGroup::kSortedSet,
     .doc = {.summary = "Stores the elements of the first sorted set that no other has.",
             .since = "6.2.0",
             .complexity = "O(L + (N-K)log(N))",
             .arguments = "destination:key@0 numkeys:integer key:key@1*"}},
    {.name = "zinter",
     .arity = -3,
     .flags = kReadOnly,
     .keys = KeySpecs(KeySpec::Counted(1, 1, 1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclSortedSet,
     .handler = Zinter,
     .group = CommandGroup::kSortedSet,
     .doc = {.summary = "Lists the elements that all sorted sets have.",
             .since = "6.2.0",
             .complexity = "O(N*K); O(M*log(M))",
             .arguments = "numkeys:integer key:key@0* [weight:integer=WEIGHTS*] [aggregate:oneof(sum:pure-token=SUM "
                          "min:pure-token=MIN max:pure-token=MAX)=AGGREGATE] [withscores:pure-token=WITHSCORES]"}},
    {.name = "zintercard",
     .arity = -3,
     .flags = kReadOnly,
     .keys = KeySpecs(KeySpec::Counted(1, 1, 1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclSortedSet,
     .handler = Zintercard,
     .group = CommandGroup::kSortedSet,
     .doc = {.summary = "Counts the members that all sorted sets have.",
             .since = "7.0.0",
             .complexity = "O(N*K)",
             .arguments = "numkeys:integer key:key@0* [limit:integer=LIMIT]"}},
    {.name = "zinterstore",
     .arity = -4,
     .flags = kDenyOom | kWrite,
     .keys =
         KeySpecs(KeySpec::One(1, kKeyOverwrite | kKeyUpdate), KeySpec::Counted(2, 1, 1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclSortedSet,
     .handler = Zinterstore,
     .group = CommandGroup::kSortedSet,
     .doc = {.summary = "Stores the elements that all sorted sets have.",
             .since = "2.0.0",
             .complexity = "O(N*K); O(M*log(M))",
             .arguments = "destination:key@0 numkeys:integer key:key@1* [weight:integer=WEIGHTS*] "
                          "[aggregate:oneof(sum:pure-token=SUM min:pure-token=MIN max:pure-token=MAX)=AGGREGATE]"}},
    {.name = "zunion",
     .arity = -3,
     .flags = kReadOnly,
     .keys = KeySpecs(KeySpec::Counted(1, 1, 1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclSortedSet,
     .handler = Zunion,
     .group = CommandGroup::kSortedSet,
     .doc = {.summary = "Lists the elements of several sorted sets.",
             .since = "6.2.0",
             .complexity = "O(N); O(M*log(M))",
             .arguments = "numkeys:integer key:key@0* [weight:integer=WEIGHTS*] [aggregate:oneof(sum:pure-token=SUM "
                          "min:pure-token=MIN max:pure-token=MAX)=AGGREGATE] [withscores:pure-token=WITHSCORES]"}},
    {.name = "zunionstore",
     .arity = -4,
     .flags = kDenyOom | kWrite,
     .keys =
         KeySpecs(KeySpec::One(1, kKeyOverwrite | kKeyUpdate), KeySpec::Counted(2, 1, 1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclSortedSet,
     .handler = Zunionstore,
     .group = CommandGroup::kSortedSet,
     .doc = {.summary = "Stores the elements of several sorted sets.",
             .since = "2.0.0",
             .complexity = "O(N); O(M log(M))",
             .arguments = "destination:key@0 numkeys:integer key:key@1* [weight:integer=WEIGHTS*] "
                          "[aggregate:oneof(sum:pure-token=SUM min:pure-token=MIN max:pure-token=MAX)=AGGREGATE]"}},
};
}  // namespace

std::span<const CommandSpec> SortedSetAlgebraCommands() { return kSortedSetAlgebraCommands; }

}  // namespace cachenode
