#include "server/tracking/client_tracking.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "server/config/config.h"
#include "storage/base/numbers.h"
#include "storage/base/random.h"
#include "tests/support/server/command_harness.h"
#include "tests/support/server/test_node.h"

namespace cachenode {
namespace {

// Two clients in RESP3: one tracks, the other writes.
class Tracking : public testing::Test {
 protected:
  Tracking() : reader_(node_.Connect()) { reader_.resp_version = 3; }

  std::string Read(std::string_view line) { return node_.RunAs(reader_, line); }
  std::string Write(std::string_view line) { return node_.Run(line); }
  // What came for the reader besides replies.
  std::string Told() {
    node_.parts().tracking->EndTurn(0);
    std::string wire = reader_.replies.ToString();
    reader_.replies.Clear();
    return wire;
  }

  CommandHarness node_;
  Session& reader_;
};

constexpr std::string_view kInvalidK = ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n";

TEST_F(Tracking, AFlushForgetsWhatWasReadThoughNobodyTracksAnyMore) {
  Read("CLIENT TRACKING ON");
  Read("GET k");
  Read("CLIENT TRACKING OFF");
  EXPECT_EQ(node_.parts().tracking->KeyCount(), 1U);
  Write("FLUSHALL");
  EXPECT_EQ(node_.parts().tracking->KeyCount(), 0U);
  EXPECT_EQ(node_.parts().tracking->ItemCount(), 0U);
}

TEST_F(Tracking, TellsOfAChangeOnceAfterEachRead) {
  Read("CLIENT TRACKING ON");
  Read("GET k");
  Write("SET k 1");
  EXPECT_EQ(Told(), kInvalidK);
  Write("SET k 2");
  EXPECT_EQ(Told(), "");
  Read("GET k");
  Write("DEL k");
  EXPECT_EQ(Told(), kInvalidK);
}

TEST_F(Tracking, TheClientsOwnChangeIsToldBehindItsReply) {
  Read("CLIENT TRACKING ON");
  Read("GET k");
  EXPECT_EQ(Read("SET k 1"), "+OK >2 $10 invalidate *1 $1 k");
}

TEST_F(Tracking, NoLoopLeavesOutTheClientsOwnChanges) {
  Read("CLIENT TRACKING ON NOLOOP");
  Read("GET k");
  EXPECT_EQ(Read("SET k 1"), "+OK");
  Read("GET k");
  Write("SET k 2");
  EXPECT_EQ(Told(), kInvalidK);
}

TEST_F(Tracking, OptInAndOptOutHoldForOneCommand) {
  Read("CLIENT TRACKING ON OPTIN");
  Read("CLIENT CACHING YES");
  Read("CLIENT TRACKINGINFO");  // CLIENT commands do not use it up.
  Read("GET k");
  Read("GET other");
  Write("MSET other 1 k 1");
  EXPECT_EQ(Told(), kInvalidK);
  Read("CLIENT TRACKING OFF");
  Read("CLIENT TRACKING ON OPTOUT");
  Read("CLIENT CACHING NO");
  Read("GET other");
  Read("GET k");
  Write("MSET other 1 k 1");
  EXPECT_EQ(Told(), kInvalidK);
}

TEST_F(Tracking, BroadcastTellsOncePerPrefixAndTurn) {
  Read("CLIENT TRACKING ON BCAST PREFIX a PREFIX b");
  Write("MSET a2 1 b 1 a1 1 a2 2 c 1");
  EXPECT_EQ(Told(),
            ">2\r\n$10\r\ninvalidate\r\n*2\r\n$2\r\na1\r\n$2\r\na2\r\n>2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nb\r\n");
}

TEST_F(Tracking, BroadcastWithNoLoopTellsOfExpiryAllTheSame) {
  Read("CLIENT TRACKING ON BCAST NOLOOP");
  Read("SET k 1 PX 10");
  EXPECT_EQ(Told(), "");
  node_.clock().Advance(std::chrono::milliseconds(20));
  Read("GET k");
  EXPECT_EQ(Told(), kInvalidK);
}

TEST_F(Tracking, FlushTellsEveryTrackingClientThatAllIsInvalid) {
  Read("CLIENT TRACKING ON");
  Read("GET k");
  Write("FLUSHALL");
  EXPECT_EQ(Told(), ">2\r\n$10\r\ninvalidate\r\n_\r\n");
  EXPECT_EQ(node_.parts().tracking->KeyCount(), 0U);
  EXPECT_EQ(Read("FLUSHDB"), "+OK >2 $10 invalidate _");
}

TEST_F(Tracking, RedirectsToASubscribedClientOfResp2) {
  Session& other = node_.Connect();
  other.conditions |= kSubscribed;
  Read("CLIENT TRACKING ON REDIRECT " + std::to_string(other.id));
  Read("GET k");
  Write("SET k 1");
  EXPECT_EQ(Told(), "");
  EXPECT_EQ(other.replies.ToString(), "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n*1\r\n$1\r\nk\r\n");
}

TEST_F(Tracking, ABrokenRedirectionIsToldToTheTrackingClient) {
  Session& other = node_.Connect();
  Read("CLIENT TRACKING ON REDIRECT " + std::to_string(other.id));
  Read("GET k");
  other.closing = Closing::kNow;
  Write("SET k 1");
  EXPECT_EQ(Told(), ">2\r\n$21\r\ntracking-redir-broken\r\n:" + std::to_string(other.id) + "\r\n");
  EXPECT_TRUE(reader_.tracking->redirect_broken);
}

TEST_F(Tracking, ASilentClientIsToldByMailSoThatItsRepliesCanBeTakenBack) {
  Read("CLIENT TRACKING ON");
  Read("GET k");
  Read("CLIENT REPLY OFF");
  Write("SET k 1");
  EXPECT_EQ(Told(), "");  // No mailbox in a harness: the letter is dropped, nothing was written here.
}

TEST_F(Tracking, BeyondTheLimitKeysAreForgottenAndTheirReadersTold) {
  Read("CLIENT TRACKING ON");
  for (int i = 0; i < 250; ++i) Read("GET key" + std::to_string(i));
  ClientTracking& tracking = *node_.parts().tracking;
  tracking.BeginTurn(0, 1);
  EXPECT_EQ(tracking.KeyCount(), 150U);
  tracking.BeginTurn(0, 1);
  EXPECT_EQ(tracking.KeyCount(), 1U);
  const std::string told = Told();
  size_t notices = 0;
  for (size_t at = told.find("invalidate"); at != std::string::npos; at = told.find("invalidate", at + 1)) ++notices;
  EXPECT_EQ(notices, 249U);
}

TEST_F(Tracking, WhatAClientLeavesBehindIsCountedDown) {
  Read("CLIENT TRACKING ON BCAST PREFIX a");
  ClientTracking& tracking = *node_.parts().tracking;
  EXPECT_EQ(tracking.ClientCount(), 1U);
  EXPECT_EQ(tracking.PrefixCount(), 1U);
  tracking.OnSessionEnd(reader_);
  EXPECT_EQ(tracking.ClientCount(), 0U);
  EXPECT_EQ(tracking.PrefixCount(), 0U);
  EXPECT_EQ(reader_.conditions & kTracksKeys, 0U);
}

// --- Several workers -------------------------------------------------------------------------------------------------

// -1 for what is no number.
int64_t NumberIn(std::string_view text) {
  const Result<int64_t> number = ParseInt64(text);
  return number ? *number : -1;
}

// A client-side cache as a client library would keep it.
class CachingClient {
 public:
  CachingClient(TestNode& node, uint32_t worker, std::string_view mode) : client_(node.Connect(worker)) {
    client_.Send(Request({"HELLO", "3"}));
    ReadValue();
    std::vector<std::string_view> words = {"CLIENT", "TRACKING", "ON"};
    if (!mode.empty()) words.push_back(mode);
    std::string wire = "*" + std::to_string(words.size()) + "\r\n";
    for (const std::string_view word : words)
      wire += "$" + std::to_string(word.size()) + "\r\n" + std::string(word) + "\r\n";
    client_.Send(wire);
    ReadValue();
  }

  void Get(const std::string& key) {
    client_.Send(Request({"GET", key}));
    const std::string value = ReadReply();
    cache_[key] = value.empty() ? 0 : NumberIn(value);
  }
  // The value held, -1 for none, as of what had been told when the node answered.
  int64_t HeldAfterPing(const std::string& key) {
    client_.Send(Request({"PING"}));
    EXPECT_EQ(ReadReply(), "PONG");
    const auto found = cache_.find(key);
    return found == cache_.end() ? -1 : found->second;
  }

 private:
  // False when the node has nothing more.
  bool ReceiveMore() {
    received_.erase(0, taken_);
    taken_ = 0;
    const std::string more = client_.ReceiveSome();
    if (more.empty()) ADD_FAILURE() << "the node closed";
    received_ += more;
    return !more.empty();
  }
  std::string Take(size_t size) {
    while (received_.size() - taken_ < size) {
      if (!ReceiveMore()) return std::string(size, '_');
    }
    taken_ += size;
    return received_.substr(taken_ - size, size);
  }
  std::string ReadLine() {
    size_t end = received_.find("\r\n", taken_);
    while (end == std::string::npos) {
      if (!ReceiveMore()) return "_";
      end = received_.find("\r\n", taken_);
    }
    std::string line = Take(end - taken_);
    taken_ += 2;
    return line;
  }
  // One value; pushes are acted upon.
  std::string ReadValue() {
    const std::string line = ReadLine();
    const int64_t count = NumberIn(line.substr(1));
    if (line[0] == '$')
      return count < 0 ? "" : Take(static_cast<size_t>(count) + 2).substr(0, static_cast<size_t>(count));
    if (line[0] == '+') return line.substr(1);
    if (line[0] == '%' || line[0] == '*' || line[0] == '~') {
      const int64_t items = line[0] == '%' ? 2 * count : count;
      for (int64_t i = 0; i < items; ++i) ReadValue();
    }
    if (line[0] == '>') ReadNotice();
    return line[0] == '>' ? ">" : "";
  }
  void ReadNotice() {
    EXPECT_EQ(ReadValue(), "invalidate");
    const int64_t count = NumberIn(ReadLine().substr(1));
    for (int64_t i = 0; i < count; ++i) cache_.erase(ReadValue());
  }
  std::string ReadReply() {
    std::string value = ReadValue();
    while (value == ">") value = ReadValue();
    return value;
  }

  TestClient client_;
  std::string received_;
  size_t taken_ = 0;  // So much of it is read.
  std::map<std::string, int64_t> cache_;
};

// While clients write, others on all workers cache: no value held is older than the last one whose writing had been
// acknowledged before the holder asked the node for anything.
TEST(TrackingOverWorkers, NoClientHoldsAValueOlderThanTheLastAcknowledged) {
  constexpr uint32_t kWorkers = 4;
  constexpr uint32_t kWriters = 3;
  constexpr size_t kKeysPerWriter = 4;
  constexpr int kReads = 500;
  constexpr int64_t kWritesMax = 5000;  // A reader slower than the writers comes to an end too.
  TestNode node({}, kWorkers);
  std::array<std::atomic<int64_t>, kWriters * kKeysPerWriter> acknowledged{};
  std::atomic<bool> stop{false};
  const auto name_of = [](size_t key) { return "key:" + std::to_string(key); };

  std::vector<std::thread> writers;
  for (uint32_t writer = 0; writer < kWriters; ++writer) {
    writers.emplace_back([&, writer] {
      TestClient client = node.Connect(writer % kWorkers);
      for (int64_t value = 1; value <= kWritesMax && !stop.load(); ++value) {
        const size_t key = writer * kKeysPerWriter + static_cast<size_t>(value) % kKeysPerWriter;
        client.Send(Request({"SET", name_of(key), std::to_string(value)}));
        if (client.Receive(5) != "+OK\r\n") return;
        acknowledged[key].store(value);
      }
    });
  }
  std::vector<std::thread> readers;
  for (uint32_t reader = 0; reader < kWorkers + 1; ++reader) {
    readers.emplace_back([&, reader] {
      CachingClient client(node, reader % kWorkers, reader == kWorkers ? "BCAST" : "");
      Random random(reader + 1);
      for (int round = 0; round < kReads; ++round) {
        const size_t key = random.Below(acknowledged.size());
        const int64_t oldest = acknowledged[key].load();
        const int64_t held = client.HeldAfterPing(name_of(key));
        if (held >= 0) {
          EXPECT_GE(held, oldest) << name_of(key);
        } else {
          client.Get(name_of(key));
        }
      }
    });
  }
  for (std::thread& reader : readers) reader.join();
  stop.store(true);
  for (std::thread& writer : writers) writer.join();
}

}  // namespace
}  // namespace cachenode
