#include "server/node/node_status.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace cachenode {
namespace {

TEST(NodeStatus, GoesFromCreatingByRestoringToAvailable) {
  NodeStatus status;
  EXPECT_EQ(status.name(), "creating");
  EXPECT_TRUE(status.MoveTo(NodePhase::kRestoring));
  EXPECT_EQ(status.name(), "restoring");
  EXPECT_TRUE(status.MoveTo(NodePhase::kServing));
  EXPECT_EQ(status.name(), "available");
  EXPECT_FALSE(status.MoveTo(NodePhase::kRestoring));
  EXPECT_FALSE(status.MoveTo(NodePhase::kRestoreFailed));
  EXPECT_EQ(status.name(), "available");
}

TEST(NodeStatus, AFailedRestoreIsTheEnd) {
  NodeStatus status;
  status.MoveTo(NodePhase::kRestoring);
  EXPECT_TRUE(status.MoveTo(NodePhase::kRestoreFailed));
  EXPECT_EQ(status.name(), "restore-failed");
  EXPECT_FALSE(status.MoveTo(NodePhase::kServing));
}

TEST(NodeStatus, WorkShowsWhileItLastsAndTheNodeServes) {
  NodeStatus status;
  NodeStatus::Work snapshot = status.Begin(NodeWork::kSnapshotting);
  EXPECT_EQ(status.name(), "creating");
  status.MoveTo(NodePhase::kServing);
  EXPECT_EQ(status.name(), "snapshotting");
  {
    const NodeStatus::Work second = status.Begin(NodeWork::kSnapshotting);
    const NodeStatus::Work change = status.Begin(NodeWork::kModifying);
    EXPECT_EQ(status.name(), "modifying");
  }
  EXPECT_EQ(status.name(), "snapshotting");
  NodeStatus::Work moved = std::move(snapshot);
  snapshot = {};
  EXPECT_EQ(status.name(), "snapshotting");
  moved = {};
  EXPECT_EQ(status.name(), "available");
}

TEST(NodeStatus, ARebootHidesWorkAndMayFail) {
  NodeStatus status;
  status.MoveTo(NodePhase::kServing);
  const NodeStatus::Work change = status.Begin(NodeWork::kModifying);
  EXPECT_TRUE(status.MoveTo(NodePhase::kRebooting));
  EXPECT_EQ(status.name(), "rebooting");
  EXPECT_TRUE(status.MoveTo(NodePhase::kServing));
  EXPECT_EQ(status.name(), "modifying");
}

TEST(NodeStatus, ListenersHearEachChangeOnce) {
  NodeStatus status;
  std::vector<std::string> heard;
  status.AddListener([&heard](std::string_view name) { heard.emplace_back(name); });
  status.MoveTo(NodePhase::kServing);
  {
    const NodeStatus::Work first = status.Begin(NodeWork::kSnapshotting);
    const NodeStatus::Work second = status.Begin(NodeWork::kSnapshotting);
  }
  status.MoveTo(NodePhase::kServing);
  EXPECT_EQ(heard, (std::vector<std::string>{"available", "snapshotting", "available"}));
}

TEST(NodeStatus, KnowsWhichNamesMeanThatClientsAreServed) {
  for (const char* name : {"available", "snapshotting", "modifying"}) EXPECT_TRUE(NodeStatus::IsServing(name)) << name;
  for (const char* name : {"creating", "restoring", "rebooting", "restore-failed", ""}) {
    EXPECT_FALSE(NodeStatus::IsServing(name)) << name;
  }
}

TEST(NodeStatus, WorkOfManyThreadsComesToItsEnd) {
  NodeStatus status;
  status.MoveTo(NodePhase::kServing);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&status] {
      for (int round = 0; round < 500; ++round) {
        const NodeStatus::Work work = status.Begin(NodeWork::kSnapshotting);
        EXPECT_EQ(status.name(), "snapshotting");
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(status.name(), "available");
}

}  // namespace
}  // namespace cachenode
