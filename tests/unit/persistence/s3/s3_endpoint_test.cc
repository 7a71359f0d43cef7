#include "persistence/s3/s3_endpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace cachenode {
namespace {

using ::testing::HasSubstr;

S3Location Location(std::string bucket, std::string key, std::string partition = "aws") {
  return {std::move(bucket), std::move(key), std::move(partition), "", ""};
}

std::string Url(const S3Location& location, std::string_view endpoint, std::string_view region,
                S3PathStyle style = S3PathStyle::kAuto) {
  std::optional<S3Endpoint> custom;
  if (!endpoint.empty()) custom = *ParseS3Endpoint(endpoint);
  return MakeS3Target(location, custom, region, style).Url();
}

TEST(S3Endpoint, PicksTheStyleThatWorks) {
  EXPECT_EQ(Url(Location("bucket", "a b/c"), "", "eu-west-1"), "https://bucket.s3.eu-west-1.amazonaws.com/a%20b/c");
  // The certificate for *.s3 does not cover dots.
  EXPECT_EQ(Url(Location("my.bucket", "k"), "", "eu-west-1"), "https://s3.eu-west-1.amazonaws.com/my.bucket/k");
  EXPECT_EQ(Url(Location("bucket", "k"), "http://127.0.0.1:9000", "us-east-1"), "http://127.0.0.1:9000/bucket/k");
  EXPECT_EQ(Url(Location("bucket", "k"), "", "eu-west-1", S3PathStyle::kYes),
            "https://s3.eu-west-1.amazonaws.com/bucket/k");
  EXPECT_EQ(Url(Location("bucket", "k"), "https://store.example", "x", S3PathStyle::kNo),
            "https://bucket.store.example/k");
}

TEST(S3Endpoint, KnowsThePartitions) {
  EXPECT_EQ(Url(Location("bucket", "k", "aws-cn"), "", "cn-north-1"),
            "https://bucket.s3.cn-north-1.amazonaws.com.cn/k");
  EXPECT_EQ(Url(Location("bucket", "k", "aws-us-gov"), "", "us-gov-west-1"),
            "https://bucket.s3.us-gov-west-1.amazonaws.com/k");
}

TEST(S3Endpoint, ReadsHostsAndRefusesTheRest) {
  EXPECT_EQ(ParseS3Endpoint("HTTPS://Store.Example:9000/")->authority, "store.example:9000");
  EXPECT_EQ(ParseS3Endpoint("http://[::1]:9000")->scheme, "http");
  EXPECT_EQ(ParseS3Endpoint("store.example")->scheme, "https");
  EXPECT_THAT(ParseS3Endpoint("https://store/path").status().text(), HasSubstr("must not hold a path"));
  // A doubled address, as users have pasted.
  EXPECT_FALSE(ParseS3Endpoint("https://store/https://store").ok());
  EXPECT_THAT(ParseS3Endpoint("ftp://store").status().text(), HasSubstr("only http"));
  EXPECT_THAT(ParseS3Endpoint("https://").status().text(), HasSubstr("host is missing"));
  EXPECT_FALSE(ParseS3Endpoint("https://a b").ok());
  EXPECT_FALSE(ParseS3Endpoint("https://user@store").ok());
}

TEST(S3Endpoint, FollowsRedirectsToTheSameObjectOnly) {
  const S3Location location = Location("bucket", "a b");
  const S3Target aws = MakeS3Target(location, std::nullopt, "us-east-1", S3PathStyle::kAuto);
  const auto url = [&](std::string_view to) {
    const std::optional<S3Target> target = RedirectedTarget(aws, to, location);
    return target ? target->Url() : "refused";
  };
  EXPECT_EQ(url("https://bucket.s3.eu-west-1.amazonaws.com/a%20b"), "https://bucket.s3.eu-west-1.amazonaws.com/a%20b");
  EXPECT_EQ(url("https://s3.eu-west-1.amazonaws.com/bucket/a%20b"), "https://s3.eu-west-1.amazonaws.com/bucket/a%20b");
  EXPECT_EQ(url("bucket.s3-eu-west-1.amazonaws.com"), "https://bucket.s3-eu-west-1.amazonaws.com/a%20b");
  EXPECT_EQ(url("s3-eu-west-1.amazonaws.com"), "https://s3-eu-west-1.amazonaws.com/bucket/a%20b");
  EXPECT_EQ(url("http://bucket.s3.eu-west-1.amazonaws.com/a%20b"), "refused");
  EXPECT_EQ(url("https://evil.example/a%20b"), "refused");
  EXPECT_EQ(url("https://s3.amazonaws.com.evil.example/bucket/a%20b"), "refused");
  EXPECT_EQ(url("https://bucket.s3.amazonaws.com/other"), "refused");
  EXPECT_EQ(url("https://u@s3.amazonaws.com/bucket/a%20b"), "refused");
  EXPECT_EQ(url(""), "refused");
}

}  // namespace
}  // namespace cachenode
