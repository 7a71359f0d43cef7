#include "persistence/catalogue/snapshot_metadata.h"

#include <gtest/gtest.h>

namespace cachenode {
namespace {

SnapshotMetadata Example() {
  SnapshotMetadata metadata;
  metadata.name = "before-upgrade";
  metadata.cluster_id = "my-redis";
  metadata.node_type = "cache.m1.small";
  metadata.engine_version = "7.4.0";
  metadata.parameter_group = "default.redis7";
  metadata.port = 6379;
  metadata.created_s = 1'700'000'000;
  metadata.copied_from = "automatic.my-redis-2023-11-14-03-15";
  metadata.rdb_version = 10;
  metadata.size_bytes = (uint64_t{120} << 20) + 1;
  metadata.checksum = 0xFEDC000000000001;
  metadata.key_count = 5;
  metadata.expiring_count = 2;
  metadata.needed_bytes = 7'000'000'000;
  return metadata;
}

std::string Without(std::string text, std::string_view member, std::string_view instead = "\"Nothing\"") {
  const size_t at = text.find(member);
  EXPECT_NE(at, std::string::npos) << member;
  return text.replace(at, member.size(), instead);
}

TEST(SnapshotMetadata, IsTheSameWhenReadBack) {
  const SnapshotMetadata written = Example();
  const Result<SnapshotMetadata> read = ParseSnapshotMetadata(FormatSnapshotMetadata(written));
  ASSERT_TRUE(read.ok()) << read.status().text();
  EXPECT_EQ(read->name, written.name);
  EXPECT_FALSE(read->automatic);
  EXPECT_EQ(read->cluster_id, written.cluster_id);
  EXPECT_EQ(read->node_type, written.node_type);
  EXPECT_EQ(read->engine, "redis");
  EXPECT_EQ(read->engine_version, written.engine_version);
  EXPECT_EQ(read->parameter_group, written.parameter_group);
  EXPECT_EQ(read->port, written.port);
  EXPECT_EQ(read->created_s, written.created_s);
  EXPECT_EQ(read->copied_from, written.copied_from);
  EXPECT_EQ(read->rdb_version, written.rdb_version);
  EXPECT_EQ(read->size_bytes, written.size_bytes);
  EXPECT_EQ(read->checksum, written.checksum);
  EXPECT_EQ(read->key_count, written.key_count);
  EXPECT_EQ(read->expiring_count, written.expiring_count);
  EXPECT_EQ(read->needed_bytes, written.needed_bytes);
}

TEST(SnapshotMetadata, HasTheMembersOfTheServicesShape) {
  const std::string text = FormatSnapshotMetadata(Example());
  for (const char* member :
       {"\"SnapshotName\": \"before-upgrade\"", "\"SnapshotSource\": \"manual\"", "\"SnapshotStatus\": \"available\"",
        "\"CacheClusterId\": \"my-redis\"", "\"CacheNodeType\": \"cache.m1.small\"", "\"NumCacheNodes\": 1",
        "\"CacheSize\": \"121 MB\"", "\"SnapshotCreateTime\": \"2023-11-14T22:13:20Z\"", "\"Port\": 6379",
        "\"Crc64\": \"fedc000000000001\""}) {
    EXPECT_NE(text.find(member), std::string::npos) << member << " in " << text;
  }
}

TEST(SnapshotMetadata, SaysWhatIsWrongWithAFile) {
  const std::string good = FormatSnapshotMetadata(Example());
  const auto fault = [](const std::string& text) {
    const Result<SnapshotMetadata> read = ParseSnapshotMetadata(text);
    EXPECT_EQ(read.status().code(), Err::kCorrupt);
    return std::string(read.status().text());
  };
  EXPECT_EQ(fault(""), "this is no JSON object");
  EXPECT_EQ(fault("[]"), "this is no JSON object");
  EXPECT_EQ(fault(good.substr(0, good.size() / 2)), "this is no JSON object");
  EXPECT_EQ(fault(Without(good, "\"SizeBytes\"")), "\"SizeBytes\" is missing");
  EXPECT_EQ(fault(Without(good, "\"SizeBytes\": ", "\"SizeBytes\": -")), "\"SizeBytes\" is no count");
  EXPECT_EQ(fault(Without(good, "\"fedc", "\"xedc")), "\"Crc64\" is no hexadecimal number");
  EXPECT_EQ(fault(Without(good, "\"before-upgrade\"", "7")), "\"SnapshotName\" is no string");
  EXPECT_EQ(fault(Without(good, "\"before-upgrade\"", "\"../etc/passwd\"")),
            "\"SnapshotName\" is no name of a snapshot");
  EXPECT_EQ(fault(Without(good, "\"FormatVersion\": 1", "\"FormatVersion\": 2")),
            "\"FormatVersion\" is newer than this server");
  EXPECT_EQ(fault(std::string(10'000, '[')), "this is no JSON object");
}

}  // namespace
}  // namespace cachenode
