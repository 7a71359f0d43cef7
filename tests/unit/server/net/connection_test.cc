#include "server/net/connection.h"
#include "server/config/config.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <string>
#include <vector>

#include "server/dispatcher.h"
#include "tests/support/server/test_node.h"

namespace cachenode {
namespace {

using std::chrono::seconds;

const std::string kPing = "*1\r\n$4\r\nPING\r\n";
const std::string kPong = "+PONG\r\n";

std::string BulkReply(std::string_view text) {
  return "$" + std::to_string(text.size()) + "\r\n" + std::string(text) + "\r\n";
}

TEST(Connection, AnswersARequestCutAtEveryByte) {
  TestNode node;
  const std::string input = kPing + Request({"ECHO", "hello"}) + "PING inline\r\n";
  const std::string expected = kPong + BulkReply("hello") + BulkReply("inline");
  for (size_t cut = 1; cut < input.size(); ++cut) {
    TestClient client = node.Connect();
    ASSERT_TRUE(client.Send(input.substr(0, cut)));
    ASSERT_TRUE(node.WaitUntil(client.id, [cut](Session& s) { return s.connection->Usage().input_total == cut; }));
    ASSERT_TRUE(client.Send(input.substr(cut)));
    EXPECT_EQ(client.Receive(expected.size()), expected) << "cut at " << cut;
  }
}

TEST(Connection, AnswersALongPipelineInOrder) {
  TestNode node;
  TestClient client = node.Connect();
  std::string input;
  std::string expected;
  for (int i = 0; i < 20000; ++i) {
    input += Request({"ECHO", std::to_string(i)});
    expected += BulkReply(std::to_string(i));
  }
  std::thread sender([&] { EXPECT_TRUE(client.Send(input)); });
  EXPECT_EQ(client.Receive(expected.size()), expected);
  sender.join();
  EXPECT_TRUE(node.WithSession(client.id, [&](Session& session) {
    EXPECT_EQ(session.connection->Usage().commands_total, 20000U);
    EXPECT_EQ(session.connection->Usage().input_total, input.size());
    EXPECT_EQ(session.connection->Usage().output_total, expected.size());
    EXPECT_EQ(session.connection->Usage().query_buffer_used, 0U);
  }));
}

TEST(Connection, ItsBuffersShowInTheRecentPeaks) {
  TestNode node;
  const auto largest = [&](StatsHub::CounterMember member) { return node.stats->Largest(member); };
  const auto reaches = [&](StatsHub::CounterMember member, uint64_t bytes) {
    TestClient other = node.Connect();
    return node.WaitUntil(other.id, [&](Session&) { return largest(member) >= bytes; });
  };
  constexpr size_t kHalf = 100'000;
  TestClient writer = node.Connect();
  ASSERT_TRUE(writer.Send("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$200000\r\n" + std::string(kHalf, 'x')));
  EXPECT_TRUE(reaches(&WorkerStats::input_buffer_bytes_max, kHalf));
  ASSERT_TRUE(writer.Send(std::string(kHalf, 'x') + "\r\n"));
  EXPECT_EQ(writer.Receive(5), "+OK\r\n");
  // The reader takes nothing, so that what does not fit into the socket waits.
  TestClient reader = node.Connect();
  constexpr int kReplies = 40;
  for (int i = 0; i < kReplies; ++i) ASSERT_TRUE(reader.Send(Request({"GET", "k"})));
  EXPECT_TRUE(reaches(&WorkerStats::output_buffer_bytes_max, 2 * kHalf));
  reader.Close();
  writer.Close();
  // Their buffers must be gone before the time passes, or they show at the new time as well.
  ASSERT_TRUE(node.WaitForClientCount(0));
  node.clock.Advance(seconds(RecentPeak::kSeconds + 1));
  TestClient last = node.Connect();
  EXPECT_TRUE(node.WaitUntil(last.id, [&](Session&) {
    return largest(&WorkerStats::input_buffer_bytes_max) < kHalf &&
           largest(&WorkerStats::output_buffer_bytes_max) < kHalf;
  }));
}

// Runs in each round of the loop, although events come and whatever time an earlier slice took.
class EachRound : public IdleWork {
 public:
  uint32_t BusyPercent() const final { return 1'000'000; }
};

// Looks between the turns whether a command that gave its turn back waits to go on.
class GivenTurnObserver final : public EachRound {
 public:
  explicit GivenTurnObserver(Session& session) : session_(session) {}
  bool RunSlice(Worker&) override {
    seen = seen || session_.go_on_at != 0;
    return !ends;
  }
  bool seen = false;
  bool ends = false;

 private:
  Session& session_;
};

TEST(Connection, PurgeServesOthersBetweenItsSlices) {
  TestNode node;
  TestClient client = node.Connect();
  constexpr int kKeys = 100'000;
  std::string input;
  for (int i = 0; i < kKeys; ++i) input += Request({"SET", "key:" + std::to_string(i), "value"});
  for (int i = 0; i < kKeys; ++i) {
    if (i % 8 != 0) input += Request({"UNLINK", "key:" + std::to_string(i)});
  }
  const size_t replies = size_t{5} * kKeys + size_t{4} * (kKeys - kKeys / 8);
  std::thread sender([&] { EXPECT_TRUE(client.Send(input)); });
  EXPECT_EQ(client.Receive(replies).size(), replies);
  sender.join();
  std::unique_ptr<GivenTurnObserver> observer;
  node.RunOn(0, [&](Worker& worker) {
    observer = std::make_unique<GivenTurnObserver>(*node.clients->FindOwn(0, client.id));
    worker.AddIdleWork(*observer);
  });
  ASSERT_TRUE(client.Send(Request({"MEMORY", "PURGE"}) + kPing));
  EXPECT_EQ(client.Receive(5 + kPong.size()), "+OK\r\n" + kPong);
  node.RunOn(0, [&](Worker&) { observer->ends = true; });
  for (bool is_there = true; is_there;) {
    node.RunOn(0, [&is_there](Worker& worker) { is_there = worker.HasIdleWork(); });
  }
  EXPECT_TRUE(observer->seen);
  EXPECT_EQ(node.parts.keyspace->KeyCount(0), static_cast<uint64_t>(kKeys / 8));
  EXPECT_TRUE(node.WithSession(client.id, [](Session& session) { EXPECT_EQ(session.go_on_at, 0U); }));
}

// Waits until bytes for the server lie in the client's socket.
bool HasInput(const Session& session) {
  constexpr int kWaitMs = 10'000;
  pollfd input{session.connection->FileDescriptor(), POLLIN, 0};
  return poll(&input, 1, kWaitMs) == 1 && (input.revents & POLLIN) != 0;
}

// Looks at two clients' counts after each round of the loop.
class RoundObserver final : public EachRound {
 public:
  RoundObserver(Session& greedy, Session& modest) : greedy_(greedy), modest_(modest) {}
  bool RunSlice(Worker&) override {
    const bool modest_done = modest_.connection->Usage().commands_total != 0;
    if (modest_done) greedy_when_modest_was_done = greedy_.connection->Usage().commands_total;
    return !modest_done;
  }
  uint64_t greedy_when_modest_was_done = 0;

 private:
  Session& greedy_;
  Session& modest_;
};

TEST(Connection, ALongPipelineDoesNotHoldUpAnotherClient) {
  TestNode node;
  TestClient greedy = node.Connect();
  TestClient modest = node.Connect();
  std::string pipeline;
  for (int i = 0; i < 4000; ++i) pipeline += kPing;
  std::unique_ptr<RoundObserver> observer;
  node.RunOn(0, [&](Worker& worker) {
    // Both inputs lie ready when the loop looks at its sockets next: the kernel may deliver what was sent a moment
    // later.
    ASSERT_EQ(greedy.SendSome(pipeline), pipeline.size());
    ASSERT_EQ(modest.SendSome(kPing), kPing.size());
    Session& greedy_session = *node.clients->FindOwn(0, greedy.id);
    Session& modest_session = *node.clients->FindOwn(0, modest.id);
    ASSERT_TRUE(HasInput(greedy_session) && HasInput(modest_session));
    observer = std::make_unique<RoundObserver>(greedy_session, modest_session);
    worker.AddIdleWork(*observer);
  });
  EXPECT_EQ(modest.Receive(kPong.size()), kPong);
  EXPECT_EQ(greedy.Receive(4000 * kPong.size()).size(), 4000 * kPong.size());
  node.RunOn(0, [&](Worker&) {
    EXPECT_GT(observer->greedy_when_modest_was_done, 0U);
    EXPECT_LE(observer->greedy_when_modest_was_done, 4 * Connection::kRequestsPerTurn);
  });
}

TEST(Connection, EchoesABulkStringLargerThanAnyBuffer) {
  TestNode node;
  TestClient client = node.Connect();
  const std::string value(5 << 20, 'v');
  const std::string expected = BulkReply(value) + kPong;
  std::thread sender([&] { EXPECT_TRUE(client.Send(Request({"ECHO", value}) + kPing)); });
  EXPECT_EQ(client.Receive(expected.size()), expected);
  sender.join();
}

TEST(Connection, ReadsARequestOfManyArgumentsInLargePieces) {
  TestNode node;
  TestClient client = node.Connect();
  constexpr size_t kKeys = 3000;
  std::string input = "*" + std::to_string(kKeys + 1) + "\r\n$3\r\nDEL\r\n";
  for (size_t i = 0; i < kKeys; ++i) input += "$100\r\n" + std::string(100, 'k') + "\r\n";
  const size_t all_but_the_end = input.size() - 50;
  ASSERT_TRUE(client.Send(input.substr(0, all_but_the_end)));
  ASSERT_TRUE(
      node.WaitUntil(client.id, [=](Session& s) { return s.connection->Usage().input_total == all_but_the_end; }));
  EXPECT_LT(node.stats->Sum(&WorkerStats::reads_processed), 100U);
  ASSERT_TRUE(client.Send(input.substr(all_but_the_end)));
  EXPECT_EQ(client.Receive(4), ":0\r\n");
}

TEST(Connection, FreesItsInputBufferWhenIdle) {
  TestNode node;
  TestClient client = node.Connect();
  ASSERT_TRUE(client.Send(kPing + "*2\r\n$4\r\nECHO\r\n"));
  EXPECT_EQ(client.Receive(kPong.size()), kPong);
  ASSERT_TRUE(node.WaitUntil(client.id, [](Session& s) { return s.connection->Usage().query_buffer_used != 0; }));
  ASSERT_TRUE(client.Send("$1\r\nx\r\n"));
  EXPECT_EQ(client.Receive(7), BulkReply("x"));
  node.clock.Advance(seconds(3));
  EXPECT_TRUE(node.WaitUntil(client.id, [](Session& s) { return s.connection->Usage().query_buffer_free == 0; }));
}

TEST(Connection, SendsWhatASlowReaderLeftInTheBuffer) {
  TestNode node;
  TestClient client = node.Connect();
  const std::string value(100'000, 'r');
  std::string input;
  for (int i = 0; i < 80; ++i) input += Request({"ECHO", value});
  std::thread sender([&] { EXPECT_TRUE(client.Send(input)); });
  EXPECT_TRUE(node.WaitUntil(client.id, [](Session& s) { return s.connection->Usage().writable_watched; }));
  std::string expected;
  for (int i = 0; i < 80; ++i) expected += BulkReply(value);
  EXPECT_EQ(client.Receive(expected.size()), expected);
  sender.join();
  EXPECT_TRUE(node.WaitUntil(client.id, [](Session& s) { return !s.connection->Usage().writable_watched; }));
}

TEST(Connection, EndsAfterAProtocolErrorIsSent) {
  TestNode node;
  TestClient client = node.Connect();
  ASSERT_TRUE(client.Send(kPing + "*x\r\n" + kPing));
  EXPECT_EQ(client.ReceiveAll(), kPong + "-ERR Protocol error: invalid multibulk length\r\n");
  EXPECT_TRUE(node.WaitForClientCount(0));
}

TEST(Connection, EndsAfterQuitAndIgnoresWhatFollows) {
  TestNode node;
  TestClient client = node.Connect();
  ASSERT_TRUE(client.Send(Request({"QUIT"}) + kPing));
  EXPECT_EQ(client.ReceiveAll(), "+OK\r\n");
}

TEST(Connection, LeavesTheRegistryWhenTheClientGoes) {
  TestNode node;
  TestClient client = node.Connect();
  EXPECT_TRUE(client.Send(kPing));
  EXPECT_EQ(client.Receive(kPong.size()), kPong);
  EXPECT_EQ(node.clients->Count(), 1U);
  client.Close();
  EXPECT_TRUE(node.WaitForClientCount(0));
  EXPECT_FALSE(node.WithSession(client.id, [](Session&) {}));
}

TEST(Connection, ClosesAboveTheQueryBufferLimit) {
  TestNode node([](Config& config) { config.client_query_buffer_limit = 10'000; });
  TestClient below = node.Connect();
  ASSERT_TRUE(below.Send("*2\r\n$4\r\nECHO\r\n$9000\r\n" + std::string(9000, 'b') + "\r\n"));
  EXPECT_EQ(below.Receive(9009).size(), 9009U);
  TestClient above = node.Connect();
  above.Send("*2\r\n$4\r\nECHO\r\n$20000\r\n" + std::string(15'000, 'a'));
  EXPECT_EQ(above.ReceiveAll(), "");
  EXPECT_EQ(node.stats->Sum(&WorkerStats::query_buffer_limit_disconnections), 1U);
}

TEST(Connection, ClosesAboveTheHardOutputLimit) {
  TestNode node([](Config& config) { config.client_output_buffer_limit[0].hard_bytes = 200'000; });
  TestClient client = node.Connect();
  const std::string value(50'000, 'o');
  for (int i = 0; i < 200 && client.Send(Request({"ECHO", value})); ++i) {
  }
  EXPECT_TRUE(node.WaitForClientCount(0));
  EXPECT_EQ(node.stats->Sum(&WorkerStats::output_buffer_limit_disconnections), 1U);
}

TEST(Connection, ClosesWhenTheSoftOutputLimitLastsTooLong) {
  TestNode node([](Config& config) {
    config.client_output_buffer_limit[0].soft_bytes = 50'000;
    config.client_output_buffer_limit[0].soft_seconds = 10;
  });
  TestClient client = node.Connect();
  const std::string value(50'000, 'o');
  std::string input;
  for (int i = 0; i < 20; ++i) input += Request({"ECHO", value});
  std::thread sender([&] { client.Send(input); });
  ASSERT_TRUE(node.WaitUntil(client.id, [](Session& s) { return s.replies.SizeBytes() > 50'000; }));
  sender.join();
  node.clock.Advance(seconds(9));
  EXPECT_TRUE(node.WithSession(client.id, [](Session&) {}));
  EXPECT_EQ(node.clients->Count(), 1U);
  node.clock.Advance(seconds(2));
  EXPECT_TRUE(node.WaitForClientCount(0));
}

TEST(Connection, ClosesAnIdleClientAfterTheTimeout) {
  TestNode node([](Config& config) { config.timeout = 100; });
  TestClient client = node.Connect();
  node.clock.Advance(seconds(99));
  ASSERT_TRUE(client.Send(kPing));
  EXPECT_EQ(client.Receive(kPong.size()), kPong);
  node.clock.Advance(seconds(99));
  EXPECT_TRUE(node.WithSession(client.id, [](Session&) {}));
  node.clock.Advance(seconds(2));
  EXPECT_EQ(client.ReceiveAll(), "");
}

TEST(Connection, AParkedClientWaitsAndGoesOnWhereItStopped) {
  TestNode node;
  TestClient client = node.Connect();
  ASSERT_TRUE(node.WithSession(client.id, [](Session& s) { s.connection->Park(); }));
  ASSERT_TRUE(client.Send(kPing + Request({"ECHO", "a"})));
  ASSERT_TRUE(node.WaitUntil(client.id, [](Session& s) { return s.connection->Usage().query_buffer_used != 0; }));
  EXPECT_FALSE(client.HasReply());
  ASSERT_TRUE(node.WithSession(client.id, [](Session& s) { s.connection->Resume(); }));
  EXPECT_EQ(client.Receive(14), kPong + BulkReply("a"));
}

TEST(Connection, AParkedClientIsReadUpToALimitAndLosesNothing) {
  TestNode node;
  TestClient client = node.Connect();
  ASSERT_TRUE(node.WithSession(client.id, [](Session& s) { s.connection->Park(); }));
  std::string input;
  for (int i = 0; i < 30000; ++i) input += kPing;
  std::thread sender([&] { EXPECT_TRUE(client.Send(input)); });
  ASSERT_TRUE(node.WaitUntil(client.id, [](Session& s) { return !s.connection->Usage().readable_watched; }));
  node.WithSession(client.id, [](Session& s) {
    EXPECT_LE(s.connection->Usage().query_buffer_used, Connection::kParkedInputMax);
    s.connection->Resume();
  });
  EXPECT_EQ(client.Receive(30000 * kPong.size()).size(), 30000 * kPong.size());
  sender.join();
}

TEST(Connection, AParkedClientThatGoesIsNoticed) {
  TestNode node;
  TestClient client = node.Connect();
  ASSERT_TRUE(node.WithSession(client.id, [](Session& s) { s.connection->Park(); }));
  client.Close();
  EXPECT_TRUE(node.WaitForClientCount(0));
}

TEST(Connection, IsKilledByAnotherWorker) {
  TestNode node({}, 2);
  TestClient victim = node.Connect(0);
  TestClient other = node.Connect(1);
  EXPECT_EQ(node.clients->WorkerOf(victim.id), 0U);
  EXPECT_EQ(node.clients->WorkerOf(other.id), 1U);
  EXPECT_LT(victim.id, other.id);
  node.RunOn(1, [&](Worker& worker) {
    const WorldExclusive exclusive(*node.world, worker.seat());
    Session* session = node.clients->Find(victim.id);
    ASSERT_NE(session, nullptr);
    node.clients->Kill(*session);
    EXPECT_EQ(node.clients->Find(victim.id), nullptr);
    std::vector<uint64_t> left;
    node.clients->ForEach([&left](Session& each) { left.push_back(each.id); });
    EXPECT_EQ(left, std::vector<uint64_t>{other.id});
    EXPECT_EQ(node.clients->Count(), 1U);
  });
  EXPECT_EQ(victim.ReceiveAll(), "");
  EXPECT_FALSE(node.WithSession(victim.id, [](Session&) {}));
  EXPECT_EQ(node.clients->Count(), 1U);
}

// Exclusive work of one worker against traffic of the other: the sanitizer build proves the world lock's reach.
TEST(Connection, TrafficAndExclusiveWorkDoNotMeet) {
  TestNode node({}, 2);
  TestClient client = node.Connect(0);
  std::string input;
  std::string expected;
  for (int i = 0; i < 5000; ++i) {
    input += Request({"SET", "key" + std::to_string(i % 7), std::to_string(i)});
    expected += "+OK\r\n";
  }
  std::thread sender([&] { EXPECT_TRUE(client.Send(input)); });
  for (int i = 0; i < 200; ++i) {
    node.RunOn(1, [&](Worker& worker) {
      const WorldExclusive exclusive(*node.world, worker.seat());
      node.clients->ForEach([](Session& session) { EXPECT_GT(session.connection->FileDescriptor(), 0); });
    });
  }
  EXPECT_EQ(client.Receive(expected.size()), expected);
  sender.join();
}

}  // namespace
}  // namespace cachenode
