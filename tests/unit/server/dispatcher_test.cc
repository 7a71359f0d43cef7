// Pipelines whose later requests are judged by what an earlier one of the same read did: most requests pass without a
// closer look, and these are the ways back to it. With one worker and with two, where shards have locks.
#include "server/dispatcher.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "server/config/config.h"
#include "server/stats/command_log.h"
#include "tests/support/server/test_node.h"

namespace cachenode {
namespace {

class Pipeline : public testing::TestWithParam<uint32_t> {
 protected:
  // What `client` gets for `requests`, words of each separated by blanks, when all come in one read.
  static std::string Ask(TestClient& client, const std::vector<std::string>& requests, size_t reply_bytes) {
    std::string bytes;
    for (const std::string& request : requests) bytes += Encoded(request);
    EXPECT_TRUE(client.Send(bytes));
    return client.Receive(reply_bytes);
  }
  static void Expect(TestClient& client, const std::vector<std::string>& requests, std::string_view reply) {
    EXPECT_EQ(Ask(client, requests, reply.size()), reply);
    EXPECT_FALSE(client.HasReply());
  }
  static uint64_t Calls(TestNode& node, std::string_view name) {
    return node.stats->TotalsOf(node.parts.commands->Find(name)->id).calls;
  }

 private:
  static std::string Encoded(std::string_view request) {
    std::string words;
    size_t count = 0;
    for (size_t at = 0; at <= request.size(); ++count) {
      const size_t end = std::min(request.find(' ', at), request.size());
      words += "$" + std::to_string(end - at) + "\r\n" + std::string(request.substr(at, end - at)) + "\r\n";
      at = end + 1;
    }
    return "*" + std::to_string(count) + "\r\n" + words;
  }
};

TEST_P(Pipeline, QueuesWhatComesBehindMultiAndRunsWhatComesBehindExec) {
  TestNode node({}, GetParam());
  TestClient client = node.Connect();
  Expect(client, {"SET k 1", "MULTI", "INCR k", "PING", "EXEC", "GET k", "MULTI", "GET k", "DISCARD", "PING"},
         "+OK\r\n+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:2\r\n+PONG\r\n$1\r\n2\r\n+OK\r\n+QUEUED\r\n+OK\r\n+PONG\r\n");
}

TEST_P(Pipeline, SilencesWhatComesBehindClientReply) {
  TestNode node({}, GetParam());
  TestClient client = node.Connect();
  Expect(client,
         {"PING", "CLIENT REPLY SKIP", "SET k v", "GET k", "CLIENT REPLY OFF", "GET k", "CLIENT REPLY ON", "PING"},
         "+PONG\r\n$1\r\nv\r\n+OK\r\n+PONG\r\n");
}

TEST_P(Pipeline, RefusesKeysBehindSubscribeAndServesThemBehindUnsubscribe) {
  TestNode node({}, GetParam());
  TestClient client = node.Connect();
  Expect(client, {"SUBSCRIBE c", "GET k", "UNSUBSCRIBE c", "GET k"},
         "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n-ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / "
         "PING / QUIT / RESET are allowed in this context\r\n*3\r\n$11\r\nunsubscribe\r\n$1\r\nc\r\n:0\r\n$-1\r\n");
}

TEST_P(Pipeline, EndsBehindQuit) {
  TestNode node({}, GetParam());
  TestClient client = node.Connect();
  TestClient other = node.Connect();
  EXPECT_EQ(Ask(client, {"PING", "QUIT", "SET k v"}, SIZE_MAX), "+PONG\r\n+OK\r\n");
  Expect(other, {"EXISTS k"}, ":0\r\n");
}

TEST_P(Pipeline, AnErrorTakesBackNothingButItsOwnReply) {
  TestNode node({}, GetParam());
  TestClient client = node.Connect();
  Expect(client, {"RPUSH l a", "GET l", "LLEN l", "INCR l", "PING"},
         ":1\r\n-WRONGTYPE Operation against a key holding the wrong kind of value\r\n:1\r\n"
         "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n+PONG\r\n");
  const StatsHub::CommandTotals get = node.stats->TotalsOf(node.parts.commands->Find("get")->id);
  EXPECT_EQ(get.calls, 1U);
  EXPECT_EQ(get.failed, 1U);
  EXPECT_EQ(Calls(node, "ping"), 1U);
}

TEST_P(Pipeline, ObeysARuleThatAnEarlierRequestMade) {
  TestNode node({}, GetParam());
  TestClient client = node.Connect();
  Expect(client, {"SET k v", "ACL SETUSER default -get", "GET k", "ACL SETUSER default +get", "GET k"},
         "+OK\r\n+OK\r\n-NOPERM User default has no permissions to run the 'get' command\r\n+OK\r\n$1\r\nv\r\n");
}

TEST_P(Pipeline, AMonitorSeesThePlainRequestsOfTheSameRead) {
  TestNode node({}, GetParam());
  TestClient client = node.Connect();
  const std::string reply = Ask(client, {"PING", "MONITOR"}, 12);
  EXPECT_EQ(reply, "+PONG\r\n+OK\r\n");
  TestClient other = node.Connect();
  Expect(other, {"SET k v", "PING"}, "+OK\r\n+PONG\r\n");
  std::string seen;
  while (seen.find("\"PING\"") == std::string::npos) {
    const std::string more = client.ReceiveSome();
    ASSERT_NE(more, "");
    seen += more;
  }
  EXPECT_NE(seen.find("\"SET\" \"k\" \"v\"\r\n"), std::string::npos);
}

TEST_P(Pipeline, APushServesWhoWaitsBeforeTheNextRequestOfTheSameRead) {
  TestNode node({}, GetParam());
  TestClient waiting = node.Connect();
  TestClient client = node.Connect();
  ASSERT_TRUE(waiting.Send(Request({"BLPOP", "l", "0"})));
  ASSERT_TRUE(node.WaitUntil(waiting.id, [](Session& session) { return session.blocked != nullptr; }));
  Expect(client, {"PING", "RPUSH l a", "LLEN l", "RPUSH l b", "LLEN l"}, "+PONG\r\n:1\r\n:0\r\n:1\r\n:1\r\n");
  EXPECT_EQ(waiting.Receive(18), "*2\r\n$1\r\nl\r\n$1\r\na\r\n");
}

TEST_P(Pipeline, TrackingHearsOfPlainWrites) {
  TestNode node({}, GetParam());
  TestClient reader = node.Connect();
  TestClient writer = node.Connect();
  Ask(reader, {"HELLO 3", "CLIENT TRACKING ON", "GET k"}, 1);
  ASSERT_TRUE(node.WaitUntil(reader.id, [](Session& session) { return (session.conditions & kTracksKeys) != 0; }));
  Expect(writer, {"PING", "SET k v"}, "+PONG\r\n+OK\r\n");
  std::string seen;
  while (seen.find("invalidate") == std::string::npos) {
    const std::string more = reader.ReceiveSome();
    ASSERT_NE(more, "");
    seen += more;
  }
}

TEST_P(Pipeline, LogsPlainRequestsThatAreSlowOrLarge) {
  const auto adjust = [](Config& config) {
    config.commandlog_request_larger_than = 300;
    config.commandlog_reply_larger_than = 200;
  };
  TestNode node(adjust, GetParam());
  CommandLog command_log;
  node.parts.command_log = &command_log;
  TestClient client = node.Connect();
  Expect(client, {"PING", "SET k " + std::string(200, 'v'), "PING"}, "+PONG\r\n+OK\r\n+PONG\r\n");
  EXPECT_EQ(command_log.large_requests.Size(), 0U);
  Expect(client, {"PING", "GET k", "PING"}, "+PONG\r\n$200\r\n" + std::string(200, 'v') + "\r\n+PONG\r\n");
  EXPECT_EQ(command_log.large_replies.Size(), 1U);
  Expect(client, {"PING", "SET k " + std::string(300, 'v'), "PING"}, "+PONG\r\n+OK\r\n+PONG\r\n");
  EXPECT_EQ(command_log.large_requests.Size(), 1U);
  Expect(client, {"CONFIG SET slowlog-log-slower-than 0", "PING", "SLOWLOG LEN"}, "+OK\r\n+PONG\r\n:2\r\n");
}

TEST_P(Pipeline, RefusesWritesThatFindNoRoom) {
  TestNode node({}, GetParam());
  TestClient client = node.Connect();
  Expect(client, {"SET k v", "CONFIG SET maxmemory 1", "SET k w", "GET k", "CONFIG SET maxmemory 0", "SET k x"},
         "+OK\r\n+OK\r\n-OOM command not allowed when used memory > 'maxmemory'.\r\n$1\r\nv\r\n+OK\r\n+OK\r\n");
}

TEST_P(Pipeline, WritesWaitOutAPauseThatAnEarlierRequestBegan) {
  TestNode node({}, GetParam());
  TestClient client = node.Connect();
  TestClient other = node.Connect();
  Expect(client, {"SET k 1", "CLIENT PAUSE 100000 WRITE", "GET k", "INCR k", "GET k"}, "+OK\r\n+OK\r\n$1\r\n1\r\n");
  Expect(other, {"GET k", "CLIENT UNPAUSE"}, "$1\r\n1\r\n+OK\r\n");
  EXPECT_EQ(client.Receive(11), ":2\r\n$1\r\n2\r\n");
}

INSTANTIATE_TEST_SUITE_P(Workers, Pipeline, testing::Values(1U, 2U));

}  // namespace
}  // namespace cachenode
