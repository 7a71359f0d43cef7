#include "storage/key_slot.h"

#include <gtest/gtest.h>

#include <string>

#include "storage/base/random.h"
#include "storage/key_observer.h"
#include "storage/keyspace.h"

namespace cachenode {
namespace {

class KeySlotTest : public ::testing::Test {
 protected:
  KeySlotTest() { context_.SetNow(1'700'000'000'000); }

  KeySlot At(std::string_view key, uint32_t db = 0) { return keyspace_.Locate(db, key, context_); }
  std::string Text(std::string_view key, uint32_t db = 0) {
    KeySlot slot = At(key, db);
    if (!slot.Exists()) return "(nil)";
    StringScratch scratch;
    return std::string(slot.ReadString(scratch));
  }
  void Put(std::string_view key, std::string_view value, Expiry expiry = Expiry::kClear) {
    ASSERT_TRUE(At(key).WriteString(value, expiry).ok());
  }

  Keyspace keyspace_{KeyspaceOptions{}};
  AccessContext context_;
};

TEST_F(KeySlotTest, MissingKeyDoesNotExist) {
  EXPECT_FALSE(At("a").Exists());
  EXPECT_EQ(keyspace_.KeyCount(0), 0U);
}

TEST_F(KeySlotTest, WritesReadsAndErases) {
  Put("a", "hello");
  EXPECT_EQ(Text("a"), "hello");
  EXPECT_EQ(keyspace_.KeyCount(0), 1U);
  At("a").Erase();
  EXPECT_EQ(Text("a"), "(nil)");
  EXPECT_EQ(keyspace_.KeyCount(0), 0U);
  EXPECT_EQ(keyspace_.Memory().entry_bytes, 0U);
  EXPECT_EQ(keyspace_.ChangeCount(), 2U);
}

TEST_F(KeySlotTest, ChoosesEncodingBySizeAndContent) {
  const auto encoding = [&](std::string_view value) {
    Put("k", value);
    EXPECT_EQ(Text("k"), value);
    return std::string(At("k").EncodingName());
  };
  EXPECT_EQ(encoding(""), "embstr");
  EXPECT_EQ(encoding("0"), "int");
  EXPECT_EQ(encoding("-129"), "int");
  EXPECT_EQ(encoding("32768"), "int");
  EXPECT_EQ(encoding("-2147483649"), "int");
  EXPECT_EQ(encoding("9223372036854775807"), "int");
  EXPECT_EQ(encoding("-9223372036854775808"), "int");
  EXPECT_EQ(encoding("9223372036854775808"), "embstr");
  EXPECT_EQ(encoding("007"), "embstr");
  EXPECT_EQ(encoding(std::string(44, 'x')), "embstr");
  EXPECT_EQ(encoding(std::string(45, 'x')), "raw");
  EXPECT_EQ(encoding(std::string(127, 'x')), "raw");
  EXPECT_EQ(encoding(std::string(128, 'x')), "raw");
  EXPECT_EQ(encoding(std::string(4000, 'x')), "raw");
  EXPECT_EQ(encoding(std::string(5000, 'x')), "raw");
  EXPECT_EQ(encoding(std::string(3'000'000, 'x')), "raw");
}

TEST_F(KeySlotTest, KeepsClearsAndSetsDeadlines) {
  const int64_t later = context_.now_ms + 5000;
  Put("k", "v", Expiry::At(later));
  EXPECT_EQ(At("k").expire_at_ms(), later);
  EXPECT_EQ(keyspace_.VolatileCount(0), 1U);
  Put("k", "another", Expiry::kKeep);
  EXPECT_EQ(At("k").expire_at_ms(), later);
  Put("k", "v2", Expiry::kClear);
  EXPECT_EQ(At("k").expire_at_ms(), -1);
  EXPECT_EQ(keyspace_.VolatileCount(0), 0U);
  ASSERT_TRUE(At("k").SetExpire(later + 1).ok());
  EXPECT_EQ(At("k").expire_at_ms(), later + 1);
  EXPECT_EQ(Text("k"), "v2");
  ASSERT_TRUE(At("k").Persist().ok());
  EXPECT_EQ(At("k").expire_at_ms(), -1);
  EXPECT_EQ(Text("k"), "v2");
}

TEST_F(KeySlotTest, DeadlineFitsBesideTheLargestInlineValue) {
  for (size_t size = 4060; size < 4100; ++size) {
    const std::string value(size, 'y');
    Put("k", value);
    ASSERT_TRUE(At("k").SetExpire(context_.now_ms + 100).ok());
    EXPECT_EQ(Text("k"), value);
    EXPECT_EQ(At("k").expire_at_ms(), context_.now_ms + 100);
  }
}

class Recorder final : public KeyObserver {
 public:
  void BeforeChange(uint32_t, std::string_view key) override { log.append("change ").append(key).append(";"); }
  void OnExpired(uint32_t, std::string_view key) override { log.append("expired ").append(key).append(";"); }
  void OnFieldsExpired(uint32_t, std::string_view key, uint64_t, bool) override {
    log.append("fields expired ").append(key).append(";");
  }
  void OnEvicted(uint32_t, std::string_view key) override { log.append("evicted ").append(key).append(";"); }
  std::string log;
};

TEST_F(KeySlotTest, ExpiredKeyIsErasedWhenFoundAndTheObserverIsTold) {
  Recorder recorder;
  Put("k", "v", Expiry::At(context_.now_ms + 10));
  context_.observer = &recorder;
  context_.SetNow(context_.now_ms + 9);
  EXPECT_TRUE(At("k").Exists());
  context_.SetNow(context_.now_ms + 1);
  EXPECT_FALSE(At("k").Exists());
  EXPECT_EQ(recorder.log, "change k;expired k;");
  EXPECT_EQ(keyspace_.KeyCount(0), 0U);
}

TEST_F(KeySlotTest, HiddenExpiredKeyStaysUntilWritten) {
  Put("k", "v", Expiry::At(context_.now_ms + 10));
  context_.SetNow(context_.now_ms + 10);
  context_.expired = ExpiredKeys::kHide;
  EXPECT_FALSE(At("k").Exists());
  EXPECT_EQ(keyspace_.KeyCount(0), 1U);
  Put("k", "new", Expiry::kKeep);
  EXPECT_EQ(Text("k"), "new");
  EXPECT_EQ(At("k").expire_at_ms(), -1);
  EXPECT_EQ(keyspace_.KeyCount(0), 1U);
}

TEST_F(KeySlotTest, AppendGrowsFromIntegerToBlock) {
  Put("k", "12");
  std::string expected = "12";
  while (expected.size() < 20'000) {
    expected += "345";
    Result<size_t> size = At("k").AppendString("345");
    ASSERT_TRUE(size.ok());
    ASSERT_EQ(*size, expected.size());
    ASSERT_EQ(At("k").EncodingName(), "raw");
  }
  EXPECT_EQ(Text("k"), expected);
}

TEST_F(KeySlotTest, EditFillsWithZeroAndKeepsTheDeadline) {
  Put("k", "abc", Expiry::At(context_.now_ms + 100));
  Result<std::span<char>> bytes = At("k").EditString(6);
  ASSERT_TRUE(bytes.ok());
  (*bytes)[5] = 'z';
  EXPECT_EQ(Text("k"), std::string("abc\0\0z", 6));
  EXPECT_EQ(At("k").expire_at_ms(), context_.now_ms + 100);
  bytes = At("new").EditString(10'000);
  ASSERT_TRUE(bytes.ok());
  EXPECT_EQ(Text("new"), std::string(10'000, '\0'));
}

TEST_F(KeySlotTest, PinnedBlockIsCopiedBeforeItIsWritten) {
  const std::string value(100'000, 'a');
  Put("k", value);
  const ByteBlockRef pinned = At("k").PinString();
  ASSERT_TRUE(static_cast<bool>(pinned));
  Result<std::span<char>> bytes = At("k").EditString(value.size());
  ASSERT_TRUE(bytes.ok());
  (*bytes)[0] = 'b';
  EXPECT_EQ(pinned->view(), value);
  EXPECT_EQ(Text("k")[0], 'b');
  EXPECT_FALSE(static_cast<bool>(At("k").PinString(value.size() + 1)));
  At("k").Erase();
  EXPECT_EQ(pinned->view(), value);
  EXPECT_EQ(keyspace_.Memory().external_bytes, 0U);
}

TEST_F(KeySlotTest, MovesAndCopiesBetweenKeysAndDatabases) {
  for (const size_t size : {size_t{3}, size_t{300}, size_t{70'000}}) {
    const std::string value(size, 'm');
    Put("from", value, Expiry::At(context_.now_ms + 100));
    KeySlot from = At("from");
    KeySlot copy = At("copy", 3);
    ASSERT_TRUE(from.CopyTo(copy).ok());
    EXPECT_EQ(Text("copy", 3), value);
    KeySlot to = At("to");
    ASSERT_TRUE(from.MoveTo(to).ok());
    EXPECT_FALSE(from.Exists());
    EXPECT_EQ(Text("to"), value);
    EXPECT_EQ(At("to").expire_at_ms(), context_.now_ms + 100);
  }
  At("to").Erase();
  At("copy", 3).Erase();
  EXPECT_EQ(keyspace_.Memory().UsedBytes(), keyspace_.Memory().index_bytes);
}

TEST_F(KeySlotTest, LongKeysWork) {
  for (const size_t size : {size_t{254}, size_t{255}, size_t{1024}, size_t{1025}, size_t{100'000}}) {
    const std::string key(size, 'k');
    Put(key, "value");
    EXPECT_EQ(Text(key), "value");
    Put(key, std::string(6000, 'v'));
    ASSERT_TRUE(At(key).SetExpire(context_.now_ms + 50).ok());
    EXPECT_EQ(Text(key), std::string(6000, 'v'));
    EXPECT_FALSE(At(key.substr(1)).Exists());
    KeySlot from = At(key);
    KeySlot to = At("short");
    ASSERT_TRUE(from.MoveTo(to).ok());
    ASSERT_TRUE(to.MoveTo(from).ok());
    EXPECT_EQ(Text(key), std::string(6000, 'v'));
    At(key).Erase();
  }
  EXPECT_EQ(keyspace_.Memory().external_bytes, 0U);
}

TEST_F(KeySlotTest, SlotsSurviveChangesThroughOtherSlots) {
  Put("a", "1");
  KeySlot a = At("a");
  for (int i = 0; i < 5000; ++i) Put("fill" + std::to_string(i), "x");
  StringScratch scratch;
  EXPECT_EQ(a.ReadString(scratch), "1");
  KeySlot again = At("a");
  again.Erase();
  EXPECT_FALSE(a.Exists());
}

TEST_F(KeySlotTest, OverwriteInTheSameSlotDoesNotAllocate) {
  Put("k", "0123456789");
  const uint64_t before = keyspace_.Memory().entry_bytes;
  const char* const value = At("k").View().value;
  Put("k", "abcdefghij");
  EXPECT_EQ(At("k").View().value, value);
  EXPECT_EQ(keyspace_.Memory().entry_bytes, before);
}

TEST_F(KeySlotTest, RecencyFollowsThePolicy) {
  Put("k", "v");
  context_.SetNow(context_.now_ms + 7000);
  context_.touch = false;
  EXPECT_EQ(At("k").IdleSeconds(), 7U);
  context_.touch = true;
  EXPECT_EQ(At("k").IdleSeconds(), 0U);
  At("k").SetIdleSeconds(100);
  context_.touch = false;
  EXPECT_EQ(At("k").IdleSeconds(), 100U);

  Random random(1);
  context_.recency = Recency::kFrequency;
  context_.random = &random;
  At("k").SetLfuCounter(10);
  EXPECT_EQ(At("k").LfuCounter(), 10);
  context_.SetNow(context_.now_ms + 3 * 60'000);
  EXPECT_EQ(At("k").LfuCounter(), 7);
}

}  // namespace
}  // namespace cachenode
