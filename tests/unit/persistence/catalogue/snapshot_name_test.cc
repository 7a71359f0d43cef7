#include "persistence/catalogue/snapshot_name.h"

#include <gtest/gtest.h>

#include "persistence/catalogue/utc_time.h"

namespace cachenode {
namespace {

TEST(SnapshotName, FollowsTheRulesAndBecomesLowerCase) {
  EXPECT_EQ(*NormalizeSnapshotName("My-Snapshot-1"), "my-snapshot-1");
  EXPECT_EQ(*NormalizeSnapshotName("a"), "a");
  EXPECT_EQ(*NormalizeSnapshotName(std::string(40, 'x')), std::string(40, 'x'));
  EXPECT_EQ(NormalizeSnapshotName(std::string(41, 'x')).status().text(),
            "snapshot name \"" + std::string(41, 'x') + "\": it has 41 characters, 40 are allowed");
  EXPECT_EQ(NormalizeSnapshotName("").status().text(), "snapshot name \"\": it is empty");
  EXPECT_EQ(NormalizeSnapshotName("1a").status().text(), "snapshot name \"1a\": the first character must be a letter");
  EXPECT_EQ(NormalizeSnapshotName("-a").status().text(), "snapshot name \"-a\": the first character must be a letter");
  EXPECT_EQ(NormalizeSnapshotName("a-").status().text(),
            "snapshot name \"a-\": a hyphen must not be the last character");
  EXPECT_EQ(NormalizeSnapshotName("a--b").status().text(),
            "snapshot name \"a--b\": two hyphens must not follow each other");
  for (const char* bad : {"a/b", "../a", "a.b", "a b", "a_b", "\xc3\xa4", ".", "automatic.a"}) {
    EXPECT_FALSE(NormalizeSnapshotName(bad).ok()) << bad;
    EXPECT_FALSE(IsSnapshotName(bad)) << bad;
  }
  EXPECT_FALSE(IsSnapshotName("Upper"));
}

TEST(SnapshotName, OfAnAutomaticOneTellsClusterAndMinute) {
  const AutomaticName name{"my-redis-primary", UnixSecondsOf({2016, 6, 27, 3, 15, 42})};
  const std::string text = FormatAutomaticName(name);
  EXPECT_EQ(text, "automatic.my-redis-primary-2016-06-27-03-15");
  const std::optional<AutomaticName> parsed = ParseAutomaticName(text);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->cluster_id, "my-redis-primary");
  EXPECT_EQ(FormatUtcTime(parsed->time_s), "2016-06-27T03:15:00Z");
  EXPECT_TRUE(IsSnapshotName(text));
  for (const char* bad :
       {"automatic.-2016-06-27-03-15", "automatic.a-2016-02-30-03-15", "automatic.a-2016-06-27-24-15",
        "automatic.a-2016-13-27-03-15", "automatic.a-2016-06-27-03-1x", "automatic.a_2016-06-27-03-15",
        "automatic.A-2016-06-27-03-15", "automatic.a/b-2016-06-27-03-15", "manual", "automatic.a"}) {
    EXPECT_FALSE(ParseAutomaticName(bad)) << bad;
    EXPECT_FALSE(std::string_view(bad).starts_with("automatic") && IsSnapshotName(bad)) << bad;
  }
}

TEST(UtcTime, IsTheSameBackAndForth) {
  for (const int64_t moment : {int64_t{0}, int64_t{951'782'400}, int64_t{1'700'000'000}, int64_t{4'102'444'799}}) {
    EXPECT_EQ(ParseUtcTime(FormatUtcTime(moment)), moment);
  }
  EXPECT_EQ(FormatUtcTime(951'782'400), "2000-02-29T00:00:00Z");
  for (const char* bad : {"", "2000-02-30T00:00:00Z", "2000-02-29 00:00:00Z", "2000-02-29T24:00:00Z",
                          "2000-00-29T00:00:00Z", "2000-02-29T00:00:00", "2000-02-2xT00:00:00Z"}) {
    EXPECT_FALSE(ParseUtcTime(bad)) << bad;
  }
}

}  // namespace
}  // namespace cachenode
