#include "storage/eviction.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <string>
#include <vector>

#include "storage/base/memory.h"
#include "storage/key_observer.h"

namespace cachenode {
namespace {

class EvictionTest : public ::testing::Test {
 protected:
  EvictionTest() {
    context_.random = &random_;
    context_.SetNow(1'700'000'000'000);
  }
  void Put(const std::string& key, Expiry expiry = Expiry::kClear) {
    ASSERT_TRUE(keyspace_.Locate(0, key, context_).WriteString("value", expiry).ok());
  }
  Evicted Evict(EvictionPolicy policy) {
    context_.recency = RecencyOf(policy);
    return evictor_.EvictOne(keyspace_, {policy, 5}, context_, random_);
  }
  bool Exists(const std::string& key) {
    AccessContext look = context_;
    look.touch = false;
    return keyspace_.Locate(0, key, look).Exists();
  }

  Keyspace keyspace_{KeyspaceOptions{}};
  AccessContext context_;
  Random random_{5};
  Evictor evictor_;
};

TEST_F(EvictionTest, NothingUnderNoEvictionAndInAnEmptyKeyspace) {
  EXPECT_EQ(Evict(EvictionPolicy::kAllKeysLru), Evicted::kNothing);
  Put("k");
  EXPECT_EQ(Evict(EvictionPolicy::kNoEviction), Evicted::kNothing);
  EXPECT_EQ(Evict(EvictionPolicy::kVolatileLru), Evicted::kNothing);
  EXPECT_TRUE(Exists("k"));
}

TEST_F(EvictionTest, EveryPolicyCanEmptyTheKeyspace) {
  for (const EvictionPolicy policy :
       {EvictionPolicy::kAllKeysLru, EvictionPolicy::kAllKeysLfu, EvictionPolicy::kAllKeysRandom,
        EvictionPolicy::kVolatileLru, EvictionPolicy::kVolatileLfu, EvictionPolicy::kVolatileRandom,
        EvictionPolicy::kVolatileTtl, EvictionPolicy::kAllKeysS3Fifo, EvictionPolicy::kVolatileS3Fifo}) {
    for (int i = 0; i < 300; ++i) Put("key:" + std::to_string(i), Expiry::At(context_.now_ms + 100'000 + i));
    for (int i = 0; i < 300; ++i) ASSERT_EQ(Evict(policy), Evicted::kOne) << static_cast<int>(policy) << " " << i;
    EXPECT_EQ(Evict(policy), Evicted::kNothing);
    EXPECT_EQ(keyspace_.KeyCount(0), 0U);
  }
}

TEST_F(EvictionTest, LruSparesRecentKeysAndLfuFrequentOnes) {
  for (const bool lfu : {false, true}) {
    context_.recency = lfu ? Recency::kFrequency : Recency::kTime;
    for (int i = 0; i < 2000; ++i) Put("key:" + std::to_string(i));
    context_.SetNow(context_.now_ms + 50'000);
    for (int i = 0; i < 1000; ++i) {
      const std::string key = "key:" + std::to_string(i);
      KeySlot slot = keyspace_.Locate(0, key, context_);
      if (lfu) slot.SetLfuCounter(100);
    }
    for (int i = 0; i < 500; ++i) {
      ASSERT_EQ(Evict(lfu ? EvictionPolicy::kAllKeysLfu : EvictionPolicy::kAllKeysLru), Evicted::kOne);
    }
    int good_lost = 0;
    for (int i = 0; i < 1000; ++i) good_lost += !Exists("key:" + std::to_string(i));
    EXPECT_LT(good_lost, 10);
    static_cast<void>(keyspace_.FlushAll());
    evictor_.Reset();
  }
}

TEST_F(EvictionTest, TtlPolicyTakesTheNearestDeadlinesFirst) {
  for (int i = 0; i < 2000; ++i) {
    Put("key:" + std::to_string(i), Expiry::At(context_.now_ms + (i < 1000 ? 10'000 : 1'000'000)));
  }
  for (int i = 0; i < 500; ++i) ASSERT_EQ(Evict(EvictionPolicy::kVolatileTtl), Evicted::kOne);
  int far_lost = 0;
  for (int i = 1000; i < 2000; ++i) far_lost += !Exists("key:" + std::to_string(i));
  EXPECT_LT(far_lost, 10);
}

// Hits of 200,000 reads with a write on each miss, keys drawn as by a Zipf law, room for 1000 of 50,000.
int HitsUnder(EvictionPolicy policy) {
  constexpr int kKeys = 50'000;
  constexpr int kReads = 200'000;
  constexpr uint64_t kRoom = 1000;
  Keyspace keyspace{KeyspaceOptions{}};
  Random random(11);
  Evictor evictor;
  AccessContext context;
  context.random = &random;
  context.recency = RecencyOf(policy);
  std::vector<double> sums(kKeys);
  double sum = 0;
  for (int i = 0; i < kKeys; ++i) sums[static_cast<size_t>(i)] = sum += std::pow(i + 1, -0.99);
  int hits = 0;
  for (int i = 0; i < kReads; ++i) {
    context.SetNow(1'700'000'000'000 + i);  // A thousand reads a second: idle times are fine enough.
    const auto drawn = std::lower_bound(sums.begin(), sums.end(), random.Unit() * sum) - sums.begin();
    const std::string key = "key:" + std::to_string(drawn);
    if (keyspace.Locate(0, key, context).Exists()) {
      ++hits;
      continue;
    }
    while (keyspace.KeyCount(0) >= kRoom) {
      if (evictor.EvictOne(keyspace, {policy, 5}, context, random) != Evicted::kOne) return -1;
    }
    if (!keyspace.Locate(0, key, context).WriteString("value", Expiry::kClear).ok()) return -1;
  }
  return hits;
}

TEST_F(EvictionTest, S3FifoKeepsMoreOfWhatIsReadThanLru) {
  const int lru = HitsUnder(EvictionPolicy::kAllKeysLru);
  const int fifo = HitsUnder(EvictionPolicy::kAllKeysS3Fifo);
  EXPECT_GT(lru, 200'000 * 4 / 10);
  EXPECT_GT(fifo, lru + 200'000 * 5 / 100);
}

TEST_F(EvictionTest, S3FifoLetsKeysReadOnceGoBeforeThoseReadAgain) {
  context_.recency = Recency::kFifo;
  for (int i = 0; i < 500; ++i) Put("hot:" + std::to_string(i));
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 500; ++i) ASSERT_TRUE(keyspace_.Locate(0, "hot:" + std::to_string(i), context_).Exists());
  }
  // A scan of 20 times as many keys passes by; room for 1000.
  for (int i = 0; i < 10'000; ++i) {
    Put("scan:" + std::to_string(i));
    if (keyspace_.KeyCount(0) <= 1000) continue;
    ASSERT_EQ(Evict(EvictionPolicy::kAllKeysS3Fifo), Evicted::kOne);
  }
  int kept = 0;
  for (int i = 0; i < 500; ++i) kept += Exists("hot:" + std::to_string(i));
  EXPECT_GT(kept, 450);
}

TEST_F(EvictionTest, OneVolatileKeyAmongManyIsFoundAtOnce) {
  for (int i = 0; i < 300'000; ++i) Put("key:" + std::to_string(i));
  Put("volatile", Expiry::At(context_.now_ms + 100'000));
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(Evict(EvictionPolicy::kVolatileLru), Evicted::kOne);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(20));  // Usually microseconds.
  EXPECT_FALSE(Exists("volatile"));
  EXPECT_EQ(keyspace_.KeyCount(0), 300'000U);
}

TEST_F(EvictionTest, TheFirstOfLongKeysMakesRoomAtOnce) {
  const auto used = [this] { return memory::UsedBytes() + keyspace_.MappedBytes(); };
  for (int i = 0; i < 300; ++i) Put(std::to_string(i) + std::string(1000, 'x'));
  const size_t before = used();
  ASSERT_EQ(Evict(EvictionPolicy::kAllKeysLru), Evicted::kOne);
  EXPECT_LT(used() + 1000, before);
  for (int i = 0; i < 50; ++i) ASSERT_EQ(Evict(EvictionPolicy::kAllKeysLru), Evicted::kOne);
  EXPECT_LT(used() + 51 * 1000, before);
  // Nor is the end of the copies counted.
  const int64_t before_end = memory::ThreadBytes();
  { CandidatePool().Offer(1, 0, std::string(1000, 'y')); }
  EXPECT_EQ(memory::ThreadBytes(), before_end);
}

TEST_F(EvictionTest, EveryEvictionCountsAtOnceWithThreadsToo) {
  KeyspaceOptions options;
  options.threaded = true;
  Keyspace keyspace(options);
  for (int i = 0; i < 5000; ++i) {
    const std::string key = "key:" + std::to_string(i);
    Shard& shard = keyspace.ShardOf(Keyspace::Hash(key));
    const ShardGuard guard(shard);
    ASSERT_TRUE(shard.Find(0, Keyspace::Hash(key), key, context_).WriteString("value", Expiry::kClear).ok());
  }
  // What a shard had not told of yet may come with its first eviction: after a few of each, every one shows.
  for (int i = 0; i < 1500; ++i)
    ASSERT_EQ(evictor_.EvictOne(keyspace, {EvictionPolicy::kAllKeysRandom, 5}, context_, random_), Evicted::kOne);
  const uint64_t before = keyspace.MappedBytes();
  constexpr uint64_t kEvictions = 200;
  for (uint64_t i = 0; i < kEvictions; ++i) {
    ASSERT_EQ(evictor_.EvictOne(keyspace, {EvictionPolicy::kAllKeysRandom, 5}, context_, random_), Evicted::kOne);
  }
  EXPECT_LE(keyspace.MappedBytes() + kEvictions * std::string("key:1value").size(), before);
}

TEST_F(EvictionTest, ObserverIsToldAndLockedShardsAreLeftAlone) {
  class Recorder final : public KeyObserver {
   public:
    void BeforeChange(uint32_t, std::string_view) override { ++changes; }
    void OnExpired(uint32_t, std::string_view) override {}
    void OnFieldsExpired(uint32_t, std::string_view, uint64_t, bool) override {}
    void OnEvicted(uint32_t db, std::string_view key) override {
      evicted = std::to_string(db) + ":" + std::string(key);
    }
    int changes = 0;
    std::string evicted;
  } recorder;
  Put("only");
  context_.observer = &recorder;
  EXPECT_EQ(Evict(EvictionPolicy::kAllKeysLru), Evicted::kOne);
  EXPECT_EQ(recorder.evicted, "0:only");
  EXPECT_EQ(recorder.changes, 1);
}

}  // namespace
}  // namespace cachenode
