#include "storage/value/list_value.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "storage/keyspace.h"
#include "storage/value/value_limits.h"

namespace cachenode {
namespace {

class ListValueTest : public ::testing::Test {
 protected:
  ListValueTest() { context_.SetNow(1'700'000'000'000); }
  ~ListValueTest() override { value_limits = ValueLimits(); }

  KeySlot At(std::string_view key) { return keyspace_.Locate(0, key, context_); }
  void Push(std::string_view element, size_t count = 1, ListEnd end = ListEnd::kBack) {
    for (; count > 0; --count) {
      KeySlot slot = At("l");
      ASSERT_TRUE(ListValue(slot).Push(end, element).ok());
    }
  }
  std::string EncodingName() { return std::string(At("l").EncodingName()); }
  std::vector<std::string> Elements(std::string_view key = "l") {
    std::vector<std::string> elements;
    KeySlot slot = At(key);
    if (!slot.Exists()) return elements;
    for (ListCursor cursor(ListView::Of(slot), 0, ListEnd::kBack); !cursor.IsEnd(); cursor.Advance()) {
      ListpackScratch scratch;
      elements.emplace_back(cursor.Get().Read(scratch));
    }
    return elements;
  }

  Keyspace keyspace_{KeyspaceOptions{}};
  AccessContext context_;
};

TEST_F(ListValueTest, IsAListpackUpToTheSizeOfANode) {
  // Seven bytes of header and end, and 122 elements of 64 + 3 bytes; a further one counts with its 64 bytes.
  Push(std::string(64, 'x'), 122);
  EXPECT_EQ(At("l").ReadPacked().size(), 7U + 122 * 67);
  EXPECT_EQ(EncodingName(), "listpack");
  Push(std::string(64, 'x'));
  EXPECT_EQ(EncodingName(), "quicklist");
  EXPECT_EQ(Elements().size(), 123U);
}

TEST_F(ListValueTest, IsAListpackAgainAtHalfOfTheLimit) {
  value_limits.list_max_listpack_size = 8;
  Push("a", 8);
  EXPECT_EQ(EncodingName(), "listpack");
  Push("b");
  EXPECT_EQ(EncodingName(), "quicklist");
  KeySlot slot = At("l");
  for (int size = 9; size > 4; --size) {
    EXPECT_EQ(EncodingName(), "quicklist") << size;
    ASSERT_TRUE(ListValue(slot).Pop(ListEnd::kBack).ok());
  }
  EXPECT_EQ(EncodingName(), "listpack");
  EXPECT_EQ(Elements(), std::vector<std::string>(4, "a"));
}

TEST_F(ListValueTest, IsAlwaysAQuicklistForEngine70) {
  value_limits.packed_lists_and_sets = false;
  Push("a");
  EXPECT_EQ(EncodingName(), "quicklist");
}

TEST_F(ListValueTest, TakesTenBytesForAnElementOfEight) {
  constexpr size_t kCount = 200'000;
  for (const ListEnd end : {ListEnd::kFront, ListEnd::kBack}) {
    At("l").Erase();
    Push("abcdefgh", kCount, end);
    EXPECT_LE(At("l").MemoryBytes(), kCount * 21 / 2);
  }
}

TEST_F(ListValueTest, KeepsLargeElementsInBlocksThatCanBePinned) {
  const std::string large(20'000, 'x');
  Push("a");
  Push(large);
  Push("b");
  EXPECT_EQ(Elements(), (std::vector<std::string>{"a", large, "b"}));
  const KeySlot slot = At("l");
  EXPECT_NE(ListCursor(ListView::Of(slot), 1, ListEnd::kBack).Get().block, nullptr);
  EXPECT_EQ(ListView::Of(slot).NodeCount(), 3U);
}

TEST_F(ListValueTest, LeavesACopyAsItWas) {
  value_limits.list_max_listpack_size = 4;
  for (int i = 0; i < 1000; ++i) Push(std::to_string(i));
  const std::vector<std::string> before = Elements();
  KeySlot from = At("l");
  KeySlot to = At("copy");
  ASSERT_TRUE(from.CopyTo(to).ok());
  ASSERT_TRUE(ListValue(from).Replace(500, "x").ok());
  ASSERT_TRUE(ListValue(from).Erase(10, 300).ok());
  ASSERT_TRUE(ListValue(from).Pop(ListEnd::kFront).ok());
  EXPECT_EQ(Elements("copy"), before);
  EXPECT_EQ(Elements().size(), 699U);
}

TEST_F(ListValueTest, BuildsFromListpacksOfAnySize) {
  std::string listpack = MakeListpack();
  for (int i = 0; i < 5000; ++i) AppendToListpack(listpack, "element " + std::to_string(i));
  ListBuilder builder;
  ASSERT_TRUE(builder.AppendListpack(listpack));
  ASSERT_TRUE(builder.AppendBlock(ByteBlockRef::Copy(std::string(50'000, 'y'))));
  ASSERT_TRUE(builder.Append("last"));
  EXPECT_EQ(builder.Count(), 5002U);
  KeySlot slot = At("l");
  ASSERT_TRUE(builder.Finish(slot, Expiry::kClear).ok());
  EXPECT_EQ(EncodingName(), "quicklist");
  const std::vector<std::string> elements = Elements();
  ASSERT_EQ(elements.size(), 5002U);
  EXPECT_EQ(elements[4999], "element 4999");
  EXPECT_EQ(elements[5001], "last");
}

TEST_F(ListValueTest, BuildsAListpackWhenItFits) {
  ListBuilder builder;
  ASSERT_TRUE(builder.Append("a"));
  ASSERT_TRUE(builder.Append("2"));
  KeySlot slot = At("l");
  ASSERT_TRUE(slot.WriteString("old", Expiry::At(context_.now_ms + 1000)).ok());
  ASSERT_TRUE(builder.Finish(slot, Expiry::kClear).ok());
  EXPECT_EQ(EncodingName(), "listpack");
  EXPECT_EQ(slot.expire_at_ms(), -1);
  EXPECT_EQ(Elements(), (std::vector<std::string>{"a", "2"}));
}

TEST_F(ListValueTest, FreesAllItTook) {
  value_limits.list_max_listpack_size = 16;
  for (int i = 0; i < 3000; ++i) Push(std::string(static_cast<size_t>(i % 40), 'z'));
  KeySlot slot = At("l");
  while (slot.Exists()) ASSERT_TRUE(ListValue(slot).Pop(ListEnd::kFront).ok());
  EXPECT_EQ(keyspace_.Memory().entry_bytes, 0U);
  EXPECT_EQ(keyspace_.Memory().external_bytes, 0U);
}

}  // namespace
}  // namespace cachenode
