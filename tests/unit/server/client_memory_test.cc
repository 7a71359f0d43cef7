#include "server/client_memory.h"

#include <gtest/gtest.h>

#include <string>

#include "server/config/config.h"
#include "tests/support/server/test_node.h"

namespace cachenode {
namespace {

TEST(ClientSizeClass, TakesPowersOfTwoAndAllBelowAndAbove) {
  EXPECT_EQ(ClientSizeClass::Of(0), 0U);
  EXPECT_EQ(ClientSizeClass::Of(65535), 0U);
  EXPECT_EQ(ClientSizeClass::Of(65536), 1U);
  EXPECT_EQ(ClientSizeClass::Of(131071), 1U);
  EXPECT_EQ(ClientSizeClass::Of(131072), 2U);
  EXPECT_EQ(ClientSizeClass::Of(UINT64_MAX), ClientSizeClass::kCount - 1);
}

TEST(ClientMemoryLimit, IsBytesOrAShareOfMaxmemory) {
  Config config;
  config.maxmemory_clients = 0;
  EXPECT_EQ(ClientMemoryLimit(config), 0U);
  config.maxmemory_clients = 3000000;
  EXPECT_EQ(ClientMemoryLimit(config), 3000000U);
  config.maxmemory_clients = 1;
  EXPECT_EQ(ClientMemoryLimit(config), kClientMemoryLimitMin);
  config.maxmemory_clients = -7;
  config.maxmemory = 0;
  EXPECT_EQ(ClientMemoryLimit(config), 0U);
  config.maxmemory = 6 * 1024 * 1024;
  EXPECT_EQ(ClientMemoryLimit(config), 440401U);
}

// The beginning of a request that holds so many bytes, and never ends.
std::string HalfRequest(size_t bytes) { return "*2\r\n$" + std::to_string(bytes) + "\r\n" + std::string(bytes, 'v'); }

bool HoldsAtLeast(Session& session, size_t bytes) { return session.connection->Usage().memory_bytes >= bytes; }

TEST(EvictClients, ClosesTheLargestOfAllWorkersUntilTheRestFits) {
  TestNode node([](Config& config) { config.maxmemory_clients = 700000; }, 2);
  TestClient small = node.Connect(0);
  TestClient middle = node.Connect(0);
  TestClient large = node.Connect(1);
  TestClient spared = node.Connect(1);
  ASSERT_TRUE(spared.Send(Request({"CLIENT", "NO-EVICT", "ON"})));
  ASSERT_EQ(spared.Receive(5), "+OK\r\n");
  ASSERT_TRUE(spared.Send(HalfRequest(2000000)));
  ASSERT_TRUE(node.WaitUntil(spared.id, [](Session& session) { return HoldsAtLeast(session, 2000000); }));
  ASSERT_TRUE(middle.Send(HalfRequest(200000)));
  ASSERT_TRUE(node.WaitUntil(middle.id, [](Session& session) { return HoldsAtLeast(session, 200000); }));
  EXPECT_EQ(node.clients->Count(), 4U);
  large.SendSome(HalfRequest(600000));
  EXPECT_TRUE(node.WaitForClientCount(3));
  EXPECT_EQ(large.ReceiveAll(), "");
  EXPECT_EQ(node.stats->evicted_clients.load(), 1U);
  EXPECT_TRUE(node.WithSession(small.id, [](Session&) {}));
  EXPECT_TRUE(node.WithSession(middle.id, [](Session&) {}));
  EXPECT_TRUE(node.WithSession(spared.id, [](Session&) {}));
}

TEST(ClientMemory, TheWorkersSumIsThatOfItsClients) {
  TestNode node;
  TestClient first = node.Connect();
  TestClient second = node.Connect();
  ASSERT_TRUE(second.Send(HalfRequest(100000)));
  ASSERT_TRUE(node.WaitUntil(second.id, [](Session& session) { return HoldsAtLeast(session, 100000); }));
  ASSERT_TRUE(first.Send(Request({"PING"})));
  ASSERT_EQ(first.Receive(7), "+PONG\r\n");
  uint64_t sum = 0;
  for (const uint64_t id : {first.id, second.id}) {
    ASSERT_TRUE(node.WithSession(id, [&](Session& session) { sum += session.connection->Usage().memory_bytes; }));
  }
  EXPECT_EQ(node.stats->Sum(&WorkerStats::client_bytes), sum);
  second.Close();
  ASSERT_TRUE(node.WaitForClientCount(1));
  ASSERT_TRUE(first.Send(Request({"PING"})));
  ASSERT_EQ(first.Receive(7), "+PONG\r\n");
  ASSERT_TRUE(node.WithSession(first.id, [&](Session& session) { sum = session.connection->Usage().memory_bytes; }));
  EXPECT_EQ(node.stats->Sum(&WorkerStats::evictable_client_bytes), sum);
}

}  // namespace
}  // namespace cachenode
