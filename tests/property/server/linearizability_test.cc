// Clients on several workers do things to the same few keys at once; what they saw must have an order.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <chrono>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "protocol/resp_reader.h"
#include "server/blocking/wait_table.h"
#include "tests/support/property.h"
#include "tests/support/server/history.h"
#include "tests/support/server/test_node.h"

namespace cachenode {
namespace {

using Kind = HistoryOperation::Kind;

constexpr uint32_t kWorkers = 4;
constexpr size_t kClients = 8;
constexpr size_t kOperationsPerRound = 6;  // Of each client; then all wait for each other and the state is read.
constexpr size_t kRounds = 250;            // 12,000 operations; scaled by CACHENODE_TEST_SCALE.

std::string Name(std::string_view kind, size_t thing) { return std::string(kind) + std::to_string(thing); }

// One client of the node, with replies as DescribeReply writes them.
class Client {
 public:
  Client(TestNode& node, uint32_t worker) : socket_(node.Connect(worker)) {}

  std::string Call(const std::vector<std::string>& words) {
    std::string request = "*" + std::to_string(words.size()) + "\r\n";
    for (const std::string& word : words) {
      request.append("$" + std::to_string(word.size()) + "\r\n").append(word).append("\r\n");
    }
    if (!socket_.Send(request)) return "closed";
    RespValue reply;
    while (true) {
      const Result<bool> complete = reader_.Next(reply);
      if (!complete) return "broken";
      if (*complete) return DescribeReply(reply);
      const std::string bytes = socket_.ReceiveSome();
      if (bytes.empty()) return "closed";
      reader_.Feed(bytes);
    }
  }

 private:
  TestClient socket_;
  RespReader reader_;
};

// A number out of "$'12'"; 0 for a missing key.
int64_t NumberIn(const std::string& reply) { return reply.starts_with("$'") ? std::stoll(reply.substr(2)) : 0; }

// A key that does not exist reads as 0.
std::string WithoutNulls(std::string reply) {
  for (size_t at = reply.find("$-1"); at != std::string::npos; at = reply.find("$-1")) reply.replace(at, 3, "$'0'");
  return reply;
}

std::string CompareAndSet(Client& client, HistoryOperation& operation) {
  const std::string key = Name("{r}", operation.thing);
  client.Call({"watch", key});
  operation.seen = NumberIn(client.Call({"get", key}));
  client.Call({"multi"});
  client.Call({"set", key, std::to_string(operation.value)});
  return client.Call({"exec"});
}

std::string Transfer(Client& client, const HistoryOperation& operation) {
  const std::string value = std::to_string(operation.value);
  client.Call({"multi"});
  client.Call({"decrby", Name("c", operation.thing), value});
  client.Call({"incrby", Name("c", 1 - operation.thing), value});
  return client.Call({"exec"});
}

// Runs `body`, to which k1, k2 and v are the operation's keys and value, with as many of its keys declared as it says.
std::string RunScript(Client& client, const HistoryOperation& operation, const std::string& kind,
                      const std::string& body) {
  static const std::string kArguments =
      "local all = {} for _, key in ipairs(KEYS) do all[#all + 1] = key end "
      "for _, word in ipairs(ARGV) do all[#all + 1] = word end local k1, k2, v = unpack(all) ";
  return client.Call({"eval", kArguments + body, std::to_string(operation.declared), Name(kind, operation.thing),
                      Name(kind, 1 - operation.thing), std::to_string(operation.value)});
}

std::string PerformByScript(Client& client, const HistoryOperation& operation) {
  if (operation.kind == Kind::kScriptTransfer) {
    return RunScript(client, operation, "c",
                     "local first = redis.call('decrby', k1, v) return {first, redis.call('incrby', k2, v)}");
  }
  if (operation.kind == Kind::kScriptExchange) {
    return RunScript(client, operation, "{r}",
                     "local old = redis.call('get', k1) redis.call('set', k1, v) return old or '0'");
  }
  return RunScript(client, operation, "l",
                   "local first = redis.call('rpush', k1, v) return {first, redis.call('rpush', k2, v)}");
}

// Half a second of the node's clock, which stands still until every client waits (Alarm).
std::string PerformWaiting(Client& client, const HistoryOperation& operation) {
  const std::string own = Name("l", operation.thing);
  const std::string other = Name("l", 1 - operation.thing);
  if (operation.kind == Kind::kBlockingPop) return client.Call({"blpop", own, "0.5"});
  if (operation.kind == Kind::kBlockingPopAny) return client.Call({"blpop", own, other, "0.5"});
  return client.Call({"blmove", own, other, "left", "right", "0.5"});
}

bool Waits(Kind kind) {
  return kind == Kind::kBlockingPop || kind == Kind::kBlockingPopAny || kind == Kind::kBlockingMove;
}

std::string Perform(Client& client, HistoryOperation& operation) {
  const size_t thing = operation.thing;
  const std::string value = std::to_string(operation.value);
  switch (operation.kind) {
    case Kind::kSet:
      return client.Call({"set", Name("{r}", thing), value});
    case Kind::kGet:
      return WithoutNulls(client.Call({"get", Name("{r}", thing)}));
    case Kind::kGetBoth:
      return WithoutNulls(client.Call({"mget", Name("{r}", 0), Name("{r}", 1)}));
    case Kind::kSetBoth:
      return client.Call({"mset", Name("{r}", 0), value, Name("{r}", 1), value});
    case Kind::kCompareAndSet:
      return CompareAndSet(client, operation);
    case Kind::kIncrement:
      return client.Call({"incrby", Name("c", thing), value});
    case Kind::kTransfer:
      return Transfer(client, operation);
    case Kind::kPush:
      return client.Call({"rpush", Name("l", thing), value});
    case Kind::kPop:
      return client.Call({"lpop", Name("l", thing)});
    case Kind::kMove:
      return client.Call({"lmove", Name("l", thing), Name("l", 1 - thing), "left", "right"});
    case Kind::kAdd:
      return client.Call({"sadd", Name("s", thing), value});
    case Kind::kRemove:
      return client.Call({"srem", Name("s", thing), value});
    case Kind::kCount:
      return client.Call({"scard", Name("s", thing)});
    case Kind::kScriptTransfer:
    case Kind::kScriptExchange:
    case Kind::kScriptPushBoth:
      return PerformByScript(client, operation);
    case Kind::kBlockingPop:
    case Kind::kBlockingPopAny:
    case Kind::kBlockingMove:
      return PerformWaiting(client, operation);
    case Kind::kFlush:
      return client.Call({"flushall"});
    case Kind::kFoundNothing:
      break;  // Never drawn.
  }
  return {};
}

HistoryOperation Draw(std::mt19937_64& random, size_t client) {
  HistoryOperation operation;
  // A flush is rare, else nothing would be there to disagree about.
  const auto kind = random() % 77;
  operation.kind = kind == 76 ? Kind::kFlush : static_cast<Kind>(kind % static_cast<uint64_t>(Kind::kFlush));
  operation.declared = random() % 3;
  operation.thing = random() % HistoryState::kThings;
  operation.value = static_cast<int64_t>(random() % 20);
  operation.client = client;
  return operation;
}

HistoryState ReadState(Client& client) {
  HistoryState state;
  for (size_t thing = 0; thing < HistoryState::kThings; ++thing) {
    state.registers[thing] = NumberIn(client.Call({"get", Name("{r}", thing)}));
    state.counters[thing] = NumberIn(client.Call({"get", Name("c", thing)}));
    const size_t length = std::stoull(client.Call({"llen", Name("l", thing)}).substr(1));
    for (size_t i = 0; i < length; ++i) {
      state.lists[thing].push_back(NumberIn(client.Call({"lindex", Name("l", thing), std::to_string(i)})));
    }
    for (int64_t member = 0; member < 32; ++member) {
      const bool is_in = client.Call({"sismember", Name("s", thing), std::to_string(member)}) == ":1";
      state.sets[thing] |= is_in ? 1U << member : 0U;
    }
  }
  return state;
}

// Moves the node's clock when every client either waits for an element or has finished its round: nothing else can end
// such a wait then. A wait that ends for another reason, or not at all, is what this is to find.
class Alarm {
 public:
  explicit Alarm(TestNode& node, std::atomic<uint64_t>& moment)
      : node_(node), moment_(moment), thread_([this] { Run(); }) {}
  ~Alarm() {
    done_.store(true);
    busy_.fetch_add(1);  // Another number than the thread may wait to see change.
    busy_.notify_all();
    thread_.join();
  }
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;

  // All clients are at work; nobody waits.
  void BeginRound() {
    {
      const std::lock_guard<std::mutex> guard(mutex_);
      rings_.clear();
    }
    busy_.store(kClients);
    busy_.notify_all();
  }
  void Rest() {
    if (busy_.fetch_sub(1) == 1) busy_.notify_all();
  }
  void Work() { busy_.fetch_add(1); }
  // A wait that began after `begin` and ended by its time ended after this moment.
  uint64_t FirstRingAfter(uint64_t begin) {
    const std::lock_guard<std::mutex> guard(mutex_);
    const auto found =
        std::find_if(rings_.begin(), rings_.end(), [begin](const Moved& ring) { return ring.end > begin; });
    return found == rings_.end() ? UINT64_MAX : std::max(found->begin, begin);
  }

 private:
  struct Moved {
    uint64_t begin;
    uint64_t end;
  };

  void Run() {
    while (!done_.load()) {
      const size_t busy = busy_.load();
      if (busy != 0) {
        busy_.wait(busy);
        continue;
      }
      Ring();
    }
  }

  void Ring() {
    {
      const std::lock_guard<std::mutex> guard(mutex_);
      const uint64_t begin = moment_.fetch_add(1);
      node_.clock.Advance(std::chrono::seconds(1));
      rings_.push_back({begin, moment_.fetch_add(1)});
    }
    for (uint32_t index = 0; index < kWorkers; ++index) {
      node_.RunOn(index, [this, index](Worker&) { node_.parts.waits->ExpireDue(index, node_.clock.NowUs() / 1000); });
    }
  }

  TestNode& node_;
  std::atomic<uint64_t>& moment_;
  std::atomic<size_t> busy_{kClients};  // Clients that neither wait nor have finished.
  std::atomic<bool> done_{false};
  std::mutex mutex_;
  std::vector<Moved> rings_;  // Of this round, between which two moments the clock moved.
  std::thread thread_;
};

// Eight clients in rounds. Between two rounds nothing runs: the state is what all operations of the round left.
class Clients {
 public:
  explicit Clients(TestNode& node) : node_(node), reader_(node, 0), alarm_(node, moment_), performed_(kClients) {}

  void Run(size_t rounds) {
    std::barrier round_end(static_cast<std::ptrdiff_t>(kClients), [this]() noexcept { CheckRound(); });
    std::vector<std::thread> threads;
    for (size_t id = 0; id < kClients; ++id) {
      threads.emplace_back([&, id] {
        Client client(node_, static_cast<uint32_t>(id % kWorkers));
        std::mt19937_64 random(PropertySeed() * kClients + id);
        for (size_t round = 0; round < rounds; ++round) {
          performed_[id].clear();
          for (size_t i = 0; i < kOperationsPerRound && !failed_.load(); ++i) Step(client, Draw(random, id));
          alarm_.Rest();
          round_end.arrive_and_wait();
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    RecordProperty("operations", static_cast<int>(operations_));
    RecordProperty("waits", static_cast<int>(waits_));
    RecordProperty("waits_in_vain", static_cast<int>(waits_in_vain_));
  }

 private:
  static void RecordProperty(const char* name, int count) { testing::Test::RecordProperty(name, count); }

  void Step(Client& client, HistoryOperation operation) {
    const bool waits = Waits(operation.kind);
    operation.begin = moment_.fetch_add(1);
    if (waits) alarm_.Rest();
    operation.reply = Perform(client, operation);
    if (waits) alarm_.Work();
    operation.end = moment_.fetch_add(1);
    std::vector<HistoryOperation>& performed = performed_[operation.client];
    performed.push_back(operation);
    if (!waits || operation.reply != "*-1") return;
    // It found nothing when it came, and there was nothing either when its time was up.
    operation.seen = operation.kind == Kind::kBlockingPopAny ? 1 : 0;
    operation.kind = Kind::kFoundNothing;
    operation.begin = alarm_.FirstRingAfter(operation.begin);
    performed.push_back(operation);
  }

  void CheckRound() noexcept {
    if (failed_.load()) return;
    std::vector<HistoryOperation> history;
    for (const auto& operations : performed_) history.insert(history.end(), operations.begin(), operations.end());
    for (const HistoryOperation& operation : history) {
      const bool is_end_of_wait = operation.kind == Kind::kFoundNothing;
      if (!is_end_of_wait) ++operations_;
      if (Waits(operation.kind)) ++waits_;
      if (is_end_of_wait) ++waits_in_vain_;
    }
    const HistoryState after = ReadState(reader_);
    std::string why;
    if (!IsLinearizable(before_, history, after, why)) {
      ADD_FAILURE() << why;
      failed_.store(true);
    }
    before_ = after;
    alarm_.BeginRound();
  }

  TestNode& node_;
  std::atomic<uint64_t> moment_{0};
  std::atomic<bool> failed_{false};
  Client reader_;
  Alarm alarm_;
  HistoryState before_;
  std::vector<std::vector<HistoryOperation>> performed_;  // Each by its client's thread, all between rounds.
  uint64_t operations_ = 0;
  uint64_t waits_ = 0;
  uint64_t waits_in_vain_ = 0;
};

TEST(Linearizability, WhatClientsSawHasAnOrder) {
  SCOPED_TRACE(PropertyTrace());
  TestNode node({}, kWorkers);
  Clients(node).Run(PropertyRounds(kRounds));
}

// The checker itself: it must find what is wrong.
HistoryOperation Of(Kind kind, size_t client, uint64_t begin, uint64_t end, int64_t value, std::string reply) {
  HistoryOperation operation;
  operation.kind = kind;
  operation.client = client;
  operation.begin = begin;
  operation.end = end;
  operation.value = value;
  operation.reply = std::move(reply);
  return operation;
}

TEST(HistoryChecker, SeesALostUpdateAStaleReadAndAReversedOrder) {
  std::string why;
  HistoryState two;
  two.counters[0] = 2;
  HistoryState one;
  one.counters[0] = 1;
  const auto first = Of(Kind::kIncrement, 0, 1, 4, 1, ":1");
  EXPECT_TRUE(IsLinearizable({}, {first, Of(Kind::kIncrement, 1, 2, 3, 1, ":2")}, two, why));
  EXPECT_FALSE(IsLinearizable({}, {first, Of(Kind::kIncrement, 1, 2, 3, 1, ":1")}, one, why));
  EXPECT_FALSE(IsLinearizable({}, {first, Of(Kind::kIncrement, 1, 2, 3, 1, ":2")}, one, why));

  HistoryState five;
  five.registers[0] = 5;
  const auto write = Of(Kind::kSet, 0, 1, 4, 5, "+OK");
  EXPECT_TRUE(IsLinearizable({}, {write, Of(Kind::kGet, 1, 2, 3, 0, "$'0'")}, five, why));
  EXPECT_TRUE(IsLinearizable({}, {write, Of(Kind::kGet, 1, 2, 3, 0, "$'5'")}, five, why));
  EXPECT_FALSE(IsLinearizable({}, {write, Of(Kind::kGet, 1, 5, 6, 0, "$'0'")}, five, why));
  EXPECT_FALSE(
      IsLinearizable({}, {write, Of(Kind::kGet, 1, 2, 3, 0, "$'5'"), Of(Kind::kGet, 1, 4, 6, 0, "$'0'")}, five, why));
  EXPECT_NE(why.find("client 1 [4, 6] get 0 0 -> $'0'"), std::string::npos) << why;
}

TEST(HistoryChecker, SeesAWaitThatNobodyEnded) {
  std::string why;
  HistoryState seven;
  seven.lists[0] = {7};
  const auto push = Of(Kind::kPush, 0, 3, 4, 7, ":1");
  const auto wait = Of(Kind::kBlockingPop, 1, 1, 9, 0, "*-1");
  const auto ended_at = [](uint64_t moment) { return Of(Kind::kFoundNothing, 1, moment, 9, 0, "*-1"); };
  EXPECT_TRUE(IsLinearizable({}, {push, wait, ended_at(2)}, seven, why));
  EXPECT_FALSE(IsLinearizable({}, {push, wait, ended_at(6)}, seven, why));
  EXPECT_TRUE(IsLinearizable({}, {push, Of(Kind::kBlockingPop, 1, 1, 9, 0, "*2[$'l0' $'7']")}, {}, why));
  // Two of them do not get one element, and the other list's comes second.
  const auto any = Of(Kind::kBlockingPopAny, 2, 5, 6, 0, "*2[$'l1' $'7']");
  EXPECT_FALSE(IsLinearizable({}, {push, any}, {}, why));
}

}  // namespace
}  // namespace cachenode
