#include "persistence/s3/s3_signer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace cachenode {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

// The instants and keys of the vectors that AWS publishes with Signature Version 4.
constexpr int64_t kSuiteTime = 1440938160;  // 20150830T123600Z
constexpr SigningKey kSuiteKey = {"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"};
constexpr int64_t kS3ExampleTime = 1369353600;  // 20130524T000000Z
constexpr SigningKey kS3ExampleKey = {"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"};

std::string SuiteSignature(std::string_view method, std::string_view path, std::vector<QueryParameter> query,
                           std::vector<HttpHeader> more = {}) {
  SigningRequest request{method, path, std::move(query), {{"Host", "example.amazonaws.com"}}, kEmptyPayloadSha256};
  for (HttpHeader& header : more) request.headers.push_back(std::move(header));
  request.headers.push_back({"X-Amz-Date", "20150830T123600Z"});
  const std::string header = AuthorizationHeader(request, {"us-east-1", "service", kSuiteTime}, kSuiteKey);
  return header.substr(header.find("Signature=") + 10);
}

std::string S3ExampleHeader(const SigningRequest& request) {
  return AuthorizationHeader(request, {"us-east-1", "s3", kS3ExampleTime}, kS3ExampleKey);
}

TEST(S3Signer, SignsTheVectorsOfTheAwsTestSuite) {
  // get-vanilla, get-vanilla-query-order-key-case, post-vanilla.
  EXPECT_EQ(SuiteSignature("GET", "/", {}), "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
  EXPECT_EQ(SuiteSignature("GET", "/", {{"Param2", "value2"}, {"Param1", "value1"}}),
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500");
  EXPECT_EQ(SuiteSignature("POST", "/", {}), "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b");
}

TEST(S3Signer, SpellsOutEveryStepOfGetVanilla) {
  const SigningRequest request{
      "GET", "/", {}, {{"Host", "example.amazonaws.com"}, {"X-Amz-Date", "20150830T123600Z"}}, kEmptyPayloadSha256};
  const std::string canonical = CanonicalRequest(request);
  EXPECT_EQ(canonical,
            "GET\n/\n\nhost:example.amazonaws.com\nx-amz-date:20150830T123600Z\n\nhost;x-amz-date\n"
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(StringToSign(canonical, {"us-east-1", "service", kSuiteTime}),
            "AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/service/aws4_request\n"
            "bb579772317eb040ac9ed261061d46c1f17a8133879d6129b6e1c25292927e63");
}

TEST(S3Signer, SignsTheIamExample) {
  const SigningRequest request{"GET",
                               "/",
                               {{"Action", "ListUsers"}, {"Version", "2010-05-08"}},
                               {{"content-type", "application/x-www-form-urlencoded; charset=utf-8"},
                                {"host", "iam.amazonaws.com"},
                                {"x-amz-date", "20150830T123600Z"}},
                               kEmptyPayloadSha256};
  EXPECT_THAT(AuthorizationHeader(request, {"us-east-1", "iam", kSuiteTime},
                                  {"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}),
              EndsWith("5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"));
}

TEST(S3Signer, SignsTheExamplesOfTheS3Documentation) {
  const std::string host = "examplebucket.s3.amazonaws.com";
  const std::string hash(kEmptyPayloadSha256);
  const std::string date = "20130524T000000Z";
  EXPECT_EQ(
      S3ExampleHeader({"GET",
                       "/test.txt",
                       {},
                       {{"Host", host}, {"Range", "bytes=0-9"}, {"x-amz-content-sha256", hash}, {"x-amz-date", date}},
                       hash}),
      "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
      "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
      "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
  const std::string body_hash = Sha256Hex("Welcome to Amazon S3.");
  EXPECT_THAT(S3ExampleHeader({"PUT",
                               "/" + UriEncode("test$file.text", true),
                               {},
                               {{"Date", "Fri, 24 May 2013 00:00:00 GMT"},
                                {"Host", host},
                                {"x-amz-content-sha256", body_hash},
                                {"x-amz-date", date},
                                {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
                               body_hash}),
              EndsWith("98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"));
  const std::vector<HttpHeader> plain = {{"Host", host}, {"x-amz-content-sha256", hash}, {"x-amz-date", date}};
  EXPECT_THAT(S3ExampleHeader({"GET", "/", {{"lifecycle", ""}}, plain, hash}),
              EndsWith("fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"));
  EXPECT_THAT(S3ExampleHeader({"GET", "/", {{"prefix", "J"}, {"max-keys", "2"}}, plain, hash}),
              EndsWith("34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"));
}

TEST(S3Signer, EncodesPathsOnceAndNormalisesNothing) {
  EXPECT_EQ(UriEncode("a b/c+d=e&f%20", true), "a%20b/c%2Bd%3De%26f%2520");
  EXPECT_EQ(UriEncode("//a/../b", true), "//a/../b");
  EXPECT_EQ(UriEncode("a/b", false), "a%2Fb");
  EXPECT_EQ(UriEncode("-._~AZaz09", false), "-._~AZaz09");
  EXPECT_EQ(UriEncode("\xc3\xa9", true), "%C3%A9");
}

TEST(S3Signer, SortsQueriesAfterEncoding) {
  EXPECT_EQ(CanonicalQuery({{"b", "2"}, {"a", "z"}, {"a", "b"}, {"uploads", ""}}), "a=b&a=z&b=2&uploads=");
  // '[' becomes %5B and so sorts before 'a'.
  EXPECT_EQ(CanonicalQuery({{"a", "1"}, {"[", "2"}}), "%5B=2&a=1");
}

TEST(S3Signer, MergesTrimsAndSortsHeaders) {
  const SigningRequest request{
      "GET", "/", {}, {{"X-Two", "  a   b  "}, {"x-one", "1"}, {"X-Two", "c"}, {"Host", "h"}}, kEmptyPayloadSha256};
  EXPECT_THAT(CanonicalRequest(request), HasSubstr("host:h\nx-one:1\nx-two:a b,c\n\nhost;x-one;x-two\n"));
}

TEST(S3Signer, WritesDatesInUtc) {
  EXPECT_EQ(AmzDate(0), "19700101T000000Z");
  EXPECT_EQ(AmzDate(1709210096), "20240229T123456Z");
}

}  // namespace
}  // namespace cachenode
