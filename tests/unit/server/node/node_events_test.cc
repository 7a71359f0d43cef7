#include "server/node/node_events.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/fake_clock.h"
#include "tests/support/server/command_harness.h"

namespace cachenode {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class LineCollector final : public LogSink {
 public:
  void WriteLine(LogLevel level, std::string_view line) noexcept override {
    const std::lock_guard<std::mutex> guard(mutex_);
    lines.push_back((level == LogLevel::kWarning ? "# " : "* ") + std::string(line));
  }
  std::vector<std::string> lines;

 private:
  std::mutex mutex_;
};

class NodeEventsTest : public testing::Test {
 protected:
  FakeClock clock_;
  LineCollector lines_;
  Log log_{lines_};
  NodeEvents events_{log_, clock_, "my-node"};
};

TEST_F(NodeEventsTest, AreReadNewestFirstAndLoggedOnce) {
  events_.Record(NodeEventKind::kProvisioningComplete, "Cache cluster created");
  clock_.Advance(std::chrono::milliseconds(1500));
  events_.Record(NodeEventKind::kSnapshotFailed, "Snapshot failed for snapshot with ID 'a'");
  events_.Record(NodeEventKind::kNote, "Cache node 0001 shutdown");
  const std::vector<NodeEvent> found = events_.Newest(2, 0);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].id, 3U);
  EXPECT_EQ(found[1].id, 2U);
  EXPECT_EQ(found[1].message, "Snapshot failed for snapshot with ID 'a'");
  EXPECT_EQ(EventDate(found[1].time_ms), "2023-11-14T22:13:21.500Z");
  EXPECT_THAT(lines_.lines, ElementsAre("* Event ElastiCache:CacheClusterProvisioningComplete: Cache cluster created",
                                        "# Event ElastiCache:SnapshotFailed: Snapshot failed for snapshot with ID 'a'",
                                        "* Event: Cache node 0001 shutdown"));
}

TEST_F(NodeEventsTest, OnlyTheNewestAreKept) {
  for (size_t i = 0; i < NodeEvents::kEventsMax + 3; ++i) events_.Record(NodeEventKind::kNote, std::to_string(i));
  EXPECT_EQ(events_.Size(), NodeEvents::kEventsMax);
  EXPECT_EQ(events_.RecordedCount(), NodeEvents::kEventsMax + 3);
  const std::vector<NodeEvent> all = events_.Newest(SIZE_MAX, 0);
  ASSERT_EQ(all.size(), NodeEvents::kEventsMax);
  EXPECT_EQ(all.back().message, "3");
}

TEST_F(NodeEventsTest, AClockSetBackHidesNothingThatIsRecent) {
  events_.Record(NodeEventKind::kNote, "before");
  const int64_t since_ms = clock_.NowMs();
  clock_.SetNowMs(since_ms - 5000);
  events_.Record(NodeEventKind::kNote, "after");
  const std::vector<NodeEvent> found = events_.Newest(SIZE_MAX, since_ms);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].message, "before");
}

TEST_F(NodeEventsTest, AMessageIsOneLineOfBoundedLength) {
  events_.Record(NodeEventKind::kNote, "two\r\nlines\x7f");
  EXPECT_EQ(events_.Newest(1, 0)[0].message, "two??lines?");
  // The two bytes of the last letter straddle the limit.
  events_.Record(NodeEventKind::kNote, std::string(NodeEvents::kMessageBytesMax - 1, 'x') + "\xC3\xA4!");
  EXPECT_EQ(events_.Newest(1, 0)[0].message, std::string(NodeEvents::kMessageBytesMax - 1, 'x'));
}

TEST_F(NodeEventsTest, EveryKindButNotesHasANameOfItsOwn) {
  EXPECT_EQ(TopicNameOf(NodeEventKind::kNote), "");
  std::set<std::string_view> names;
  for (int kind = 1; kind <= static_cast<int>(NodeEventKind::kExportFailed); ++kind) {
    const std::string_view name = TopicNameOf(static_cast<NodeEventKind>(kind));
    EXPECT_TRUE(name.starts_with("ElastiCache:") || name.starts_with("Cachenode:")) << name;
    EXPECT_TRUE(names.insert(name).second) << name;
  }
}

TEST_F(NodeEventsTest, TheListenerHearsAllThreads) {
  std::mutex mutex;
  std::set<uint64_t> heard;
  events_.SetListener([&](const NodeEvent& event) {
    const std::lock_guard<std::mutex> guard(mutex);
    heard.insert(event.id);
  });
  constexpr int kThreads = 4;
  constexpr int kEach = 50;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([this] {
      for (int j = 0; j < kEach; ++j) events_.Record(NodeEventKind::kNote, "x");
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(heard.size(), size_t{kThreads} * kEach);
  EXPECT_EQ(*heard.rbegin(), uint64_t{kThreads} * kEach);
}

TEST(NodeCommands, EventsAreMapsInBothProtocols) {
  CommandHarness node;
  EXPECT_EQ(node.Run("NODE EVENTS"), "*0");
  node.parts().events->Record(NodeEventKind::kSnapshotComplete, "done");
  EXPECT_EQ(node.Run("NODE EVENTS"),
            "*1 *12 $2 id :1 $4 date $24 2023-11-14T22:13:20.000Z $11 source-type $13 cache-cluster "
            "$17 source-identifier $6 a-node $5 event $28 ElastiCache:SnapshotComplete $7 message $4 done");
  EXPECT_THAT(node.RunResp3("node events"), HasSubstr("*1 %6 $2 id :1"));
}

TEST(NodeCommands, EventsAreLimitedByCountAndAge) {
  CommandHarness node;
  node.parts().events->Record(NodeEventKind::kNote, "first");
  node.clock().Advance(std::chrono::minutes(10));
  node.parts().events->Record(NodeEventKind::kNote, "second");
  EXPECT_THAT(node.Run("NODE EVENTS COUNT 1"), HasSubstr("*1 *12 $2 id :2"));
  EXPECT_THAT(node.Run("NODE EVENTS DURATION 5 COUNT 9"), HasSubstr("*1 *12 $2 id :2"));
  EXPECT_THAT(node.Run("NODE EVENTS duration 10 count 9"), HasSubstr("*2 *12 $2 id :2"));
}

TEST(NodeCommands, BadArgumentsOfEventsAreNamed) {
  CommandHarness node;
  EXPECT_EQ(node.Run("NODE EVENTS COUNT 0"), "-ERR COUNT must be positive");
  EXPECT_EQ(node.Run("NODE EVENTS COUNT x"), "-ERR value is not an integer or out of range");
  EXPECT_EQ(node.Run("NODE EVENTS DURATION 0"), "-ERR DURATION must be between 1 and 527040 minutes");
  EXPECT_EQ(node.Run("NODE EVENTS COUNT"), "-ERR syntax error");
  EXPECT_EQ(node.Run("NODE EVENTS 5"), "-ERR syntax error");
  EXPECT_EQ(node.Run("NODE"), "-ERR wrong number of arguments for 'node' command");
  EXPECT_THAT(node.Run("NODE NOTHING"), HasSubstr("unknown subcommand 'NOTHING'. Try NODE HELP."));
}

}  // namespace
}  // namespace cachenode
