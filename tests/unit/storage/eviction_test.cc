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

TEST(Eviction, RandomPolicyTakesEveryKeyAsOften) {
  constexpr int kKeys = 40;
  constexpr int kRounds = 20'000;
  KeyspaceOptions options;
  options.shard_count = 1;
  Keyspace keyspace{options};
  Random random(7);
  AccessContext context;
  context.SetNow(1'700'000'000'000);
  context.random = &random;
  Evictor evictor;
  std::vector<int> evicted(kKeys);
  const auto put = [&](int i) {
    return keyspace.Locate(0, std::to_string(i), context).WriteString("v", Expiry::kClear).ok();
  };
  for (int i = 0; i < kKeys; ++i) ASSERT_TRUE(put(i));
  for (int round = 0; round < kRounds; ++round) {
    ASSERT_EQ(evictor.EvictOne(keyspace, {EvictionPolicy::kAllKeysRandom, 5}, context, random), Evicted::kOne);
    for (int i = 0; i < kKeys; ++i) {
      if (keyspace.Locate(0, std::to_string(i), context).Exists()) continue;
      ++evicted[static_cast<size_t>(i)];
      ASSERT_TRUE(put(i));
    }
  }
  for (const int count : evicted) EXPECT_NEAR(count, kRounds / kKeys, kRounds / kKeys * 0.4);
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

TEST(Sampling, ShowsEveryKeyAsOftenWhateverItsTable) {
  // So many that some shards' tables have twice as many buckets as others, and some are about to.
  constexpr int kKeys = 10'000;
  constexpr int kSamples = 500'000;
  Keyspace keyspace{KeyspaceOptions{}};
  Random random(11);
  AccessContext context;
  context.SetNow(1'700'000'000'000);
  for (int i = 0; i < kKeys; ++i) {
    ASSERT_TRUE(keyspace.Locate(0, std::to_string(i), context).WriteString("value", Expiry::kClear).ok());
  }
  std::vector<int> shown(kKeys);
  for (int i = 0; i < kSamples; ++i) {
    const KeyHash from(random.Next());
    Shard& shard = keyspace.ShardOf(from);
    shard.Lock();
    shard.SampleEntries(0, from,
                        [&](const EntryView& view) { ++shown[static_cast<size_t>(std::stoi(std::string(view.key)))]; });
    shard.Unlock();
  }
  double sum = 0;
  double squares = 0;
  for (const double count : shown) {
    sum += count;
    squares += count * count;
  }
  const double mean = sum / kKeys;
  EXPECT_NEAR(mean, static_cast<double>(kSamples * Shard::kSampleEntries) / kKeys, mean / 20);
  // Chance alone makes 6 per cent of it, and that shards differ in their number of keys 4.
  EXPECT_LT(std::sqrt(squares / kKeys - mean * mean), 0.1 * mean);
  EXPECT_GT(*std::min_element(shown.begin(), shown.end()), mean / 2);
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

TEST(CandidatePool, OfEqualsTheFirstIsTheBestAndOfAllTheHighestScore) {
  CandidatePool pool;
  for (const char* const key : {"a", "b", "c"}) pool.Offer(5, 0, key);
  pool.Offer(7, 0, "high");
  pool.Offer(1, 0, "low");
  pool.Offer(5, 1, "a");    // Of another database, so another key.
  pool.Offer(5, 0, "b");    // Offered again with the same score: keeps its place.
  pool.Offer(7, 0, "low");  // Offered again with a better one.
  std::string order;
  while (!pool.empty()) order += pool.TakeBest().key + " ";
  EXPECT_EQ(order, "high low a b c a ");
}

TEST(CandidatePool, FullItGivesUpTheWorstAndNoneForAnEqual) {
  CandidatePool pool;
  for (uint32_t i = 0; i < CandidatePool::kSize; ++i) pool.Offer(10 + i, 0, std::to_string(i));
  pool.Offer(10, 0, "equal to the worst");
  pool.Offer(11, 0, "better");  // Takes the place of "0", below "1".
  uint32_t left = CandidatePool::kSize;
  while (left > 2) ASSERT_EQ(pool.TakeBest().key, std::to_string(--left)) << left;
  EXPECT_EQ(pool.TakeBest().key, "1");
  EXPECT_EQ(pool.TakeBest().key, "better");
  EXPECT_TRUE(pool.empty());
}

TEST(CandidatePool, AgreesWithAModelOfIt) {
  // Few keys and scores, so that the same come again, equals meet, and the pool overflows.
  Random random(3);
  CandidatePool pool;
  struct Model {
    uint64_t score;
    uint64_t turn;
    std::string key;
  };
  std::vector<Model> model;  // The worst first.
  const auto place = [&](const Model& entry) {
    const auto worse = [](const Model& left, const Model& right) {
      return left.score != right.score ? left.score < right.score : left.turn > right.turn;
    };
    model.insert(std::upper_bound(model.begin(), model.end(), entry, worse), entry);
  };
  for (uint64_t turn = 1; turn < 200'000; ++turn) {
    if (random.Below(3) == 0 && !model.empty()) {
      const CandidatePool::Candidate& taken = pool.TakeBest();
      ASSERT_EQ(taken.key, model.back().key) << turn;
      ASSERT_EQ(taken.score, model.back().score);
      Model entry = model.back();
      model.pop_back();
      if (random.Below(2) == 0 || entry.score == 1) continue;
      // Lowered: above its new equals, as if it had come before all of them.
      entry = {1 + random.Below(entry.score - 1), 0, entry.key};
      pool.PutBack(entry.score);
      place(entry);
      for (Model& each : model) {
        if (each.turn == 0) each.turn = 1;
      }
      continue;
    }
    const uint64_t score = 1 + random.Below(20);
    const std::string key = "key:" + std::to_string(random.Below(30));
    pool.Offer(score, 0, key);
    const auto known = std::find_if(model.begin(), model.end(), [&](const Model& each) { return each.key == key; });
    if (model.size() == CandidatePool::kSize && score <= model.front().score) continue;
    if (known != model.end()) {
      if (known->score == score) continue;
      const bool lowered = score < known->score;
      model.erase(known);
      place({score, lowered ? 0 : turn, key});
      for (Model& each : model) {
        if (each.turn == 0) each.turn = 1;
      }
      continue;
    }
    if (model.size() == CandidatePool::kSize) model.erase(model.begin());
    place({score, turn, key});
  }
}

TEST(CandidatePool, WhatIsPutBackTakesThePlaceOfItsNewScore) {
  CandidatePool pool;
  for (uint32_t i = 1; i <= 4; ++i) pool.Offer(i * 10, 0, std::to_string(i));
  ASSERT_EQ(pool.TakeBest().key, "4");
  pool.PutBack(15);
  std::string order;
  while (!pool.empty()) order += pool.TakeBest().key + " ";
  EXPECT_EQ(order, "3 2 4 1 ");
}

TEST_F(EvictionTest, ACandidateUsedOrPersistedMeanwhileIsSpared) {
  constexpr uint64_t kKeys = 10;  // So few, and in one shard: the pool knows all.
  constexpr uint64_t kSpared = 3;
  KeyspaceOptions options;
  options.shard_count = 1;
  Keyspace keyspace{options};
  const auto exists = [&](const std::string& key) {
    AccessContext look = context_;
    look.touch = false;
    return keyspace.Locate(0, key, look).Exists();
  };
  for (const bool persisted : {false, true}) {
    const auto evict = [&] {
      return evictor_.EvictOne(keyspace, {EvictionPolicy::kVolatileLru, 5}, context_, random_);
    };
    for (uint64_t i = 0; i < kKeys; ++i) {
      const std::string key = "old:" + std::to_string(i);
      const Expiry expiry = Expiry::At(context_.now_ms + 1'000'000);
      ASSERT_TRUE(keyspace.Locate(0, key, context_).WriteString("value", expiry).ok());
    }
    context_.SetNow(context_.now_ms + 50'000);
    ASSERT_EQ(evict(), Evicted::kOne);
    std::vector<std::string> spared;
    for (uint64_t i = 0; i < kKeys && spared.size() < kSpared; ++i) {
      const std::string key = "old:" + std::to_string(i);
      if (!exists(key)) continue;
      KeySlot slot = keyspace.Locate(0, key, context_);
      if (persisted) {
        ASSERT_TRUE(slot.Persist().ok());
      }
      spared.push_back(key);
    }
    for (uint64_t left = kKeys - 1; left > kSpared; --left) ASSERT_EQ(evict(), Evicted::kOne);
    for (const std::string& key : spared) EXPECT_TRUE(exists(key)) << key << " " << persisted;
    EXPECT_EQ(evict(), persisted ? Evicted::kNothing : Evicted::kOne);
    static_cast<void>(keyspace.FlushAll());
    evictor_.Reset();
  }
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
