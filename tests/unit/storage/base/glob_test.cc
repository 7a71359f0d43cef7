#include "storage/base/glob.h"

#include <gtest/gtest.h>

#include <cctype>
#include <chrono>
#include <string>
#include <string_view>

#include "storage/base/random.h"

namespace cachenode {
namespace {

// The plain recursive reading of the rules, exponential and obviously right.
bool ModelMatch(std::string_view pattern, std::string_view text);

bool ModelClass(std::string_view& pattern, char c) {
  pattern.remove_prefix(1);
  const bool negated = pattern.starts_with('^');
  if (negated) pattern.remove_prefix(1);
  bool found = false;
  while (!pattern.empty() && pattern[0] != ']') {
    if (pattern[0] == '\\' && pattern.size() >= 2) {
      found = found || pattern[1] == c;
      pattern.remove_prefix(2);
    } else if (pattern.size() >= 3 && pattern[1] == '-') {
      const char low = std::min(pattern[0], pattern[2]);
      const char high = std::max(pattern[0], pattern[2]);
      found = found || (c >= low && c <= high);
      pattern.remove_prefix(3);
    } else {
      found = found || pattern[0] == c;
      pattern.remove_prefix(1);
    }
  }
  if (!pattern.empty()) pattern.remove_prefix(1);
  return found != negated;
}

bool ModelMatch(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern[0] == '*') {
    for (size_t skip = 0; skip <= text.size(); ++skip) {
      if (ModelMatch(pattern.substr(1), text.substr(skip))) return true;
    }
    return false;
  }
  if (text.empty()) return false;
  if (pattern[0] == '[') return ModelClass(pattern, text[0]) && ModelMatch(pattern, text.substr(1));
  if (pattern[0] == '?') return ModelMatch(pattern.substr(1), text.substr(1));
  if (pattern[0] == '\\' && pattern.size() >= 2) pattern.remove_prefix(1);
  return pattern[0] == text[0] && ModelMatch(pattern.substr(1), text.substr(1));
}

TEST(GlobMatch, KnowsTheSpecialCharacters) {
  EXPECT_TRUE(GlobMatch("", ""));
  EXPECT_FALSE(GlobMatch("", "a"));
  EXPECT_FALSE(GlobMatch("a", ""));
  EXPECT_TRUE(GlobMatch("*", ""));
  EXPECT_TRUE(GlobMatch("***", "anything"));
  EXPECT_TRUE(GlobMatch("h?llo", "hello"));
  EXPECT_FALSE(GlobMatch("h?llo", "hllo"));
  EXPECT_TRUE(GlobMatch("h*llo", "hllo"));
  EXPECT_TRUE(GlobMatch("h*l*o", "heeello"));
  EXPECT_TRUE(GlobMatch("h[ae]llo", "hallo"));
  EXPECT_FALSE(GlobMatch("h[^e]llo", "hello"));
  EXPECT_TRUE(GlobMatch("h[a-b]llo", "hbllo"));
  EXPECT_TRUE(GlobMatch("h[b-a]llo", "hallo"));
  EXPECT_TRUE(GlobMatch("\\*", "*"));
  EXPECT_FALSE(GlobMatch("\\*", "x"));
  EXPECT_TRUE(GlobMatch("[\\]]", "]"));
  EXPECT_TRUE(GlobMatch("a\\", "a\\"));
  EXPECT_TRUE(GlobMatch("[abc", "b"));
  EXPECT_TRUE(GlobMatch("[^]", "x"));
  EXPECT_FALSE(GlobMatch("[]", "x"));
  EXPECT_TRUE(GlobMatch("a*", "a"));
}

TEST(GlobMatch, IgnoresCaseWhenAsked) {
  EXPECT_FALSE(GlobMatch("MAX*", "maxmemory"));
  EXPECT_TRUE(GlobMatch("MAX*", "maxmemory", CaseRule::kIgnore));
  EXPECT_TRUE(GlobMatch("[A-C]x", "bX", CaseRule::kIgnore));
}

TEST(GlobMatch, AgreesWithThePlainReadingOfTheRules) {
  static constexpr std::string_view kPatternBytes = "ab*?[]^-\\ab*\xff";
  static constexpr std::string_view kTextBytes = "ab-]^\\\xff";
  for (uint64_t seed = 1; seed <= 300'000; ++seed) {
    Random random(seed);
    std::string pattern;
    std::string text;
    for (uint64_t i = random.Below(9); i > 0; --i) pattern.push_back(kPatternBytes[random.Below(kPatternBytes.size())]);
    for (uint64_t i = random.Below(7); i > 0; --i) text.push_back(kTextBytes[random.Below(kTextBytes.size())]);
    ASSERT_EQ(GlobMatch(pattern, text), ModelMatch(pattern, text)) << "pattern " << pattern << " text " << text;
  }
}

TEST(GlobMatch, StaysFastOnHostilePatterns) {
  std::string pattern;
  for (int i = 0; i < 50; ++i) pattern += "a*";
  pattern += "b";
  const std::string text(10'000, 'a');
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(GlobMatch(pattern, text));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(1));
}

TEST(GlobMatch, GivesUpBehindAThousandStarsAsTheReferenceDoes) {
  std::string pattern;
  for (int i = 0; i < 1000; ++i) pattern += "*?";
  const std::string text(2000, 'a');
  EXPECT_TRUE(GlobMatch(pattern, text));
  EXPECT_TRUE(GlobMatch(pattern + "*", text));
  EXPECT_FALSE(GlobMatch(pattern + "*?", text));
  EXPECT_TRUE(GlobMatch(std::string(2000, '*') + "a", text));  // Neighbouring stars are one.
}

TEST(Glob, RecognisesSimplePatterns) {
  EXPECT_TRUE(GlobMatchesAll("*"));
  EXPECT_TRUE(GlobMatchesAll("**"));
  EXPECT_FALSE(GlobMatchesAll(""));
  EXPECT_FALSE(GlobMatchesAll("*a"));
  EXPECT_TRUE(GlobIsLiteral("key:1"));
  EXPECT_FALSE(GlobIsLiteral("key:?"));
  EXPECT_FALSE(GlobIsLiteral("key\\:"));
}

}  // namespace
}  // namespace cachenode
