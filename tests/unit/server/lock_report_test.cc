#include "server/lock_report.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <latch>
#include <string>
#include <thread>
#include <vector>

#include "server/world_lock.h"
#include "storage/base/thread_annotations.h"
#include "storage/keyspace.h"

namespace cachenode {
namespace {

using Lines = std::vector<std::string>;

class LockReports : public testing::Test {
 protected:
  static KeyspaceOptions Options() {
    KeyspaceOptions options;
    options.shard_count = 32;
    options.threaded = true;
    return options;
  }

  // Runs `work` on a thread of this name and asks for the report where it stays.
  template <typename Work>
  void WhileOnThread(const char* name, Work work, const Lines& expected) {
    std::latch ready(1);
    std::latch done(1);
    std::thread thread([&] {
      pthread_setname_np(pthread_self(), name);
      work([&] {
        ready.count_down();
        done.wait();
      });
    });
    ready.wait();
    EXPECT_EQ(LockReport(keyspace, world), expected);
    done.count_down();
    thread.join();
  }

  Keyspace keyspace{Options()};
  WorldLock world{false};
};

TEST_F(LockReports, NobodyHoldsAnything) { EXPECT_EQ(LockReport(keyspace, world), (Lines{"No lock is held"})); }

TEST_F(LockReports, NamesWhoIsInsideAndItsShards) {
  const auto work = [&](const auto& stay) CACHENODE_NO_THREAD_SAFETY_ANALYSIS {
    WorldLock::Seat* seat = world.TakeSeat();
    world.Enter(*seat);
    ASSERT_TRUE(keyspace.shard(3).TryLock());
    ASSERT_TRUE(keyspace.shard(17).TryLock());
    stay();
    keyspace.shard(17).Unlock();
    keyspace.shard(3).Unlock();
    world.Leave(*seat);
    world.GiveBack(seat);
  };
  WhileOnThread("somebody", work, {"World lock: shared by somebody", "Shard locks: 3, 17 held by somebody"});
  EXPECT_EQ(LockReport(keyspace, world), (Lines{"No lock is held"}));
}

TEST_F(LockReports, NamesWhoHasTheWorld) {
  const auto work = [&](const auto& stay) {
    WorldLock::Seat* seat = world.TakeSeat();
    world.LockExclusive(*seat);
    stay();
    world.UnlockExclusive(*seat);
    world.GiveBack(seat);
  };
  WhileOnThread("the writer", work, {"World lock: held by the writer"});
}

TEST_F(LockReports, WhoUpgradedHasTheWorldAndIsNotNamedTwice) {
  const auto work = [&](const auto& stay) {
    WorldLock::Seat* seat = world.TakeSeat();
    world.Enter(*seat);
    world.Upgrade(*seat);
    stay();
    world.UnlockExclusive(*seat);
    world.Leave(*seat);
    world.GiveBack(seat);
  };
  WhileOnThread("the script", work, {"World lock: held by the script"});
}

TEST_F(LockReports, ManyShardsAreCounted) {
  const auto work = [&](const auto& stay) CACHENODE_NO_THREAD_SAFETY_ANALYSIS {
    for (uint32_t i = 0; i < 20; ++i) ASSERT_TRUE(keyspace.shard(i).TryLock());
    stay();
    for (uint32_t i = 20; i-- > 0;) keyspace.shard(i).Unlock();
  };
  WhileOnThread("greedy", work,
                {"Shard locks: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 and 4 more held by greedy"});
}

}  // namespace
}  // namespace cachenode
