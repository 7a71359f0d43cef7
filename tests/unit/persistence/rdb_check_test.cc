#include "persistence/rdb_check.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "persistence/file_stream.h"
#include "tests/support/persistence/large_values.h"
#include "tests/support/persistence/memory_stream.h"
#include "tests/support/persistence/snapshot_rig.h"
#include "tests/support/source_path.h"

namespace cachenode {
namespace {

struct Sample {
  std::string path;
  bool loads = false;
  uint64_t key_count = 0;
  uint64_t function_count = 0;
};

// The samples, with what live servers found in them.
std::vector<Sample> Samples() {
  std::vector<Sample> samples;
  std::ifstream table(SourcePath("tests/unit/persistence/data/expected.tsv"));
  for (std::string line; std::getline(table, line);) {
    std::istringstream words(line);
    std::string kind;
    words >> kind;
    if (kind == "string") ++samples.back().key_count;
    if (kind != "file") continue;
    Sample sample;
    std::string name;
    std::string outcome;
    words >> name >> sample.key_count >> sample.function_count >> outcome;
    sample.path = SourcePath("tests/unit/persistence/data/" + name + ".rdb");
    sample.loads = outcome == "loads";
    samples.push_back(sample);
  }
  return samples;
}

std::string BytesOf(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

Result<RdbSummary> Check(std::string_view bytes) {
  MemorySource source(bytes);
  return CheckRdb(source);
}

TEST(CheckRdb, AgreesWithLiveServersAboutEverySample) {
  ASSERT_GT(Samples().size(), 40U);
  for (const Sample& sample : Samples()) {
    const Result<RdbSummary> summary = Check(BytesOf(sample.path));
    EXPECT_EQ(summary.ok(), sample.loads) << sample.path << ": " << summary.status().text();
    if (!summary || sample.path.find("corrupt_empty_keys") != std::string::npos) continue;
    EXPECT_EQ(summary->key_count, sample.key_count) << sample.path;
    EXPECT_EQ(summary->function_count, sample.function_count) << sample.path;
    EXPECT_EQ(summary->size_bytes, BytesOf(sample.path).size()) << sample.path;
  }
}

TEST(CheckRdb, TellsWhatIsInAFile) {
  const Result<RdbSummary> summary =
      Check(BytesOf(SourcePath("tests/unit/persistence/data/redis7.0.15-collections.rdb")));
  ASSERT_TRUE(summary.ok()) << summary.status().text();
  EXPECT_EQ(summary->version, 10);
  EXPECT_FALSE(summary->is_valkey);
  EXPECT_EQ(summary->writer_version, "7.0.15");
  EXPECT_GT(summary->created_s, 1'600'000'000);
  EXPECT_EQ(summary->needed_bytes, 0U);
  EXPECT_TRUE(summary->has_stored_checksum);
  uint64_t keys = 0;
  for (const auto& [type, count] : summary->keys_by_type) keys += count;
  EXPECT_EQ(keys, summary->key_count);
  EXPECT_GT(summary->keys_by_type.at("zset"), 0U);
  const Result<RdbSummary> unchecked =
      Check(BytesOf(SourcePath("tests/unit/persistence/data/redis7.0.15-nocompress-nochecksum.rdb")));
  ASSERT_TRUE(unchecked.ok());
  EXPECT_FALSE(unchecked->has_stored_checksum);
}

TEST(CheckRdb, NoticesEveryChangedAndEveryMissingByte) {
  const std::string good = BytesOf(SourcePath("tests/unit/persistence/data/redis7.0.15-collections.rdb"));
  for (size_t place = 0; place < good.size(); place += 1 + good.size() / 500) {
    std::string bad = good;
    bad[place] = static_cast<char>(bad[place] ^ 0x40);
    EXPECT_FALSE(Check(bad).ok()) << "changed byte " << place;
    EXPECT_FALSE(Check(std::string_view(good).substr(0, place)).ok()) << "cut at " << place;
  }
  EXPECT_FALSE(Check(good + "x").ok());
}

TEST(CheckRdb, ReadsLargeCollectionsWithoutBuildingThem) {
  SnapshotRig rig(false);
  CollectionWriter writer(7);
  AccessContext context;
  context.SetNow(1'700'000'000'000);
  for (const ValueType type : CollectionWriter::kTypes) {
    const std::string key = "key" + std::to_string(static_cast<int>(type));
    KeySlot slot = rig.keyspace.Locate(0, key, context);
    writer.Change(type, slot, 4000, true);
  }
  ASSERT_TRUE(rig.snapshotter.Start(rig.Sink()).ok());
  rig.RunToEnd();
  // As if 8 MB were a few KB: every collection takes the way of the large ones.
  MemorySource source(rig.file, {.piece_bytes_max = 1000});
  const Result<RdbSummary> small = CheckRdb(source);
  ASSERT_TRUE(small.ok()) << small.status().text();
  RdbCheckOptions options;
  options.decoded_bytes_max = 4096;
  options.block_bytes = 4096;
  MemorySource again(rig.file, {.piece_bytes_max = 1000});
  const Result<RdbSummary> large = CheckRdb(again, options);
  ASSERT_TRUE(large.ok()) << large.status().text();
  EXPECT_EQ(large->checksum, small->checksum);
  EXPECT_EQ(large->keys_by_type, small->keys_by_type);
  EXPECT_EQ(large->key_count, 5U);
  std::string bad = rig.file;
  bad[bad.size() / 2] = static_cast<char>(bad[bad.size() / 2] ^ 1);
  MemorySource damaged(bad);
  EXPECT_FALSE(CheckRdb(damaged, options).ok());
}

TEST(CheckRdb, StopsWhenTold) {
  const std::string bytes = BytesOf(SourcePath("tests/unit/persistence/data/redis7.0.15-strings.rdb"));
  MemorySource source(bytes);
  const std::atomic<bool> stop{true};
  EXPECT_EQ(CheckRdb(source, {.stop = &stop}).status().code(), Err::kCancelled);
}

}  // namespace
}  // namespace cachenode
