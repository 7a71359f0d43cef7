// Blocking commands over several workers: nothing is lost, nothing comes twice, and who waited first is served first.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "server/blocking/wait_table.h"
#include "server/node_state.h"
#include "tests/support/server/test_node.h"

namespace cachenode {
namespace {

constexpr uint32_t kWorkers = 4;

std::string ReadLine(TestClient& client) {
  std::string line;
  while (!line.ends_with("\r\n")) {
    const std::string byte = client.Receive(1);
    if (byte.empty()) return "";
    line += byte;
  }
  return line.substr(0, line.size() - 2);
}

// The bulk strings and lines of one reply, flat.
std::vector<std::string> ReadReply(TestClient& client) {
  std::vector<std::string> values;
  for (size_t left = 1; left > 0; --left) {
    const std::string line = ReadLine(client);
    if (line.empty()) return {"gone"};
    if (line[0] == '*') {
      const int count = std::stoi(line.substr(1));
      if (count > 0) left += static_cast<size_t>(count);
      if (count < 0) values.emplace_back("nil");
    } else if (line[0] == '$') {
      const int size = std::stoi(line.substr(1));
      values.push_back(size < 0 ? "nil" : client.Receive(static_cast<size_t>(size) + 2));
      if (size >= 0) values.back().resize(static_cast<size_t>(size));
    } else {
      values.push_back(line);
    }
  }
  return values;
}

std::vector<std::string> Ask(TestClient& client, std::initializer_list<std::string_view> words) {
  if (!client.Send(Request(words))) return {"gone"};
  return ReadReply(client);
}

TEST(WaitTableThreads, FirstBlockedIsFirstServedAcrossWorkers) {
  TestNode node({}, kWorkers);
  constexpr size_t kClients = 40;
  std::vector<TestClient> waiting;
  for (size_t i = 0; i < kClients; ++i) {
    waiting.push_back(node.Connect(static_cast<uint32_t>(i % kWorkers)));
    ASSERT_TRUE(waiting.back().Send(Request({"blpop", "other", "queue", "0"})));
    ASSERT_TRUE(node.WaitUntil(waiting.back().id, [](Session& session) { return session.blocked != nullptr; }));
  }
  std::vector<TestClient> pushers;
  for (uint32_t i = 0; i < kWorkers; ++i) pushers.push_back(node.Connect(i));
  for (size_t i = 0; i < kClients; ++i) Ask(pushers[i * 7 % kWorkers], {"rpush", "queue", std::to_string(i)});
  for (size_t i = 0; i < kClients; ++i) {
    EXPECT_EQ(ReadReply(waiting[i]), (std::vector<std::string>{"queue", std::to_string(i)}));
  }
  // The reply comes from the pusher's worker; the client's own takes it out of the other queue when it hears of it.
  for (const TestClient& client : waiting) {
    ASSERT_TRUE(node.WaitUntil(client.id, [](Session& session) { return session.blocked == nullptr; }));
  }
  EXPECT_EQ(node.parts.waits->KeyCount(), 0);
}

TEST(WaitTableThreads, WhoHasItsReplyIsNotSeenWaiting) {
  TestNode node({}, kWorkers);
  TestClient client = node.Connect(1);
  TestClient pusher = node.Connect(2);
  for (int round = 0; round < 500; ++round) {
    ASSERT_TRUE(client.Send(Request({"blpop", "k", "0"})));
    ASSERT_TRUE(node.WaitUntil(client.id, [](Session& session) { return session.blocked != nullptr; }));
    EXPECT_EQ(node.parts.state->clients_blocked.load(), 1);
    ASSERT_TRUE(pusher.Send(Request({"rpush", "k", "v"})));
    ASSERT_EQ(ReadReply(client), (std::vector<std::string>{"k", "v"}));
    ASSERT_EQ(node.parts.state->clients_blocked.load(), 0) << round;
    EXPECT_EQ(ReadReply(pusher), (std::vector<std::string>{":1"}));
  }
}

TEST(WaitTableThreads, PipelinedRequestsWaitForTheirTurn) {
  TestNode node({}, kWorkers);
  TestClient client = node.Connect(1);
  ASSERT_TRUE(client.Send(Request({"blpop", "k", "0"}) + Request({"echo", "after"}) + "*nonsense\r\n"));
  ASSERT_TRUE(node.WaitUntil(client.id, [](Session& session) { return session.blocked != nullptr; }));
  EXPECT_FALSE(client.HasReply());
  TestClient pusher = node.Connect(2);
  Ask(pusher, {"rpush", "k", "v"});
  EXPECT_EQ(ReadReply(client), (std::vector<std::string>{"k", "v"}));
  EXPECT_EQ(ReadReply(client), (std::vector<std::string>{"after"}));
  EXPECT_EQ(ReadLine(client), "-ERR Protocol error: invalid multibulk length");
}

TEST(WaitTableThreads, WhoHangsUpIsNotServed) {
  TestNode node({}, kWorkers);
  TestClient gone = node.Connect(0);
  ASSERT_TRUE(gone.Send(Request({"blpop", "k", "0"})));
  ASSERT_TRUE(node.WaitUntil(gone.id, [](Session& session) { return session.blocked != nullptr; }));
  gone.Close();
  ASSERT_TRUE(node.WaitForClientCount(0));
  EXPECT_EQ(node.parts.waits->KeyCount(), 0);
  TestClient other = node.Connect(1);
  EXPECT_EQ(Ask(other, {"rpush", "k", "v"}), (std::vector<std::string>{":1"}));
  EXPECT_EQ(Ask(other, {"llen", "k"}), (std::vector<std::string>{":1"}));
}

TEST(WaitTableThreads, TimeoutsEndWaitsOnEveryWorker) {
  TestNode node({}, kWorkers);
  std::vector<TestClient> waiting;
  for (uint32_t i = 0; i < 2 * kWorkers; ++i) {
    waiting.push_back(node.Connect(i % kWorkers));
    ASSERT_TRUE(waiting.back().Send(Request({"blpop", "a", "b", "c", "5"})));
    ASSERT_TRUE(node.WaitUntil(waiting.back().id, [](Session& session) { return session.blocked != nullptr; }));
  }
  node.clock.Advance(std::chrono::milliseconds(5001));
  for (TestClient& client : waiting) EXPECT_EQ(ReadReply(client), (std::vector<std::string>{"nil"}));
  EXPECT_EQ(node.parts.waits->KeyCount(), 0);
  EXPECT_EQ(node.parts.waits->DeadlineCount(), 0);
}

TEST(WaitTableThreads, UnblockReachesOtherWorkers) {
  TestNode node({}, kWorkers);
  TestClient client = node.Connect(3);
  ASSERT_TRUE(client.Send(Request({"blpop", "k", "0"})));
  ASSERT_TRUE(node.WaitUntil(client.id, [](Session& session) { return session.blocked != nullptr; }));
  TestClient other = node.Connect(0);
  EXPECT_EQ(Ask(other, {"client", "unblock", std::to_string(client.id), "error"}), (std::vector<std::string>{":1"}));
  EXPECT_EQ(ReadLine(client), "-UNBLOCKED client unblocked via CLIENT UNBLOCK");
  EXPECT_EQ(Ask(client, {"ping"}), (std::vector<std::string>{"+PONG"}));
}

// The client is on worker 0, which does not come to anything else while `meanwhile` runs.
void WhileTheOwnerIsBusy(TestNode& node, const std::function<void()>& meanwhile) {
  node.RunOn(0, [&](Worker&) { meanwhile(); });
}

TEST(WaitTableThreads, WhoIsServedNeedNotWaitForItsOwnWorker) {
  TestNode node({}, 2);
  TestClient client = node.Connect(0);
  TestClient pusher = node.Connect(1);
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(client.Send(Request({"blpop", "k", "0"})));
    ASSERT_TRUE(node.WaitUntil(client.id, [](Session& session) { return session.blocked != nullptr; }));
    WhileTheOwnerIsBusy(node, [&] {
      Ask(pusher, {"rpush", "k", "v"});
      EXPECT_EQ(ReadReply(client), (std::vector<std::string>{"k", "v"}));
    });
    EXPECT_EQ(Ask(client, {"ping"}), (std::vector<std::string>{"+PONG"}));
  }
  node.WithSession(client.id, [](Session& session) {
    EXPECT_EQ(session.connection->Usage().output_total,
              3 * (std::string_view("*2\r\n$1\r\nk\r\n$1\r\nv\r\n+PONG\r\n").size()));
  });
}

TEST(WaitTableThreads, ALargeElementGoesOnWhereItsServerStopped) {
  TestNode node({}, 2);
  TestClient client = node.Connect(0);
  TestClient pusher = node.Connect(1);
  ASSERT_TRUE(client.Send(Request({"blpop", "k", "0"}) + Request({"echo", "after"})));
  ASSERT_TRUE(node.WaitUntil(client.id, [](Session& session) { return session.blocked != nullptr; }));
  std::string large(size_t{8} << 20, 'a');
  for (size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>('a' + i % 23);
  WhileTheOwnerIsBusy(node, [&] { Ask(pusher, {"rpush", "k", large}); });
  EXPECT_EQ(ReadReply(client), (std::vector<std::string>{"k", large}));
  EXPECT_EQ(ReadReply(client), (std::vector<std::string>{"after"}));
}

TEST(WaitTableThreads, RepliesBeforeTheWaitLeaveFirst) {
  TestNode node({}, 2);
  TestClient client = node.Connect(0);
  TestClient pusher = node.Connect(1);
  for (int round = 0; round < 200; ++round) {
    const std::string number = std::to_string(round);
    ASSERT_TRUE(client.Send(Request({"echo", number}) + Request({"blpop", "k", "0"}) + Request({"echo", "after"})));
    Ask(pusher, {"rpush", "k", number});
    EXPECT_EQ(ReadReply(client), (std::vector<std::string>{number}));
    EXPECT_EQ(ReadReply(client), (std::vector<std::string>{"k", number}));
    EXPECT_EQ(ReadReply(client), (std::vector<std::string>{"after"}));
  }
}

TEST(WaitTableThreads, AClientThatGetsPushesIsAnsweredByItsOwnWorkerOnly) {
  TestNode node({}, 2);
  TestClient client = node.Connect(0);
  TestClient pusher = node.Connect(1);
  ASSERT_TRUE(client.Send(Request({"hello", "3"}) + Request({"ping"})));
  std::string greeting;
  while (!greeting.ends_with("+PONG\r\n")) {
    const std::string more = client.ReceiveSome();
    ASSERT_FALSE(more.empty());
    greeting += more;
  }
  ASSERT_TRUE(client.Send(Request({"blpop", "k", "0"})));
  ASSERT_TRUE(node.WaitUntil(client.id, [](Session& session) { return session.blocked != nullptr; }));
  WhileTheOwnerIsBusy(node, [&] {
    Ask(pusher, {"rpush", "k", "v"});
    EXPECT_FALSE(client.HasReply());
  });
  EXPECT_EQ(ReadReply(client), (std::vector<std::string>{"k", "v"}));
}

// Producers, consumers with short timeouts, movers between the lists and clients that hang up, all on the same few
// keys.
class Crowd {
 public:
  static constexpr int kKeys = 6;
  static constexpr int kItemsPerProducer = 1000;

  explicit Crowd(TestNode& node) : node_(node) {}

  void Produce(uint32_t worker, int producer) {
    std::mt19937 random(100 + static_cast<unsigned>(producer));
    TestClient client = node_.Connect(worker);
    for (int i = 0; i < kItemsPerProducer; ++i) {
      const std::string item = std::to_string(producer) + ":" + std::to_string(i);
      const std::string key = AnyKey(random);
      if (random() % 4 == 0) {
        Ask(client, {"multi"});
        Ask(client, {"lpush", AnyKey(random), item});
        Ask(client, {"incr", "counter"});
        Ask(client, {"exec"});
      } else {
        Ask(client, {"rpush", key, item});
      }
    }
  }

  void Consume(uint32_t worker, unsigned seed) {
    std::mt19937 random(seed);
    TestClient client = node_.Connect(worker);
    for (;;) {
      const bool last = finished.load();
      const std::vector<std::string> reply =
          random() % 2 == 0 ? Ask(client, {"blpop", AnyKey(random), AnyKey(random), "0.02"})
                            : Ask(client, {"blmpop", "0.02", "2", AnyKey(random), AnyKey(random), "right"});
      if (reply.size() == 2) Note(reply[1]);
      if (Ended(reply) || (last && reply[0] == "nil")) return;
    }
  }

  void Move(uint32_t worker, unsigned seed) {
    std::mt19937 random(seed);
    TestClient client = node_.Connect(worker);
    while (!finished.load()) {
      if (Ended(Ask(client, {"blmove", AnyKey(random), AnyKey(random), "left", "right", "0.02"}))) return;
    }
  }

  void HangUp(uint32_t worker, unsigned seed) {
    std::mt19937 random(seed);
    while (!finished.load()) {
      TestClient client = node_.Connect(worker);
      client.Send(Request({"blpop", AnyKey(random), AnyKey(random), "0"}));
      if (random() % 2 == 0) {
        EXPECT_TRUE(node_.WaitUntil(client.id,
                                    [&](Session& session) { return session.blocked != nullptr || client.HasReply(); }));
      }
      ++hung_up;
    }
  }

  void Note(const std::string& item) {
    const std::lock_guard lock(mutex_);
    ++seen[item];
  }

  // What nobody took.
  void Drain() {
    TestClient client = node_.Connect(0);
    for (int key = 0; key < kKeys; ++key) {
      for (;;) {
        const std::vector<std::string> reply = Ask(client, {"lpop", "list" + std::to_string(key)});
        if (Ended(reply) || reply[0] == "nil") break;
        Note(reply[0]);
      }
    }
  }

  std::atomic<bool> finished{false};
  std::atomic<size_t> hung_up{0};
  std::map<std::string, int> seen;

 private:
  // No answer came in all patience: the test has failed and must not go on for ever.
  static bool Ended(const std::vector<std::string>& reply) {
    if (reply[0] != "gone") return false;
    ADD_FAILURE() << "a client got no answer";
    return true;
  }

  static std::string AnyKey(std::mt19937& random) { return "list" + std::to_string(random() % kKeys); }

  TestNode& node_;
  std::mutex mutex_;
};

TEST(WaitTableThreads, NothingIsLostAndNothingComesTwice) {
  TestNode node({}, kWorkers);
  Crowd crowd(node);
  std::vector<std::thread> producers;
  std::vector<std::thread> others;
  for (int i = 0; i < 2; ++i) producers.emplace_back([&, i] { crowd.Produce(static_cast<uint32_t>(i), i); });
  for (uint32_t i = 0; i < 6; ++i) others.emplace_back([&, i] { crowd.Consume(i % kWorkers, i); });
  for (uint32_t i = 0; i < 3; ++i) others.emplace_back([&, i] { crowd.Move(i % kWorkers, 50 + i); });
  others.emplace_back([&] { crowd.HangUp(3, 77); });
  std::atomic<bool> stop{false};
  std::thread time([&] {
    while (!stop.load()) {
      node.clock.Advance(std::chrono::milliseconds(1));
      std::this_thread::yield();
    }
  });
  for (std::thread& thread : producers) thread.join();
  crowd.finished = true;
  for (std::thread& thread : others) thread.join();
  ASSERT_TRUE(node.WaitForClientCount(0));
  crowd.Drain();
  stop = true;
  time.join();

  for (const auto& [item, count] : crowd.seen) EXPECT_EQ(count, 1) << item;
  const size_t produced = 2 * Crowd::kItemsPerProducer;
  // Who hangs up may take the one element with it that was on its way.
  EXPECT_LE(crowd.seen.size(), produced);
  EXPECT_GE(crowd.seen.size() + crowd.hung_up.load(), produced);
  EXPECT_EQ(node.parts.waits->KeyCount(), 0);
  EXPECT_EQ(node.parts.waits->DeadlineCount(), 0);
  EXPECT_FALSE(node.parts.waits->AnyMoves());
}

}  // namespace
}  // namespace cachenode
