#include "persistence/s3/s3_endpoint.h"

#include <algorithm>
#include <utility>

#include "persistence/s3/http_client.h"
#include "persistence/s3/s3_signer.h"
#include "storage/base/bytes.h"

namespace cachenode {
namespace {

Status Refuse(std::string_view text, std::string_view why) {
  std::string message = "S3 endpoint '";
  message.append(text).append("': ").append(why);
  return Status::WithText(Err::kConfig, std::move(message));
}

bool IsAuthorityCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_' || c == ':' || c == '[' ||
         c == ']';
}

bool IsAwsHost(std::string_view authority) {
  for (const std::string_view suffix : {".amazonaws.com", ".amazonaws.com.cn"}) {
    if (authority.size() > suffix.size() && authority.substr(authority.size() - suffix.size()) == suffix) return true;
  }
  return false;
}

std::string AwsAuthority(std::string_view partition, std::string_view region) {
  std::string authority = "s3.";
  authority.append(region).append(".amazonaws.com");
  const bool china = partition == "aws-cn" || region.substr(0, 3) == "cn-";
  if (china) authority.append(".cn");
  return authority;
}

// A certificate for *.s3.region.amazonaws.com does not cover a bucket name with dots.
bool UsesPathStyle(const S3Location& location, bool custom, S3PathStyle style) {
  if (style != S3PathStyle::kAuto) return style == S3PathStyle::kYes;
  return custom || location.bucket.find('.') != std::string::npos;
}

}  // namespace

Result<S3Endpoint> ParseS3Endpoint(std::string_view text) {
  S3Endpoint endpoint{"https", LowerCased(text)};
  for (const std::string_view scheme : {"http", "https"}) {
    const std::string prefix = std::string(scheme).append("://");
    if (endpoint.authority.substr(0, prefix.size()) != prefix) continue;
    endpoint.scheme = scheme;
    endpoint.authority.erase(0, prefix.size());
    break;
  }
  if (endpoint.authority.find("://") != std::string::npos) return Refuse(text, "only http:// and https:// are spoken");
  while (!endpoint.authority.empty() && endpoint.authority.back() == '/') endpoint.authority.pop_back();
  if (endpoint.authority.empty()) return Refuse(text, "the host is missing");
  if (endpoint.authority.find('/') != std::string::npos) return Refuse(text, "it must not hold a path");
  if (!std::all_of(endpoint.authority.begin(), endpoint.authority.end(), IsAuthorityCharacter)) {
    return Refuse(text, "expected http(s)://host[:port]");
  }
  return endpoint;
}

S3Target MakeS3Target(const S3Location& location, const std::optional<S3Endpoint>& custom, std::string_view region,
                      S3PathStyle style) {
  S3Target target;
  target.scheme = custom ? custom->scheme : "https";
  target.authority = custom ? custom->authority : AwsAuthority(location.partition, region);
  const std::string encoded_key = UriEncode(location.key, true);
  if (UsesPathStyle(location, custom.has_value(), style)) {
    target.path.append("/").append(location.bucket).append("/").append(encoded_key);
    return target;
  }
  target.authority.insert(0, location.bucket + ".");
  target.path.append("/").append(encoded_key);
  return target;
}

std::optional<S3Target> RedirectedTarget(const S3Target& from, std::string_view url, const S3Location& location) {
  const std::string prefix = from.scheme + "://";
  std::string_view rest = url;
  if (rest.find("://") != std::string_view::npos) {
    if (LowerCased(rest.substr(0, prefix.size())) != prefix) return std::nullopt;
    rest.remove_prefix(prefix.size());
  }
  const size_t slash = rest.find('/');
  S3Target target{from.scheme, LowerCased(rest.substr(0, slash)), {}};
  if (target.authority.empty() ||
      !std::all_of(target.authority.begin(), target.authority.end(), IsAuthorityCharacter)) {
    return std::nullopt;
  }
  if (IsAwsHost(from.authority) && !IsAwsHost(target.authority)) return std::nullopt;

  const std::string key_path = "/" + UriEncode(location.key, true);
  const std::string bucket_path = "/" + location.bucket + key_path;
  const bool host_has_bucket = target.authority.substr(0, location.bucket.size() + 1) == location.bucket + ".";
  target.path = host_has_bucket ? key_path : bucket_path;
  if (slash == std::string_view::npos) return target;  // S3 named only the host.
  const std::string_view path = rest.substr(slash, rest.find_first_of("?#", slash) - slash);
  if (path != key_path && path != bucket_path) return std::nullopt;
  target.path = path;
  return target;
}

}  // namespace cachenode
