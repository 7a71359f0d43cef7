// Which host and path an object is asked for: AWS' own hosts or a custom endpoint, path style or virtual-host style.
//
// Thread-safety: pure functions and values. Errors: kConfig.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "persistence/s3/s3_options.h"
#include "persistence/s3/s3_uri.h"
#include "storage/base/result.h"

namespace cachenode {

struct S3Endpoint {
  std::string scheme;     // http or https.
  std::string authority;  // host[:port], lower case.
};

// Where a request goes. `path` is percent-encoded once and is signed and sent as it stands.
struct S3Target {
  std::string scheme;
  std::string authority;
  std::string path;

  [[nodiscard]] std::string Url() const { return scheme + "://" + authority + path; }
};

// Reads "https://host:port", "http://host" or "host:port" (https); a trailing slash is allowed, a path is not.
Result<S3Endpoint> ParseS3Endpoint(std::string_view text);

// The target of `location`: at `custom` if given, else at AWS' host of `region`.
S3Target MakeS3Target(const S3Location& location, const std::optional<S3Endpoint>& custom, std::string_view region,
                      S3PathStyle style);

// Where a redirect leads, or nothing when it must not be followed: another scheme, a path that is not the object's,
// or from AWS to a host outside AWS. `url` is a Location header, or the host name S3 gives in an <Endpoint>.
std::optional<S3Target> RedirectedTarget(const S3Target& from, std::string_view url, const S3Location& location);

}  // namespace cachenode
