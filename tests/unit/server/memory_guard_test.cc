#include "server/memory_guard.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/stats/stats_hub.h"
#include "tests/support/server/command_harness.h"

namespace cachenode {
namespace {

std::string SetLimit(CommandHarness& redis, uint64_t bytes) {
  return redis.Run("config set maxmemory " + std::to_string(bytes));
}

TEST(MemoryGuard, TheFirstRequestAfterTheLimitWasCrossedEvicts) {
  CommandHarness redis;
  EXPECT_EQ(redis.Run("config set maxmemory-policy volatile-random"), "+OK");
  EXPECT_EQ(SetLimit(redis, MemoryGuard::UsedBytes(redis.parts()) + 100 * 1024), "+OK");
  EXPECT_EQ(redis.Run("setex volatile 10000 x"), "+OK");
  EXPECT_EQ(redis.Run("get volatile"), "$1 x");
  EXPECT_EQ(redis.Run("setbit big 1600000 0"), ":0");
  const auto evicted = [&redis] { return redis.parts().stats->Sum(&WorkerStats::evicted_keys); };
  EXPECT_EQ(evicted(), 0U);
  EXPECT_EQ(redis.Run("getbit big 0"), ":0");
  EXPECT_EQ(evicted(), 1U);
}

TEST(MemoryGuard, AValueInThePagesOfTheKeyspaceCountsAtOnceToo) {
  CommandHarness redis;
  const uint64_t limit = MemoryGuard::UsedBytes(redis.parts()) + (uint64_t{4} << 20);
  EXPECT_EQ(SetLimit(redis, limit), "+OK");
  const std::string value(1000, 'x');
  std::string reply;
  int stored = 0;
  for (; stored < 10'000 && !reply.starts_with("-"); ++stored) {
    reply = redis.RunRaw(redis.session(), {"set", "key" + std::to_string(stored), value});
    EXPECT_LT(MemoryGuard::UsedBytes(redis.parts()), limit + limit / 16);
  }
  EXPECT_TRUE(reply.starts_with("-OOM")) << reply;
  EXPECT_GT(stored, 1000);
}

TEST(MemoryGuard, WhatReadersAreToldOfEvictedKeysEvictsNoMoreKeys) {
  CommandHarness redis;
  EXPECT_EQ(redis.Run("config set maxmemory-policy allkeys-random maxmemory-eviction-tenacity 100"), "+OK");
  std::vector<Session*> readers;
  for (int i = 0; i < 10; ++i) {
    readers.push_back(&redis.Connect());
    readers.back()->resp_version = 3;
    EXPECT_EQ(redis.RunAs(*readers.back(), "client tracking on"), "+OK");
  }
  constexpr int kKeys = 300;
  for (int i = 0; i < kKeys; ++i) {
    const std::string key = std::to_string(i) + std::string(1000, 'x');
    redis.RunRaw(redis.session(), {"set", key, "x"});
    for (Session* reader : readers) redis.RunRaw(*reader, {"get", key});
  }
  EXPECT_EQ(SetLimit(redis, MemoryGuard::UsedBytes(redis.parts()) - 40'000), "+OK");
  const int left = std::stoi(redis.Run("dbsize").substr(1));
  EXPECT_LT(left, kKeys);
  EXPECT_GE(left, kKeys - 100);
  const size_t evicted = static_cast<size_t>(kKeys - left);
  for (Session* reader : readers) {
    // Each was told of each key, in one message a key.
    const std::string told = reader->replies.ToString();
    size_t messages = 0;
    for (size_t at = told.find("invalidate"); at != std::string::npos; at = told.find("invalidate", at + 1)) ++messages;
    EXPECT_EQ(messages, evicted);
  }
}

TEST(MemoryGuard, ALowerLimitHoldsFromTheNextRequestOn) {
  CommandHarness redis;
  EXPECT_EQ(SetLimit(redis, uint64_t{1} << 40), "+OK");
  EXPECT_EQ(redis.Run("set k v"), "+OK");
  EXPECT_EQ(SetLimit(redis, 1), "+OK");
  EXPECT_EQ(redis.Run("set k v"), "-OOM command not allowed when used memory > 'maxmemory'.");
  EXPECT_EQ(SetLimit(redis, uint64_t{1} << 40), "+OK");
  EXPECT_EQ(redis.Run("set k v"), "+OK");
}

}  // namespace
}  // namespace cachenode
