// What sorted set commands select: a span of scores, a span of members, a span of ranks.
//
// Thread-safety: values. Texts are borrowed.
#pragma once

#include <cstdint>
#include <string_view>

namespace cachenode {

struct ScoreRange {
  double min = 0;
  double max = 0;
  bool excludes_min = false;
  bool excludes_max = false;

  [[nodiscard]] bool IsBefore(double score) const noexcept { return excludes_min ? score <= min : score < min; }
  [[nodiscard]] bool IsBehind(double score) const noexcept { return excludes_max ? score >= max : score > max; }
};

struct LexBound {
  enum class Kind : uint8_t { kLowest, kHighest, kInclusive, kExclusive };  // "-", "+", "[text", "(text".
  Kind kind = Kind::kLowest;
  std::string_view text;
};

// Members of equal scores between two bounds, compared as bytes.
struct LexRange {
  LexBound min;
  LexBound max;

  [[nodiscard]] bool IsBefore(std::string_view member) const noexcept {
    if (min.kind == LexBound::Kind::kInclusive) return member < min.text;
    if (min.kind == LexBound::Kind::kExclusive) return member <= min.text;
    return min.kind == LexBound::Kind::kHighest;
  }
  [[nodiscard]] bool IsBehind(std::string_view member) const noexcept {
    if (max.kind == LexBound::Kind::kInclusive) return member > max.text;
    if (max.kind == LexBound::Kind::kExclusive) return member >= max.text;
    return max.kind == LexBound::Kind::kLowest;
  }
};

// `count` elements from rank `first` on, ranks counting from 0 in ascending order.
struct RankRange {
  uint64_t first = 0;
  uint64_t count = 0;
};

}  // namespace cachenode
