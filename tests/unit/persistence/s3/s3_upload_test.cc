#include "persistence/s3/s3_upload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "persistence/s3/s3_client.h"

namespace cachenode {
namespace {

using ::testing::HasSubstr;

constexpr uint64_t kMebibyte = uint64_t{1} << 20;

TEST(S3UploadPartBytes, IsTheOptionUnlessTheStoreOrTheObjectWantsMore) {
  EXPECT_EQ(S3UploadPartBytes(64 * 1024, 0), kS3UploadPartBytesMin);
  EXPECT_EQ(S3UploadPartBytes(8 * kMebibyte, 0), 8 * kMebibyte);
  EXPECT_EQ(S3UploadPartBytes(8 * kMebibyte, uint64_t{30} << 30), 8 * kMebibyte);
  EXPECT_EQ(S3UploadPartBytes(8 * kMebibyte, uint64_t{50} << 30), 11 * kMebibyte);
  EXPECT_EQ(S3UploadPartBytes(8 * kMebibyte, UINT64_MAX), kS3PartBytesMax);
}

TEST(S3UploadPartBytes, LeavesRoomForTwiceTheEstimate) {
  for (uint64_t gib = 1; gib < 1024; gib += 13) {
    const uint64_t part = S3UploadPartBytes(kS3PartBytesMin, gib << 30);
    EXPECT_LE((gib << 31) / part, static_cast<uint64_t>(kS3UploadPartsMax)) << gib;
  }
}

std::string Place(std::string_view target, std::string_view name) {
  const Result<S3Location> location = ParseExportLocation(target, name);
  return location ? location->Display() : std::string(location.status().text());
}

TEST(ParseExportLocation, AddsTheFileToABucketOrAFolder) {
  EXPECT_EQ(Place("my-bucket", "snap"), "s3://my-bucket/snap-0001.rdb");
  EXPECT_EQ(Place("s3://my-bucket/", "snap"), "s3://my-bucket/snap-0001.rdb");
  EXPECT_EQ(Place("arn:aws:s3:::my-bucket/a/b/", "snap"), "s3://my-bucket/a/b/snap-0001.rdb");
  EXPECT_EQ(Place("http://127.0.0.1:9000/my-bucket", "50% off"), "s3://my-bucket/50% off-0001.rdb");
}

TEST(ParseExportLocation, RefusesWhatIsNoPlace) {
  EXPECT_THAT(Place("my-bucket", ""), HasSubstr("1 to 1000 characters"));
  EXPECT_THAT(Place("my-bucket", std::string(1025, 'x')), HasSubstr("1 to 1000 characters"));
  EXPECT_THAT(Place("Bad_Bucket", "snap"), HasSubstr("is not a bucket name"));
  EXPECT_FALSE(ParseExportLocation("", "snap"));
  EXPECT_FALSE(ParseExportLocation("my-bucket", "a,b"));
}

TEST(ValidateS3Options, AKeyIdNeedsItsEncryption) {
  S3Options options;
  options.s3_sse_kms_key_id = "key/1";
  EXPECT_THAT(std::string(ValidateS3Options(options).text()), HasSubstr("needs s3-server-side-encryption"));
  options.s3_server_side_encryption = "aws:kms:dsse";
  EXPECT_TRUE(ValidateS3Options(options).ok());
}

}  // namespace
}  // namespace cachenode
