// Rows of the option table: what leaves the node on its own: exported snapshots and notifications.
#include <algorithm>

#include "persistence/s3/s3_endpoint.h"
#include "server/config/option_row.h"

namespace cachenode {
namespace {

constexpr size_t kStorageClassBytesMax = 64;

std::string RefuseEncryption(std::string_view value) {
  const bool ok = value.empty() || value == "AES256" || value == "aws:kms" || value == "aws:kms:dsse";
  return ok ? "" : "must be AES256, aws:kms or aws:kms:dsse, or empty";
}

std::string RefuseStorageClass(std::string_view value) {
  const auto is_word = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; };
  if (value.size() <= kStorageClassBytesMax && std::ranges::all_of(value, is_word)) return "";
  return "must be the name of a storage class in capitals, such as STANDARD_IA";
}

std::string RefuseKeyId(std::string_view value) {
  const bool ok = std::ranges::all_of(value, [](char c) { return c > ' ' && c < 0x7F; });
  return ok ? "" : "must be printable and without blanks";
}

constexpr size_t kUrlBytesMax = 2048;
constexpr int64_t kTimeoutMaxS = 300;
constexpr int64_t kAttemptsMax = 1000;

std::string RefuseUrl(std::string_view value) {
  if (value.empty()) return "";
  std::string_view rest = value;
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (value.starts_with(scheme)) rest.remove_prefix(scheme.size());
  }
  const bool printable = std::ranges::all_of(value, [](char c) { return c > ' ' && c < 0x7F; });
  const bool has_host = !rest.empty() && rest.front() != '/' && rest.front() != '?' && rest.front() != '#';
  if (rest.size() < value.size() && has_host && printable && value.size() <= kUrlBytesMax) return "";
  return "must be http://host... or https://host... without blanks, or empty";
}

std::string RefuseEndpoint(std::string_view value) {
  if (value.empty()) return "";
  const Result<S3Endpoint> endpoint = ParseS3Endpoint(value);
  return endpoint ? "" : std::string(endpoint.status().text());
}

constexpr OptionSpec kRows[] = {
    // Of objects that exports write.
    Text<&Config::s3_server_side_encryption>("s3-server-side-encryption", "")
        .Flags(kOptionOurs)
        .Of(Feature::kS3)
        .RefusedBy(RefuseEncryption),
    Text<&Config::s3_sse_kms_key_id>("s3-sse-kms-key-id", "")
        .Flags(kOptionOurs)
        .Of(Feature::kS3)
        .RefusedBy(RefuseKeyId),
    Text<&Config::s3_storage_class>("s3-storage-class", "")
        .Flags(kOptionOurs)
        .Of(Feature::kS3)
        .RefusedBy(RefuseStorageClass),

    // Who is told of events.
    Text<&Config::notification_url>("notification-url", "").Flags(kOptionOurs | kOptionSensitive).RefusedBy(RefuseUrl),
    Text<&Config::notification_ca_file>("notification-ca-file", "").Flags(kOptionOurs),
    Integer<&Config::notification_timeout>("notification-timeout", "10", {1, kTimeoutMaxS})
        .Flags(kOptionOurs)
        .In(Unit::kSeconds),
    Integer<&Config::notification_max_attempts>("notification-max-attempts", "30", {1, kAttemptsMax})
        .Flags(kOptionOurs),
    Text<&Config::sns_endpoint>("sns-endpoint", "").Flags(kOptionOurs).RefusedBy(RefuseEndpoint),
};

}  // namespace

std::span<const OptionSpec> NotifyOptionRows() { return kRows; }

}  // namespace cachenode
