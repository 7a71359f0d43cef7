#include "persistence/s3/s3_listing.h"

#include <gtest/gtest.h>

#include "persistence/s3/s3_bucket.h"

namespace cachenode {
namespace {

TEST(S3Listing, ReadsAPageOfObjects) {
  const S3ObjectPage page = ParseObjectPage(
      "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>b</Name>"
      "<IsTruncated>true</IsTruncated><NextContinuationToken>a+b/=</NextContinuationToken>"
      "<Contents><Key>p/a&amp;b.rdb</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified>"
      "<ETag>&quot;0123&quot;</ETag><Size>18446744073709551615</Size></Contents>\n"
      "<Contents><Key>p/c.json</Key><Size>0</Size></Contents>"
      "<CommonPrefixes><Prefix>p/deeper/</Prefix></CommonPrefixes></ListBucketResult>");
  ASSERT_EQ(page.objects.size(), 2U);
  EXPECT_EQ(page.objects[0].key, "p/a&b.rdb");
  EXPECT_EQ(page.objects[0].etag, "\"0123\"");
  EXPECT_EQ(page.objects[0].last_modified, "2026-01-02T03:04:05.000Z");
  EXPECT_EQ(page.objects[0].size_bytes, UINT64_MAX);
  EXPECT_EQ(page.objects[1].key, "p/c.json");
  EXPECT_EQ(page.next_token, "a+b/=");
}

TEST(S3Listing, LeavesOutWhatIsMalformed) {
  const S3ObjectPage page = ParseObjectPage(
      "<IsTruncated>false</IsTruncated><NextContinuationToken>x</NextContinuationToken>"
      "<Contents><Key>no size</Key></Contents><Contents><Key>bad</Key><Size>12x</Size></Contents>"
      "<Contents><Key>late</Key><Size>99999999999999999999</Size></Contents><Contents><Size>1</Size></Contents>"
      "<Contents><Key>good</Key><Size>1</Size></Contents><Contents><Key>cut</Key><Size>1</Si");
  ASSERT_EQ(page.objects.size(), 1U);
  EXPECT_EQ(page.objects[0].key, "good");
  EXPECT_EQ(page.next_token, "");
  EXPECT_TRUE(ParseObjectPage("").objects.empty());
}

TEST(S3Listing, ReadsUploads) {
  const std::vector<S3ListedUpload> uploads = ParseUploads(
      "<ListMultipartUploadsResult><UploadIdMarker/><Upload><Key>p/one.rdb</Key><UploadId>id/1</UploadId>"
      "<Initiated>2026-01-02T03:04:05.000Z</Initiated></Upload><Upload><Key>p/two.rdb</Key></Upload>"
      "</ListMultipartUploadsResult>");
  ASSERT_EQ(uploads.size(), 1U);
  EXPECT_EQ(uploads[0].key, "p/one.rdb");
  EXPECT_EQ(uploads[0].id, "id/1");
  EXPECT_EQ(uploads[0].initiated, "2026-01-02T03:04:05.000Z");
}

std::string Prefix(std::string_view text) {
  const Result<S3Location> prefix = ParseS3Prefix(text);
  return prefix ? prefix->bucket + " " + prefix->key : std::string(prefix.status().text());
}

TEST(ParseS3Prefix, IsABucketOrAFolder) {
  EXPECT_EQ(Prefix("s3://bucket"), "bucket ");
  EXPECT_EQ(Prefix("s3://bucket/"), "bucket ");
  EXPECT_EQ(Prefix("s3://bucket/a/b"), "bucket a/b/");
  EXPECT_EQ(Prefix("arn:aws:s3:::bucket/a/"), "bucket a/");
  EXPECT_EQ(Prefix("https://s3.eu-west-1.amazonaws.com/bucket/a"), "bucket a/");
  EXPECT_NE(Prefix("s3://B_").find("is not a bucket name"), std::string::npos);
  EXPECT_NE(Prefix("s3://bucket/" + std::string(950, 'x')).find("the prefix is too long"), std::string::npos);
  EXPECT_TRUE(IsS3Address("s3://bucket") && IsS3Address("arn:aws:s3:::bucket") && IsS3Address("https://x/bucket"));
  EXPECT_FALSE(IsS3Address("/var/s3://") || IsS3Address("snapshots") || IsS3Address(""));
}

}  // namespace
}  // namespace cachenode
