#include "storage/value/listpack.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <string>
#include <vector>

namespace cachenode {
namespace {

constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

std::string Make(const std::vector<std::string>& elements) {
  std::string listpack = MakeListpack();
  for (const std::string& element : elements) AppendToListpack(listpack, std::string_view(element));
  return listpack;
}

std::vector<std::string> ReadAll(ListpackView view) {
  std::vector<std::string> elements;
  for (ListpackView::Offset at = view.Begin(); at != view.EndOffset(); at = view.Next(at)) {
    ListpackScratch scratch;
    elements.emplace_back(view.At(at).Read(scratch));
  }
  return elements;
}

bool IsValid(std::string_view bytes) {
  size_t count = 0;
  return IsValidListpack(bytes, count);
}

std::string Bytes(std::initializer_list<int> bytes) {
  std::string text;
  for (const int byte : bytes) text.push_back(static_cast<char>(byte));
  return text;
}

std::string ElementBytes(std::string_view element) {
  std::string bytes(ListpackElementBytes(element), '\0');
  EXPECT_EQ(PutListpackElement(bytes.data(), element), bytes.data() + bytes.size());
  return bytes;
}

TEST(Listpack, EmptyIsSevenBytes) {
  const std::string listpack = MakeListpack();
  EXPECT_EQ(listpack, Bytes({7, 0, 0, 0, 0, 0, 0xFF}));
  const ListpackView view(listpack);
  EXPECT_TRUE(view.IsEmpty());
  EXPECT_EQ(view.Count(), 0U);
  EXPECT_EQ(view.Begin(), view.EndOffset());
  EXPECT_EQ(view.Seek(0), view.EndOffset());
  EXPECT_EQ(view.Seek(-1), view.EndOffset());
  EXPECT_EQ(view.Find("a", view.Begin(), 0), view.EndOffset());
  EXPECT_TRUE(IsValid(listpack));
}

TEST(Listpack, IntegersTakeTheShortestForm) {
  EXPECT_EQ(ElementBytes("0"), Bytes({0, 1}));
  EXPECT_EQ(ElementBytes("127"), Bytes({127, 1}));
  EXPECT_EQ(ElementBytes("128"), Bytes({0xC0, 0x80, 2}));
  EXPECT_EQ(ElementBytes("-1"), Bytes({0xDF, 0xFF, 2}));
  EXPECT_EQ(ElementBytes("4095"), Bytes({0xCF, 0xFF, 2}));
  EXPECT_EQ(ElementBytes("-4096"), Bytes({0xD0, 0x00, 2}));
  EXPECT_EQ(ElementBytes("4096"), Bytes({0xF1, 0x00, 0x10, 3}));
  EXPECT_EQ(ElementBytes("-32768"), Bytes({0xF1, 0x00, 0x80, 3}));
  EXPECT_EQ(ElementBytes("32768"), Bytes({0xF2, 0x00, 0x80, 0x00, 4}));
  EXPECT_EQ(ElementBytes("-8388608"), Bytes({0xF2, 0x00, 0x00, 0x80, 4}));
  EXPECT_EQ(ElementBytes("8388608"), Bytes({0xF3, 0x00, 0x00, 0x80, 0x00, 5}));
  EXPECT_EQ(ElementBytes("2147483648"), Bytes({0xF4, 0, 0, 0, 0x80, 0, 0, 0, 0, 9}));
  EXPECT_EQ(ElementBytes("-9223372036854775808"), Bytes({0xF4, 0, 0, 0, 0, 0, 0, 0, 0x80, 9}));
}

TEST(Listpack, EveryIntegerWidthReadsBack) {
  std::vector<int64_t> numbers;
  for (const int64_t edge : {int64_t{0}, int64_t{127}, int64_t{4096}, int64_t{32768}, int64_t{1} << 23,
                             int64_t{1} << 31, int64_t{1} << 40}) {
    for (int64_t delta = -2; delta <= 2; ++delta) {
      numbers.push_back(edge + delta);
      numbers.push_back(-edge + delta);
    }
  }
  numbers.insert(numbers.end(), {kMin, kMin + 1, kMax - 1, kMax});
  std::string listpack = MakeListpack();
  for (const int64_t number : numbers) AppendToListpack(listpack, number);
  ASSERT_TRUE(IsValid(listpack));
  const ListpackView view(listpack);
  ListpackView::Offset at = view.Begin();
  for (const int64_t number : numbers) {
    const ListpackElement element = view.At(at);
    ASSERT_TRUE(element.is_integer);
    ASSERT_EQ(element.number, number);
    ASSERT_EQ(element.SizeBytes(), std::to_string(number).size());
    at = view.Next(at);
    ASSERT_EQ(view.Find(std::to_string(number), view.Begin(), 0),
              view.Seek(std::distance(numbers.begin(), std::find(numbers.begin(), numbers.end(), number))));
  }
  EXPECT_EQ(at, view.EndOffset());
}

TEST(Listpack, OnlyCanonicalDecimalsAreIntegers) {
  for (const char* text : {"", "-", "-0", "00", "01", "+1", " 1", "1 ", "1.0", "9223372036854775808", "1a"}) {
    EXPECT_FALSE(ParseListpackInteger(text).has_value()) << text;
  }
  EXPECT_EQ(ParseListpackInteger("9223372036854775807"), kMax);
  EXPECT_EQ(ReadAll(ListpackView(Make({"01", "-0", ""}))), (std::vector<std::string>{"01", "-0", ""}));
}

// Around each size at which the prefix or the back-length grows.
TEST(Listpack, StringsOfEverySizeClassReadBackBothWays) {
  for (const size_t edge : {0U, 63U, 126U, 4095U, 16378U, 16383U, 2097146U, 2097151U}) {
    for (size_t size = edge < 3 ? 0 : edge - 3; size <= edge + 3; ++size) {
      const std::string text(size, 'x');
      std::string listpack = MakeListpack();
      AppendToListpack(listpack, "first");
      AppendToListpack(listpack, std::string_view(text));
      AppendToListpack(listpack, "last");
      ASSERT_TRUE(IsValid(listpack)) << size;
      const ListpackView view(listpack);
      const ListpackView::Offset last = view.Seek(-1);
      ASSERT_EQ(view.At(last).text, "last") << size;
      const ListpackView::Offset middle = view.Previous(last);
      ASSERT_EQ(view.At(middle).text.size(), size);
      ASSERT_EQ(view.Next(middle), last) << size;
      ASSERT_EQ(view.At(view.Previous(middle)).text, "first") << size;
    }
  }
}

// Redis counts 16383 bytes of element among those whose length needs three bytes.
TEST(Listpack, BackLengthHasRedisLimits) {
  EXPECT_EQ(ListpackElementBytes(std::string(16382 - 5, 'x')), 16382U + 2);
  EXPECT_EQ(ListpackElementBytes(std::string(16383 - 5, 'x')), 16383U + 3);
  const std::string bytes = ElementBytes(std::string(200, 'x'));
  EXPECT_EQ(bytes.substr(bytes.size() - 2), Bytes({202 >> 7, 0x80 | (202 & 0x7F)}));
}

TEST(Listpack, SeeksFromBothEnds) {
  std::vector<std::string> elements;
  for (int i = 0; i < 9; ++i) elements.push_back("e" + std::to_string(i));
  const std::string listpack = Make(elements);
  const ListpackView view(listpack);
  for (int i = 0; i < 9; ++i) {
    EXPECT_EQ(view.At(view.Seek(i)).text, elements[static_cast<size_t>(i)]);
    EXPECT_EQ(view.Seek(i - 9), view.Seek(i));
  }
  EXPECT_EQ(view.Seek(9), view.EndOffset());
  EXPECT_EQ(view.Seek(-10), view.EndOffset());
  EXPECT_EQ(view.Seek(kMax), view.EndOffset());
  EXPECT_EQ(view.Seek(kMin + 1), view.EndOffset());
}

TEST(Listpack, FindsFieldsAndPassesOverValues) {
  const std::string listpack = Make({"a", "b", "b", "7", "7", "a"});
  const ListpackView view(listpack);
  EXPECT_EQ(view.Find("b", view.Begin(), 1), view.Seek(2));
  EXPECT_EQ(view.Find("b", view.Begin(), 0), view.Seek(1));
  EXPECT_EQ(view.Find("7", view.Begin(), 1), view.Seek(4));
  EXPECT_EQ(view.Find("a", view.Begin(), 1), view.Seek(0));
  EXPECT_EQ(view.Find("a", view.Next(view.Begin()), 1), view.Seek(5));
  EXPECT_EQ(view.Find("07", view.Begin(), 0), view.EndOffset());
  EXPECT_EQ(view.Find("", view.Begin(), 0), view.EndOffset());
}

// Other writers may leave a decimal as a string.
TEST(Listpack, FindsADecimalStoredAsAString) {
  const std::string listpack = Bytes({10, 0, 0, 0, 1, 0, 0x81, '5', 2, 0xFF});
  ASSERT_TRUE(IsValid(listpack));
  const ListpackView view(listpack);
  EXPECT_EQ(view.Find("5", view.Begin(), 0), view.Begin());
  EXPECT_TRUE(view.At(view.Begin()).Equals("5", 5));
}

TEST(Listpack, GapsOpenAnywhereAndSpansShrinkAndGrow) {
  std::string listpack = Make({"a", "c"});
  const auto replace = [&listpack](int64_t index, size_t elements, const std::vector<std::string>& by) {
    const ListpackView view(listpack);
    const ListpackView::Offset from = view.Seek(index);
    ListpackView::Offset to = from;
    for (size_t i = 0; i < elements; ++i) to = view.Next(to);
    size_t gap = 0;
    for (const std::string& element : by) gap += ListpackElementBytes(element);
    const size_t old_bytes = listpack.size();
    const size_t new_bytes = old_bytes - (to - from) + gap;
    listpack.resize(std::max(old_bytes, new_bytes));
    char* at = ReplaceListpackSpan(listpack.data(), old_bytes, from, to - from, gap,
                                   static_cast<int>(by.size()) - static_cast<int>(elements));
    for (const std::string& element : by) at = PutListpackElement(at, element);
    listpack.resize(new_bytes);
    ASSERT_TRUE(IsValid(listpack));
  };
  replace(1, 0, {"b1", "b2"});
  EXPECT_EQ(ReadAll(ListpackView(listpack)), (std::vector<std::string>{"a", "b1", "b2", "c"}));
  replace(0, 1, {std::string(300, 'A')});
  replace(1, 2, {"5"});
  EXPECT_EQ(ReadAll(ListpackView(listpack)), (std::vector<std::string>{std::string(300, 'A'), "5", "c"}));
  EXPECT_EQ(ListpackView(listpack).Count(), 3U);
  replace(0, 3, {});
  EXPECT_EQ(listpack, MakeListpack());
}

TEST(Listpack, CountIsUnknownFrom65535Elements) {
  std::string listpack = MakeListpack();
  for (int i = 0; i < 65534; ++i) AppendToListpack(listpack, int64_t{1});
  EXPECT_EQ(listpack.substr(4, 2), Bytes({0xFE, 0xFF}));
  AppendToListpack(listpack, int64_t{2});
  EXPECT_EQ(listpack.substr(4, 2), Bytes({0xFF, 0xFF}));
  AppendToListpack(listpack, int64_t{3});
  const ListpackView view(listpack);
  EXPECT_EQ(view.Count(), 65536U);
  EXPECT_EQ(view.At(view.Seek(65535)).number, 3);
  EXPECT_EQ(view.At(view.Seek(-2)).number, 2);
  EXPECT_EQ(view.Seek(65536), view.EndOffset());
  EXPECT_EQ(view.Seek(-65537), view.EndOffset());
  EXPECT_EQ(view.Seek(-65536), view.Begin());
  // It stays unknown when elements go away, and is counted then.
  const size_t old_bytes = listpack.size();
  ReplaceListpackSpan(listpack.data(), old_bytes, view.Begin(), 200, 0, -100);
  listpack.resize(old_bytes - 200);
  EXPECT_EQ(listpack.substr(4, 2), Bytes({0xFF, 0xFF}));
  EXPECT_EQ(ListpackView(listpack).Count(), 65436U);
  EXPECT_TRUE(IsValid(listpack));
}

TEST(Listpack, RefusesBytesThatAreNone) {
  const std::string good = Make({"a", "300", std::string(100, 'x')});
  ASSERT_TRUE(IsValid(good));
  for (size_t size = 0; size < good.size(); ++size) EXPECT_FALSE(IsValid(std::string_view(good).substr(0, size)));
  std::string bad = good + "x";
  EXPECT_FALSE(IsValid(bad));
  bad = good;
  bad[4] = 2;  // Wrong count.
  EXPECT_FALSE(IsValid(bad));
  bad = good;
  bad[4] = bad[5] = static_cast<char>(0xFF);  // Unknown count: allowed.
  EXPECT_TRUE(IsValid(bad));
  bad = good;
  bad[8] = 3;  // Wrong back-length of "a".
  EXPECT_FALSE(IsValid(bad));
  for (const int first : {0xF5, 0xFE, 0xFF}) EXPECT_FALSE(IsValid(Bytes({9, 0, 0, 0, 1, 0, first, 1, 0xFF})));
  // A string that claims to end behind the listpack, and one whose length would wrap 32 bits.
  EXPECT_FALSE(IsValid(Bytes({10, 0, 0, 0, 1, 0, 0x82, 'a', 2, 0xFF})));
  EXPECT_FALSE(IsValid(Bytes({13, 0, 0, 0, 1, 0, 0xF0, 0xFF, 0xFF, 0xFF, 0xFF, 1, 0xFF})));
  // A prefix cut by the end.
  EXPECT_FALSE(IsValid(Bytes({8, 0, 0, 0, 1, 0, 0xF0, 0xFF})));
  EXPECT_FALSE(IsValid(Bytes({8, 0, 0, 0, 1, 0, 0xC0, 0xFF})));
}

}  // namespace
}  // namespace cachenode
