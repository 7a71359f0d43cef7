#include "persistence/s3/s3_error.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "persistence/s3/answer_fields.h"

namespace cachenode {
namespace {

struct CodeReaction {
  std::string_view code;
  S3Reaction reaction;
};

constexpr std::array<CodeReaction, 15> kReactions = {{
    {"ExpiredToken", S3Reaction::kRenewCredentials},
    {"ExpiredTokenException", S3Reaction::kRenewCredentials},
    {"TokenRefreshRequired", S3Reaction::kRenewCredentials},
    {"RequestTimeTooSkewed", S3Reaction::kCorrectClock},
    {"RequestExpired", S3Reaction::kCorrectClock},
    {"RequestTimeout", S3Reaction::kRetry},
    {"SlowDown", S3Reaction::kRetry},
    {"Throttling", S3Reaction::kRetry},
    {"ThrottlingException", S3Reaction::kRetry},
    {"RequestLimitExceeded", S3Reaction::kRetry},
    {"InternalError", S3Reaction::kRetry},
    {"ServiceUnavailable", S3Reaction::kRetry},
    // Bytes were changed or lost on their way to the store.
    {"BadDigest", S3Reaction::kRetry},
    {"XAmzContentSHA256Mismatch", S3Reaction::kRetry},
    {"IncompleteBody", S3Reaction::kRetry},
}};

struct CodeHint {
  std::string_view code;
  std::string_view hint;
};

constexpr std::array<CodeHint, 5> kHints = {{
    {"SignatureDoesNotMatch", "the secret access key does not fit the key id"},
    {"InvalidAccessKeyId", "the store does not know this key id"},
    {"InvalidObjectState", "the object is archived and must be restored first"},
    {"RequestTimeTooSkewed", "the clocks of this machine and of the store differ"},
    {"ExpiredToken", "the session token has expired"},
}};

std::string_view AccessHint(S3Purpose purpose) {
  if (purpose == S3Purpose::kRead) {
    return "the keys need s3:GetObject on the object, and s3:ListBucket to tell a missing object";
  }
  if (purpose == S3Purpose::kCatalogue) {
    return "the keys need s3:ListBucket on the bucket, and s3:GetObject, s3:PutObject and s3:DeleteObject below the "
           "prefix";
  }
  return "the keys need s3:PutObject, s3:GetObject and s3:AbortMultipartUpload on the object, and s3:ListBucket";
}

bool IsTransientStatus(int status) {
  constexpr std::array<int, 6> kTransient = {408, 429, 500, 502, 503, 504};
  return std::find(kTransient.begin(), kTransient.end(), status) != kTransient.end();
}

bool IsRedirectStatus(int status) { return status == 301 || status == 302 || status == 307 || status == 308; }

std::string Printable(std::string text) {
  text.resize(std::min(text.size(), kS3MessageBytesMax));
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
  return text;
}

}  // namespace

S3Error ParseS3Error(const HttpResponse& response) {
  S3Error error;
  error.status = response.status;
  error.code = Printable(XmlField(response.body, "Code").value_or(""));
  error.message = Printable(XmlField(response.body, "Message").value_or(""));
  error.region = response.Header("x-amz-bucket-region");
  if (error.region.empty()) error.region = XmlField(response.body, "Region").value_or("");
  error.redirect = response.Header("location");
  if (error.redirect.empty()) error.redirect = XmlField(response.body, "Endpoint").value_or("");
  return error;
}

S3Reaction ReactionTo(const S3Error& error, std::string_view signed_region) {
  const bool names_other_region = !error.region.empty() && error.region != signed_region;
  const bool may_be_region = error.status == 301 || error.code == "AuthorizationHeaderMalformed" ||
                             error.code == "IllegalLocationConstraintException" ||
                             (error.status == 400 && error.code.empty());
  if (names_other_region && may_be_region) return S3Reaction::kCorrectRegion;
  if (IsRedirectStatus(error.status) && !error.redirect.empty()) return S3Reaction::kRedirect;
  for (const CodeReaction& row : kReactions) {
    if (error.code == row.code) return row.reaction;
  }
  return IsTransientStatus(error.status) ? S3Reaction::kRetry : S3Reaction::kFail;
}

std::string DescribeS3Error(const S3Error& error, S3Purpose purpose) {
  std::string text = "HTTP " + std::to_string(error.status);
  if (!error.code.empty()) text.append(" ").append(error.code);
  if (!error.message.empty()) text.append(": ").append(error.message);
  for (const CodeHint& row : kHints) {
    if (error.code == row.code) text.append(" (").append(row.hint).append(")");
  }
  if (error.code == "AccessDenied") text.append(" (").append(AccessHint(purpose)).append(")");
  return text;
}

}  // namespace cachenode
