#include "server/node/notification_message.h"

#include <gtest/gtest.h>

namespace cachenode {
namespace {

const NodeEvent kEvent{.id = 7,
                       .time_ms = 1'700'000'000'123,
                       .kind = NodeEventKind::kSnapshotFailed,
                       .message = "Snapshot failed: \"C:\\x\" is full"};

TEST(NotificationMessage, OfATopicIsOneMember) {
  EXPECT_EQ(TopicMessage(kEvent, "my-node"), R"({"ElastiCache:SnapshotFailed":"my-node"})");
}

TEST(NotificationMessage, OfAPostTellsAllOfTheEvent) {
  EXPECT_EQ(PostedMessage(kEvent, "my-node"),
            R"({"ElastiCache:SnapshotFailed":"my-node","SourceType":"cache-cluster","SourceIdentifier":"my-node",)"
            R"("Message":"Snapshot failed: \"C:\\x\" is full","Date":"2023-11-14T22:13:20.123Z","Id":7})");
}

TEST(ShownAddress, EndsBeforeWhatMayBeSecret) {
  EXPECT_EQ(ShownAddress("https://hooks.example.com/services/T0/secret?x=y"), "https://hooks.example.com");
  EXPECT_EQ(ShownAddress("http://user:password@10.0.0.1:8080/"), "http://10.0.0.1:8080");
  EXPECT_EQ(ShownAddress("https://host?token=secret"), "https://host");
  EXPECT_EQ(ShownAddress("nonsense"), "");
}

}  // namespace
}  // namespace cachenode
