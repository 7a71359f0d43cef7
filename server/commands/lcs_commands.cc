// LCS: the longest common subsequence of two strings.
#include <algorithm>
#include <limits>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/resp_writer.h"
#include "server/arg_parser.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/commands/families.h"
#include "server/config/config.h"

namespace cachenode {
namespace {

struct LcsOptions {
  bool length_only = false;
  bool indexes = false;
  bool with_match_lengths = false;
  int64_t match_length_min = 0;
};

Status ParseLcsOptions(Args args, LcsOptions& options) {
  ArgParser parser(args, 3);
  while (parser.HasNext()) {
    if (parser.Match("len")) {
      options.length_only = true;
    } else if (parser.Match("idx")) {
      options.indexes = true;
    } else if (parser.Match("withmatchlen")) {
      options.with_match_lengths = true;
    } else if (parser.Match("minmatchlen", 1)) {
      options.match_length_min = std::max(int64_t{0}, parser.NextInt64());
    } else {
      return Err::kSyntax;
    }
  }
  if (Status error = parser.Finish(); !error.ok()) return error;
  if (options.length_only && options.indexes) {
    return Status::Text("ERR If you want both the length and indexes, please just use IDX.");
  }
  return Status::Ok();
}

// A run of equal bytes: [a_first, a_last] of the first string equals [b_first, b_last] of the second.
struct LcsMatch {
  uint32_t a_first;
  uint32_t a_last;
  uint32_t b_first;
  uint32_t b_last;
};

// The dynamic programme over two strings: lengths of the longest common subsequence of every pair of prefixes.
class LcsTable {
 public:
  LcsTable(std::string_view a, std::string_view b) : a_(a), b_(b), width_(b.size() + 1) {}

  // False when there is no memory for it.
  bool Compute() {
    const size_t cells = (a_.size() + 1) * width_;
    lengths_.reset(new (std::nothrow) uint32_t[cells]);
    if (lengths_ == nullptr) return false;
    std::fill_n(lengths_.get(), width_, 0U);
    for (size_t i = 1; i <= a_.size(); ++i) ComputeRow(i);
    return true;
  }

  [[nodiscard]] uint32_t Length() const { return At(a_.size(), b_.size()); }

  // The subsequence itself and the runs it is made of, from the end of the strings to their beginning.
  void Trace(std::string& subsequence, std::vector<LcsMatch>& matches) const {
    subsequence.assign(Length(), '\0');
    size_t left = subsequence.size();
    size_t i = a_.size();
    size_t j = b_.size();
    while (i > 0 && j > 0) {
      if (a_[i - 1] == b_[j - 1]) {
        subsequence[--left] = a_[i - 1];
        AddToMatches(matches, static_cast<uint32_t>(i - 1), static_cast<uint32_t>(j - 1));
        --i;
        --j;
      } else if (At(i - 1, j) > At(i, j - 1)) {
        --i;
      } else {
        --j;
      }
    }
  }

 private:
  void ComputeRow(size_t i) {
    uint32_t* row = lengths_.get() + i * width_;
    const uint32_t* above = row - width_;
    row[0] = 0;
    for (size_t j = 1; j <= b_.size(); ++j) {
      row[j] = a_[i - 1] == b_[j - 1] ? above[j - 1] + 1 : std::max(above[j], row[j - 1]);
    }
  }
  [[nodiscard]] uint32_t At(size_t i, size_t j) const { return lengths_[i * width_ + j]; }

  static void AddToMatches(std::vector<LcsMatch>& matches, uint32_t a, uint32_t b) {
    if (!matches.empty() && matches.back().a_first == a + 1 && matches.back().b_first == b + 1) {
      matches.back().a_first = a;
      matches.back().b_first = b;
      return;
    }
    matches.push_back({a, a, b, b});
  }

  std::string_view a_;
  std::string_view b_;
  size_t width_;
  std::unique_ptr<uint32_t[]> lengths_;
};

void WriteMatch(RespWriter& reply, const LcsMatch& match, bool with_length) {
  reply.ArrayHeader(with_length ? 3 : 2);
  reply.ArrayHeader(2);
  reply.Integer(match.a_first);
  reply.Integer(match.a_last);
  reply.ArrayHeader(2);
  reply.Integer(match.b_first);
  reply.Integer(match.b_last);
  if (with_length) reply.Integer(match.a_last - match.a_first + 1);
}

void WriteIndexes(RespWriter& reply, const LcsOptions& options, const std::vector<LcsMatch>& matches, uint32_t length) {
  const auto long_enough = [&](const LcsMatch& match) {
    return static_cast<int64_t>(match.a_last - match.a_first) + 1 >= options.match_length_min;
  };
  reply.MapHeader(2);
  reply.Bulk("matches");
  reply.ArrayHeader(static_cast<size_t>(std::count_if(matches.begin(), matches.end(), long_enough)));
  for (const LcsMatch& match : matches) {
    if (long_enough(match)) WriteMatch(reply, match, options.with_match_lengths);
  }
  reply.Bulk("len");
  reply.Integer(length);
}

Status CheckLcsMemory(const CommandContext& context, size_t a_size, size_t b_size) {
  constexpr size_t kSizeMax = std::numeric_limits<uint32_t>::max() - 1;
  if (a_size >= kSizeMax || b_size >= kSizeMax) return Status::Text("ERR String too long for LCS");
  const uint64_t bytes = (uint64_t{a_size} + 1) * (uint64_t{b_size} + 1) * sizeof(uint32_t);
  if (bytes > static_cast<uint64_t>(context.config().proto_max_bulk_len)) {
    return Status::Text("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len");
  }
  return Status::Ok();
}

// LCS key1 key2 [LEN] [IDX] [MINMATCHLEN length] [WITHMATCHLEN] -> the subsequence, its length, or the matching runs.
Status Lcs(CommandContext& context, Args args) {
  const KeySlot first = context.FindForRead(args[1]);
  const KeySlot second = context.FindForRead(args[2]);
  if (!first.Require(ValueType::kString).ok() || !second.Require(ValueType::kString).ok()) {
    return Status::Text("ERR The specified keys must contain string values");
  }
  LcsOptions options;
  if (Status error = ParseLcsOptions(args, options); !error.ok()) return error;
  StringScratch first_scratch;
  StringScratch second_scratch;
  const std::string_view a = first.Exists() ? first.ReadString(first_scratch) : std::string_view();
  const std::string_view b = second.Exists() ? second.ReadString(second_scratch) : std::string_view();
  if (Status error = CheckLcsMemory(context, a.size(), b.size()); !error.ok()) return error;

  LcsTable table(a, b);
  if (!table.Compute()) {
    return Status::Text("ERR Insufficient memory, failed allocating transient memory for LCS");
  }
  if (options.length_only) {
    context.reply().Integer(table.Length());
    return Status::Ok();
  }
  std::string subsequence;
  std::vector<LcsMatch> matches;
  table.Trace(subsequence, matches);
  if (options.indexes) {
    WriteIndexes(context.reply(), options, matches, table.Length());
  } else {
    context.reply().Bulk(subsequence);
  }
  return Status::Ok();
}

constexpr CommandSpec kLcsCommands[] = {
    {.name = "lcs",
     .arity = -3,
     .flags = kReadOnly,
     .keys = KeySpecs(KeySpec::Range(1, 1, 1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclString,
     .handler = Lcs,
     .group = CommandGroup::kString,
     .doc = {.summary = "Finds the longest common subsequence of two strings.",
             .since = "7.0.0",
             .complexity = "O(N*M)",
             .arguments =
                 "key1:key@0 key2:key@0 [len:pure-token=LEN] [idx:pure-token=IDX] [min-match-len:integer=MINMATCHLEN] "
                 "[withmatchlen:pure-token=WITHMATCHLEN]"}},
};
}  // namespace

std::span<const CommandSpec> LcsCommands() { return kLcsCommands; }

}  // namespace cachenode
