#include "storage/value/hash_value.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "storage/keyspace.h"
#include "storage/value/value_limits.h"

namespace cachenode {
namespace {

class HashValueTest : public ::testing::Test {
 protected:
  HashValueTest() : keyspace_(KeyspaceOptions{.shard_count = 1, .database_count = 2}) { context_.SetNow(1'000'000); }
  ~HashValueTest() override { value_limits = limits_; }

  KeySlot At(std::string_view key, uint32_t db = 0) { return keyspace_.Locate(db, key, context_); }
  void Set(std::string_view key, std::string_view name, std::string_view value, Expiry expiry = Expiry::kClear) {
    KeySlot slot = At(key);
    ASSERT_TRUE(HashValue(slot).Set(name, value, expiry).ok());
  }
  std::string Read(std::string_view key, std::string_view name) {
    HashField field;
    HashScratch scratch;
    if (!HashView::Of(At(key)).Find(name, field, scratch)) return "(none)";
    return std::string(field.value) + "@" + std::to_string(field.expire_at_ms);
  }
  // Names in the order in which they lie.
  std::string Order(std::string_view key) {
    std::string names;
    HashView::Of(At(key)).ForEach([&](const HashField& field) {
      names.append(field.name).append(" ");
      return true;
    });
    return names;
  }
  uint64_t Indexed(uint32_t db = 0) { return keyspace_.shard(0).FieldExpiryCount(db); }

  const ValueLimits limits_ = value_limits;
  AccessContext context_;
  Keyspace keyspace_;
};

TEST_F(HashValueTest, TheFirstDeadlineTurnsPairsIntoTriples) {
  Set("h", "a", "1");
  Set("h", "b", "two");
  EXPECT_EQ(At("h").EncodingName(), "listpack");
  EXPECT_EQ(Indexed(), 0U);
  Set("h", "b", "two", Expiry::At(2'000'000));
  EXPECT_EQ(At("h").EncodingName(), "listpackex");
  EXPECT_EQ(Read("h", "a"), "1@-1");
  EXPECT_EQ(Read("h", "b"), "two@2000000");
  EXPECT_EQ(Indexed(), 1U);
}

TEST_F(HashValueTest, TriplesLieInTheOrderOfTheirDeadlines) {
  for (const char* name : {"a", "b", "c", "d"}) Set("h", name, "v");
  Set("h", "c", "v", Expiry::At(3'000'000));
  Set("h", "d", "v", Expiry::At(2'000'000));
  EXPECT_EQ(Order("h"), "d c a b ");
  Set("h", "a", "v", Expiry::At(2'500'000));
  EXPECT_EQ(Order("h"), "d a c b ");
  Set("h", "d", "v", Expiry::At(9'000'000));
  EXPECT_EQ(Order("h"), "a c d b ");
  EXPECT_EQ(HashView::Of(At("h")).EarliestDeadlineMs(), 2'500'000);
  Set("h", "a", "v");  // Without a deadline again.
  EXPECT_EQ(Order("h"), "c d b a ");
}

TEST_F(HashValueTest, TheIndexFollowsKeysThatMoveAndGo) {
  Set("h", "a", "1", Expiry::At(2'000'000));
  KeySlot from = At("h");
  KeySlot copy = At("copy", 1);
  ASSERT_TRUE(from.CopyTo(copy).ok());
  EXPECT_EQ(Indexed(0), 1U);
  EXPECT_EQ(Indexed(1), 1U);
  KeySlot moved = At("moved", 1);
  ASSERT_TRUE(from.MoveTo(moved).ok());
  EXPECT_EQ(Indexed(0), 0U);
  EXPECT_EQ(Indexed(1), 2U);
  keyspace_.SwapDatabases(0, 1);
  EXPECT_EQ(Indexed(0), 2U);
  ASSERT_TRUE(At("moved").WriteString("a string now", Expiry::kClear).ok());
  EXPECT_EQ(Indexed(0), 1U);
  ASSERT_TRUE(At("copy").SetExpire(context_.now_ms - 1).ok());
  EXPECT_FALSE(At("copy").Exists());  // Erased on the way.
  EXPECT_EQ(Indexed(0), 0U);
}

TEST_F(HashValueTest, ALargeHashIsSearchedForDueFieldsPieceByPiece) {
  for (int i = 0; i < 20'000; ++i) {
    const Expiry expiry = i % 10 == 0 ? Expiry::At(context_.now_ms + 1 + i) : Expiry::kClear;
    Set("h", "field" + std::to_string(i), "v", expiry);
  }
  Shard& shard = keyspace_.shard(0);
  shard.AssertHeld();
  context_.SetNow(context_.now_ms + 10'000);
  int slices = 0;
  while (shard.EarliestExpiryMs() <= context_.now_ms) {
    ASSERT_LT(++slices, 2000);
    EXPECT_LE(shard.ExpireSlice(context_, 64), 64U);
  }
  EXPECT_EQ(HashView::Of(At("h")).Count(), 19'000U);
  EXPECT_EQ(Indexed(), 1U);
  context_.SetNow(context_.now_ms + 10'000);
  while (shard.EarliestExpiryMs() <= context_.now_ms) shard.ExpireSlice(context_, 64);
  EXPECT_EQ(HashView::Of(At("h")).Count(), 18'000U);
  EXPECT_EQ(Indexed(), 0U);
}

TEST_F(HashValueTest, ACopyKeepsWhatItHadWhenTheOriginalChanges) {
  value_limits.hash_max_listpack_entries = 4;
  for (int i = 0; i < 1000; ++i) Set("h", "field" + std::to_string(i), "before");
  KeySlot from = At("h");
  KeySlot to = At("copy");
  ASSERT_TRUE(from.CopyTo(to).ok());
  for (int i = 0; i < 1000; i += 2) Set("h", "field" + std::to_string(i), "after and longer");
  EXPECT_EQ(Read("h", "field10"), "after and longer@-1");
  EXPECT_EQ(Read("copy", "field10"), "before@-1");
  EXPECT_EQ(Read("h", "field11"), "before@-1");
}

std::string Listpack(std::initializer_list<std::string_view> elements) {
  std::string bytes = MakeListpack();
  for (const std::string_view element : elements) AppendToListpack(bytes, element);
  return bytes;
}

TEST_F(HashValueTest, TheBuilderRefusesWhatIsNoHash) {
  EXPECT_EQ(HashBuilder().AddListpack(Listpack({"a", "1", "b"}), false).code(), Err::kCorrupt);
  EXPECT_EQ(HashBuilder().AddListpack(Listpack({"a", "1", "a", "2"}), false).code(), Err::kCorrupt);
  EXPECT_EQ(HashBuilder().AddListpack(Listpack({"a", "1", "0", "b", "2"}), true).code(), Err::kCorrupt);
  EXPECT_EQ(HashBuilder().AddListpack(Listpack({"a", "1", "soon"}), true).code(), Err::kCorrupt);
  EXPECT_EQ(HashBuilder().AddListpack(Listpack({"a", "1", "-5"}), true).code(), Err::kCorrupt);
  EXPECT_EQ(HashBuilder().AddListpack(Listpack({"a", "1", "281474976710656"}), true).code(), Err::kCorrupt);
  HashBuilder builder;
  EXPECT_TRUE(builder.Add({"a", "1", -1}).ok());
  EXPECT_EQ(builder.Add({"a", "2", -1}).code(), Err::kCorrupt);
}

TEST_F(HashValueTest, TheBuilderPutsTriplesInOrderAndTellsTheIndex) {
  HashBuilder builder;
  ASSERT_TRUE(builder.AddListpack(Listpack({"a", "1", "0", "b", "2", "5000000", "c", "3", "4000000"}), true).ok());
  KeySlot slot = At("h");
  ASSERT_TRUE(builder.Finish(slot, Expiry::kClear).ok());
  EXPECT_EQ(Order("h"), "c b a ");
  EXPECT_EQ(HashView::Of(At("h")).EarliestDeadlineMs(), 4'000'000);
  EXPECT_EQ(Indexed(), 1U);
}

TEST_F(HashValueTest, TheBuilderTurnsToATableAtTheLimits) {
  value_limits.hash_max_listpack_entries = 2;
  HashBuilder builder;
  ASSERT_TRUE(builder.Add({"a", "1", 5'000'000}).ok());
  ASSERT_TRUE(builder.Add({"b", "2", -1}).ok());
  ASSERT_TRUE(builder.Add({"c", "3", 4'000'000}).ok());
  EXPECT_EQ(builder.Count(), 3U);
  KeySlot slot = At("h");
  ASSERT_TRUE(builder.Finish(slot, Expiry::kClear).ok());
  EXPECT_EQ(At("h").EncodingName(), "hashtable");
  EXPECT_EQ(Read("h", "a"), "1@5000000");
  EXPECT_EQ(Read("h", "c"), "3@4000000");
  EXPECT_EQ(HashView::Of(At("h")).EarliestDeadlineMs(), 4'000'000);
}

}  // namespace
}  // namespace cachenode
