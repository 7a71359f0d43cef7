#include "persistence/s3/credentials.h"

#include <array>
#include <limits>
#include <utility>

#include "persistence/s3/credential_services.h"

namespace cachenode {
namespace {

CredentialAnswer NotConfigured(std::string why) { return {std::nullopt, std::move(why)}; }

Status ConfigError(std::string text) { return Status::WithText(Err::kConfig, std::move(text)); }

CredentialAnswer Found(AwsCredentials credentials) { return {std::move(credentials), {}}; }

}  // namespace

CredentialChain::CredentialChain(const S3Options& options, const AwsSettings& settings, CredentialWorld world)
    : options_(options), settings_(settings), world_(std::move(world)) {}

bool CredentialChain::NeedsRenewal(int64_t now_s) const {
  if (!current_) return true;
  return current_->expires_unix_s != 0 && current_->expires_unix_s - now_s < kCredentialRenewBeforeS &&
         now_s >= renew_not_before_s_;
}

Result<const AwsCredentials*> CredentialChain::Get() {
  const int64_t now_s = world_.now_unix_s();
  if (!NeedsRenewal(now_s)) return &*current_;
  Result<AwsCredentials> renewed = Search();
  if (renewed) {
    current_ = *std::move(renewed);
    // A service may hand out the same short-lived keys again; asking it for every request would not help.
    renew_not_before_s_ = now_s + kCredentialRenewPauseS;
    return &*current_;
  }
  const bool still_valid = current_ && current_->expires_unix_s > now_s;
  if (!still_valid) return renewed.error();
  renew_not_before_s_ = now_s + kCredentialRenewPauseS;
  return &*current_;
}

void CredentialChain::Discard() {
  current_.reset();
  renew_not_before_s_ = 0;
}

Result<AwsCredentials> CredentialChain::Search() {
  struct Source {
    std::string_view name;
    Result<CredentialAnswer> (CredentialChain::*fetch)();
  };
  constexpr std::array<Source, 6> kOrder = {{{"options", &CredentialChain::FromOptions},
                                             {"environment", &CredentialChain::FromEnvironment},
                                             {"web identity", &CredentialChain::FromWebIdentity},
                                             {"profile", &CredentialChain::FromProfile},
                                             {"container", &CredentialChain::FromContainer},
                                             {"instance metadata", &CredentialChain::FromInstanceMetadata}}};
  std::string tried;
  for (const Source& source : kOrder) {
    Result<CredentialAnswer> answer = (this->*source.fetch)();
    if (!answer) {
      return std::move(answer.error()).WithContext(std::string("AWS credentials from ").append(source.name));
    }
    if (answer->found) return *std::move(answer->found);
    tried.append(tried.empty() ? "" : "; ").append(source.name).append(" (").append(answer->why_not).append(")");
  }
  return Status::WithText(Err::kUnavailable, std::string("no AWS credentials found; tried ").append(tried));
}

Result<CredentialAnswer> CredentialChain::FromOptions() {
  const bool has_id = !options_.s3_access_key_id.empty();
  const bool has_secret = !options_.s3_secret_access_key.empty();
  if (!has_id && !has_secret) return NotConfigured("s3-access-key-id not given");
  if (!has_id || !has_secret) return ConfigError("s3-access-key-id and s3-secret-access-key must be given together");
  return Found({options_.s3_access_key_id, options_.s3_secret_access_key, options_.s3_session_token, 0, "options"});
}

Result<CredentialAnswer> CredentialChain::FromEnvironment() {
  const std::string id = settings_.Variable("AWS_ACCESS_KEY_ID");
  const std::string secret = settings_.Variable("AWS_SECRET_ACCESS_KEY");
  if (id.empty() && secret.empty()) return NotConfigured("AWS_ACCESS_KEY_ID not set");
  if (id.empty()) return ConfigError("AWS_SECRET_ACCESS_KEY is set but AWS_ACCESS_KEY_ID is not");
  if (secret.empty()) return ConfigError("AWS_ACCESS_KEY_ID is set but AWS_SECRET_ACCESS_KEY is not");
  return Found({id, secret, settings_.Variable("AWS_SESSION_TOKEN"), 0, "environment"});
}

Result<CredentialAnswer> CredentialChain::FromWebIdentity() {
  const std::string token_file = settings_.Variable("AWS_WEB_IDENTITY_TOKEN_FILE");
  const std::string role_arn = settings_.Variable("AWS_ROLE_ARN");
  if (token_file.empty()) return NotConfigured("AWS_WEB_IDENTITY_TOKEN_FILE not set");
  if (role_arn.empty()) return ConfigError("AWS_WEB_IDENTITY_TOKEN_FILE is set but AWS_ROLE_ARN is not");
  RoleRequest role{role_arn, settings_.Variable("AWS_ROLE_SESSION_NAME"), {}, {}};
  Result<AwsCredentials> assumed = AssumeRoleWithWebIdentity(role, token_file, settings_, world_);
  if (!assumed) return assumed.error();
  return Found(*std::move(assumed));
}

Result<CredentialAnswer> CredentialChain::FromProfile() {
  const std::string& profile = settings_.profile_name();
  if (!settings_.HasProfile(profile)) {
    return NotConfigured(std::string("no profile '").append(profile).append("' in ").append(settings_.FilesText()));
  }
  return ResolveProfile(profile, 0);
}

Result<CredentialAnswer> CredentialChain::StaticKeys(const std::string& profile) {
  const std::string id = settings_.ProfileValue(profile, "aws_access_key_id");
  const std::string secret = settings_.ProfileValue(profile, "aws_secret_access_key");
  if (id.empty() && secret.empty())
    return NotConfigured(std::string("no keys in profile '").append(profile).append("'"));
  if (id.empty() || secret.empty()) {
    return ConfigError(std::string("profile '")
                           .append(profile)
                           .append("' has only one of aws_access_key_id and "
                                   "aws_secret_access_key"));
  }
  const std::string token = settings_.ProfileValue(profile, "aws_session_token");
  return Found({id, secret, token, 0, std::string("profile ").append(profile)});
}

Result<CredentialAnswer> CredentialChain::ResolveProfile(const std::string& profile, int depth) {
  if (depth > kCredentialProfileDepthMax) return ConfigError("source_profile goes in a circle or is nested too deeply");
  if (!settings_.HasProfile(profile)) return ConfigError(std::string("no profile '").append(profile).append("'"));
  const std::string role_arn = settings_.ProfileValue(profile, "role_arn");
  // A profile may name itself as the source of its role: then its own keys sign.
  const bool own_source = depth > 0 && settings_.ProfileValue(profile, "source_profile") == profile;
  if (!role_arn.empty() && !own_source) return AssumeProfileRole(profile, role_arn, depth);
  Result<CredentialAnswer> keys = StaticKeys(profile);
  if (!keys || keys->found) return keys;
  const std::string command = settings_.ProfileValue(profile, "credential_process");
  if (!command.empty()) {
    Result<AwsCredentials> printed = RunCredentialProcess(command);
    if (!printed) return printed.error();
    return Found(*std::move(printed));
  }
  if (!settings_.ProfileValue(profile, "sso_session").empty() ||
      !settings_.ProfileValue(profile, "sso_start_url").empty()) {
    return ConfigError(
        std::string("profile '")
            .append(profile)
            .append(
                "' signs on by a browser (SSO), which a server cannot; export its keys, or use credential_process"));
  }
  return keys;
}

Result<CredentialAnswer> CredentialChain::AssumeProfileRole(const std::string& profile, const std::string& role_arn,
                                                            int depth) {
  const RoleRequest role{role_arn, settings_.ProfileValue(profile, "role_session_name"),
                         settings_.ProfileValue(profile, "external_id"),
                         settings_.ProfileValue(profile, "duration_seconds")};
  const std::string token_file = settings_.ProfileValue(profile, "web_identity_token_file");
  if (!token_file.empty()) {
    Result<AwsCredentials> assumed = AssumeRoleWithWebIdentity(role, token_file, settings_, world_);
    if (!assumed) return assumed.error();
    return Found(*std::move(assumed));
  }
  const std::string source_profile = settings_.ProfileValue(profile, "source_profile");
  const std::string source = settings_.ProfileValue(profile, "credential_source");
  Result<CredentialAnswer> signer = NotConfigured({});
  if (!source_profile.empty()) {
    signer = ResolveProfile(source_profile, depth + 1);
  } else if (source == "Environment") {
    signer = FromEnvironment();
  } else if (source == "EcsContainer") {
    signer = FromContainer();
  } else if (source == "Ec2InstanceMetadata") {
    signer = FromInstanceMetadata();
  } else {
    return ConfigError(std::string("profile '")
                           .append(profile)
                           .append("' has a role_arn but no source_profile, credential_source (Environment, "
                                   "EcsContainer, Ec2InstanceMetadata) "
                                   "or web_identity_token_file"));
  }
  if (!signer) return signer;
  if (!signer->found) {
    return ConfigError(std::string("profile '")
                           .append(profile)
                           .append("' has no keys to assume its role with: ")
                           .append(signer->why_not));
  }
  Result<AwsCredentials> assumed = AssumeRole(role, *signer->found, settings_, world_);
  if (!assumed) return assumed.error();
  return Found(*std::move(assumed));
}

Result<CredentialAnswer> CredentialChain::FromContainer() { return FetchContainerCredentials(settings_, world_); }

Result<CredentialAnswer> CredentialChain::FromInstanceMetadata() { return FetchInstanceCredentials(settings_, world_); }

}  // namespace cachenode
