#include "server/config/engine_version.h"

#include <gtest/gtest.h>

namespace cachenode {
namespace {

EngineVersion Version(std::string_view text) { return *EngineVersion::Parse(text); }

TEST(EngineVersion, DefaultIsRedis74) {
  EXPECT_EQ(EngineVersion().Text(), "7.4");
  EXPECT_EQ(EngineVersion().RedisVersionText(), "7.4.0");
  EXPECT_EQ(EngineVersion().ValkeyVersionText(), "");
  EXPECT_EQ(EngineVersion(), Version("7.4"));
}

TEST(EngineVersion, KnowsItsLinesAndTheirPatches) {
  EXPECT_EQ(Version("5.0.6").RedisVersionText(), "5.0.6");
  EXPECT_EQ(Version("5.0.6").Text(), "5.0.6");
  EXPECT_EQ(Version("valkey-8.1").RedisVersionText(), "7.2.4");
  EXPECT_EQ(Version("valkey-8.1.2").ValkeyVersionText(), "8.1.2");
  for (const char* bad : {"", "7", "7.1", "7.0.", "7.0.1.2", "7.0.x", "valkey-7.0", "valkey-", "-7.0", "7.0.99999"}) {
    EXPECT_FALSE(EngineVersion::Parse(bad)) << bad;
  }
}

TEST(EngineVersion, ComparesAsRedisAndAsValkey) {
  EXPECT_TRUE(Version("7.0").AtLeast(7, 0));
  EXPECT_TRUE(Version("7.0.15").AtLeast(6, 2));
  EXPECT_FALSE(Version("7.0.15").AtLeast(7, 2));
  EXPECT_TRUE(Version("valkey-9.1").AtLeast(7, 2));
  EXPECT_FALSE(Version("valkey-9.1").AtLeast(7, 4));
  EXPECT_TRUE(Version("valkey-8.1").AtLeastValkey(8, 1));
  EXPECT_FALSE(Version("valkey-8.0").AtLeastValkey(8, 1));
  EXPECT_FALSE(Version("7.4").AtLeastValkey(7, 2));
}

TEST(EngineVersion, TellsTheRulesOfItsTime) {
  EXPECT_EQ(Version("7.0").double_rule(), DoubleRule::kSeventeenDigits);
  EXPECT_EQ(Version("7.2").double_rule(), DoubleRule::kShortest);
  EXPECT_TRUE(Version("6.2").says_ziplist());
  EXPECT_FALSE(Version("7.0").has_listpack_sets());
  EXPECT_TRUE(Version("valkey-7.2").has_listpack_lists());
  EXPECT_EQ(Version("2.8").rdb_version_max(), 6);
  EXPECT_EQ(Version("7.4").rdb_version_max(), 12);
  EXPECT_EQ(Version("valkey-9.0").rdb_version_max(), 80);
}

}  // namespace
}  // namespace cachenode
