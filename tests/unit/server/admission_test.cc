#include "server/admission.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "server/config/config.h"
#include "server/config/config_store.h"
#include "tests/support/server/command_harness.h"
#include "tests/support/server/test_node.h"

namespace cachenode {
namespace {

using testing::StartsWith;

// Connections are refused for one reason or another here, so that none of them needs a worker.
class AdmissionTest : public testing::Test {
 protected:
  // What a connection from `peer` is sent before it is closed.
  std::string Refusal(const std::string& peer, bool is_loopback = false, bool is_unix = false) {
    std::array<int, 2> pair{};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()), 0);
    admission_.Admit(IncomingConnection(pair[0], is_unix, peer, is_loopback), redis_.parts().config->Current());
    return TestClient(pair[1]).ReceiveAll();
  }
  void Set(const std::string& name, const std::string& value) {
    EXPECT_EQ(redis_.Run("config set " + name + " \"" + value + "\""), "+OK");
  }
  [[nodiscard]] uint64_t OutsideCount() { return redis_.parts().stats->rejected_by_allow_cidr.load(); }

  CommandHarness redis_{[](Config& config) {
    config.maxclients = 0;
    config.protected_mode = false;
  }};
  std::vector<std::unique_ptr<Worker>> no_workers_;
  Admission admission_{redis_.parts(), no_workers_};
};

TEST_F(AdmissionTest, AnyAddressMayConnectWithoutAList) {
  EXPECT_THAT(Refusal("203.0.113.9:5000"), StartsWith("-ERR max number of clients reached"));
  EXPECT_EQ(OutsideCount(), 0U);
}

TEST_F(AdmissionTest, SecurityGroupsAndTheListAreEnforcedTogether) {
  Set("security-group", "web 10.0.0.0/8 ops 192.0.2.7");
  EXPECT_EQ(Refusal("203.0.113.9:5000"), "");
  EXPECT_THAT(Refusal("10.1.2.3:5000"), StartsWith("-ERR max"));
  EXPECT_THAT(Refusal("192.0.2.7:5000"), StartsWith("-ERR max"));
  Set("allow-cidr", "203.0.113.0/24");
  EXPECT_THAT(Refusal("203.0.113.9:5000"), StartsWith("-ERR max"));
  EXPECT_EQ(OutsideCount(), 1U);
}

TEST_F(AdmissionTest, AGroupWithoutRangesLetsOnlyThisMachineIn) {
  Set("security-group", "web");
  EXPECT_EQ(Refusal("10.1.2.3:5000"), "");
  EXPECT_THAT(Refusal("127.0.0.1:5000", true), StartsWith("-ERR max"));
  Set("security-group", "");
  EXPECT_THAT(Refusal("10.1.2.3:5000"), StartsWith("-ERR max"));
}

TEST_F(AdmissionTest, AnAddressOutsideOfTheListIsToldNothingAndCounted) {
  Set("allow-cidr", "10.0.0.0/8 2001:db8::/32");
  EXPECT_EQ(Refusal("203.0.113.9:5000"), "");
  EXPECT_EQ(Refusal("[2001:db9::1]:5000"), "");
  EXPECT_EQ(OutsideCount(), 2U);
  EXPECT_EQ(redis_.parts().stats->rejected_connections.load(), 2U);
  EXPECT_THAT(Refusal("10.1.2.3:5000"), StartsWith("-ERR max"));
  EXPECT_THAT(Refusal("[2001:db8::1]:5000"), StartsWith("-ERR max"));
  EXPECT_EQ(OutsideCount(), 2U);
}

TEST_F(AdmissionTest, ThisMachineAndUnixSocketsAreAlwaysLetIn) {
  Set("allow-cidr", "10.0.0.0/8");
  EXPECT_THAT(Refusal("127.0.0.1:5000", true), StartsWith("-ERR max"));
  EXPECT_THAT(Refusal("/a/socket:0", true, true), StartsWith("-ERR max"));
}

TEST_F(AdmissionTest, AChangeOfTheListCountsAtOnce) {
  Set("allow-cidr", "10.0.0.0/8");
  EXPECT_EQ(Refusal("203.0.113.9:5000"), "");
  Set("allow-cidr", "203.0.113.0/24");
  EXPECT_THAT(Refusal("203.0.113.9:5000"), StartsWith("-ERR max"));
  Set("allow-cidr", "");
  EXPECT_THAT(Refusal("198.51.100.1:5000"), StartsWith("-ERR max"));
}

TEST_F(AdmissionTest, ProtectedModeAsksForAPasswordOfTheDefaultUser) {
  Set("maxclients", "10");
  Set("protected-mode", "yes");
  EXPECT_THAT(Refusal("203.0.113.9:5000"), StartsWith("-DENIED Redis is running in protected mode"));
}

}  // namespace
}  // namespace cachenode
