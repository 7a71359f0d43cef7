#include "persistence/s3/sns_client.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include "persistence/s3/curl_library.h"
#include "persistence/s3/s3_endpoint.h"
#include "persistence/s3/s3_signer.h"

namespace cachenode {
namespace {

constexpr std::string_view kApiVersion = "2010-03-31";
constexpr size_t kArnFields = 6;
constexpr int64_t kConnectTimeoutMs = 5000;

int64_t SystemUnixS() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

Status NotATopic(std::string_view arn) {
  return Status::WithText(
      Err::kConfig, std::string("'").append(arn).append("' is not a topic: expected arn:aws:sns:region:account:name"));
}

bool IsTopicName(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
  });
}

}  // namespace

Result<SnsTopic> ParseSnsTopic(std::string_view arn) {
  std::array<std::string_view, kArnFields> fields;
  std::string_view rest = arn;
  for (size_t i = 0; i + 1 < kArnFields; ++i) {
    const size_t colon = rest.find(':');
    if (colon == std::string_view::npos) return NotATopic(arn);
    fields[i] = rest.substr(0, colon);
    rest.remove_prefix(colon + 1);
  }
  fields.back() = rest;
  const bool known = fields[1] == "aws" || fields[1] == "aws-cn" || fields[1] == "aws-us-gov";
  const bool digits = std::ranges::all_of(fields[4], [](char c) { return c >= '0' && c <= '9'; });
  if (fields[0] != "arn" || !known || fields[2] != "sns" || !IsRegionName(fields[3]) || fields[4].empty() || !digits ||
      !IsTopicName(fields[5])) {
    return NotATopic(arn);
  }
  return SnsTopic{std::string(arn), std::string(fields[3]), std::string(fields[1])};
}

Result<std::unique_ptr<SnsClient>> SnsClient::Create(SnsTopic topic, const S3Options& options,
                                                     std::string_view endpoint, std::function<bool()> cancelled) {
  if (Status failed = LoadCurl(); !failed.ok()) return failed;
  Result<AwsSettings> settings = AwsSettings::Load(options, ProcessEnvironment());
  if (!settings) return settings.error();
  std::string base(endpoint);
  if (base.empty()) base = settings->Variable("AWS_ENDPOINT_URL_SNS");
  if (base.empty()) base = settings->Variable("AWS_ENDPOINT_URL");
  if (base.empty()) {
    base = "https://sns." + topic.region + (topic.partition == "aws-cn" ? ".amazonaws.com.cn" : ".amazonaws.com");
  }
  Result<S3Endpoint> place = ParseS3Endpoint(base);
  if (!place) return place.error();
  std::unique_ptr<SnsClient> client(
      new SnsClient(std::move(topic), options, *std::move(settings), std::move(cancelled)));
  client->base_ = place->scheme + "://" + place->authority;
  client->authority_ = place->authority;
  return client;
}

SnsClient::SnsClient(SnsTopic topic, const S3Options& options, AwsSettings settings, std::function<bool()> cancelled)
    : topic_(std::move(topic)),
      options_(options),
      settings_(std::move(settings)),
      cancelled_(std::move(cancelled)),
      credentials_(options_, settings_,
                   {[this](const HttpRequest& request) { return engine_.Perform(request, cancelled_); },
                    [] { return SystemUnixS(); },
                    [](int64_t duration_ms) {
                      // tidy: allow(sleep) On the thread that notifies, between two tries for credentials.
                      std::this_thread::sleep_for(std::chrono::milliseconds(duration_ms));
                    }}) {}

Result<HttpOutcome> SnsClient::Publish(std::string_view subject, std::string_view message, int64_t timeout_ms) {
  Result<const AwsCredentials*> keys = credentials_.Get();
  if (!keys) return keys.error();
  const std::vector<QueryParameter> form = {{"Action", "Publish"},
                                            {"TopicArn", topic_.arn},
                                            {"Subject", std::string(subject.substr(0, kSubjectBytesMax))},
                                            {"Message", std::string(message)},
                                            {"Version", std::string(kApiVersion)}};
  HttpRequest request;
  request.method = "POST";
  request.url = base_ + "/";
  request.body = CanonicalQuery(form);
  request.connect_timeout_ms = kConnectTimeoutMs;
  request.total_timeout_ms = timeout_ms;
  request.ca_file = settings_.CaFile();
  const int64_t now_s = SystemUnixS();
  const std::string body_sha256 = Sha256Hex(request.body);
  request.headers = {{"host", authority_},
                     {"content-type", "application/x-www-form-urlencoded; charset=utf-8"},
                     {"x-amz-date", AmzDate(now_s)}};
  if (!(*keys)->session_token.empty()) request.headers.push_back({"x-amz-security-token", (*keys)->session_token});
  const SigningRequest to_sign{"POST", "/", {}, request.headers, body_sha256};
  request.headers.push_back(
      {"Authorization", AuthorizationHeader(to_sign, {topic_.region, "sns", now_s},
                                            {(*keys)->access_key_id, (*keys)->secret_access_key})});
  request.headers.push_back({"user-agent", "cachenode"});
  return engine_.Perform(request, cancelled_);
}

}  // namespace cachenode
