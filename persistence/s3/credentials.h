// Whose keys sign a request: the credential chain of the AWS tools, with renewal before expiry.
//
// Order: options, environment, web identity, shared profile files (with role and external process), container
//   service, instance metadata service (IMDSv2). The first source that is configured decides: if it fails, the chain
//   fails with its reason rather than going on under another identity.
// Thread-safety: one thread at a time. Get may block on the network and on an external process; every wait is bounded
//   (README.md, "Limits"). Without any source it ends within 2 s.
// Errors: kConfig for what is written wrong, kUnavailable for a service that fails, kCancelled. No text ever holds a
//   secret or the answer of a credential service.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "persistence/s3/aws_settings.h"
#include "persistence/s3/http_client.h"
#include "persistence/s3/s3_options.h"
#include "storage/base/result.h"

namespace cachenode {

// Keys are renewed when they have less than this left.
inline constexpr int64_t kCredentialRenewBeforeS = 300;
// After a renewal failed and the keys still work, the next try comes this much later.
inline constexpr int64_t kCredentialRenewPauseS = 30;
// source_profile may point on and on, but not further than this.
inline constexpr int kCredentialProfileDepthMax = 4;

struct AwsCredentials {
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token;   // Empty for long-lived keys.
  int64_t expires_unix_s = 0;  // 0: never.
  std::string source;          // "environment", "profile default", ... for the log.
};

// What a source found, or why it does not apply.
struct CredentialAnswer {
  std::optional<AwsCredentials> found;
  std::string why_not;
};

// The outside of the chain; tests put their own in.
struct CredentialWorld {
  std::function<HttpOutcome(const HttpRequest&)> http;
  std::function<int64_t()> now_unix_s;
  std::function<void(int64_t)> sleep_ms;
};

class CredentialChain {
 public:
  // `settings` must outlive the chain.
  CredentialChain(const S3Options& options, const AwsSettings& settings, CredentialWorld world);

  // Keys that are valid for some minutes more. The reference lives until the next call.
  Result<const AwsCredentials*> Get();
  // The store refused the keys as expired: the next Get asks the sources again.
  void Discard();

 private:
  Result<AwsCredentials> Search();
  [[nodiscard]] bool NeedsRenewal(int64_t now_s) const;
  Result<CredentialAnswer> FromOptions();
  Result<CredentialAnswer> FromEnvironment();
  Result<CredentialAnswer> FromWebIdentity();
  Result<CredentialAnswer> FromProfile();
  Result<CredentialAnswer> FromContainer();
  Result<CredentialAnswer> FromInstanceMetadata();
  Result<CredentialAnswer> ResolveProfile(const std::string& profile, int depth);
  Result<CredentialAnswer> AssumeProfileRole(const std::string& profile, const std::string& role_arn, int depth);
  Result<CredentialAnswer> StaticKeys(const std::string& profile);

  const S3Options options_;
  const AwsSettings& settings_;
  const CredentialWorld world_;
  std::optional<AwsCredentials> current_;
  int64_t renew_not_before_s_ = 0;
};

}  // namespace cachenode
