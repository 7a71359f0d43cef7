#include "persistence/s3/credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "persistence/s3/credential_services.h"
#include "persistence/s3/s3_signer.h"

namespace cachenode {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr int64_t kNow = 1'700'000'000;  // 2023-11-14T22:13:20Z

std::string Instant(int64_t unix_s) {
  const std::string date = AmzDate(unix_s);  // 20231114T221320Z
  return date.substr(0, 4) + "-" + date.substr(4, 2) + "-" + date.substr(6, 2) + "T" + date.substr(9, 2) + ":" +
         date.substr(11, 2) + ":" + date.substr(13, 2) + "Z";
}

std::string KeyJson(const std::string& id, int64_t expires_unix_s) {
  return R"({"Code":"Success","AccessKeyId":")" + id + R"(","SecretAccessKey":"s","Token":"t","Expiration":")" +
         Instant(expires_unix_s) + "\"}";
}

// An environment, a clock and services that answer from a table; counts what was asked.
class ChainTest : public ::testing::Test {
 protected:
  ChainTest() { variables_ = {{"HOME", "/nonexistent"}}; }

  CredentialChain& Chain() {
    if (chain_) return *chain_;
    const std::map<std::string, std::string> variables = variables_;
    settings_ = *AwsSettings::Load(options_, [variables](const char* name) -> std::optional<std::string> {
      const auto found = variables.find(name);
      if (found == variables.end()) return std::nullopt;
      return found->second;
    });
    chain_.emplace(
        options_, *settings_,
        CredentialWorld{[this](const HttpRequest& request) { return Answer(request); }, [this] { return now_s_; },
                        [this](int64_t duration_ms) { slept_ms_ += duration_ms; }});
    return *chain_;
  }

  std::string GetId() {
    Result<const AwsCredentials*> credentials = Chain().Get();
    return credentials ? (*credentials)->access_key_id : std::string(credentials.status().text());
  }

  HttpOutcome Answer(const HttpRequest& request) {
    asked_.push_back(request.method + " " + request.url);
    EXPECT_FALSE(request.use_proxy) << "metadata must never pass through a proxy";
    HttpOutcome outcome;
    const auto found = answers_.find(request.url);
    if (found == answers_.end()) {
      outcome.fault = HttpFault::kConnect;
      outcome.fault_text = "no route";
      return outcome;
    }
    outcome.response.status = found->second.first;
    outcome.response.body = found->second.second;
    return outcome;
  }

  void ServeContainer(const std::string& id, int64_t expires_unix_s) {
    variables_["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = "/v2/keys";
    answers_["http://169.254.170.2/v2/keys"] = {200, KeyJson(id, expires_unix_s)};
  }

  S3Options options_;
  std::map<std::string, std::string> variables_;
  std::map<std::string, std::pair<int, std::string>> answers_;
  std::vector<std::string> asked_;
  int64_t now_s_ = kNow;
  int64_t slept_ms_ = 0;
  std::optional<AwsSettings> settings_;
  std::optional<CredentialChain> chain_;
};

TEST_F(ChainTest, ListsWhatItTriedWhenThereIsNothing) {
  EXPECT_EQ(GetId(),
            "no AWS credentials found; tried options (s3-access-key-id not given); environment (AWS_ACCESS_KEY_ID not "
            "set); web identity (AWS_WEB_IDENTITY_TOKEN_FILE not set); profile (no profile 'default' in "
            "/nonexistent/.aws/credentials (no such file) and /nonexistent/.aws/config (no such file)); container "
            "(AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and _FULL_URI not set); instance metadata "
            "(http://169.254.169.254/latest/api/token: no route)");
  EXPECT_EQ(slept_ms_, 0);
  EXPECT_EQ(asked_.size(), 1U);
}

TEST_F(ChainTest, AsksTheEarlierSourceFirst) {
  ServeContainer("FROMCONTAINER", kNow + 3600);
  EXPECT_EQ(GetId(), "FROMCONTAINER");
  chain_.reset();
  variables_["AWS_ACCESS_KEY_ID"] = "FROMENV";
  variables_["AWS_SECRET_ACCESS_KEY"] = "s";
  EXPECT_EQ(GetId(), "FROMENV");
  chain_.reset();
  options_.s3_access_key_id = "FROMOPTION";
  options_.s3_secret_access_key = "s";
  EXPECT_EQ(GetId(), "FROMOPTION");
}

TEST_F(ChainTest, StopsAtAConfiguredSourceThatFails) {
  ServeContainer("X", kNow + 3600);
  answers_["http://169.254.170.2/v2/keys"] = {500, "secret-of-the-service"};
  EXPECT_EQ(GetId(), "AWS credentials from container: http://169.254.170.2/v2/keys answered HTTP 500");
  EXPECT_EQ(asked_.size(), static_cast<size_t>(kCredentialAttemptsMax));  // And never instance metadata.
}

TEST_F(ChainTest, SpeaksTheSecondVersionOfInstanceMetadata) {
  const std::string base = "http://169.254.169.254/latest/";
  answers_[base + "api/token"] = {200, "TOKEN"};
  answers_[base + "meta-data/iam/security-credentials/"] = {200, "role/x"};
  answers_[base + "meta-data/iam/security-credentials/role%2Fx"] = {200, KeyJson("META", kNow + 3600)};
  EXPECT_EQ(GetId(), "META");
  EXPECT_THAT(asked_, ElementsAre("PUT " + base + "api/token", "GET " + base + "meta-data/iam/security-credentials/",
                                  "GET " + base + "meta-data/iam/security-credentials/role%2Fx"));
}

TEST_F(ChainTest, TakesAMachineWithoutRoleAsNoSource) {
  answers_["http://169.254.169.254/latest/api/token"] = {200, "TOKEN"};
  answers_["http://169.254.169.254/latest/meta-data/iam/security-credentials/"] = {404, ""};
  EXPECT_THAT(GetId(), HasSubstr("instance metadata (the machine has no role)"));
}

TEST_F(ChainTest, KeepsKeysUntilFiveMinutesBeforeTheyExpire) {
  ServeContainer("ONE", kNow + 3600);
  EXPECT_EQ(GetId(), "ONE");
  ServeContainer("TWO", kNow + 7200);
  now_s_ = kNow + 3600 - kCredentialRenewBeforeS;
  EXPECT_EQ(GetId(), "ONE");
  now_s_ += 1;
  EXPECT_EQ(GetId(), "TWO");
  EXPECT_EQ(asked_.size(), 2U);
}

TEST_F(ChainTest, GoesOnWithValidKeysWhenRenewalFails) {
  ServeContainer("ONE", kNow + 3600);
  EXPECT_EQ(GetId(), "ONE");
  answers_.clear();
  now_s_ = kNow + 3600 - 200;
  EXPECT_EQ(GetId(), "ONE");
  const size_t asked = asked_.size();
  EXPECT_EQ(GetId(), "ONE");
  EXPECT_EQ(asked_.size(), asked) << "asked again without a pause";
  now_s_ += kCredentialRenewPauseS;
  EXPECT_EQ(GetId(), "ONE");
  EXPECT_GT(asked_.size(), asked);
  now_s_ = kNow + 3601;
  EXPECT_THAT(GetId(), HasSubstr("no route"));
}

TEST_F(ChainTest, AsksAgainAfterDiscard) {
  ServeContainer("ONE", kNow + 3600);
  EXPECT_EQ(GetId(), "ONE");
  ServeContainer("TWO", kNow + 3600);
  EXPECT_EQ(GetId(), "ONE");
  Chain().Discard();
  EXPECT_EQ(GetId(), "TWO");
}

TEST_F(ChainTest, AsksContainerServicesOnlyWhereNobodyElseListens) {
  for (const char* url : {"http://10.0.0.1/x", "http://127.0.0.1.evil.example/x", "http://127.0.0.1:80@evil.example/x",
                          "http://169.254.170.2@evil.example/x", "ftp://127.0.0.1/x", "http://169.254.169.254/x"}) {
    variables_["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = url;
    chain_.reset();
    EXPECT_THAT(GetId(), HasSubstr("must be https://")) << url;
  }
  EXPECT_TRUE(asked_.empty());
  for (const char* url : {"http://127.0.0.1:8080/a@b", "http://localhost/x", "http://[::1]:1/x",
                          "https://any.example/x", "http://169.254.170.23/v1/credentials"}) {
    variables_["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = url;
    answers_[url] = {200, KeyJson("ID", kNow + 3600)};
    chain_.reset();
    EXPECT_EQ(GetId(), "ID") << url;
  }
}

TEST_F(ChainTest, NeverQuotesAnAnswer) {
  ServeContainer("X", kNow + 3600);
  for (const char* body : {"very-secret", "{\"AccessKeyId\":\"very-secret\"}",
                           R"({"AccessKeyId":"a","SecretAccessKey":"very-secret","Expiration":"soon"})"}) {
    answers_["http://169.254.170.2/v2/keys"] = {200, body};
    chain_.reset();
    EXPECT_THAT(GetId(), Not(HasSubstr("very-secret")));
  }
}

TEST(CredentialServices, ReadInstants) {
  EXPECT_EQ(ParseInstant("2023-11-14T22:13:20Z"), kNow);
  EXPECT_EQ(ParseInstant("2023-11-14T22:13:20.123Z"), kNow);
  EXPECT_EQ(ParseInstant("2023-11-14T22:13:20+00:00"), kNow);
  EXPECT_EQ(ParseInstant("2023-11-14T22:13:20+09:00"), std::nullopt);
  EXPECT_EQ(ParseInstant("2023-11-14"), std::nullopt);
  EXPECT_EQ(ParseInstant(""), std::nullopt);
}

}  // namespace
}  // namespace cachenode
