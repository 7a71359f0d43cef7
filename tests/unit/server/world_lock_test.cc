#include "server/world_lock.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "server/quiescence.h"
#include "storage/base/lock_order.h"

namespace cachenode {
namespace {

using std::chrono::milliseconds;

TEST(WorldLock, SeatKnowsWhereItIs) {
  WorldLock world(false);
  WorldLock::Seat* seat = world.TakeSeat();
  EXPECT_FALSE(seat->inside());
  world.Enter(*seat);
  EXPECT_TRUE(seat->inside());
  world.Enter(*seat);
  EXPECT_TRUE(seat->inside());
  world.Leave(*seat);
  EXPECT_FALSE(seat->inside());
  world.GiveBack(seat);
}

TEST(WorldLock, ExclusiveNestsAndReturnsToWhereTheSeatWas) {
  for (const bool elided : {false, true}) {
    WorldLock world(elided);
    WorldLock::Seat* seat = world.TakeSeat();
    world.Enter(*seat);
    {
      const WorldExclusive outer(world, *seat);
      EXPECT_TRUE(seat->exclusive());
      {
        const WorldExclusive inner(world, *seat);
        EXPECT_TRUE(seat->exclusive());
      }
      EXPECT_TRUE(seat->exclusive());
      world.Leave(*seat);  // Means nothing while exclusive.
      EXPECT_TRUE(seat->exclusive());
    }
    EXPECT_TRUE(seat->inside());
    world.Upgrade(*seat);
    EXPECT_TRUE(seat->exclusive());
    world.UnlockExclusive(*seat);
    EXPECT_TRUE(seat->inside());
    world.Leave(*seat);
    world.GiveBack(seat);
  }
}

TEST(WorldLock, SeatsRunOutAndComeBack) {
  WorldLock world(false);
  std::vector<WorldLock::Seat*> seats;
  for (size_t i = 0; i < WorldLock::kSeatsMax; ++i) seats.push_back(world.TakeSeat());
  EXPECT_EQ(world.TakeSeat(), nullptr);
  world.GiveBack(seats[7]);
  EXPECT_EQ(world.TakeSeat(), seats[7]);
}

TEST(WorldLock, WriterWaitsForEveryThreadInsideAndKeepsOthersOut) {
  WorldLock world(false);
  WorldLock::Seat* reader = world.TakeSeat();
  world.Enter(*reader);
  std::atomic<bool> granted{false};
  std::thread writer([&] {
    WorldLock::Seat* seat = world.TakeSeat();
    world.LockExclusive(*seat);
    granted = true;
    std::this_thread::sleep_for(milliseconds(20));
    granted = false;
    world.UnlockExclusive(*seat);
    world.GiveBack(seat);
  });
  while (!world.WriterWaits()) std::this_thread::yield();
  std::this_thread::sleep_for(milliseconds(10));
  EXPECT_FALSE(granted.load());
  world.Yield(*reader);  // Out, and in again only when the writer is done.
  EXPECT_FALSE(granted.load());
  EXPECT_TRUE(reader->inside());
  writer.join();
  world.Leave(*reader);
}

TEST(WorldLock, UpgradeGoesBeforeAWriterThatWaits) {
  WorldLock world(false);
  WorldLock::Seat* script = world.TakeSeat();
  world.Enter(*script);
  std::vector<int> order;
  std::thread writer([&] {
    WorldLock::Seat* seat = world.TakeSeat();
    world.LockExclusive(*seat);
    order.push_back(2);
    world.UnlockExclusive(*seat);
    world.GiveBack(seat);
  });
  while (!world.WriterWaits()) std::this_thread::yield();
  world.Upgrade(*script);
  order.push_back(1);
  world.UnlockExclusive(*script);
  world.Leave(*script);
  writer.join();
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
}

struct CountedGarbage final : Retired {
  explicit CountedGarbage(int& freed_count) : freed(freed_count) {}
  ~CountedGarbage() override { ++freed; }
  int& freed;
};

TEST(QuiescentRetireList, FreesOnlyAfterEveryThreadInsideHasLeft) {
  for (const bool elided : {false, true}) {
    WorldLock world(elided);
    WorldLock::Seat* seat = world.TakeSeat();
    QuiescentRetireList retired(world);
    int freed = 0;
    world.Enter(*seat);
    retired.Retire(std::make_unique<CountedGarbage>(freed));
    EXPECT_EQ(retired.Collect(), 1U);
    EXPECT_EQ(freed, 0);
    world.Leave(*seat);
    world.Enter(*seat);  // Entered after the retirement: cannot hold the old memory.
    EXPECT_EQ(retired.Collect(), 0U);
    EXPECT_EQ(freed, 1);
    retired.Retire(std::make_unique<CountedGarbage>(freed));
    EXPECT_TRUE(retired.TakePassed().empty());
    world.Leave(*seat);
    QuiescentRetireList::Garbage passed = retired.TakePassed();
    EXPECT_EQ(passed.size(), 1U);
    EXPECT_EQ(retired.Collect(), 0U);
    EXPECT_EQ(freed, 1);  // The caller's to free.
    passed.clear();
    EXPECT_EQ(freed, 2);
  }
}

// The model: plain integers under shard locks, whose sum is always zero between operations. Four threads run what the
// node runs: requests that lock several shards, global operations, snapshot cuts, and scripts that ask for the world in
// the middle. The sanitizer finds any access that the locks do not order; the sums find any operation seen by halves.
class Model {
 public:
  static constexpr uint32_t kShards = 8;

  void RunThread(uint64_t seed, int operations) {
    WorldLock::Seat* seat = world_.TakeSeat();
    std::mt19937_64 random(seed);
    for (int i = 0; i < operations; ++i) {
      world_.Enter(*seat);
      switch (random() % 16) {
        case 0:
          Flush(*seat);
          break;
        case 1:
          Cut(*seat);
          break;
        case 2:
        case 3:
          Script(*seat, random);
          break;
        default:
          MultiSet(*seat, random);
          break;
      }
      world_.Yield(*seat);
      if (random() % 4 == 0) world_.Leave(*seat);
    }
    world_.Leave(*seat);
    world_.GiveBack(seat);
  }

  [[nodiscard]] int64_t Sum() const {
    int64_t sum = 0;
    for (const Shard& shard : shards_) sum += shard.value;
    return sum;
  }
  [[nodiscard]] int flushes() const { return flushes_; }
  [[nodiscard]] int scripts() const { return scripts_; }

 private:
  struct Shard {
    std::atomic<bool> held{false};
    int64_t value = 0;  // Guarded by `held`, or the world lock.
  };

  // The rule of the node: nobody sleeps for a shard lock while holding one, or while inside.
  void LockAll(WorldLock::Seat& seat, const std::vector<uint32_t>& ids) {
    while (true) {
      size_t locked = 0;
      while (locked < ids.size() && TryLock(ids[locked])) ++locked;
      if (locked == ids.size()) return;
      const uint32_t busy = ids[locked];
      for (size_t i = 0; i < locked; ++i) Unlock(ids[i]);
      world_.Leave(seat);
      while (shards_[busy].held.load()) std::this_thread::yield();
      world_.Enter(seat);
    }
  }
  bool TryLock(uint32_t id) {
    lock_order::PausePoint();
    if (shards_[id].held.exchange(true)) return false;
    lock_order::Acquired(LockRank::kShard, id);
    return true;
  }
  void Unlock(uint32_t id) {
    lock_order::Released(LockRank::kShard, id);
    shards_[id].held.store(false);
    lock_order::PausePoint();
  }

  static std::vector<uint32_t> Choose(std::mt19937_64& random, size_t count) {
    std::vector<uint32_t> ids;
    for (size_t i = 0; i < count; ++i) ids.push_back(static_cast<uint32_t>(random() % kShards));
    std::sort(ids.begin(), ids.end());
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    return ids;
  }

  void Shift(const std::vector<uint32_t>& ids, int64_t by) {
    for (size_t i = 0; i + 1 < ids.size(); ++i) {
      shards_[ids[i]].value += by;
      lock_order::PausePoint();
      shards_[ids[i + 1]].value -= by;
    }
  }

  void MultiSet(WorldLock::Seat& seat, std::mt19937_64& random) {
    const std::vector<uint32_t> ids = Choose(random, 3);
    LockAll(seat, ids);
    Shift(ids, static_cast<int64_t>(random() % 100));
    for (const uint32_t id : ids) Unlock(id);
  }

  void Flush(WorldLock::Seat& seat) {
    const WorldExclusive exclusive(world_, seat);
    EXPECT_EQ(Sum(), 0);
    for (Shard& shard : shards_) {
      EXPECT_FALSE(shard.held.load());
      shard.value = 0;
    }
    ++flushes_;
  }

  void Cut(WorldLock::Seat& seat) {
    std::array<int64_t, kShards> copy{};
    {
      const WorldExclusive exclusive(world_, seat);
      for (uint32_t i = 0; i < kShards; ++i) copy[i] = shards_[i].value;
    }
    int64_t sum = 0;
    for (const int64_t value : copy) sum += value;
    EXPECT_EQ(sum, 0);
  }

  // Declared keys first, then an undeclared one in the middle of its work: nobody may see the first half.
  void Script(WorldLock::Seat& seat, std::mt19937_64& random) {
    if (script_slot_.exchange(true)) return;  // A node parks the connection instead.
    const std::vector<uint32_t> ids = Choose(random, 2);
    LockAll(seat, ids);
    shards_[ids[0]].value += 5;
    world_.Upgrade(seat);
    shards_[random() % kShards].value -= 5;
    EXPECT_EQ(Sum(), 0);
    ++scripts_;
    for (const uint32_t id : ids) Unlock(id);
    world_.UnlockExclusive(seat);
    script_slot_.store(false);
  }

  WorldLock world_{false};
  std::array<Shard, kShards> shards_;
  std::atomic<bool> script_slot_{false};
  int flushes_ = 0;  // Exclusive.
  int scripts_ = 0;  // Exclusive.
};

void YieldNowAndThen() {
  thread_local std::minstd_rand random(static_cast<unsigned>(std::hash<std::thread::id>()(std::this_thread::get_id())));
  if (random() % 8 == 0) std::this_thread::yield();
}

TEST(WorldLockModel, NothingIsSeenByHalves) {
  constexpr int kThreads = 4;
  constexpr int kOperations = 1000;
  lock_order::SetPausePoint(YieldNowAndThen);
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  Model model;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&model, seed, i] { model.RunThread(seed + static_cast<uint64_t>(i), kOperations); });
  }
  for (std::thread& thread : threads) thread.join();
  lock_order::SetPausePoint(nullptr);
  EXPECT_EQ(model.Sum(), 0);
  EXPECT_GT(model.flushes(), kOperations / 16);
  EXPECT_GT(model.scripts(), 0);
}

}  // namespace
}  // namespace cachenode
