#include "server/commands/sorted_set_bounds.h"

#include <algorithm>

#include "storage/base/numbers.h"

namespace cachenode {
namespace {

bool ParseScoreBound(std::string_view text, double& bound, bool& is_excluded) {
  is_excluded = !text.empty() && text.front() == '(';
  if (is_excluded) text.remove_prefix(1);
  return TryParseLooseDouble(text, bound);
}

bool ParseLexBound(std::string_view text, LexBound& bound) {
  if (text == "-" || text == "+") {
    bound.kind = text == "-" ? LexBound::Kind::kLowest : LexBound::Kind::kHighest;
    return true;
  }
  if (text.empty() || (text.front() != '[' && text.front() != '(')) return false;
  bound.kind = text.front() == '[' ? LexBound::Kind::kInclusive : LexBound::Kind::kExclusive;
  bound.text = text.substr(1);
  return true;
}

}  // namespace

Result<ScoreRange> ParseScoreRange(std::string_view min, std::string_view max) {
  ScoreRange range;
  if (ParseScoreBound(min, range.min, range.excludes_min) && ParseScoreBound(max, range.max, range.excludes_max)) {
    return range;
  }
  return Status::Text("ERR min or max is not a float");
}

Result<LexRange> ParseLexRange(std::string_view min, std::string_view max) {
  LexRange range;
  if (ParseLexBound(min, range.min) && ParseLexBound(max, range.max)) return range;
  return Status::Text("ERR min or max not valid string range item");
}

RankRange RankBounds::Within(uint64_t count) const noexcept {
  const auto length = static_cast<int64_t>(count);
  const int64_t first = std::max<int64_t>(start < 0 ? start + length : start, 0);
  const int64_t last = std::min(stop < 0 ? stop + length : stop, length - 1);
  if (first > last) return {};
  return {static_cast<uint64_t>(first), static_cast<uint64_t>(last - first) + 1};
}

Result<RankBounds> ParseRankBounds(std::string_view start, std::string_view stop) {
  RankBounds bounds;
  if (!TryParseInt64(start, bounds.start) || !TryParseInt64(stop, bounds.stop)) return Err::kNotInteger;
  return bounds;
}

}  // namespace cachenode
