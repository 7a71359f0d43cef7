// What an S3 store means by an answer that is not the object: the error it names, and what can be done about it.
//
// Thread-safety: pure functions and values.
#pragma once

#include <cstdint>
#include <string>

#include "persistence/s3/http_client.h"

namespace cachenode {

inline constexpr size_t kS3MessageBytesMax = 300;

struct S3Error {
  int status = 0;
  std::string code;      // "NoSuchKey"; empty when the answer has no body (HEAD).
  std::string message;   // Printable, at most kS3MessageBytesMax bytes.
  std::string region;    // Where the bucket is, if the store says so.
  std::string redirect;  // Where to ask instead, if the store says so.
};

// What the requests are for: decides which permissions a hint names.
enum class S3Purpose : uint8_t { kRead, kWrite, kCatalogue };

enum class S3Reaction : uint8_t {
  kFail,
  kRetry,             // Later, the same.
  kCorrectRegion,     // Sign for S3Error::region.
  kRedirect,          // Ask S3Error::redirect.
  kCorrectClock,      // Sign with the store's time.
  kRenewCredentials,  // They have expired.
};

S3Error ParseS3Error(const HttpResponse& response);

// `signed_region` is the one the refused request was signed for.
S3Reaction ReactionTo(const S3Error& error, std::string_view signed_region);

// "HTTP 403 AccessDenied: Access Denied", with a hint where the code alone has puzzled people.
std::string DescribeS3Error(const S3Error& error, S3Purpose purpose = S3Purpose::kRead);

}  // namespace cachenode
