#include "server/config/node_type.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "server/config/config_file.h"
#include "server/config/option_table.h"
#include "server/config/option_value.h"

namespace cachenode {
namespace {

constexpr uint64_t kGib = uint64_t{1} << 30;

LoadOutcome Load(const std::string& text, const std::string& builtin = {}, uint64_t memory_bytes = 1024 * kGib) {
  MachineFacts machine{4, "/"};
  machine.memory_bytes = memory_bytes;
  return LoadConfig({{"built in", builtin, SourceKind::kBuiltin}, {"a.conf", text, SourceKind::kFile}}, machine);
}
Config Loaded(const std::string& text, const std::string& builtin = {}) {
  LoadOutcome outcome = Load(text, builtin);
  if (outcome.error) ADD_FAILURE() << outcome.error->Report("7.0.0");
  return outcome.loaded ? outcome.loaded->config : Config{};
}
std::string Reason(const std::string& text, uint64_t memory_bytes = 1024 * kGib) {
  const LoadOutcome outcome = Load(text, {}, memory_bytes);
  return outcome.error ? outcome.error->reason + " / " + outcome.error->hint : "loaded";
}

TEST(NodeType, TheTableHoldsEveryTypeOnceAndCustom) {
  std::set<std::string_view> names;
  for (const NodeType& type : NodeTypes()) {
    EXPECT_TRUE(names.insert(type.name).second) << type.name;
    if (type.name == kCustomNodeType) continue;
    EXPECT_GT(type.memory_bytes, uint64_t{100} << 20) << type.name;
    EXPECT_GT(type.vcpus, 0) << type.name;
    // A tenth of the memory, but for the few the service rounds otherwise.
    EXPECT_NEAR(static_cast<double>(type.replica_buffer_bytes) / static_cast<double>(type.memory_bytes), 0.1, 0.005)
        << type.name;
  }
  EXPECT_EQ(names.size(), 113U);
  EXPECT_FALSE(FindNodeType("cache.t1.micro")->backups);
  EXPECT_TRUE(FindNodeType("CACHE.M1.small")->backups);
  EXPECT_EQ(FindNodeType("cache.m1.tiny"), nullptr);
  EXPECT_NE(UnknownNodeTypeText("cache.m1.smal").find("did you mean 'cache.m1.small'?"), std::string::npos);
}

// What INFO of real nodes shows.
TEST(NodeType, MemoryForKeysIsTheTypesLessTheReserve) {
  EXPECT_EQ(Loaded("cache-node-type cache.t2.medium\n").maxmemory, 2596012032U);
  EXPECT_EQ(Loaded("cache-node-type cache.m3.large\n").maxmemory, 4875878400U);
  EXPECT_EQ(Loaded("cache-node-type cache.m3.large\nreserved-memory-percent 0\n").maxmemory, 6501171200U);
  EXPECT_EQ(Loaded("cache-node-type cache.m3.large\nreserved-memory 1171200\n").maxmemory, 6500000000U);
  EXPECT_EQ(Loaded("cache-node-type cache.m1.small\nengine-version 2.8\n").maxmemory, 943718400U);
}

TEST(NodeType, SetsTheOutputLimitOfReplicasAndCapsWorkers) {
  const Config config = Loaded("cache-node-type cache.m3.medium\n");
  const OutputBufferLimit& replica = config.client_output_buffer_limit[static_cast<size_t>(OutputClass::kReplica)];
  EXPECT_EQ(replica, (OutputBufferLimit{309329920, 309329920, 60}));
  EXPECT_EQ(config.io_threads, 1);
  EXPECT_EQ(Loaded("cache-node-type cache.m4.large\n").io_threads, 2);
  const LoadOutcome outcome = Load("cache-node-type cache.m4.large\nio-threads 4\n");
  ASSERT_TRUE(outcome.loaded);
  EXPECT_EQ(outcome.loaded->config.io_threads, 2);
  ASSERT_EQ(outcome.loaded->warnings.size(), 1U);
  EXPECT_NE(outcome.loaded->warnings[0].find("io-threads 4 is more than the 2 vCPUs"), std::string::npos);
}

TEST(NodeType, CustomIsTheDefaultAndLeavesEverything) {
  const Config config = Loaded("maxmemory 100mb\n");
  EXPECT_EQ(config.cache_node_type, "custom");
  EXPECT_EQ(config.maxmemory, 104857600U);
  EXPECT_TRUE(NodeMayBackUp(config));
  EXPECT_EQ(Loaded("").maxmemory, 0U);
  const LoadOutcome outcome = Load("reserved-memory 1000\n");
  ASSERT_TRUE(outcome.loaded);
  ASSERT_EQ(outcome.loaded->warnings.size(), 1U);
}

TEST(NodeType, WhatCannotRunHereIsRefusedWithTheReason) {
  EXPECT_NE(Reason("cache-node-type cache.m1.smal\n").find("did you mean 'cache.m1.small'?"), std::string::npos);
  EXPECT_NE(Reason("cache-node-type cache.m5.large\n", 4 * kGib)
                .find("has 6.38 GiB of memory, this machine or its "
                      "control group only 4.00 GiB"),
            std::string::npos);
  EXPECT_EQ(Reason("cache-node-type cache.m5.large\n", 7 * kGib), "loaded");
  EXPECT_NE(Reason("cache-node-type cache.r6gd.xlarge\nengine-version 5.0\n").find("engine version 6.2.0 and newer"),
            std::string::npos);
  EXPECT_NE(Reason("cache-node-type cache.m5.large\nmaxmemory 1gb\n").find("maxmemory is fixed by cache-node-type"),
            std::string::npos);
  EXPECT_NE(Reason("cache-node-type cache.m5.large\nreserved-memory 1000\nreserved-memory-percent 10\n")
                .find("exclude each other"),
            std::string::npos);
  EXPECT_NE(Reason("cache-node-type cache.m1.small\nreserved-memory 943718400\n").find("takes all of the"),
            std::string::npos);
  EXPECT_NE(Reason("cache-node-type cache.m1.small\nreserved-memory-percent 100\n").find("takes all of the"),
            std::string::npos);
}

TEST(NodeType, TheBuiltInConfigurationDoesNotContradictTheType) {
  const Config config = Loaded("cache-node-type cache.m1.small\n", "maxmemory 0\nport 7000\nsave 5 6\n");
  EXPECT_EQ(config.maxmemory, 707788800U);
  EXPECT_EQ(config.port, 7000);
}

// What the type decides is no line of a file that CONFIG REWRITE makes.
TEST(NodeType, DefaultsOfTheNodeHaveItsSizes) {
  const LoadOutcome outcome = Load("cache-node-type cache.m1.small\n");
  ASSERT_TRUE(outcome.loaded);
  for (const char* name : {"maxmemory", "client-output-buffer-limit", "io-threads", "reserved-memory-percent"}) {
    const OptionSpec* option = FindOption(name);
    EXPECT_EQ(FormatOption(*option, outcome.loaded->config), FormatOption(*option, outcome.loaded->defaults)) << name;
  }
}

}  // namespace
}  // namespace cachenode
