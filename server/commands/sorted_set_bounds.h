// How clients write the bounds of ranges in sorted sets.
//
// Thread-safety: pure functions. Texts in the answers are those of the arguments.
#pragma once

#include <cstdint>
#include <string_view>

#include "storage/base/result.h"
#include "storage/value/sorted_set_range.h"

namespace cachenode {

// "1.5", "(1.5", "-inf", numbers as TryParseLooseDouble reads them. Errors: "ERR min or max is not a float".
[[nodiscard]] Result<ScoreRange> ParseScoreRange(std::string_view min, std::string_view max);
// "-", "+", "[text", "(text". Errors: "ERR min or max not valid string range item".
[[nodiscard]] Result<LexRange> ParseLexRange(std::string_view min, std::string_view max);

// First and last rank, both included, negative from the end: the ranks of a set of `count` elements they name.
struct RankBounds {
  int64_t start = 0;
  int64_t stop = 0;
  [[nodiscard]] RankRange Within(uint64_t count) const noexcept;
};
// Errors: kNotInteger.
[[nodiscard]] Result<RankBounds> ParseRankBounds(std::string_view start, std::string_view stop);

}  // namespace cachenode
