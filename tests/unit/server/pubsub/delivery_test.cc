// Messages between clients of several workers, over sockets.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/config/config.h"
#include "tests/support/server/test_node.h"

namespace cachenode {
namespace {

constexpr uint32_t kWorkers = 4;

std::string Ask(TestClient& client, std::initializer_list<std::string_view> words, std::string_view reply) {
  client.Send(Request(words));
  return client.Receive(reply.size());
}

std::string Message(std::string_view channel, std::string_view payload) {
  return ">3\r\n$7\r\nmessage\r\n$" + std::to_string(channel.size()) + "\r\n" + std::string(channel) + "\r\n$" +
         std::to_string(payload.size()) + "\r\n" + std::string(payload) + "\r\n";
}

// A client of a worker that speaks RESP3 and is subscribed to `channel`.
TestClient Subscriber(TestNode& node, uint32_t worker_index, std::string_view channel) {
  TestClient client = node.Connect(worker_index);
  // The length of HELLO's reply varies; what follows it shows its end.
  client.Send(Request({"HELLO", "3"}) + Request({"PING"}));
  std::string hello;
  while (!hello.ends_with("+PONG\r\n")) {
    const std::string more = client.ReceiveSome();
    if (more.empty()) break;
    hello.append(more);
  }
  const std::string reply =
      ">3\r\n$9\r\nsubscribe\r\n$" + std::to_string(channel.size()) + "\r\n" + std::string(channel) + "\r\n:1\r\n";
  EXPECT_EQ(Ask(client, {"SUBSCRIBE", channel}, reply), reply);
  return client;
}

TEST(Delivery, AMessageWakesTheWorkersOfItsSubscribers) {
  TestNode node({}, kWorkers);
  std::vector<TestClient> subscribers;
  for (uint32_t i = 0; i < kWorkers; ++i) subscribers.push_back(Subscriber(node, i, "c"));
  TestClient publisher = node.Connect(0);
  EXPECT_EQ(Ask(publisher, {"PUBLISH", "c", "hello"}, ":4\r\n"), ":4\r\n");
  const std::string message = Message("c", "hello");
  for (TestClient& subscriber : subscribers) EXPECT_EQ(subscriber.Receive(message.size()), message);
}

TEST(Delivery, AMessagePublishedBeforeARequestWasSentComesBeforeItsReply) {
  TestNode node({}, kWorkers);
  TestClient subscriber = Subscriber(node, 1, "c");
  TestClient publisher = node.Connect(2);
  for (int i = 0; i < 300; ++i) {
    const std::string payload = std::to_string(i);
    ASSERT_EQ(Ask(publisher, {"PUBLISH", "c", payload}, ":1\r\n"), ":1\r\n");
    const std::string expected = Message("c", payload) + "+PONG\r\n";
    ASSERT_EQ(Ask(subscriber, {"PING"}, expected), expected);
  }
}

TEST(Delivery, ASubscriberThatLeavesIsForgotten) {
  TestNode node({}, kWorkers);
  TestClient publisher = node.Connect(0);
  for (uint32_t i = 1; i < kWorkers; ++i) {
    const size_t clients = node.clients->Count();
    TestClient subscriber = Subscriber(node, i, "c");
    subscriber.Close();
    EXPECT_TRUE(node.WaitForClientCount(clients));
  }
  EXPECT_EQ(Ask(publisher, {"PUBLISH", "c", "hello"}, ":0\r\n"), ":0\r\n");
}

// Though its worker hears of that by mail.
TEST(Delivery, AKilledSubscriberCountsNoMore) {
  TestNode node({}, kWorkers);
  TestClient publisher = node.Connect(0);
  for (uint32_t i = 0; i < kWorkers; ++i) {
    TestClient other = Subscriber(node, i, "c");
    TestClient killed = Subscriber(node, i, "c");
    const std::string pattern = ">3\r\n$10\r\npsubscribe\r\n$2\r\nc*\r\n:2\r\n";
    EXPECT_EQ(Ask(killed, {"PSUBSCRIBE", "c*"}, pattern), pattern);
    publisher.Send(Request({"PUBLISH", "c", "x"}) + Request({"CLIENT", "KILL", "ID", std::to_string(killed.id)}) +
                   Request({"PUBLISH", "c", "y"}) + Request({"PUBSUB", "NUMSUB", "c"}) + Request({"PUBSUB", "NUMPAT"}));
    const std::string replies = ":3\r\n:1\r\n:1\r\n*2\r\n$1\r\nc\r\n:1\r\n:0\r\n";
    EXPECT_EQ(publisher.Receive(replies.size()), replies);
    const std::string messages = Message("c", "x") + Message("c", "y");
    EXPECT_EQ(other.Receive(messages.size()), messages);
    other.Close();
    EXPECT_TRUE(node.WaitForClientCount(1));
    EXPECT_EQ(Ask(publisher, {"PUBLISH", "c", "z"}, ":0\r\n"), ":0\r\n");
  }
}

TEST(Delivery, AFloodedSubscriberIsClosed) {
  TestNode node([](Config& config) { config.client_output_buffer_limit[2] = {.hard_bytes = 1 << 20}; }, kWorkers);
  TestClient subscriber = Subscriber(node, 1, "c");
  TestClient publisher = node.Connect(2);
  const std::string payload(100'000, 'x');
  std::string reply = ":1\r\n";
  for (int i = 0; i < 2000 && reply == ":1\r\n"; ++i) reply = Ask(publisher, {"PUBLISH", "c", payload}, reply);
  EXPECT_EQ(reply, ":0\r\n");
  EXPECT_TRUE(node.WaitForClientCount(1));
}

}  // namespace
}  // namespace cachenode
