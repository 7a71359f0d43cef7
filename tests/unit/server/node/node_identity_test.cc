#include "server/node/node_identity.h"

#include <gtest/gtest.h>

#include <string>

#include "server/config/option_table.h"
#include "server/config/option_value.h"
#include "server/config/service_name.h"
#include "tests/support/server/command_harness.h"

namespace cachenode {
namespace {

Config Defaults() { return DefaultConfig({2, "/"}); }

// The reason why `name` refuses `value`, or empty; `config` has the value then.
std::string Set(Config& config, std::string_view name, std::string_view value) {
  const OptionSpec* option = FindOption(name);
  return std::string(ParseOption(*option, config, ValueWords(*option, value), false).text());
}

TEST(NodeIdentity, AClusterIdFollowsTheRulesAndIsKeptInLowerCase) {
  Config config = Defaults();
  EXPECT_EQ(config.cluster_id, "cachenode");
  EXPECT_EQ(Set(config, "cluster-id", "My-Redis-1"), "");
  EXPECT_EQ(config.cluster_id, "my-redis-1");
  EXPECT_EQ(Set(config, "cluster-id", std::string(50, 'a')), "");
  EXPECT_EQ(Set(config, "cluster-id", std::string(51, 'a')), "a name has 1 to 50 characters");
  EXPECT_EQ(Set(config, "cluster-id", ""), "a name has 1 to 50 characters");
  EXPECT_EQ(Set(config, "cluster-id", "1a"), "the first character must be a letter");
  EXPECT_EQ(Set(config, "cluster-id", "-a"), "the first character must be a letter");
  EXPECT_EQ(Set(config, "cluster-id", "a-"), "a hyphen must not be the last character");
  EXPECT_EQ(Set(config, "cluster-id", "a--b"), "two hyphens must not follow each other");
  EXPECT_EQ(Set(config, "cluster-id", "a_b"), "only letters, digits and hyphens are allowed");
  EXPECT_EQ(config.cluster_id, std::string(50, 'a'));
}

TEST(NodeIdentity, AClusterHasOneNode) {
  Config config = Defaults();
  EXPECT_EQ(Set(config, "num-cache-nodes", "1"), "");
  EXPECT_NE(Set(config, "num-cache-nodes", "2").find("argument must be 1"), std::string::npos);
  EXPECT_NE(Set(config, "num-cache-nodes", "one").find("argument must be 1"), std::string::npos);
}

TEST(NodeIdentity, LabelsAreOneLine) {
  Config config = Defaults();
  EXPECT_EQ(Set(config, "preferred-zone", "ap-northeast-2a"), "");
  EXPECT_EQ(Set(config, "vpc", "a\r\nnode_status:available"), "argument must be one line of printable characters");
  EXPECT_EQ(Set(config, "subnet-group", std::string(256, 'a')), "argument must be at most 255 bytes");
  EXPECT_EQ(Set(config, "notification-topic-arn", "arn:aws:sns:us-east-1:123456789012:events"), "");
  for (const char* bad : {"events", "arn:aws:sqs:us-east-1:123456789012:x", "arn:aws:sns:us-east-1:1234:x",
                          "arn:aws:sns:us-east-1:123456789012:x:y", "arn:aws:sns:us-east-1:123456789012:"}) {
    EXPECT_NE(Set(config, "notification-topic-arn", bad), "") << bad;
  }
}

TEST(NodeIdentity, SecurityGroupsAreNamesWithRanges) {
  Config config = Defaults();
  EXPECT_EQ(Set(config, "security-group", "web 10.0.0.0/8 fe80::/10 ops web 192.0.2.7"), "");
  ASSERT_EQ(config.security_groups.groups().size(), 2U);
  EXPECT_EQ(FormatOption(*FindOption("security-group"), config), "web 10.0.0.0/8 fe80::/10 192.0.2.7 ops");
  EXPECT_TRUE(config.security_groups.ContainsPeer("10.9.9.9:1"));
  EXPECT_FALSE(config.security_groups.ContainsPeer("11.9.9.9:1"));
  EXPECT_EQ(Set(config, "security-group", "10.0.0.0/8 web"), "the name of the group comes before its ranges");
  EXPECT_NE(Set(config, "security-group", "web 10.0.0.0/99"), "");
  EXPECT_EQ(config.security_groups.groups().size(), 2U);
  std::string many;
  for (int i = 0; i < 17; ++i) many.append(i == 0 ? "g" : " g").append(std::to_string(i));
  EXPECT_EQ(Set(config, "security-group", many), "Too many security groups specified.");
}

TEST(NodeIdentity, TheEndpointIsWhereClientsConnect) {
  Config config = Defaults();
  Set(config, "bind", "10.0.0.7 127.0.0.1");
  EXPECT_EQ(EndpointOf(config), "10.0.0.7:6379");
  Set(config, "bind", "-::1");
  EXPECT_EQ(EndpointOf(config), "[::1]:6379");
  Set(config, "bind", "* -::*");
  EXPECT_NE(EndpointOf(config), "*:6379");
  EXPECT_TRUE(EndpointOf(config).ends_with(":6379"));
  config.port = 0;
  config.tls_port = 6380;
  EXPECT_TRUE(EndpointOf(config).ends_with(":6380"));
  config.tls_port = 0;
  config.unixsocket = "/run/node.sock";
  EXPECT_EQ(EndpointOf(config), "/run/node.sock");
}

TEST(NodeIdentity, WarnsAboutWhatCannotBeKept) {
  Config config = Defaults();
  EXPECT_TRUE(IdentityWarnings(config).empty());
  config.auto_minor_version_upgrade = true;
  Set(config, "security-group", "web");
  EXPECT_EQ(IdentityWarnings(config).size(), 2U);
  Set(config, "allow-cidr", "10.0.0.0/8");
  EXPECT_EQ(IdentityWarnings(config).size(), 1U);
}

TEST(NodeIdentity, InfoShowsItAndConfigKeepsItFixed) {
  CommandHarness redis([](Config& config) {
    config.cluster_id = "orders";
    config.preferred_zone = "z1";
  });
  const std::string info = redis.Run("info node");
  EXPECT_NE(info.find("cluster_id:orders node_id:0001 node_status:creating"), std::string::npos) << info;
  redis.parts().state->status.MoveTo(NodePhase::kServing);
  EXPECT_NE(redis.Run("info").find("node_status:available"), std::string::npos);
  EXPECT_NE(info.find("preferred_zone:z1 "), std::string::npos);
  EXPECT_EQ(redis.Run("config set cluster-id other"),
            "-ERR CONFIG SET failed (possibly related to argument 'cluster-id') - can't set immutable config");
  EXPECT_EQ(redis.Run("config get cluster-id"), "*2 $10 cluster-id $6 orders");
}

TEST(ServiceName, TakesLettersDigitsAndSingleHyphens) {
  EXPECT_EQ(ServiceNameProblem("a", 40), "");
  EXPECT_EQ(ServiceNameProblem("Nightly-2024-01-02", 40), "");
  EXPECT_EQ(ServiceNameProblem("a", 0), "a name has 1 to 0 characters");
}

}  // namespace
}  // namespace cachenode
