#include "storage/shard_lock.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "storage/base/lock_order.h"
#include "storage/base/random.h"
#include "storage/base/thread_number.h"
#include "storage/eviction.h"
#include "storage/expiry_cycle.h"
#include "storage/keyspace.h"

namespace cachenode {
namespace {

TEST(ShardLock, ExcludesAndWakes) CACHENODE_NO_THREAD_SAFETY_ANALYSIS {
  constexpr int kThreads = 4;
  constexpr int kRounds = 20'000;
  ShardLock lock;
  int64_t guarded = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kRounds; ++i) {
        switch ((i + t) % 3) {
          case 0:
            lock.Lock();
            break;
          case 1:
            while (!lock.TryLockSpinning()) lock.WaitUntilFree();
            break;
          default:
            while (!lock.TryLock()) lock.WaitUntilFree();
        }
        ++guarded;
        if (i % 1000 == 0) std::this_thread::yield();
        lock.Unlock();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(guarded, int64_t{kThreads} * kRounds);
  EXPECT_FALSE(lock.IsHeld());
}

TEST(ShardLock, KnowsWhoHoldsIt) CACHENODE_NO_THREAD_SAFETY_ANALYSIS {
  ShardLock lock;
  EXPECT_EQ(lock.holder(), 0U);
  lock.Lock();
  EXPECT_EQ(lock.holder(), ThreadNumber());
  std::thread other([&]() CACHENODE_NO_THREAD_SAFETY_ANALYSIS {
    EXPECT_NE(lock.holder(), ThreadNumber());
    lock.WaitUntilFree();
    lock.Lock();
    EXPECT_EQ(lock.holder(), ThreadNumber());
    lock.Unlock();
  });
  lock.Unlock();
  other.join();
  EXPECT_EQ(lock.holder(), 0U);
}

#ifndef NDEBUG
TEST(LockOrderDeathTest, DescendingOrderAndSleepingWhileHoldingStop) CACHENODE_NO_THREAD_SAFETY_ANALYSIS {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  KeyspaceOptions options;
  options.threaded = true;
  Keyspace keyspace(options);
  ASSERT_TRUE(keyspace.shard(3).TryLockSpinning());
  ASSERT_TRUE(keyspace.shard(5).TryLockSpinning());
  EXPECT_DEATH(static_cast<void>(keyspace.shard(4).TryLockSpinning()), "waiting for shard 4; held: shard 3 shard 5");
  EXPECT_DEATH(keyspace.shard(9).Lock(), "must not hold shard");
  keyspace.shard(5).Unlock();
  keyspace.shard(3).Unlock();
  lock_order::AssertHoldsNone(LockRank::kShard);
}
#endif

// Keeps what is retired until the end: prefetchers of this test never leave their flag.
class KeepAll final : public RetireList {
 public:
  void Retire(std::unique_ptr<Retired> garbage) override {
    const std::lock_guard<std::mutex> guard(mutex_);
    kept_.push_back(std::move(garbage));
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<Retired>> kept_;
};

// Four threads write, erase, expire, evict, scan and prefetch the same shards; each key's value is a function of the
// key, so a torn or misplaced entry shows. Mostly for the thread sanitizer.
TEST(KeyspaceThreads, WorkOnTheSameShards) CACHENODE_NO_THREAD_SAFETY_ANALYSIS {
  constexpr int kThreads = 4;
  constexpr int kRounds = 30'000;
  KeepAll retired;
  KeyspaceOptions options;
  options.shard_count = 4;
  options.threaded = true;
  options.retire_list = &retired;
  Keyspace keyspace(options);
  std::atomic<int> wrong{0};
  const auto work = [&](uint64_t seed) CACHENODE_NO_THREAD_SAFETY_ANALYSIS {
    Random random(seed);
    AccessContext context;
    context.random = &random;
    context.SetNow(1'700'000'000'000);
    Evictor evictor;
    ExpiryCycle cycle(keyspace, 0, 1);
    std::array<std::string, 8> batch;
    for (int i = 0; i < kRounds; ++i) {
      for (std::string& key : batch) key = "key:" + std::to_string(random.Below(20'000));
      for (const std::string& key : batch) keyspace.ShardOf(Keyspace::Hash(key)).PrefetchBucket(0, Keyspace::Hash(key));
      for (const std::string& key : batch) keyspace.ShardOf(Keyspace::Hash(key)).PrefetchEntry(0, Keyspace::Hash(key));
      const std::string& key = batch[0];
      {
        const ShardGuard guard(keyspace.ShardOf(Keyspace::Hash(key)));
        KeySlot slot = keyspace.Locate(0, key, context);
        StringScratch scratch;
        if (slot.Exists() && slot.ReadString(scratch) != "v" + key) ++wrong;
        if (random.Below(3) == 0) {
          slot.Erase();
        } else {
          const bool brief = random.Below(4) == 0;
          if (!slot.WriteString("v" + key, brief ? Expiry::At(context.now_ms + 50) : Expiry::kClear).ok()) ++wrong;
        }
      }
      if (i % 64 == 0) {
        context.SetNow(context.now_ms + 10);
        static_cast<void>(cycle.Run(context, 100));
        static_cast<void>(evictor.EvictOne(keyspace, {EvictionPolicy::kAllKeysLru, 5}, context, random));
        static_cast<void>(keyspace.KeyCount(0) + keyspace.MappedBytes() + keyspace.Memory().UsedBytes());
        static_cast<void>(
            keyspace.Scan(0, random.Next(), 20, context.now_ms, Locking::kTakeShardLocks, [](const EntryView&) {}));
      }
    }
  };
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < kThreads; ++t) threads.emplace_back(work, t + 1);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong.load(), 0);
  uint64_t seen = 0;
  keyspace.ForEach(0, [&](const EntryView&) { return ++seen != 0; });
  EXPECT_EQ(seen, keyspace.KeyCount(0));
}

}  // namespace
}  // namespace cachenode
