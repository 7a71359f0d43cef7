#include "persistence/chunk_encoder.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/persistence/snapshot_rig.h"

namespace cachenode {
namespace {

constexpr int64_t kDeadlineMs = 4'000'000'000'000;  // Nine bytes more before each key.

class ChunkEncoderTest : public testing::Test {
 protected:
  ChunkEncoderTest() { EXPECT_TRUE(writer_.WriteHeader({}).ok()); }

  // Bytes that storing `value` once more adds to the file.
  uint64_t Add(std::string_view value) {
    const uint64_t before = writer_.bytes_written();
    EXPECT_TRUE(rig_.keyspace.Locate(0, "k", context_).WriteString(value, Expiry::At(kDeadlineMs)).ok());
    encoder_.Add(0, rig_.keyspace.Locate(0, "k", context_).View());
    encoder_.Flush();
    EXPECT_FALSE(encoder_.failed());
    return writer_.bytes_written() - before;
  }
  std::string Noise(size_t size) {
    std::string text;
    for (size_t i = 0; i < size; ++i) text.push_back(static_cast<char>(random_.Below(256)));
    return text;
  }
  void AddNoise(size_t size, int times) {
    for (int i = 0; i < times; ++i) EXPECT_GT(Add(Noise(size)), size);
  }

  SnapshotRig rig_{false};
  AccessContext context_;
  Random random_{1};
  MemorySink sink_{rig_.file};
  RdbWriter writer_{sink_};
  ChunkEncoder encoder_{writer_, {}};
};

TEST_F(ChunkEncoderTest, AfterManyFailuresOneStringInSixteenIsTriedUntilOneGains) {
  const std::string repeats(60, 'a');
  AddNoise(60, 100);
  int plain = 0;
  while (Add(repeats) > repeats.size()) ASSERT_LT(++plain, 16);
  EXPECT_GT(plain, 0);
  for (int i = 0; i < 50; ++i) EXPECT_LT(Add(repeats), repeats.size());
}

TEST_F(ChunkEncoderTest, ShortStringsThatGainNothingDoNotSpeakForLongOnes) {
  const std::string repeats(5000, 'a');
  for (int i = 0; i < 20; ++i) {
    AddNoise(60, 200);
    EXPECT_LT(Add(repeats), repeats.size() / 10);
  }
}

TEST_F(ChunkEncoderTest, AGainIsOneHoweverMuchPrecedesTheValue) {
  const std::string almost = Noise(30) + std::string(9, 'a') + Noise(10);
  const uint64_t shortened = Add(almost);
  EXPECT_EQ(shortened + 2, Add(Noise(almost.size())));
  for (int i = 0; i < 200; ++i) EXPECT_EQ(Add(almost), shortened);
}

}  // namespace
}  // namespace cachenode
