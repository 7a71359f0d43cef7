#include "storage/value/ziplist.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <vector>

namespace cachenode {
namespace {

std::string Bytes(std::initializer_list<int> bytes) {
  std::string text;
  for (const int byte : bytes) text.push_back(static_cast<char>(byte));
  return text;
}

// Little-endian.
void PutNumber(std::string& to, size_t at, size_t width, size_t number) {
  for (size_t i = 0; i < width; ++i) to[at + i] = static_cast<char>(number >> (8 * i));
}

// Frames element bodies (encoding and data) as a ziplist.
std::string Frame(const std::vector<std::string>& bodies) {
  std::string ziplist(10, '\0');
  size_t previous = 0;
  size_t last = ziplist.size();
  for (const std::string& body : bodies) {
    last = ziplist.size();
    if (previous < 254) {
      ziplist.push_back(static_cast<char>(previous));
    } else {
      ziplist += Bytes({0xFE, 0, 0, 0, 0});
      PutNumber(ziplist, ziplist.size() - 4, 4, previous);
    }
    ziplist += body;
    previous = ziplist.size() - last;
  }
  ziplist.push_back(static_cast<char>(0xFF));
  PutNumber(ziplist, 0, 4, ziplist.size());
  PutNumber(ziplist, 4, 4, last);
  PutNumber(ziplist, 8, 2, bodies.size());
  return ziplist;
}

bool IsValid(std::string_view bytes) {
  size_t count = 0;
  return IsValidZiplist(bytes, count);
}

std::vector<std::string> ReadAll(const std::string& ziplist) {
  std::vector<std::string> elements;
  ZiplistReader reader(ziplist);
  for (ListpackElement element; reader.Next(element);) {
    ListpackScratch scratch;
    elements.emplace_back(element.Read(scratch));
  }
  return elements;
}

TEST(Ziplist, ReadsEveryEncoding) {
  const std::string middle(300, 'm');
  const std::string large(20'000, 'l');
  const std::string ziplist = Frame({
      Bytes({0x02}) + "ab",
      Bytes({0x41, 0x2C}) + middle,
      Bytes({0x80, 0, 0, 0x4E, 0x20}) + large,
      Bytes({0xC0, 0xFE, 0xFF}),
      Bytes({0xD0, 0, 0, 0, 0x80}),
      Bytes({0xE0, 0, 0, 0, 0, 0, 0, 0, 0x80}),
      Bytes({0xF0, 0xFF, 0xFF, 0x7F}),
      Bytes({0xFE, 0x80}),
      Bytes({0xF1}),
      Bytes({0xFD}),
      Bytes({0x00}),
  });
  size_t count = 0;
  ASSERT_TRUE(IsValidZiplist(ziplist, count));
  EXPECT_EQ(count, 11U);
  const std::vector<std::string> expected = {
      "ab", middle, large, "-2", "-2147483648", "-9223372036854775808", "8388607", "-128", "0", "12", ""};
  EXPECT_EQ(ReadAll(ziplist), expected);
  std::string listpack;
  ASSERT_TRUE(ConvertZiplist(ziplist, listpack));
  ASSERT_TRUE(IsValidListpack(listpack, count));
  EXPECT_EQ(count, 11U);
  const ListpackView view(listpack);
  ListpackView::Offset at = view.Begin();
  for (const std::string& element : expected) {
    ListpackScratch scratch;
    EXPECT_EQ(view.At(at).Read(scratch), element);
    at = view.Next(at);
  }
}

TEST(Ziplist, EmptyIsValid) {
  const std::string ziplist = Frame({});
  ASSERT_TRUE(IsValid(ziplist));
  EXPECT_TRUE(ReadAll(ziplist).empty());
}

TEST(Ziplist, RefusesBytesThatAreNone) {
  const std::string good =
      Frame({Bytes({0x01}) + "a", Bytes({0xC0, 1, 1}), Bytes({0x41, 0x2C}) + std::string(300, 'x'), Bytes({0xF1})});
  ASSERT_TRUE(IsValid(good));
  for (size_t size = 0; size < good.size(); ++size) EXPECT_FALSE(IsValid(std::string_view(good).substr(0, size)));
  const auto with = [&good](size_t at, int byte) {
    std::string bad = good;
    bad[at] = static_cast<char>(byte);
    return bad;
  };
  EXPECT_FALSE(IsValid(with(4, 11)));     // The last element is elsewhere.
  EXPECT_FALSE(IsValid(with(8, 3)));      // Wrong count.
  EXPECT_FALSE(IsValid(with(13, 4)));     // The second element's idea of the first.
  EXPECT_FALSE(IsValid(with(10, 0xFF)));  // An end in the middle.
  EXPECT_FALSE(IsValid(with(11, 0xFF)));
  EXPECT_FALSE(IsValid(with(11, 0xC1)));  // No encoding.
  EXPECT_FALSE(IsValid(with(11, 0x80)));  // A length that is beyond all.
  std::string unknown = good;
  unknown[8] = unknown[9] = static_cast<char>(0xFF);
  EXPECT_TRUE(IsValid(unknown));
  std::string listpack;
  EXPECT_FALSE(ConvertZiplist(with(8, 3), listpack));
}

}  // namespace
}  // namespace cachenode
