#include "persistence/s3/answer_fields.h"

#include <gtest/gtest.h>

#include <string>

namespace cachenode {
namespace {

TEST(AnswerFields, FindsTheFirstElementOfAName) {
  const std::string_view text =
      "<?xml version=\"1.0\"?><R xmlns=\"x\"><A i=\"1\"> one </A><B><Code>two</Code></B><Code>three</Code><E/></R>";
  EXPECT_EQ(XmlField(text, "A"), "one");
  EXPECT_EQ(XmlField(text, "Code"), "two");
  EXPECT_EQ(XmlField(text, "E"), "");
  EXPECT_EQ(XmlField(text, "B"), std::nullopt);  // Holds an element, no text.
  EXPECT_EQ(XmlField(text, "C"), std::nullopt);
}

TEST(AnswerFields, ResolvesEntities) {
  EXPECT_EQ(XmlField("<A>&lt;&gt;&amp;&quot;&apos;&#65;&#xe9;&#x1F600;</A>", "A"), "<>&\"'A\xc3\xa9\xf0\x9f\x98\x80");
  EXPECT_EQ(XmlField("<A>&unknown;</A>", "A"), std::nullopt);
  EXPECT_EQ(XmlField("<A>&amp</A>", "A"), std::nullopt);
  EXPECT_EQ(XmlField("<A>&#x110000;</A>", "A"), std::nullopt);
}

TEST(AnswerFields, GivesNothingOfBrokenXml) {
  for (const std::string_view text : {"", "<", "<A", "<A>", "<A>x", "<A>x<", "<A>x</", "<A>x</B>", "</A>"}) {
    EXPECT_EQ(XmlField(text, "A"), std::nullopt) << text;
  }
}

TEST(AnswerFields, ReadsMembersOfTheOutermostObject) {
  const std::string_view text =
      R"( { "a" : "x\"y\\\/\n", "n":-12, "o":{"b":"inner","c":[1,"}"]}, "l":[{"b":1}], "b":"outer", "t":true } )";
  EXPECT_EQ(JsonField(text, "a"), "x\"y\\/\n");
  EXPECT_EQ(JsonField(text, "n"), "-12");
  EXPECT_EQ(JsonField(text, "b"), "outer");
  EXPECT_EQ(JsonField(text, "c"), std::nullopt);
  EXPECT_EQ(JsonField(text, "o"), std::nullopt);
  EXPECT_EQ(JsonField(text, "t"), std::nullopt);
}

TEST(AnswerFields, DecodesUnicodeEscapes) {
  EXPECT_EQ(JsonField(R"({"a":"\u00e9\ud83d\ude00"})", "a"), "\xc3\xa9\xf0\x9f\x98\x80");
  EXPECT_EQ(JsonField(R"({"a":"\ud83d"})", "a"), std::nullopt);
  EXPECT_EQ(JsonField(R"({"a":"\udc00"})", "a"), std::nullopt);
  EXPECT_EQ(JsonField(R"({"a":"\u12"})", "a"), std::nullopt);
}

TEST(AnswerFields, GivesNothingOfBrokenJson) {
  const std::string whole = R"({"x":{"y":["z"]},"a":"v"})";
  for (size_t size = 0; size + 2 < whole.size(); ++size) {
    EXPECT_EQ(JsonField(whole.substr(0, size), "a"), std::nullopt) << size;
  }
  EXPECT_EQ(JsonField(whole, "a"), "v");
  EXPECT_EQ(JsonField(R"(["a","v"])", "a"), std::nullopt);
  EXPECT_EQ(JsonField("{\"a\":\"line\nbreak\"}", "a"), std::nullopt);
  EXPECT_EQ(JsonField("{\"o\":" + std::string(100000, '[') + ",\"a\":\"v\"}", "a"), std::nullopt);
}

}  // namespace
}  // namespace cachenode
