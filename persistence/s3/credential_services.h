// The network services and programs that hand out temporary AWS credentials.
//
// Thread-safety: pure functions on their arguments; they block for at most the times named below.
// Errors: as credentials.h says.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "persistence/s3/aws_settings.h"
#include "persistence/s3/credentials.h"
#include "storage/base/result.h"

namespace cachenode {

inline constexpr int64_t kMetadataTimeoutMs = 1000;   // Per request to the instance metadata service.
inline constexpr int64_t kContainerTimeoutMs = 2000;  // Per request to the container credential service.
inline constexpr int64_t kStsTimeoutMs = 10000;       // Per request to the token service.
inline constexpr int kCredentialAttemptsMax = 3;      // Container and token service.
inline constexpr int64_t kCredentialProcessTimeoutMs = 30000;
inline constexpr size_t kCredentialTokenBytesMax = 64 * 1024;

// AwsCredentials::source of the instance metadata service's keys.
inline constexpr std::string_view kInstanceMetadataName = "instance metadata service";

// IMDSv2. Not found when the service is switched off or does not answer.
Result<CredentialAnswer> FetchInstanceCredentials(const AwsSettings& settings, const CredentialWorld& world);

// The region the machine stands in; empty when the metadata service does not say.
std::string FetchInstanceRegion(const AwsSettings& settings, const CredentialWorld& world);

// ECS and EKS. Not found when neither of its address variables is set.
Result<CredentialAnswer> FetchContainerCredentials(const AwsSettings& settings, const CredentialWorld& world);

struct RoleRequest {
  std::string role_arn;
  std::string session_name;
  std::string external_id;       // AssumeRole only; may be empty.
  std::string duration_seconds;  // May be empty.
};

// STS AssumeRoleWithWebIdentity, unsigned, with the token in `token_file`.
Result<AwsCredentials> AssumeRoleWithWebIdentity(const RoleRequest& role, const std::string& token_file,
                                                 const AwsSettings& settings, const CredentialWorld& world);

// STS AssumeRole, signed with `signer`.
Result<AwsCredentials> AssumeRole(const RoleRequest& role, const AwsCredentials& signer, const AwsSettings& settings,
                                  const CredentialWorld& world);

// Runs `command` in a shell and reads the credentials from what it prints.
Result<AwsCredentials> RunCredentialProcess(const std::string& command);

// Reads AccessKeyId, SecretAccessKey, the member named `token_name` and Expiration of a JSON object. `source` names
// the service in texts.
Result<AwsCredentials> ParseCredentialJson(std::string_view json, std::string_view token_name, std::string_view source);

// "2026-11-21T22:00:00Z", with optional fraction; nothing when it is not of that form.
std::optional<int64_t> ParseInstant(std::string_view text);

}  // namespace cachenode
