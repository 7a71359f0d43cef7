// What one poll announces for many clients is received together: each still gets its own answers, whatever the others
// sent.
#include "server/batched_io.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <vector>

#include "server/config/config.h"
#include "tests/support/server/test_node.h"

namespace cachenode {
namespace {

class BatchedIoTest : public testing::TestWithParam<bool> {
 protected:
  // What `send` sends reaches the node in one turn.
  void InOneTurn(const std::function<void()>& send) {
    node_.RunOn(0, [&send](Worker&) { send(); });
  }

  TestNode node_{[](Config& config) { config.io_uring = GetParam(); }};
};

std::string BulkOf(std::string_view text) {
  return "$" + std::to_string(text.size()) + "\r\n" + std::string(text) + "\r\n";
}

TEST_P(BatchedIoTest, EveryClientOfAFullTurnGetsItsAnswer) {
  std::vector<TestClient> clients;
  for (size_t i = 0; i < 2 * BatchedIo::kReceivesMax + 1; ++i) clients.push_back(node_.Connect());
  for (int round = 0; round < 20; ++round) {
    const auto text = [round](size_t i) { return std::to_string(i) + " in round " + std::to_string(round); };
    InOneTurn([&] {
      for (size_t i = 0; i < clients.size(); ++i) EXPECT_TRUE(clients[i].Send(Request({"ECHO", text(i)})));
    });
    for (size_t i = 0; i < clients.size(); ++i) {
      const std::string expected = BulkOf(text(i));
      ASSERT_EQ(clients[i].Receive(expected.size()), expected);
    }
  }
}

TEST_P(BatchedIoTest, PartsLongPipelinesAndEndsStandSideBySide) {
  TestClient part = node_.Connect();
  TestClient pipeline = node_.Connect();
  const std::string request = Request({"ECHO", "in two parts"});
  std::string many;
  std::string replies;
  for (int i = 0; many.size() < 2 * BatchedIo::kReceiveBytes; ++i) {
    many += Request({"ECHO", std::to_string(i)});
    replies += BulkOf(std::to_string(i));
  }
  for (int round = 0; round < 3; ++round) {
    TestClient gone = node_.Connect();
    TestClient wrong = node_.Connect();
    InOneTurn([&] {
      EXPECT_TRUE(part.Send(request.substr(0, 9)));
      EXPECT_TRUE(pipeline.Send(many));
      gone.Close();
      EXPECT_TRUE(wrong.Send("*nonsense\r\n"));
    });
    InOneTurn([&] { EXPECT_TRUE(part.Send(request.substr(9))); });
    EXPECT_EQ(part.Receive(BulkOf("in two parts").size()), BulkOf("in two parts"));
    EXPECT_EQ(pipeline.Receive(replies.size()), replies);
    EXPECT_EQ(wrong.ReceiveAll(), "-ERR Protocol error: invalid multibulk length\r\n");
  }
  EXPECT_TRUE(node_.WaitForClientCount(2));
}

TEST_P(BatchedIoTest, WhoIsKilledByAnotherIsNotExecuted) {
  for (int round = 0; round < 20; ++round) {
    TestClient killer = node_.Connect();
    TestClient victim = node_.Connect();
    TestClient other = node_.Connect();
    InOneTurn([&] {
      EXPECT_TRUE(killer.Send(Request({"CLIENT", "KILL", "ID", std::to_string(victim.id)})));
      EXPECT_TRUE(victim.Send(Request({"SET", "written", "by the victim"})));
      EXPECT_TRUE(other.Send(Request({"ECHO", "other"})));
    });
    EXPECT_EQ(killer.Receive(4), ":1\r\n");
    EXPECT_EQ(other.Receive(BulkOf("other").size()), BulkOf("other"));
    EXPECT_EQ(victim.ReceiveAll(), "");
    EXPECT_TRUE(other.Send(Request({"EXISTS", "written"})));
    EXPECT_EQ(other.Receive(4), ":0\r\n");
  }
}

TEST_P(BatchedIoTest, RepliesTooLargeForASocketFollowLater) {
  TestClient slow = node_.Connect();
  TestClient quick = node_.Connect();
  const std::string large(8 << 20, 'x');
  std::thread sender([&] { EXPECT_TRUE(slow.Send(Request({"SET", "large", large}))); });
  EXPECT_EQ(slow.Receive(5), "+OK\r\n");
  sender.join();
  InOneTurn([&] {
    EXPECT_TRUE(slow.Send(Request({"GET", "large"})));
    EXPECT_TRUE(quick.Send(Request({"ECHO", "quick"})));
  });
  EXPECT_EQ(quick.Receive(BulkOf("quick").size()), BulkOf("quick"));
  EXPECT_TRUE(slow.Receive(BulkOf(large).size()) == BulkOf(large));
}

// What follows in the turn is inside of the world again, however many workers there are.
TEST_P(BatchedIoTest, AfterABatchTheWorkerIsInsideOfTheWorld) {
  class Looks final : public IdleWork {
   public:
    bool RunSlice(Worker& worker) override {
      was_inside = was_inside && worker.seat().inside();
      return !ends;
    }
    std::atomic<bool> was_inside = true;
    std::atomic<bool> ends = false;
  };
  Looks looks;
  std::vector<TestClient> clients;
  for (int i = 0; i < 8; ++i) clients.push_back(node_.Connect());
  node_.RunOn(0, [&looks](Worker& worker) { worker.AddIdleWork(looks); });
  for (int round = 0; round < 20; ++round) {
    InOneTurn([&] {
      for (TestClient& client : clients) EXPECT_TRUE(client.Send(Request({"PING"})));
    });
    for (TestClient& client : clients) ASSERT_EQ(client.Receive(7), "+PONG\r\n");
  }
  looks.ends = true;
  for (bool is_there = true; is_there;) {
    node_.RunOn(0, [&is_there](Worker& worker) { is_there = worker.HasIdleWork(); });
  }
  EXPECT_TRUE(looks.was_inside);
}

// Whoever has the world kills clients whose replies the kernel has in hand just then.
TEST(BatchedIoThreads, KillsFromElsewhereMeetBatches) {
  constexpr uint32_t kWorkers = 3;
  constexpr size_t kVictims = 16;
  TestNode node({}, kWorkers);
  TestClient killer = node.Connect(0);
  const std::string pings = Request({"PING"}) + Request({"PING"}) + Request({"PING"});
  const std::string kill = Request({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
  for (int round = 0; round < 100; ++round) {
    std::vector<TestClient> victims;
    for (size_t i = 0; i < kVictims; ++i) {
      victims.push_back(node.Connect(1 + static_cast<uint32_t>(i % (kWorkers - 1))));
      EXPECT_TRUE(victims.back().Send(Request({"PING"})));
      ASSERT_EQ(victims.back().Receive(7), "+PONG\r\n");
    }
    for (TestClient& victim : victims) EXPECT_TRUE(victim.Send(pings));
    ASSERT_TRUE(killer.Send(kill));
    ASSERT_EQ(killer.Receive(5), ":" + std::to_string(kVictims) + "\r\n");
    for (TestClient& victim : victims) {
      const std::string replies = victim.ReceiveAll();
      EXPECT_TRUE(std::string("+PONG\r\n+PONG\r\n+PONG\r\n").starts_with(replies)) << replies;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(WithAndWithoutTheKernelsHelp, BatchedIoTest, testing::Bool(),
                         [](const testing::TestParamInfo<bool>& with) { return with.param ? "with" : "without"; });

}  // namespace
}  // namespace cachenode
