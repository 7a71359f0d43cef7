#include "storage/base/glob.h"

#include <algorithm>
#include <utility>

#include "storage/base/bytes.h"

namespace cachenode {

namespace {

// Behind this many stars only a last one still matches: the nesting limit of Redis 7.0.12 and later.
constexpr size_t kStarsMax = 1000;

struct ElementMatch {
  bool matches;
  size_t pattern_bytes;  // Length of the element in the pattern.
};

int Fold(char c, CaseRule rule) noexcept {
  return static_cast<signed char>(rule == CaseRule::kIgnore ? ToLowerAscii(c) : c);
}

// `pattern` starts with the bracket.
ElementMatch MatchClass(std::string_view pattern, char c, CaseRule rule) noexcept {
  size_t at = 1;
  const bool negated = at < pattern.size() && pattern[at] == '^';
  if (negated) ++at;
  bool matches = false;
  for (; at < pattern.size() && pattern[at] != ']'; ++at) {
    if (pattern[at] == '\\' && at + 1 < pattern.size()) {
      ++at;
      matches |= pattern[at] == c;
    } else if (at + 2 < pattern.size() && pattern[at + 1] == '-') {
      const auto [low, high] = std::minmax({Fold(pattern[at], rule), Fold(pattern[at + 2], rule)});
      at += 2;
      matches |= Fold(c, rule) >= low && Fold(c, rule) <= high;
    } else {
      matches |= Fold(pattern[at], rule) == Fold(c, rule);
    }
  }
  return {matches != negated, std::min(at + 1, pattern.size())};
}

// Matches the first element of `pattern`, which is not a star, against one byte.
ElementMatch MatchElement(std::string_view pattern, char c, CaseRule rule) noexcept {
  switch (pattern[0]) {
    case '?':
      return {true, 1};
    case '[':
      return MatchClass(pattern, c, rule);
    case '\\':
      if (pattern.size() >= 2) return {Fold(pattern[1], rule) == Fold(c, rule), 2};
      [[fallthrough]];
    default:
      return {Fold(pattern[0], rule) == Fold(c, rule), 1};
  }
}

}  // namespace

// Every element but the star takes exactly one byte, so only the last star ever needs another try: giving an earlier
// one more bytes could not match anything the last one cannot.
bool GlobMatch(std::string_view pattern, std::string_view text, CaseRule rule) noexcept {
  constexpr size_t kNoStar = std::string_view::npos;
  size_t p = 0;
  size_t t = 0;
  size_t star_p = kNoStar;  // Behind the last star.
  size_t star_t = 0;        // Where the text behind that star is tried to start.
  size_t stars = 0;         // Runs of stars so far.
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      while (p < pattern.size() && pattern[p] == '*') ++p;
      if (p == pattern.size()) return true;
      if (++stars > kStarsMax) return false;
      star_p = p;
      star_t = t;
      continue;
    }
    if (p < pattern.size()) {
      const ElementMatch element = MatchElement(pattern.substr(p), text[t], rule);
      if (element.matches) {
        p += element.pattern_bytes;
        ++t;
        continue;
      }
    }
    if (star_p == kNoStar) return false;
    p = star_p;
    t = ++star_t;
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

bool GlobMatchesAll(std::string_view pattern) noexcept {
  return !pattern.empty() && pattern.find_first_not_of('*') == std::string_view::npos;
}

bool GlobIsLiteral(std::string_view pattern) noexcept {
  return pattern.find_first_of("*?[\\") == std::string_view::npos;
}

}  // namespace cachenode
