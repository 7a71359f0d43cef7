#include "server/pubsub/pubsub.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "protocol/reply_buffer.h"
#include "server/session.h"

namespace cachenode {
namespace {

constexpr uint32_t kWorkers = 4;
constexpr size_t kChannels = 6;

struct Node {
  explicit Node(uint32_t worker_count = kWorkers) : pubsub(worker_count, [this](const Session&) { ++losses; }) {}

  std::atomic<int> losses{0};
  PubSub pubsub;
};

std::string TakeReplies(Session& session) {
  std::string text = session.replies.ToString();
  session.replies.Clear();
  return text;
}

TEST(PubSub, AMessageReachesSubscribersOfTheChannelAndOfMatchingPatterns) {
  Node node(1);
  ChunkPool chunks;
  Session by_name(1, 0, chunks);
  Session by_pattern(2, 0, chunks);
  by_pattern.resp_version = 3;
  EXPECT_TRUE(node.pubsub.Subscribe(by_name, ChannelKind::kChannel, "news"));
  EXPECT_FALSE(node.pubsub.Subscribe(by_name, ChannelKind::kChannel, "news"));
  EXPECT_TRUE(node.pubsub.Subscribe(by_pattern, ChannelKind::kPattern, "n*"));
  EXPECT_EQ(node.pubsub.Publish({}, ChannelKind::kChannel, "news", "hi"), 2U);
  EXPECT_EQ(TakeReplies(by_name), "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$2\r\nhi\r\n");
  EXPECT_EQ(TakeReplies(by_pattern), ">4\r\n$8\r\npmessage\r\n$2\r\nn*\r\n$4\r\nnews\r\n$2\r\nhi\r\n");
  EXPECT_EQ(node.pubsub.Publish({}, ChannelKind::kShard, "news", "hi"), 0U);
  EXPECT_EQ(node.pubsub.Publish({}, ChannelKind::kChannel, "olds", "hi"), 0U);
  node.pubsub.OnSessionEnd(by_name);
  node.pubsub.OnSessionEnd(by_pattern);
  EXPECT_EQ(node.pubsub.ChannelCount(ChannelKind::kChannel), 0U);
  EXPECT_EQ(node.pubsub.ChannelCount(ChannelKind::kPattern), 0U);
  EXPECT_EQ(node.pubsub.ClientCount(), 0U);
}

TEST(PubSub, ALargeMessageIsSharedByItsSubscribers) {
  Node node(1);
  ChunkPool chunks;
  Session first(1, 0, chunks);
  Session second(2, 0, chunks);
  second.resp_version = 3;
  for (Session* session : {&first, &second}) node.pubsub.Subscribe(*session, ChannelKind::kShard, "c");
  const std::string payload(PubSub::kPinnedBytesMin * 3, 'x');
  EXPECT_EQ(node.pubsub.Publish({}, ChannelKind::kShard, "c", payload), 2U);
  const std::string rest = "3\r\n$8\r\nsmessage\r\n$1\r\nc\r\n$3072\r\n" + payload + "\r\n";
  EXPECT_EQ(TakeReplies(first), "*" + rest);
  EXPECT_EQ(TakeReplies(second), ">" + rest);
  node.pubsub.OnSessionEnd(first);
  node.pubsub.OnSessionEnd(second);
}

TEST(PubSub, AMessageWaitsForTheEndOfItsReceiversRequest) {
  Node node(1);
  ChunkPool chunks;
  Session session(1, 0, chunks);
  session.resp_version = 3;
  node.pubsub.Subscribe(session, ChannelKind::kChannel, "c");
  PubSub::BeginRequest(session);
  EXPECT_EQ(node.pubsub.Publish({0, &session, false}, ChannelKind::kChannel, "c", "later"), 1U);
  EXPECT_EQ(TakeReplies(session), "");
  EXPECT_EQ(node.pubsub.Publish({0, &session, true}, ChannelKind::kChannel, "c", "now"), 1U);
  EXPECT_EQ(TakeReplies(session), ">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$3\r\nnow\r\n");
  PubSub::EndRequest(session);
  EXPECT_EQ(TakeReplies(session), ">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$5\r\nlater\r\n");
  node.pubsub.OnSessionEnd(session);
}

TEST(PubSub, WhoCannotGetAMessageIsClosed) {
  Node node(2);
  ChunkPool chunks;
  Session session(1, 1, chunks);
  node.pubsub.Subscribe(session, ChannelKind::kChannel, "c");
  const std::string payload(size_t{1} << 20, 'x');
  const size_t fitting = WorkerInbox::kBytesMax >> 20;
  for (size_t i = 0; i < fitting + 10; ++i) {
    EXPECT_EQ(node.pubsub.Publish({0, nullptr, false}, ChannelKind::kChannel, "c", payload), 1U);
  }
  EXPECT_EQ(session.closing, Closing::kNo);  // Its own worker has not looked yet.
  node.pubsub.CatchUp(1);
  EXPECT_EQ(session.closing, Closing::kNow);
  EXPECT_EQ(node.losses.load(), 1);
  node.pubsub.OnSessionEnd(session);
}

// --- Many workers ----------------------------------------------------------------------------------------------------

// How far each publisher is with each channel.
struct Progress {
  std::array<std::array<std::atomic<uint64_t>, kChannels>, kWorkers> begun{};
  std::array<std::array<std::atomic<uint64_t>, kChannels>, kWorkers> ended{};
};

using Numbers = std::array<uint64_t, kWorkers>;

Numbers Read(const std::array<std::array<std::atomic<uint64_t>, kChannels>, kWorkers>& from, size_t channel) {
  Numbers numbers{};
  for (uint32_t i = 0; i < kWorkers; ++i) numbers[i] = from[i][channel].load();
  return numbers;
}

// What one client must have got of one channel.
struct Listening {
  Numbers too_early;    // Published before SUBSCRIBE began.
  Numbers maybe;        // What comes later was published after SUBSCRIBE ended.
  Numbers last_seen{};  // Of each publisher.
  Numbers first_seen{};
};

class SimulatedWorker {
 public:
  SimulatedWorker(PubSub& pubsub, Progress& progress, uint32_t index, uint64_t seed)
      : pubsub_(pubsub), progress_(progress), index_(index), random_(seed) {
    for (Client& client : clients_) Connect(client);
  }

  void Run(size_t steps) {
    for (size_t i = 0; i < steps; ++i) Step();
    for (Client& client : clients_) Disconnect(client);
  }
  [[nodiscard]] const std::string& fault() const { return fault_; }
  [[nodiscard]] uint64_t received() const { return received_; }

 private:
  struct Client {
    std::unique_ptr<Session> session;
    std::array<std::optional<Listening>, kChannels> by_channel;
  };

  size_t Pick(size_t count) { return std::uniform_int_distribution<size_t>(0, count - 1)(random_); }

  void Step() {
    Client& client = clients_[Pick(clients_.size())];
    const size_t channel = Pick(kChannels);
    const size_t what = Pick(100);
    if (what < 60) {
      Publish(channel);
    } else if (what < 75) {
      if (!client.by_channel[channel]) Subscribe(client, channel);
    } else if (what < 88) {
      if (client.by_channel[channel]) Unsubscribe(client, channel);
    } else if (what < 90) {
      Disconnect(client);
      Connect(client);
    } else {
      pubsub_.CatchUp(index_);
      Collect(client);
    }
  }

  void Publish(size_t channel) {
    const uint64_t number = progress_.begun[index_][channel].load() + 1;
    progress_.begun[index_][channel].store(number);
    pubsub_.Publish({index_, nullptr, false}, ChannelKind::kChannel, NameOf(channel),
                    std::to_string(index_) + " " + std::to_string(number));
    progress_.ended[index_][channel].store(number);
  }

  // Even channels by name, odd ones by a pattern of their own.
  static std::string NameOf(size_t channel) { return "channel" + std::to_string(channel); }
  static ChannelKind KindOf(size_t channel) { return channel % 2 == 0 ? ChannelKind::kChannel : ChannelKind::kPattern; }
  static std::string WantedOf(size_t channel) {
    return channel % 2 == 0 ? NameOf(channel) : "*" + std::to_string(channel);
  }

  void Connect(Client& client) { client.session = std::make_unique<Session>(1, index_, chunks_); }

  void Disconnect(Client& client) {
    Collect(client);
    pubsub_.OnSessionEnd(*client.session);
    client.by_channel = {};
    client.session.reset();
  }

  void Subscribe(Client& client, size_t channel) {
    Listening listening;
    listening.too_early = Read(progress_.ended, channel);
    pubsub_.Subscribe(*client.session, KindOf(channel), WantedOf(channel));
    listening.maybe = Read(progress_.begun, channel);
    client.by_channel[channel] = listening;
  }

  void Unsubscribe(Client& client, size_t channel) {
    const Numbers due = Read(progress_.ended, channel);
    pubsub_.Unsubscribe(*client.session, KindOf(channel), WantedOf(channel));
    const Numbers possible = Read(progress_.begun, channel);
    Collect(client);
    const Listening& listening = *client.by_channel[channel];
    for (uint32_t i = 0; i < kWorkers; ++i) {
      if (due[i] > listening.maybe[i] && listening.last_seen[i] < due[i])
        fault_ = "a message before UNSUBSCRIBE is lost";
      if (listening.last_seen[i] > possible[i]) fault_ = "a message after UNSUBSCRIBE came";
      if (due[i] > listening.maybe[i] && listening.first_seen[i] > listening.maybe[i] + 1) fault_ = "the first is lost";
    }
    client.by_channel[channel].reset();
  }

  // Reads what the client got so far.
  void Collect(Client& client) {
    const std::string text = TakeReplies(*client.session);
    size_t at = 0;
    while (at < text.size()) {
      const bool by_pattern = text[at + 1] == '4';
      std::array<std::string, 4> words;
      at = text.find("\r\n", at) + 2;
      for (size_t i = 0; i < (by_pattern ? 4U : 3U); ++i) {
        at = text.find("\r\n", at) + 2;
        const size_t end = text.find("\r\n", at);
        words[i] = text.substr(at, end - at);
        at = end + 2;
      }
      Note(client, by_pattern ? words[2] : words[1], by_pattern ? words[3] : words[2]);
    }
  }

  void Note(Client& client, const std::string& channel, const std::string& payload) {
    ++received_;
    const size_t number_at = payload.find(' ');
    const auto publisher = static_cast<size_t>(payload[0] - '0');
    const uint64_t number = std::stoull(payload.substr(number_at + 1));
    std::optional<Listening>& listening = client.by_channel[static_cast<size_t>(channel.back() - '0')];
    if (!listening) {
      fault_ = "a message to nobody";
      return;
    }
    uint64_t& last = listening->last_seen[publisher];
    if (number <= listening->too_early[publisher]) fault_ = "a message from before SUBSCRIBE";
    if (last != 0 && number != last + 1) fault_ = "out of order: " + payload + " after " + std::to_string(last);
    if (last == 0) listening->first_seen[publisher] = number;
    last = number;
  }

  PubSub& pubsub_;
  Progress& progress_;
  const uint32_t index_;
  std::mt19937_64 random_;
  ChunkPool chunks_;
  std::array<Client, 8> clients_;
  std::string fault_;
  uint64_t received_ = 0;
};

TEST(PubSub, EveryMessageAfterASubscriptionArrivesOnceAndInOrder) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Node node;
  Progress progress;
  std::vector<std::unique_ptr<SimulatedWorker>> workers;
  for (uint32_t i = 0; i < kWorkers; ++i) {
    workers.push_back(std::make_unique<SimulatedWorker>(node.pubsub, progress, i, seed + i));
  }
  std::vector<std::thread> threads;
  for (auto& worker : workers) threads.emplace_back([&worker] { worker->Run(20'000); });
  for (std::thread& thread : threads) thread.join();
  uint64_t received = 0;
  for (const auto& worker : workers) {
    EXPECT_EQ(worker->fault(), "");
    received += worker->received();
  }
  EXPECT_GT(received, 10'000U);
  EXPECT_EQ(node.pubsub.ChannelCount(ChannelKind::kChannel), 0U);
  EXPECT_EQ(node.pubsub.ChannelCount(ChannelKind::kPattern), 0U);
  EXPECT_EQ(node.pubsub.ClientCount(), 0U);
}

}  // namespace
}  // namespace cachenode
