#include "persistence/s3/s3_uri.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace cachenode {
namespace {

using ::testing::HasSubstr;

// "bucket|key|partition|region|endpoint", or the error's text.
std::string Parsed(std::string_view text) {
  const Result<S3Location> location = ParseS3Location(text);
  if (!location) return std::string(location.status().text());
  return location->bucket + "|" + location->key + "|" + location->partition + "|" + location->region + "|" +
         location->endpoint;
}

TEST(S3Uri, ReadsEveryWayToNameAnObject) {
  EXPECT_EQ(Parsed("arn:aws:s3:::my-bucket/dump.rdb"), "my-bucket|dump.rdb|aws||");
  EXPECT_EQ(Parsed("arn:aws-cn:s3:::my-bucket/dump.rdb"), "my-bucket|dump.rdb|aws-cn||");
  EXPECT_EQ(Parsed("arn:aws-us-gov:s3:::my-bucket/a/b.rdb"), "my-bucket|a/b.rdb|aws-us-gov||");
  EXPECT_EQ(Parsed("s3://my-bucket/folder/dump.rdb"), "my-bucket|folder/dump.rdb|aws||");
  EXPECT_EQ(Parsed("S3://my-bucket/dump.rdb"), "my-bucket|dump.rdb|aws||");
  EXPECT_EQ(Parsed("my-bucket/folder/dump.rdb"), "my-bucket|folder/dump.rdb|aws||");
}

TEST(S3Uri, TakesKeysLiterally) {
  EXPECT_EQ(Parsed("s3://bucket/a b+c%20d?e#f"), "bucket|a b+c%20d?e#f|aws||");
  EXPECT_EQ(Parsed("s3://bucket//a//../b"), "bucket|/a//../b|aws||");
  EXPECT_EQ(Parsed("bucket/\xec\xba\x90\xec\x8b\x9c.rdb"), "bucket|\xec\xba\x90\xec\x8b\x9c.rdb|aws||");
}

TEST(S3Uri, ReadsAddressesOfAws) {
  EXPECT_EQ(Parsed("https://s3.amazonaws.com/bucket/key"), "bucket|key|aws||");
  EXPECT_EQ(Parsed("https://s3.eu-west-1.amazonaws.com/bucket/key"), "bucket|key|aws|eu-west-1|");
  EXPECT_EQ(Parsed("https://s3-eu-west-1.amazonaws.com/bucket/key"), "bucket|key|aws|eu-west-1|");
  EXPECT_EQ(Parsed("https://bucket.s3.amazonaws.com/a%20b/key"), "bucket|a b/key|aws||");
  EXPECT_EQ(Parsed("https://bucket.s3.ap-northeast-2.amazonaws.com/key"), "bucket|key|aws|ap-northeast-2|");
  EXPECT_EQ(Parsed("https://bucket.s3.dualstack.eu-west-1.amazonaws.com/key"), "bucket|key|aws|eu-west-1|");
  EXPECT_EQ(Parsed("https://my.dotted.bucket.s3-us-west-2.amazonaws.com/key"), "my.dotted.bucket|key|aws|us-west-2|");
  EXPECT_EQ(Parsed("https://bucket.s3.cn-north-1.amazonaws.com.cn/key"), "bucket|key|aws-cn|cn-north-1|");
  EXPECT_EQ(Parsed("https://bucket.s3.us-gov-west-1.amazonaws.com/key"), "bucket|key|aws-us-gov|us-gov-west-1|");
  EXPECT_EQ(Parsed("https://my.s3.bucket.s3.eu-west-1.amazonaws.com/key"), "my.s3.bucket|key|aws|eu-west-1|");
  EXPECT_THAT(Parsed("http://bucket.s3.amazonaws.com/key"), HasSubstr("https:// only"));
}

TEST(S3Uri, ReadsAddressesOfCompatibleStores) {
  EXPECT_EQ(Parsed("https://store.example.com/bucket/key"), "bucket|key|aws||https://store.example.com");
  EXPECT_EQ(Parsed("http://127.0.0.1:9000/bucket/a/b"), "bucket|a/b|aws||http://127.0.0.1:9000");
  EXPECT_EQ(Parsed("https://Store.Example.com/bucket/Key"), "bucket|Key|aws||https://store.example.com");
}

TEST(S3Uri, RefusesWhatIsNoObject) {
  EXPECT_THAT(Parsed(""), HasSubstr("it is empty"));
  EXPECT_THAT(Parsed("my-bucket"), HasSubstr("key is missing"));
  EXPECT_THAT(Parsed("s3://my-bucket/"), HasSubstr("key is missing"));
  EXPECT_THAT(Parsed("s3:///key"), HasSubstr("bucket name is missing"));
  EXPECT_THAT(Parsed("s3://my-bucket/folder/"), HasSubstr("names a folder"));
  EXPECT_THAT(Parsed("s3://my-bucket/a,b"), HasSubstr("comma"));
  EXPECT_THAT(Parsed(std::string("s3://my-bucket/a\nb")), HasSubstr("control character"));
  EXPECT_THAT(Parsed(std::string("s3://my-bucket/a\nb")), HasSubstr("a?b"));
  EXPECT_THAT(Parsed("s3://my-bucket/\xc3"), HasSubstr("UTF-8"));
  EXPECT_THAT(Parsed("s3://my-bucket/\xed\xa0\x80"), HasSubstr("UTF-8"));
  EXPECT_THAT(Parsed("s3://my-bucket/" + std::string(1025, 'k')), HasSubstr("longer than 1024"));
  EXPECT_EQ(Parsed("s3://my-bucket/" + std::string(1024, 'k')).substr(0, 10), "my-bucket|");
}

TEST(S3Uri, RefusesOtherSchemesAndFiles) {
  EXPECT_THAT(Parsed("gs://bucket/key"), HasSubstr("unknown scheme"));
  EXPECT_THAT(Parsed("/var/lib/dump.rdb"), HasSubstr("local file"));
  EXPECT_THAT(Parsed("./dump.rdb"), HasSubstr("local file"));
  EXPECT_THAT(Parsed("file:///dump.rdb"), HasSubstr("local file"));
  EXPECT_THAT(Parsed("https://bucket.s3.amazonaws.com/key?X-Amz-Signature=0"), HasSubstr("presigned"));
  EXPECT_THAT(Parsed("https://user:pw@store/bucket/key"), HasSubstr("user name"));
  EXPECT_THAT(Parsed("https://store/bucket/%zz"), HasSubstr("hexadecimal"));
}

TEST(S3Uri, RefusesWrongArns) {
  EXPECT_THAT(Parsed("arn:aws:s3::bucket/key"), HasSubstr("not an ARN of an S3 object"));
  EXPECT_THAT(Parsed("arn:aws:sns:::topic/key"), HasSubstr("of 'sns'"));
  EXPECT_THAT(Parsed("arn:aws-moon:s3:::bucket/key"), HasSubstr("not a partition"));
  EXPECT_THAT(Parsed("arn:aws:s3:eu-west-1:123456789012:accesspoint/x/object/y"), HasSubstr("access points"));
}

TEST(S3Uri, KnowsBucketNames) {
  for (const char* good : {"abc", "a-b", "my.bucket.name", "123", "1.2.3", "a--b", "s3bucket"}) {
    EXPECT_TRUE(IsDnsBucketName(good)) << good;
  }
  for (const char* bad :
       {"ab", "", "Abc", "a_b", "-ab", "ab-", ".ab", "ab.", "a..b", "a.-b", "a-.b", "192.168.0.1", "b\xc3\xa9"}) {
    EXPECT_FALSE(IsDnsBucketName(bad)) << bad;
  }
  EXPECT_TRUE(IsDnsBucketName(std::string(63, 'a')));
  EXPECT_FALSE(IsDnsBucketName(std::string(64, 'a')));
}

TEST(S3Uri, SurvivesAnyBytes) {
  uint64_t state = 7;
  const std::string_view alphabet = "ars3:/.-%bucketAZ09\x01\xff\xc3,? #@https";
  for (int round = 0; round < 20000; ++round) {
    std::string text = round % 3 == 0 ? "arn:aws:s3:::" : round % 3 == 1 ? "https://" : "";
    state = state * 6364136223846793005U + 1442695040888963407U;
    for (uint64_t bits = state >> 20; bits != 0; bits >>= 5) text.push_back(alphabet[bits % alphabet.size()]);
    const Result<S3Location> location = ParseS3Location(text);
    if (!location) continue;
    EXPECT_TRUE(IsDnsBucketName(location->bucket)) << text;
    EXPECT_FALSE(location->key.empty()) << text;
  }
}

}  // namespace
}  // namespace cachenode
