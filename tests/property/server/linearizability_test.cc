// Clients on several workers do things to the same few keys at once; what they saw must have an order.
#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "protocol/resp_reader.h"
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
    case Kind::kFlush:
      return client.Call({"flushall"});
  }
  return {};
}

HistoryOperation Draw(std::mt19937_64& random, size_t client) {
  HistoryOperation operation;
  // A flush is rare, else nothing would be there to disagree about.
  const auto kind = random() % 57;
  operation.kind = kind == 56 ? Kind::kFlush : static_cast<Kind>(kind % static_cast<uint64_t>(Kind::kFlush));
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

TEST(Linearizability, WhatClientsSawHasAnOrder) {
  SCOPED_TRACE(PropertyTrace());
  TestNode node({}, kWorkers);
  Client reader(node, 0);
  HistoryState before;
  std::vector<std::vector<HistoryOperation>> performed(kClients);
  std::atomic<uint64_t> moment{0};
  std::atomic<bool> failed{false};
  const size_t rounds = PropertyRounds(kRounds);

  // Between two rounds nothing runs: the state is what all operations of the round left.
  const auto check = [&]() noexcept {
    if (failed.load()) return;
    std::vector<HistoryOperation> history;
    for (const auto& operations : performed) history.insert(history.end(), operations.begin(), operations.end());
    const HistoryState after = ReadState(reader);
    std::string why;
    if (!IsLinearizable(before, history, after, why)) {
      ADD_FAILURE() << why;
      failed.store(true);
    }
    before = after;
  };
  std::barrier round_end(static_cast<std::ptrdiff_t>(kClients), check);
  std::vector<std::thread> threads;
  for (size_t id = 0; id < kClients; ++id) {
    threads.emplace_back([&, id] {
      Client client(node, static_cast<uint32_t>(id % kWorkers));
      std::mt19937_64 random(PropertySeed() * kClients + id);
      for (size_t round = 0; round < rounds; ++round) {
        performed[id].clear();
        for (size_t i = 0; i < kOperationsPerRound && !failed.load(); ++i) {
          HistoryOperation operation = Draw(random, id);
          operation.begin = moment.fetch_add(1);
          operation.reply = Perform(client, operation);
          operation.end = moment.fetch_add(1);
          performed[id].push_back(std::move(operation));
        }
        round_end.arrive_and_wait();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
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

}  // namespace
}  // namespace cachenode
