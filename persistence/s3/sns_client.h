// Publishes to a topic of the Simple Notification Service, signed as requests to the object store are.
//
// Thread-safety: one thread at a time. Publish blocks on the network for at most its timeouts, and perhaps for
//   credentials; never on a loop thread.
// Errors: as HttpOutcome; what keeps a request from being made (no credentials, a wrong region) is a Status of
//   kConfig or kUnavailable. No text ever holds a secret.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "persistence/s3/aws_settings.h"
#include "persistence/s3/credentials.h"
#include "persistence/s3/http_client.h"
#include "persistence/s3/s3_options.h"
#include "storage/base/result.h"

namespace cachenode {

struct SnsTopic {
  std::string arn;
  std::string region;
  std::string partition;  // aws, aws-cn or aws-us-gov.
};

// Reads "arn:aws:sns:region:account:name"; kConfig for anything else.
Result<SnsTopic> ParseSnsTopic(std::string_view arn);

class SnsClient {
 public:
  static constexpr size_t kSubjectBytesMax = 100;

  // `endpoint`: where the service is, http(s)://host[:port]; empty: AWS_ENDPOINT_URL_SNS, AWS_ENDPOINT_URL, else AWS'
  // own of the topic's region. `options` tell credentials and authorities. `cancelled` is asked about ten times a
  // second.
  static Result<std::unique_ptr<SnsClient>> Create(SnsTopic topic, const S3Options& options, std::string_view endpoint,
                                                   std::function<bool()> cancelled);

  // `subject` is cut at kSubjectBytesMax.
  Result<HttpOutcome> Publish(std::string_view subject, std::string_view message, int64_t timeout_ms);
  // The service refused the keys as expired.
  void DiscardCredentials() { credentials_.Discard(); }

 private:
  SnsClient(SnsTopic topic, const S3Options& options, AwsSettings settings, std::function<bool()> cancelled);

  const SnsTopic topic_;
  const S3Options options_;
  const AwsSettings settings_;
  const std::function<bool()> cancelled_;
  std::string base_;       // https://host
  std::string authority_;  // Its host.
  HttpEngine engine_;
  CredentialChain credentials_;
};

}  // namespace cachenode
