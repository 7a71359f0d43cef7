#include "server/node/node_changes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/config/config.h"
#include "tests/support/server/command_harness.h"

namespace cachenode {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class NodeChanges : public testing::Test {
 protected:
  NodeChanges() {
    redis.parts().config->SetChangeListener(
        [this](const ConfigChanges& changes) { RecordChanges(events(), *redis.parts().config, changes); });
  }
  NodeEvents& events() { return *redis.parts().events; }
  // All since the last call, oldest first, with the names of their notifications.
  std::vector<std::string> Recorded() {
    std::vector<std::string> texts;
    const std::vector<NodeEvent> newest = events().Newest(static_cast<size_t>(events().RecordedCount() - seen_), 0);
    for (auto event = newest.rbegin(); event != newest.rend(); ++event) {
      const std::string_view name = TopicNameOf(event->kind);
      texts.push_back(std::string(name.substr(name.find(':') + 1)) + "|" + event->message);
    }
    seen_ = events().RecordedCount();
    return texts;
  }

  CommandHarness redis{[](Config& config) { config.reserved_memory_percent = 25; }};

 private:
  uint64_t seen_ = 0;
};

TEST_F(NodeChanges, ParametersThatChangeAreOneEvent) {
  ASSERT_EQ(redis.Run("config set timeout 60 maxmemory-policy allkeys-lru"), "+OK");
  EXPECT_THAT(Recorded(), ElementsAre("CacheClusterParametersChanged|One or more cache cluster parameters have been "
                                      "changed: timeout=60, maxmemory-policy=allkeys-lru"));
  ASSERT_EQ(redis.Run("config set timeout 60"), "+OK");
  EXPECT_NE(redis.Run("config set timeout 70 maxmemory-samples x"), "+OK");
  ASSERT_EQ(redis.Run("config set snapshot-manual-limit 7 requirepass secret"), "+OK");
  EXPECT_THAT(Recorded(), IsEmpty()) << "options of ours and secrets are no parameters";
}

TEST_F(NodeChanges, WhoIsAdmittedIsAnEventOfItsOwn) {
  ASSERT_EQ(redis.Run("config set security-group \"web 10.0.0.0/8\""), "+OK");
  EXPECT_THAT(
      Recorded(),
      ElementsAre("CacheClusterSecurityGroupModified|The list of cache security groups authorized for the cache "
                  "cluster has been modified: security-group=web 10.0.0.0/8"));
  ASSERT_EQ(redis.Run("config set allow-cidr 192.0.2.0/24"), "+OK");
  EXPECT_THAT(Recorded(), ElementsAre(HasSubstr("allow-cidr=192.0.2.0/24")));
}

TEST_F(NodeChanges, WhatWaitsIsSaidToWait) {
  ASSERT_EQ(redis.Run("config set cache-node-type cache.t3.micro"), "+OK");
  EXPECT_THAT(Recorded(), ElementsAre("|Modification of cache node type to cache.t3.micro is pending"));
  ASSERT_EQ(redis.Run("config set parameter-group default.redis7 timeout 9"), "+OK");
  EXPECT_THAT(Recorded(), ElementsAre("CacheClusterParametersChanged|One or more cache cluster parameters have been "
                                      "changed: timeout=9, parameter-group=default.redis7 (pending-reboot)"));
}

TEST_F(NodeChanges, WhatARestartBroughtOrDidNot) {
  const std::vector<ConfigPair> changes{{"databases", "3"}, {"cache-node-type", "cache.t3.micro"}};
  RecordApplied(events(), *redis.parts().config, changes);
  EXPECT_THAT(
      Recorded(),
      ElementsAre("CacheClusterParametersChanged|One or more cache cluster parameters have been changed: databases=3",
                  "CacheClusterScalingComplete|Scaling for cache-cluster completed successfully: cache node type "
                  "cache.t3.micro"));
  RecordApplied(events(), *redis.parts().config, {});
  EXPECT_THAT(Recorded(), IsEmpty());
  RecordNotApplied(events(), changes, "no room");
  RecordNotApplied(events(), std::span(changes).first(1), "no room");
  EXPECT_THAT(Recorded(), ElementsAre("CacheClusterScalingFailed|Failed applying modification to cache node type to "
                                      "cache.t3.micro: no room",
                                      "|Failed applying pending changes: no room"));
}

TEST_F(NodeChanges, ATypeMustFitTheDataAndTheSchedule) {
  Config after = redis.parts().config->Current();
  EXPECT_EQ(RestartProblem(redis.parts(), after, false), "");
  after.cache_node_type = "cache.t1.micro";
  EXPECT_EQ(RestartProblem(redis.parts(), after, true), "");
  after.snapshot_retention_limit = 3;
  EXPECT_EQ(RestartProblem(redis.parts(), after, true),
            "snapshots are not supported on nodes of type cache.t1.micro: snapshot-retention-limit must be 0");
  after.snapshot_retention_limit = 0;
  after.reserved_memory_percent = 99;  // 2 MB are left.
  redis.Run("setrange big 3000000 x");
  EXPECT_THAT(RestartProblem(redis.parts(), after, true),
              testing::MatchesRegex("the data takes [0-9]+ bytes of memory, cache.t1.micro has [0-9]+ for it"));
  EXPECT_EQ(RestartProblem(redis.parts(), after, false), "") << "the type is as it was";
}

}  // namespace
}  // namespace cachenode
