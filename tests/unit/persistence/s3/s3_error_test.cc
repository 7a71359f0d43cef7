#include "persistence/s3/s3_error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace cachenode {
namespace {

using ::testing::HasSubstr;

HttpResponse Response(int status, std::string body, std::vector<HttpHeader> headers = {}) {
  return {status, std::move(headers), std::move(body)};
}

std::string ErrorBody(const std::string& code, const std::string& more = "") {
  return "<?xml version=\"1.0\"?>\n<Error><Code>" + code + "</Code><Message>text</Message>" + more + "</Error>";
}

S3Reaction Reaction(const HttpResponse& response) { return ReactionTo(ParseS3Error(response), "us-east-1"); }

TEST(S3Error, RetriesWhatPasses) {
  for (const int status : {408, 429, 500, 502, 503, 504}) {
    EXPECT_EQ(Reaction(Response(status, "")), S3Reaction::kRetry) << status;
  }
  EXPECT_EQ(Reaction(Response(503, ErrorBody("SlowDown"))), S3Reaction::kRetry);
  EXPECT_EQ(Reaction(Response(400, ErrorBody("RequestTimeout"))), S3Reaction::kRetry);
}

TEST(S3Error, FailsOnWhatStays) {
  for (const int status : {400, 401, 403, 404, 405, 412, 416, 501}) {
    EXPECT_EQ(Reaction(Response(status, ErrorBody("Whatever"))), S3Reaction::kFail) << status;
  }
}

TEST(S3Error, LearnsTheRegionFromHeaderOrBody) {
  const HttpResponse malformed = Response(400, ErrorBody("AuthorizationHeaderMalformed", "<Region>eu-west-1</Region>"));
  EXPECT_EQ(Reaction(malformed), S3Reaction::kCorrectRegion);
  EXPECT_EQ(ParseS3Error(malformed).region, "eu-west-1");
  EXPECT_EQ(Reaction(Response(301, "", {{"x-amz-bucket-region", "eu-west-1"}})), S3Reaction::kCorrectRegion);
  // HEAD: no body says which of the 400s it is.
  EXPECT_EQ(Reaction(Response(400, "", {{"x-amz-bucket-region", "eu-west-1"}})), S3Reaction::kCorrectRegion);
  // The region it was signed for is no correction.
  EXPECT_EQ(Reaction(Response(301, "", {{"x-amz-bucket-region", "us-east-1"}})), S3Reaction::kFail);
  EXPECT_EQ(Reaction(Response(403, ErrorBody("AccessDenied"), {{"x-amz-bucket-region", "eu-west-1"}})),
            S3Reaction::kFail);
}

TEST(S3Error, FollowsTemporaryRedirects) {
  const HttpResponse redirect = Response(307, ErrorBody("TemporaryRedirect"), {{"Location", "https://other/b/k"}});
  EXPECT_EQ(Reaction(redirect), S3Reaction::kRedirect);
  EXPECT_EQ(ParseS3Error(redirect).redirect, "https://other/b/k");
  EXPECT_EQ(Reaction(Response(301, ErrorBody("PermanentRedirect", "<Endpoint>other</Endpoint>"))),
            S3Reaction::kRedirect);
}

TEST(S3Error, KnowsExpiryAndSkew) {
  EXPECT_EQ(Reaction(Response(400, ErrorBody("ExpiredToken"))), S3Reaction::kRenewCredentials);
  EXPECT_EQ(Reaction(Response(403, ErrorBody("RequestTimeTooSkewed"))), S3Reaction::kCorrectClock);
}

TEST(S3Error, DescribesStatusCodeAndMessage) {
  EXPECT_EQ(DescribeS3Error(ParseS3Error(Response(404, ErrorBody("NoSuchKey")))), "HTTP 404 NoSuchKey: text");
  EXPECT_EQ(DescribeS3Error(ParseS3Error(Response(502, "<html>Bad gateway"))), "HTTP 502");
  EXPECT_THAT(DescribeS3Error(ParseS3Error(Response(403, ErrorBody("SignatureDoesNotMatch")))),
              HasSubstr("secret access key"));
}

TEST(S3Error, KeepsHostileTextsOutOfTheLog) {
  const std::string body = "<Error><Code>A\nB\x1b[31m</Code><Message>" + std::string(5000, 'x') + "</Message></Error>";
  const std::string text = DescribeS3Error(ParseS3Error(Response(403, body)));
  EXPECT_EQ(text.find('\n'), std::string::npos);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_LT(text.size(), 400U);
}

}  // namespace
}  // namespace cachenode
