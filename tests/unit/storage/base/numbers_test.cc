#include "storage/base/numbers.h"

#include <gtest/gtest.h>

#include <bit>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string>

#include "storage/base/random.h"

namespace cachenode {
namespace {

std::string Text(double value, DoubleRule rule) {
  std::string text;
  AppendDouble(text, value, rule);
  return text;
}
std::string LongText(long double value) {
  std::string text;
  AppendLongDouble(text, value);
  return text;
}

double RandomDouble(Random& random) {
  switch (random.Below(4)) {
    case 0:
      return std::bit_cast<double>(random.Next());
    case 1:
      return static_cast<double>(static_cast<int64_t>(random.Next())) / 1000.0;
    case 2:
      return static_cast<double>(random.Below(1'000'000)) / 100.0;
    default:
      return std::ldexp(random.Unit(), static_cast<int>(random.Below(140)) - 70);
  }
}

TEST(ParseInt64, TakesCanonicalDecimalsOnly) {
  const int64_t good[] = {0, 1, -1, 9, 10, 123456789, INT64_MAX, INT64_MAX - 1, INT64_MIN, INT64_MIN + 1};
  for (const int64_t value : good) {
    Result<int64_t> parsed = ParseInt64(std::to_string(value));
    ASSERT_TRUE(parsed.ok()) << value;
    EXPECT_EQ(*parsed, value);
  }
  for (const char* bad :
       {"", "-", "+1", "-0", "00", "01", "-01", " 1", "1 ", "1a", "a", "0x1", "1.0", "--1", "9223372036854775808",
        "-9223372036854775809", "18446744073709551616", "99999999999999999999", "100000000000000000000"}) {
    EXPECT_EQ(ParseInt64(bad).status().code(), Err::kNotInteger) << bad;
  }
  EXPECT_FALSE(ParseInt64(std::string_view("1\0", 2)).ok());
}

TEST(ParseUint64, ReachesItsMaximum) {
  EXPECT_EQ(*ParseUint64("18446744073709551615"), UINT64_MAX);
  EXPECT_EQ(*ParseUint64("10000000000000000000"), 10'000'000'000'000'000'000U);
  for (const char* bad : {"18446744073709551616", "28446744073709551615", "-1", "-0", "", "1844674407370955161a"}) {
    EXPECT_FALSE(ParseUint64(bad).ok()) << bad;
  }
}

TEST(ParseLooseUint64, ReadsWhatStrtoullReads) {
  const struct {
    std::string_view text;
    uint64_t value;
  } kGood[] = {{"0", 0},
               {"007", 7},
               {" \t+7", 7},
               {"-1", UINT64_MAX},
               {"-0", 0},
               {"000018446744073709551615", UINT64_MAX},
               {std::string_view("5\0x", 3), 5}};
  for (const auto& [text, value] : kGood) {
    uint64_t parsed = 99;
    EXPECT_TRUE(TryParseLooseUint64(text, parsed)) << text;
    EXPECT_EQ(parsed, value) << text;
  }
  for (const std::string_view bad : {"", " ", "+", "-", "+-1", "1 ", "0x1", "1.0", "18446744073709551616"}) {
    uint64_t parsed = 99;
    EXPECT_FALSE(TryParseLooseUint64(bad, parsed)) << bad;
    EXPECT_EQ(parsed, 99U) << bad;
  }
}

TEST(ParseInt64Within, ChecksItsBounds) {
  EXPECT_EQ(*ParseInt64Within("5", 5, 7), 5);
  EXPECT_EQ(*ParseInt64Within("7", 5, 7), 7);
  EXPECT_FALSE(ParseInt64Within("4", 5, 7).ok());
  EXPECT_FALSE(ParseInt64Within("8", 5, 7).ok());
}

TEST(FormatInt64, AgreesWithTheStandardLibrary) {
  Random random(7);
  for (int i = 0; i < 200'000; ++i) {
    const auto value = static_cast<int64_t>(random.Next() >> random.Below(64));
    for (const int64_t signed_value : {value, -value}) {
      char text[kIntegerCharsMax];
      const std::string expected = std::to_string(signed_value);
      ASSERT_EQ(std::string(text, FormatInt64(signed_value, text)), expected);
      ASSERT_EQ(Int64TextSize(signed_value), expected.size());
      ASSERT_EQ(*ParseInt64(expected), signed_value);
    }
  }
  uint64_t power = 1;
  for (int digits = 1; digits <= 20; ++digits, power *= 10) {
    for (const uint64_t value : {power - 1, power, power + 1}) {
      std::string text;
      AppendUint64(text, value);
      EXPECT_EQ(text, std::to_string(value));
      EXPECT_EQ(CountDigits(value), text.size());
    }
  }
  EXPECT_EQ(CountDigits(UINT64_MAX), 20U);
}

TEST(ParseMemoryBytes, KnowsTheUnits) {
  EXPECT_EQ(*ParseMemoryBytes("0"), 0U);
  EXPECT_EQ(*ParseMemoryBytes("0100"), 100U);
  EXPECT_EQ(*ParseMemoryBytes("7b"), 7U);
  EXPECT_EQ(*ParseMemoryBytes("1k"), 1000U);
  EXPECT_EQ(*ParseMemoryBytes("1KB"), 1024U);
  EXPECT_EQ(*ParseMemoryBytes("2m"), 2'000'000U);
  EXPECT_EQ(*ParseMemoryBytes("2Mb"), 2U << 20);
  EXPECT_EQ(*ParseMemoryBytes("3g"), 3'000'000'000U);
  EXPECT_EQ(*ParseMemoryBytes("3gB"), 3ULL << 30);
  for (const char* bad : {"", "-1", "kb", "1kbx", "1 kb", "1tb", "17179869184gb", "99999999999999999999", "1.5gb"}) {
    EXPECT_FALSE(ParseMemoryBytes(bad).ok()) << bad;
  }
  EXPECT_EQ(FormatMemoryBytes(1024), "1kb");
  EXPECT_EQ(FormatMemoryBytes(0), "0");
  EXPECT_EQ(FormatMemoryBytes(1000), "1000");
  EXPECT_EQ(FormatMemoryBytes(5ULL << 30), "5gb");
  EXPECT_EQ(*ParseMemoryBytes(FormatMemoryBytes(UINT64_MAX)), UINT64_MAX);
}

TEST(ParseDouble, FollowsStrtodsGrammar) {
  struct Case {
    const char* text;
    double value;
  };
  const double infinity = std::numeric_limits<double>::infinity();
  const Case cases[] = {{"0", 0},
                        {"1", 1},
                        {"-1.5", -1.5},
                        {"+5", 5},
                        {".5", .5},
                        {"5.", 5},
                        {"1e3", 1000},
                        {"1E+3", 1000},
                        {"1e-3", .001},
                        {"0x1.8p1", 3},
                        {"0xff", 255},
                        {"-0X.8", -.5},
                        {"inf", infinity},
                        {"+inf", infinity},
                        {"-INF", -infinity},
                        {"Infinity", infinity},
                        {"-infinity", -infinity},
                        {"00012", 12},
                        {"000000012345", 12345},
                        {"999999999999999", 999999999999999},
                        {"9007199254740993", 9007199254740992},
                        {"000000000000000000000000000000000001", 1},
                        {"4.9e-324", 4.9e-324},
                        {"1.7976931348623157e308", 1.7976931348623157e308}};
  for (const Case& test : cases) {
    Result<double> parsed = ParseDouble(test.text);
    ASSERT_TRUE(parsed.ok()) << test.text;
    EXPECT_EQ(*parsed, test.value) << test.text;
  }
  EXPECT_TRUE(std::signbit(*ParseDouble("-0")));
  for (const char* bad : {"",    " 1",   "1 ", "nan", "NaN", "-nan", "nan(1)", "1e400", "-1e400", "1e-400",
                          "abc", "1x",   "+",  "-",   "--1", "+-1",  "-+1",    "0x",    "0x-1",   "e5",
                          ".",   "infx", "in", "1e",  "1,5", "0xp1", "12a",    "1/2",   "1:2"}) {
    EXPECT_EQ(ParseDouble(bad).status().code(), Err::kNotFloat) << bad;
  }
  EXPECT_FALSE(ParseDouble(std::string_view("1\0", 2)).ok());
}

// strtod as a reference server uses it: all of the text, no blank, no NaN, no overflow to infinity or underflow to 0.
bool ModelParse(const std::string& text, double& value) {
  char* end = nullptr;
  errno = 0;
  value = std::strtod(text.c_str(), &end);
  const bool out_of_range = errno == ERANGE && (std::isinf(value) || value == 0);
  return !text.empty() && std::isspace(static_cast<unsigned char>(text[0])) == 0 && end == text.c_str() + text.size() &&
         !out_of_range && !std::isnan(value);
}

// Runs of digits, most of them whole, some with one character that is none.
TEST(ParseLooseDouble, ReadsWhatStrtodReads) {
  const double infinity = std::numeric_limits<double>::infinity();
  const struct {
    std::string_view text;
    double value;
  } kGood[] = {{"1.5", 1.5},        {"", 0},      {" 2", 2},     {"1e400", infinity},
               {"-inf", -infinity}, {"0x10", 16}, {"1e-400", 0}, {std::string_view("3\0x", 3), 3}};
  for (const auto& [text, value] : kGood) {
    double parsed = 99;
    EXPECT_TRUE(TryParseLooseDouble(text, parsed)) << text;
    EXPECT_EQ(parsed, value) << text;
  }
  const std::string long_text(kLongDoubleCharsMax, '1');
  for (const std::string_view bad : {std::string_view("nan"), std::string_view("1 "), std::string_view("x"),
                                     std::string_view("1e"), std::string_view(long_text)}) {
    double parsed = 99;
    EXPECT_FALSE(TryParseLooseDouble(bad, parsed)) << bad;
    EXPECT_EQ(parsed, 99) << bad;
  }
}

TEST(ParseDouble, AgreesWithStrtodOnRandomDigits) {
  for (uint64_t seed = 1; seed <= 100'000; ++seed) {
    Random random(seed);
    std::string text;
    for (uint64_t i = 1 + random.Below(20); i > 0; --i) text.push_back(static_cast<char>('0' + random.Below(10)));
    if (random.Below(4) == 0) text[random.Below(text.size())] = static_cast<char>(1 + random.Below(255));
    double expected = 0;
    double got = 0;
    const bool is_number = ModelParse(text, expected);
    ASSERT_EQ(TryParseDouble(text, got), is_number) << text;
    if (is_number) {
      ASSERT_EQ(std::bit_cast<uint64_t>(got), std::bit_cast<uint64_t>(expected)) << text;
    }
  }
}

TEST(ParseDouble, AgreesWithStrtodOnRandomText) {
  static constexpr std::string_view kAlphabet = "0123456789.eE+-xXpPinfaAty ";
  for (uint64_t seed = 1; seed <= 300'000; ++seed) {
    Random random(seed);
    std::string text;
    if (random.Below(2) == 0) {
      char printed[64];
      static_cast<void>(
          std::snprintf(printed, sizeof printed, random.Below(2) == 0 ? "%.17g" : "%a", RandomDouble(random)));
      text = printed;
      if (random.Below(4) == 0) text[random.Below(text.size())] = kAlphabet[random.Below(kAlphabet.size())];
    } else {
      for (uint64_t i = random.Below(10); i > 0; --i) text.push_back(kAlphabet[random.Below(kAlphabet.size())]);
    }
    double expected = 0;
    double got = 0;
    const bool is_number = ModelParse(text, expected);
    ASSERT_EQ(TryParseDouble(text, got), is_number) << text;
    if (is_number) {
      ASSERT_EQ(std::bit_cast<uint64_t>(got), std::bit_cast<uint64_t>(expected)) << text;
    }
  }
}

TEST(FormatDouble, FollowsTheRuleOfEngine70) {
  constexpr DoubleRule kRule = DoubleRule::kSeventeenDigits;
  EXPECT_EQ(Text(0.1, kRule), "0.10000000000000001");
  EXPECT_EQ(Text(1e17, kRule), "1e+17");
  EXPECT_EQ(Text(1.0000000000000001e-05, kRule), "1.0000000000000001e-05");
  EXPECT_EQ(Text(3, kRule), "3");
  EXPECT_EQ(Text(-4503599627370496.0, kRule), "-4503599627370496");
  EXPECT_EQ(Text(0, kRule), "0");
  EXPECT_EQ(Text(-0.0, kRule), "-0");
  EXPECT_EQ(Text(-std::numeric_limits<double>::infinity(), kRule), "-inf");
}

TEST(FormatDouble, FollowsTheRuleOfNewerEngines) {
  constexpr DoubleRule kRule = DoubleRule::kShortest;
  EXPECT_EQ(Text(0.1, kRule), "0.1");
  EXPECT_EQ(Text(1e17, kRule), "100000000000000000");
  EXPECT_EQ(Text(0x1p62, kRule), "4611686018427387904");
  EXPECT_EQ(Text(1e19, kRule), "1e+19");
  EXPECT_EQ(Text(1e20, kRule), "1e+20");
  EXPECT_EQ(Text(1.5e20, kRule), "1.5e+20");
  EXPECT_EQ(Text(-2.5, kRule), "-2.5");
  EXPECT_EQ(Text(0.001, kRule), "0.001");
  EXPECT_EQ(Text(1e-6, kRule), "0.000001");
  EXPECT_EQ(Text(1e-7, kRule), "1e-7");
  EXPECT_EQ(Text(1234567890.1234567, kRule), "1.2345678901234567e+9");
  EXPECT_EQ(Text(123456789.5, kRule), "123456789.5");
  EXPECT_EQ(Text(std::nan(""), kRule), "nan");
  EXPECT_EQ(Text(std::numeric_limits<double>::infinity(), kRule), "inf");
  EXPECT_EQ(Text(0, kRule), "0");
  EXPECT_EQ(Text(-0.0, kRule), "-0");
}

TEST(FormatDouble, ReadsBackTheSameByBothRules) {
  Random random(11);
  for (int i = 0; i < 200'000; ++i) {
    const double value = RandomDouble(random);
    if (!std::isfinite(value)) continue;
    for (const DoubleRule rule : {DoubleRule::kShortest, DoubleRule::kSeventeenDigits}) {
      const std::string text = Text(value, rule);
      ASSERT_LE(text.size(), kDoubleCharsMax);
      ASSERT_EQ(std::strtod(text.c_str(), nullptr), value) << text;
    }
  }
}

TEST(LongDouble, PrintsSeventeenDecimalsTrimmed) {
  EXPECT_EQ(LongText(0), "0");
  EXPECT_EQ(LongText(-0.0L), "0");
  EXPECT_EQ(LongText(3), "3");
  EXPECT_EQ(LongText(100), "100");
  EXPECT_EQ(LongText(-2.50L), "-2.5");
  EXPECT_EQ(LongText(-1e-30L), "0");
#if __LDBL_MANT_DIG__ == 64
  EXPECT_EQ(LongText(*ParseLongDouble("123456789.123456789")), "123456789.12345678899873747");
#endif
  EXPECT_EQ(LongText(*ParseLongDouble("1e300")).size(), 301U);
  EXPECT_LE(LongText(std::numeric_limits<long double>::max()).size(), kLongDoubleCharsMax);
  EXPECT_TRUE(std::isinf(*ParseLongDouble("inf")));
  EXPECT_TRUE(ParseLongDouble("1e4000").ok() || __LDBL_MAX_10_EXP__ < 4000);
  for (const char* bad : {"", " 1", "1 ", "nan", "1e5000", "1e-5000", "x", "1.5.5"}) {
    EXPECT_EQ(ParseLongDouble(bad).status().code(), Err::kNotFloat) << bad;
  }
  EXPECT_FALSE(ParseLongDouble(std::string_view("1\0", 2)).ok());
  EXPECT_FALSE(ParseLongDouble(std::string(kLongDoubleCharsMax, '1')).ok());
}

TEST(FormatFixed, PrintsTheAskedDecimals) {
  std::string text;
  AppendFixed(text, 166274.15156960033, 4);
  AppendFixed(text.append(" "), -0.005, 2);
  AppendFixed(text.append(" "), 2, 0);
  EXPECT_EQ(text, "166274.1516 -0.01 2");
  text.clear();
  AppendFixed(text, -std::numeric_limits<double>::max(), 17);
  EXPECT_LT(text.size(), kFixedCharsMax);
}

}  // namespace
}  // namespace cachenode
