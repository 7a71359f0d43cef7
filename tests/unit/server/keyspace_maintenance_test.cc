#include "server/keyspace_maintenance.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/server/test_node.h"

namespace cachenode {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class Maintenance : public testing::Test {
 protected:
  // `count` keys of which each second one has a deadline in 100 ms, the others one far away.
  void Fill(int count) {
    TestClient client = node.Connect();
    std::string input;
    for (int i = 0; i < count; ++i) {
      input += Request({"SET", "key:" + std::to_string(i), "v", "PX", i % 2 == 0 ? "100" : "100000000"});
    }
    ASSERT_TRUE(client.Send(input));
    ASSERT_EQ(client.Receive(static_cast<size_t>(count) * 5).size(), static_cast<size_t>(count) * 5);
  }
  std::string Ask(std::initializer_list<std::string_view> words, size_t reply_bytes) {
    TestClient client = node.Connect();
    EXPECT_TRUE(client.Send(Request(words)));
    return client.Receive(reply_bytes);
  }
  void Round() { Round(maintenance); }
  void Round(KeyspaceMaintenance& of) {
    node.RunOn(0, [&of](Worker& worker) { of.Run(worker); });
  }
  // What was begun for the worker's idle time is its caller's, and must not outlive that.
  void WaitForIdleWork() {
    bool has_work = true;
    while (has_work) {
      node.RunOn(0, [&](Worker& worker) { has_work = worker.HasIdleWork(); });
    }
  }
  void TearDown() override { WaitForIdleWork(); }
  uint32_t ShardsThatResize() {
    uint32_t count = 0;
    node.RunOn(0, [&](Worker& worker) {
      for (uint32_t i = 0; i < node.parts.keyspace->shard_count(); ++i) {
        Shard& shard = node.parts.keyspace->shard(i);
        shard.Lock();
        count += shard.ResizeSlice(0, worker.now_ms()) ? 1U : 0U;
        shard.Unlock();
      }
    });
    return count;
  }
  uint64_t Count(StatsHub::CounterMember member) const { return node.stats->Sum(member); }

  TestNode node;
  NodeState& state = *node.parts.state;
  KeyspaceMaintenance maintenance{node.parts, 0, 1};
  KeyspaceMaintenance patient{node.parts, 0, 1, 60'000'000};  // One round is enough, however busy the machine is.
};

TEST_F(Maintenance, ErasesDueKeysAndTellsHowManyWereStale) {
  Fill(400);
  Round(patient);
  EXPECT_EQ(node.parts.keyspace->KeyCount(0), 400U);
  EXPECT_EQ(Count(&WorkerStats::stale_keys_ppm), 0U);
  node.clock.Advance(milliseconds(200));
  Round(patient);
  EXPECT_EQ(node.parts.keyspace->KeyCount(0), 200U);
  EXPECT_EQ(Count(&WorkerStats::expired_keys), 200U);
  EXPECT_EQ(Count(&WorkerStats::stale_keys_ppm), 500'000U / 20);
  EXPECT_GT(Count(&WorkerStats::expire_ticks), 0U);
  for (int i = 0; i < 500; ++i) Round(patient);
  EXPECT_EQ(Count(&WorkerStats::stale_keys_ppm), 0U);
  WaitForIdleWork();
}

TEST_F(Maintenance, IdleTimesGrowForMonths) {
  ASSERT_EQ(Ask({"SET", "key", "v"}, 5), "+OK\r\n");
  constexpr int kDays = 40;
  for (int round = 0; round < kDays * 2; ++round) {
    Round();
    node.clock.Advance(std::chrono::hours(12));
  }
  Round();
  // A coarse time is good to two seconds.
  const std::string answer = Ask({"OBJECT", "IDLETIME", "key"}, std::string(":3456000\r\n").size());
  ASSERT_EQ(answer[0], ':');
  EXPECT_NEAR(std::stoi(answer.substr(1)), kDays * 86400, 2);
  EXPECT_EQ(Ask({"GET", "key"}, 7), "$1\r\nv\r\n");
  EXPECT_EQ(Ask({"OBJECT", "IDLETIME", "key"}, 4), ":0\r\n");
}

TEST_F(Maintenance, CountsRoundsThatEndedForLackOfTime) {
  constexpr int kKeys = 200'000;
  Fill(kKeys);
  node.clock.Advance(milliseconds(200));
  int rounds = 0;
  for (; node.parts.keyspace->KeyCount(0) != kKeys / 2 && rounds < 100'000; ++rounds) Round();
  EXPECT_EQ(node.parts.keyspace->KeyCount(0), static_cast<uint64_t>(kKeys / 2));
  EXPECT_GT(rounds, 1);
  EXPECT_GT(Count(&WorkerStats::expire_time_caps_reached), 0U);
  EXPECT_LE(Count(&WorkerStats::expire_time_caps_reached), static_cast<uint64_t>(rounds));
}

TEST_F(Maintenance, FinishesResizesInIdleTime) {
  int keys = 1000;
  for (Fill(keys); ShardsThatResize() == 0; keys += 100) {
    ASSERT_LT(keys, 100'000);
    Fill(keys);
  }
  ResizeWork work(*node.parts.keyspace, 0, 1);
  node.RunOn(0, [&](Worker& worker) { worker.AddIdleWork(work); });
  WaitForIdleWork();
  EXPECT_EQ(ShardsThatResize(), 0U);
}

TEST_F(Maintenance, AResizeEndsItsIdleWorkAfterTheSlicesAllowedAndGoesOnNextTime) {
  constexpr uint32_t kSlices = 2;
  int keys = 1000;
  for (Fill(keys); ShardsThatResize() == 0; keys += 100) {
    ASSERT_LT(keys, 100'000);
    Fill(keys);
  }
  ResizeWork work(*node.parts.keyspace, 0, 1, kSlices);
  uint32_t times = 0;
  for (; ShardsThatResize() != 0; ++times) {
    ASSERT_LT(times, 100'000U);
    uint32_t slices = 1;
    node.RunOn(0, [&](Worker& worker) {
      while (work.RunSlice(worker) && slices <= kSlices) ++slices;
    });
    ASSERT_LE(slices, kSlices);
  }
  EXPECT_GT(times, 0U);
}

TEST_F(Maintenance, LeavesExpiredKeysAloneWhileWritesArePaused) {
  Fill(10);
  EXPECT_EQ(Ask({"CLIENT", "PAUSE", "100000", "WRITE"}, 5), "+OK\r\n");
  node.clock.Advance(milliseconds(200));
  Round(patient);
  EXPECT_EQ(Ask({"GET", "key:0"}, 5), "$-1\r\n");
  EXPECT_EQ(node.parts.keyspace->KeyCount(0), 10U);
  EXPECT_EQ(Count(&WorkerStats::expired_keys), 0U);
  EXPECT_EQ(Ask({"CLIENT", "UNPAUSE"}, 5), "+OK\r\n");
  Round(patient);
  EXPECT_EQ(node.parts.keyspace->KeyCount(0), 5U);
}

TEST_F(Maintenance, GoesOnWhenThePauseIsOver) {
  Fill(10);
  EXPECT_EQ(Ask({"CLIENT", "PAUSE", "1000", "ALL"}, 5), "+OK\r\n");
  node.clock.Advance(seconds(2));
  Round(patient);
  EXPECT_EQ(node.parts.keyspace->KeyCount(0), 5U);
}

}  // namespace
}  // namespace cachenode
