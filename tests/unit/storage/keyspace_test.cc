#include "storage/keyspace.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "storage/base/random.h"
#include "storage/key_observer.h"

namespace cachenode {
namespace {

class KeyspaceTest : public ::testing::Test {
 protected:
  KeyspaceTest() { context_.SetNow(1'700'000'000'000); }

  KeySlot At(std::string_view key, uint32_t db = 0) { return keyspace_.Locate(db, key, context_); }
  void Fill(int count, uint32_t db = 0) {
    for (int i = 0; i < count; ++i) {
      ASSERT_TRUE(At("key:" + std::to_string(i), db).WriteString("value", Expiry::kClear).ok());
    }
  }
  // One thread: every lock is as good as held.
  uint64_t ResizeToRest() {
    for (uint32_t i = 0; i < keyspace_.shard_count(); ++i) {
      Shard& shard = keyspace_.shard(i);
      shard.AssertHeld();
      while (shard.MaintainSlice(100, context_.now_ms)) {
      }
    }
    return keyspace_.Memory().index_bytes;
  }

  Keyspace keyspace_{KeyspaceOptions{}};
  AccessContext context_;
  Random random_{11};
};

TEST_F(KeyspaceTest, ShardsAndTagsUseAllTheirValues) {
  std::set<uint32_t> shards;
  std::set<unsigned> tags;
  for (int i = 0; i < 20'000; ++i) {
    const KeyHash hash = Keyspace::Hash("key:" + std::to_string(i));
    shards.insert(hash.shard(511));
    tags.insert(hash.tag());
    ASSERT_NE(hash.tag(), 0);
  }
  EXPECT_EQ(shards.size(), 512U);
  EXPECT_EQ(tags.size(), 255U);
}

TEST_F(KeyspaceTest, ShardCountGrowsWithWorkersUpToItsLimit) {
  EXPECT_EQ(ShardCountFor(1), 16U);
  EXPECT_EQ(ShardCountFor(2), 32U);
  EXPECT_EQ(ShardCountFor(3), 64U);
  EXPECT_EQ(ShardCountFor(1000), kShardsMax);
}

TEST_F(KeyspaceTest, TablesShrinkWhenKeysGo) {
  Fill(200'000);
  const uint64_t full = ResizeToRest();
  for (int i = 100; i < 200'000; ++i) At("key:" + std::to_string(i)).Erase();
  EXPECT_LT(ResizeToRest(), full / 100);
  EXPECT_EQ(keyspace_.KeyCount(0), 100U);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(At("key:" + std::to_string(i)).Exists());
}

TEST_F(KeyspaceTest, SmallScanEndsInOneCall) {
  Fill(5);
  int seen = 0;
  EXPECT_EQ(keyspace_.Scan(0, 0, 10, context_.now_ms, Locking::kWorldHeld, [&](const EntryView&) { ++seen; }), 0U);
  EXPECT_EQ(seen, 5);
  EXPECT_EQ(keyspace_.Scan(7, 0, 10, context_.now_ms, Locking::kWorldHeld, [&](const EntryView&) { ++seen; }), 0U);
  EXPECT_EQ(seen, 5);
}

TEST_F(KeyspaceTest, ScanAnswersAboutCountAndAcceptsAnyCursor) {
  Fill(50'000);
  int seen = 0;
  uint64_t cursor = 0;
  int calls = 0;
  do {
    cursor = keyspace_.Scan(0, cursor, 100, context_.now_ms, Locking::kWorldHeld, [&](const EntryView&) { ++seen; });
    ++calls;
  } while (cursor != 0);
  EXPECT_EQ(seen, 50'000);
  EXPECT_LE(calls, 501);
  EXPECT_GE(calls, 300);
  for (int i = 0; i < 1000; ++i) {
    static_cast<void>(
        keyspace_.Scan(0, random_.Next(), 10, context_.now_ms, Locking::kWorldHeld, [](const EntryView&) {}));
  }
}

TEST_F(KeyspaceTest, RandomKeyIsFairAndFindsTheLastKey) {
  Fill(64);
  std::map<std::string, int> drawn;
  std::string key;
  for (int i = 0; i < 64'000; ++i) {
    ASSERT_TRUE(keyspace_.RandomKey(0, context_.now_ms, random_, Locking::kWorldHeld, key));
    ++drawn[key];
  }
  EXPECT_EQ(drawn.size(), 64U);
  for (const auto& [name, times] : drawn) EXPECT_NEAR(times, 1000, 200) << name;

  Fill(50'000);
  for (int i = 1; i < 50'000; ++i) At("key:" + std::to_string(i)).Erase();
  ASSERT_TRUE(keyspace_.RandomKey(0, context_.now_ms, random_, Locking::kWorldHeld, key));
  EXPECT_EQ(key, "key:0");
  At("key:0").Erase();
  EXPECT_FALSE(keyspace_.RandomKey(0, context_.now_ms, random_, Locking::kWorldHeld, key));
}

TEST_F(KeyspaceTest, FlushOfOneDatabaseLeavesTheOthersAndFreesInSlices) {
  Fill(20'000);
  Fill(10, 1);
  EXPECT_FALSE(keyspace_.FlushDatabase(0).size() == 16U);  // Some shards keep keys of database 1.
  EXPECT_EQ(keyspace_.KeyCount(0), 0U);
  EXPECT_EQ(keyspace_.KeyCount(1), 10U);
  ResizeToRest();
  EXPECT_EQ(keyspace_.Memory().entry_bytes, 10 * SlabHeap::SlotBytesFor(5 + 5 + 6));
}

TEST_F(KeyspaceTest, MappedBytesFollowTheContent) {
  const uint64_t empty = keyspace_.MappedBytes();
  Fill(10'000);
  EXPECT_EQ(keyspace_.MappedBytes(), keyspace_.Memory().MappedBytes());
  EXPECT_GT(keyspace_.MappedBytes(), 10'000U * 16);
  std::vector<std::unique_ptr<DetachedShard>> gone = keyspace_.FlushAll();
  EXPECT_EQ(gone.size(), 16U);
  EXPECT_EQ(keyspace_.MappedBytes(), empty);
}

class CountingSnapshot final : public SnapshotObserver {
 public:
  void SaveEntries(uint32_t, uint32_t, std::span<const EntryView> entries) override {
    for (const EntryView& view : entries) keys.insert(std::string(view.key));
  }
  bool CanSave(uint32_t) noexcept override { return can_save; }
  void TakeDetached(uint32_t, std::unique_ptr<DetachedShard>) override {}
  std::multiset<std::string> keys;
  bool can_save = true;
};

// Epochs have 13 bits: a bucket last saved by snapshot n must not look saved to snapshot n + 8191.
TEST_F(KeyspaceTest, SeventyThousandCancelledSnapshotsDoNotHideABucket) {
  Fill(500);
  for (int i = 0; i < 70'000; ++i) {
    CountingSnapshot snapshot;
    keyspace_.BeginSnapshot(snapshot);
    if (i % 7 == 0) {
      const std::string key = "key:" + std::to_string(random_.Below(500));
      ASSERT_TRUE(At(key).WriteString("changed", Expiry::kClear).ok());
      ASSERT_TRUE(snapshot.keys.contains(key));
    }
    keyspace_.EndSnapshot();
  }
  CountingSnapshot last;
  keyspace_.BeginSnapshot(last);
  for (uint32_t i = 0; i < keyspace_.shard_count(); ++i) {
    Shard& shard = keyspace_.shard(i);
    shard.AssertHeld();
    SnapshotCursor cursor;
    while (!cursor.done) static_cast<void>(shard.WalkUnsaved(cursor, 10));
  }
  keyspace_.EndSnapshot();
  EXPECT_EQ(last.keys.size(), 500U);
}

// What is written stands in the snapshot once, as it was; what comes new stands in it never, wherever it lands.
TEST_F(KeyspaceTest, AWriteSavesItsEntryAndLeavesTheBucketToTheWalker) {
  constexpr int kKeys = 5000;
  Fill(kKeys);
  CountingSnapshot snapshot;
  keyspace_.BeginSnapshot(snapshot);
  // Chains of more than one bucket, and those that a resize merges, are handed over whole.
  int rounds_that_saved_more = 0;
  for (int i = 0; i < kKeys; i += 5) {
    const std::string key = "key:" + std::to_string(i);
    const size_t before = snapshot.keys.size();
    ASSERT_TRUE(At(key).WriteString("changed", Expiry::kClear).ok());
    if (i % 2 == 0) At(key).Erase();
    ASSERT_TRUE(At(key + ":new").WriteString("new", Expiry::kClear).ok());
    EXPECT_TRUE(snapshot.keys.contains(key));
    rounds_that_saved_more += snapshot.keys.size() - before > 1 ? 1 : 0;
  }
  EXPECT_LT(rounds_that_saved_more, kKeys / 5 / 2);
  for (uint32_t i = 0; i < keyspace_.shard_count(); ++i) {
    Shard& shard = keyspace_.shard(i);
    shard.AssertHeld();
    SnapshotCursor cursor;
    while (!cursor.done) static_cast<void>(shard.WalkUnsaved(cursor, 10));
  }
  keyspace_.EndSnapshot();
  EXPECT_EQ(snapshot.keys.size(), static_cast<size_t>(kKeys));
  for (int i = 0; i < kKeys; ++i) EXPECT_EQ(snapshot.keys.count("key:" + std::to_string(i)), 1U);
}

TEST_F(KeyspaceTest, BackgroundWorkLeavesUnsavedBucketsAloneWithoutRoom) {
  ASSERT_TRUE(At("k").WriteString("v", Expiry::At(context_.now_ms + 1)).ok());
  CountingSnapshot snapshot;
  snapshot.can_save = false;
  keyspace_.BeginSnapshot(snapshot);
  context_.SetNow(context_.now_ms + 10);
  const KeyHash hash = Keyspace::Hash("k");
  Shard& shard = keyspace_.ShardOf(hash);
  shard.AssertHeld();
  EXPECT_FALSE(shard.MayErase(0, hash));
  EXPECT_EQ(shard.ExpireSlice(context_, 10), 0U);
  EXPECT_FALSE(At("k").Exists());
  EXPECT_EQ(keyspace_.KeyCount(0), 1U);
  EXPECT_TRUE(snapshot.keys.empty());
  snapshot.can_save = true;
  EXPECT_EQ(shard.ExpireSlice(context_, 10), 1U);
  EXPECT_EQ(snapshot.keys.count("k"), 1U);
  keyspace_.EndSnapshot();
}

TEST_F(KeyspaceTest, SnapshotIsUntouchedBySwapAndFlush) {
  Fill(1000);
  CountingSnapshot snapshot;
  keyspace_.BeginSnapshot(snapshot);
  ASSERT_TRUE(At("other", 1).WriteString("new", Expiry::kClear).ok());
  keyspace_.SwapDatabases(0, 1);
  ASSERT_TRUE(At("key:1", 1).WriteString("changed", Expiry::kClear).ok());
  EXPECT_EQ(snapshot.keys.count("key:1"), 1U);
  EXPECT_EQ(snapshot.keys.count("other"), 0U);
  keyspace_.EndSnapshot();
}

TEST_F(KeyspaceTest, StoppedClockAndTenHourLeapStillExpireEverything) {
  for (int i = 0; i < 2000; ++i) {
    const int64_t deadline = context_.now_ms + 1 + static_cast<int64_t>(random_.Below(200'000'000));
    ASSERT_TRUE(At("key:" + std::to_string(i)).WriteString("v", Expiry::At(deadline)).ok());
  }
  context_.SetNow(context_.now_ms + 300'000'000);  // 83 hours without a look: hints have wrapped.
  for (uint32_t i = 0; i < keyspace_.shard_count(); ++i) {
    Shard& shard = keyspace_.shard(i);
    shard.AssertHeld();
    while (shard.EarliestExpiryMs() <= context_.now_ms) {
      ASSERT_GT(shard.ExpireSlice(context_, 64), 0U);
    }
  }
  EXPECT_EQ(keyspace_.KeyCount(0), 0U);
  EXPECT_EQ(keyspace_.VolatileCount(0), 0U);
}

// Deadlines farther away than a hint can say, in buckets that nobody has to look at until a near one comes in.
TEST_F(KeyspaceTest, HintsOfFarDeadlinesDoNotHideNearOnes) {
  const auto write = [this](const char* prefix, int64_t in_seconds) {
    for (int i = 0; i < 500; ++i) {
      const Expiry expiry = Expiry::At(context_.now_ms + in_seconds * 1000);
      ASSERT_TRUE(At(prefix + std::to_string(i)).WriteString("v", expiry).ok());
    }
  };
  const auto expire = [this] {
    for (uint32_t i = 0; i < keyspace_.shard_count(); ++i) {
      Shard& shard = keyspace_.shard(i);
      shard.AssertHeld();
      while (shard.EarliestExpiryMs() <= context_.now_ms) shard.ExpireSlice(context_, 64);
    }
  };
  write("far:", 100'000);
  context_.SetNow(context_.now_ms + 60'000'000);  // The hints are past the end of their circle, and still in order.
  write("near:", 10);
  context_.SetNow(context_.now_ms + 29'000'000);  // Now they would count as ahead.
  expire();
  EXPECT_EQ(keyspace_.KeyCount(0), 500U);
  for (int hour = 0; hour < 4; ++hour) {
    context_.SetNow(context_.now_ms + 3'600'000);
    expire();
  }
  EXPECT_EQ(keyspace_.KeyCount(0), 0U);
}

TEST_F(KeyspaceTest, ReservedTableTakesItsKeysWithoutResizing) {
  for (uint32_t i = 0; i < keyspace_.shard_count(); ++i) {
    Shard& shard = keyspace_.shard(i);
    shard.AssertHeld();
    ASSERT_TRUE(shard.ReserveKeys(0, 100'000 / keyspace_.shard_count()).ok());
  }
  const uint64_t reserved = keyspace_.Memory().index_bytes;
  Fill(100'000);
  EXPECT_EQ(keyspace_.Memory().index_bytes, reserved);
}

TEST(KeyspaceLimits, FullArenaRefusesWritesAndKeepsWhatItHas) {
  KeyspaceOptions options;
  options.shard_count = 1;
  options.arena_reserve_bytes = uint64_t{2} << 20;
  Keyspace keyspace(options);
  AccessContext context;
  context.SetNow(1'700'000'000'000);
  int stored = 0;
  while (true) {
    const std::string key = "key:" + std::to_string(stored);
    KeySlot slot = keyspace.Locate(0, key, context);
    const Status status = slot.WriteString(std::string(100, 'v'), Expiry::kClear);
    if (!status.ok()) {
      EXPECT_EQ(status.code(), Err::kOutOfMemory);
      EXPECT_FALSE(slot.Exists());
      break;
    }
    ++stored;
  }
  EXPECT_GT(stored, 10'000);
  EXPECT_EQ(keyspace.KeyCount(0), static_cast<uint64_t>(stored));
  for (int i = 0; i < stored; ++i) {
    ASSERT_TRUE(keyspace.Locate(0, "key:" + std::to_string(i), context).Exists()) << i;
  }
  KeySlot grown = keyspace.Locate(0, "key:0", context);
  EXPECT_EQ(grown.EditString(4000).status().code(), Err::kOutOfMemory);
  EXPECT_EQ(grown.StringSize(), 100U);
  grown.Erase();
  EXPECT_TRUE(keyspace.Locate(0, "key:0", context).WriteString(std::string(100, 'v'), Expiry::kClear).ok());
}

}  // namespace
}  // namespace cachenode
