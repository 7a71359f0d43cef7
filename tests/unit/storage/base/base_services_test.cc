// The small services of the floor: clocks, random numbers, the key hash, log lines and quoting.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <thread>
#include <vector>

#include "storage/base/clock.h"
#include "storage/base/cycle_clock.h"
#include "storage/base/hash.h"
#include "storage/base/log.h"
#include "storage/base/quoting.h"
#include "storage/base/random.h"
#include "tests/support/fake_clock.h"

namespace cachenode {
namespace {

TEST(SystemClock, TellsPlausibleTime) {
  const SystemClock clock;
  const int64_t first_us = clock.MonotonicUs();
  EXPECT_GT(clock.NowMs(), 1'600'000'000'000);
  EXPECT_GE(clock.MonotonicUs(), first_us);
  EXPECT_EQ(clock.NowUs() / 60'000'000, clock.NowMs() / 60'000);
}

TEST(FakeClock, MovesOnlyWhenTold) {
  FakeClock clock(1000);
  EXPECT_EQ(clock.NowMs(), 1000);
  clock.Advance(std::chrono::milliseconds(5));
  EXPECT_EQ(clock.NowMs(), 1005);
  clock.SetNowMs(3);
  EXPECT_EQ(clock.NowUs(), 3000);
}

TEST(CycleClock, MeasuresLikeTheSystemClock) {
  CycleClock::Calibrate();
  const SystemClock clock;
  const int64_t start_us = clock.MonotonicUs();
  const uint64_t start_ticks = CycleClock::Ticks();
  while (clock.MonotonicUs() - start_us < 20'000) {
  }
  const uint64_t measured_us = CycleClock::ToMicroseconds(CycleClock::Ticks() - start_ticks);
  EXPECT_NEAR(static_cast<double>(measured_us), static_cast<double>(clock.MonotonicUs() - start_us), 1000);
  const uint64_t ticks = CycleClock::FromMicroseconds(1'000'000);
  EXPECT_NEAR(static_cast<double>(CycleClock::ToMicroseconds(ticks)), 1e6, 2);
}

TEST(Random, RepeatsForASeedAndStaysInBounds) {
  Random a(5);
  Random b(5);
  Random c(6);
  EXPECT_EQ(a.Next(), b.Next());
  EXPECT_NE(a.Next(), c.Next());
  std::set<uint64_t> seen;
  for (int i = 0; i < 1000; ++i) {
    const uint64_t value = a.Below(10);
    ASSERT_LT(value, 10U);
    seen.insert(value);
    ASSERT_LT(a.Unit(), 1.0);
    ASSERT_GE(a.Unit(), 0.0);
  }
  EXPECT_EQ(seen.size(), 10U);
  EXPECT_EQ(a.Below(1), 0U);
}

TEST(Random, DiffersBetweenThreads) {
  uint64_t other = 0;
  std::thread([&] { other = ThreadRandom().Next(); }).join();
  EXPECT_NE(ThreadRandom().Next(), other);
}

TEST(Random, MakesHexOfAnyLength) {
  std::set<std::string> seen;
  for (const size_t size : {size_t{40}, size_t{41}, size_t{200}}) {
    std::string hex(size, ' ');
    FillWithRandomHex(hex);
    EXPECT_EQ(hex.find_first_not_of("0123456789abcdef"), std::string::npos);
    seen.insert(hex.substr(0, 40));
  }
  EXPECT_EQ(seen.size(), 3U);
}

TEST(HashKey, DependsOnTheSeedAndOnEveryByte) {
  SetHashSeed(1);
  const uint64_t first = HashKey("key:000000000001");
  EXPECT_EQ(HashKey("key:000000000001"), first);
  SetHashSeed(2);
  EXPECT_NE(HashKey("key:000000000001"), first);
  SetHashSeed(1);
  EXPECT_EQ(HashKey("key:000000000001"), first);
  for (const size_t size :
       {size_t{1}, size_t{8}, size_t{16}, size_t{17}, size_t{128}, size_t{129}, size_t{240}, size_t{1000}}) {
    std::string key(size, 'k');
    std::set<uint64_t> seen{HashKey(key)};
    for (size_t i = 0; i < size; ++i) {
      key[i] = 'x';
      seen.insert(HashKey(key));
      key[i] = 'k';
    }
    EXPECT_EQ(seen.size(), size + 1);
  }
  EXPECT_NE(HashKey(""), HashKey(std::string_view("\0", 1)));
}

class KeepingSink final : public LogSink {
 public:
  void WriteLine(LogLevel level, std::string_view line) noexcept override {
    levels.push_back(level);
    lines.emplace_back(line);
  }
  std::vector<LogLevel> levels;
  std::vector<std::string> lines;
};

TEST(Log, WritesEnabledLinesOnly) {
  KeepingSink sink;
  Log log(sink);
  int evaluated = 0;
  CN_LOG(log, kVerbose, "not shown {}", ++evaluated);
  CN_LOG(log, kNotice, "DB loaded from {}: {:.3f} seconds", "disk", 0.5);
  CN_LOG(log, kWarning, "plain");
  EXPECT_EQ(evaluated, 0);
  EXPECT_EQ(sink.lines, (std::vector<std::string>{"DB loaded from disk: 0.500 seconds", "plain"}));
  EXPECT_EQ(sink.levels, (std::vector<LogLevel>{LogLevel::kNotice, LogLevel::kWarning}));
  log.SetLevel(LogLevel::kDebug);
  CN_LOG(log, kDebug, "{}", std::string(5000, 'x'));
  EXPECT_EQ(sink.lines.back().size(), 5000U);
  log.SetLevel(LogLevel::kNothing);
  CN_LOG(log, kWarning, "silent");
  EXPECT_EQ(sink.lines.size(), 3U);
}

TEST(SplitQuotedWords, FollowsTheQuotingRules) {
  struct Case {
    std::string line;
    bool ok;
    std::vector<std::string> words;
  };
  const Case cases[] = {
      {"", true, {}},
      {"  \t ", true, {}},
      {"a b\tc", true, {"a", "b", "c"}},
      {"\"a b\" 'c d'", true, {"a b", "c d"}},
      {"\"\\x41\\n\\r\\t\\a\\b\\q\\\"\"", true, {"A\n\r\t\a\bq\""}},
      {"\"\\x4\" \"\\xzz\"", true, {"x4", "xzz"}},
      {"'\\'' '\\n'", true, {"'", "\\n"}},
      {"a\"b\"", true, {"ab"}},
      {"\"\"", true, {""}},
      {"a \"b\"c", false, {"a"}},
      {"a 'b", false, {"a"}},
      {"\"a\\\"", false, {}},
      {std::string("a\0b", 3), true, {"a"}},
  };
  for (const Case& test : cases) {
    std::vector<std::string> words;
    EXPECT_EQ(SplitQuotedWords(test.line, words), test.ok) << test.line;
    EXPECT_EQ(words, test.words) << test.line;
  }
}

TEST(AppendQuoted, IsUndoneBySplitting) {
  std::string all_bytes;
  for (int i = 0; i < 256; ++i) all_bytes.push_back(static_cast<char>(i));
  std::string quoted;
  AppendQuoted(quoted, all_bytes);
  std::vector<std::string> words;
  ASSERT_TRUE(SplitQuotedWords(quoted, words));
  EXPECT_EQ(words, std::vector<std::string>{all_bytes});
  quoted.clear();
  AppendQuoted(quoted, std::string_view("a\"\\\n\x01\xff", 6));
  EXPECT_EQ(quoted, "\"a\\\"\\\\\\n\\x01\\xff\"");
}

}  // namespace
}  // namespace cachenode
