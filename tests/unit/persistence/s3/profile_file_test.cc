#include "persistence/s3/profile_file.h"

#include <gtest/gtest.h>

namespace cachenode {
namespace {

TEST(ProfileFile, ReadsSectionsAndValues) {
  const Result<ProfileFile> file = ParseProfileFile(
      "# comment\n[default]\naws_access_key_id = AKID\r\nAWS_Secret_Access_Key=a=b/c+d==\n\n"
      "[ profile two ]\nregion = eu-west-1  # home\ns3 =\n  addressing_style = path\n; other\n[default]\nregion=x",
      "config");
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(file->at("default").at("aws_access_key_id"), "AKID");
  EXPECT_EQ(file->at("default").at("aws_secret_access_key"), "a=b/c+d==");
  EXPECT_EQ(file->at("default").at("region"), "x");
  EXPECT_EQ(file->at("profile two").at("region"), "eu-west-1");
  EXPECT_EQ(file->at("profile two").count("addressing_style"), 0U);
}

TEST(ProfileFile, NamesFileAndLineOfAMistake) {
  EXPECT_EQ(ParseProfileFile("[a]\nb\n", "file").status().text(), "file:2: '=' is missing");
  EXPECT_EQ(ParseProfileFile("\n[a\n", "file").status().text(), "file:2: ']' is missing");
  EXPECT_EQ(ParseProfileFile("a=b\n", "file").status().text(), "file:1: a value stands before the first [section]");
}

TEST(ProfileFile, TakesAMissingFileAsNothing) {
  const Result<std::optional<ProfileFile>> file = LoadProfileFile("/nonexistent/credentials");
  ASSERT_TRUE(file.ok());
  EXPECT_FALSE(file->has_value());
  EXPECT_FALSE(LoadProfileFile("/proc/self").ok());  // A folder.
}

}  // namespace
}  // namespace cachenode
