#include "persistence/s3/s3_uri.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>

namespace cachenode {
namespace {

constexpr std::string_view kForms =
    "expected arn:aws:s3:::bucket/key, s3://bucket/key, bucket/key or https://host/bucket/key";
constexpr std::array<std::string_view, 3> kPartitions = {"aws", "aws-cn", "aws-us-gov"};

bool IsLowerOrDigit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

char ToLower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string Concat(std::initializer_list<std::string_view> parts) {
  std::string joined;
  for (const std::string_view part : parts) joined.append(part);
  return joined;
}

Status Refuse(std::string_view text, std::initializer_list<std::string_view> why) {
  std::string shown(text.substr(0, kS3KeyBytesMax));
  std::replace_if(
      shown.begin(), shown.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  return Status::WithText(Err::kConfig, Concat({"S3 location '", shown, "': ", Concat(why)}));
}

// Takes `prefix` off the front of `text`, letters compared without case.
bool TakePrefix(std::string_view& text, std::string_view prefix) {
  if (text.size() < prefix.size()) return false;
  const bool same =
      std::equal(prefix.begin(), prefix.end(), text.begin(), [](char a, char b) { return a == ToLower(b); });
  if (same) text.remove_prefix(prefix.size());
  return same;
}

bool LooksLikeIpAddress(std::string_view name) {
  return std::all_of(name.begin(), name.end(), [](char c) { return (c >= '0' && c <= '9') || c == '.'; }) &&
         std::count(name.begin(), name.end(), '.') == 3;
}

// Length of the UTF-8 sequence at the front of `text`, 0 when it is malformed (overlong and surrogates included).
size_t Utf8SequenceBytes(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return 1;
  const size_t count = lead >= 0xf0 && lead <= 0xf4  ? 4
                       : lead >= 0xe0 && lead < 0xf0 ? 3
                       : lead >= 0xc2 && lead < 0xe0 ? 2
                                                     : 0;
  if (count == 0 || text.size() < count) return 0;
  for (size_t i = 1; i < count; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  if (lead == 0xe0 && byte(1) < 0xa0) return 0;
  if (lead == 0xed && byte(1) > 0x9f) return 0;
  if (lead == 0xf0 && byte(1) < 0x90) return 0;
  if (lead == 0xf4 && byte(1) > 0x8f) return 0;
  return count;
}

bool IsValidUtf8(std::string_view text) {
  while (!text.empty()) {
    const size_t count = Utf8SequenceBytes(text);
    if (count == 0) return false;
    text.remove_prefix(count);
  }
  return true;
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = ToLower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

std::optional<std::string> PercentDecode(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i]);
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = HexDigit(text[i + 1]);
    const int low = HexDigit(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    out.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return out;
}

Status CheckKey(std::string_view text, std::string_view key) {
  if (key.empty()) return Refuse(text, {"the object key is missing; ", kForms});
  if (key.size() > kS3KeyBytesMax) return Refuse(text, {"the object key is longer than 1024 bytes"});
  if (key.find(',') != std::string_view::npos) return Refuse(text, {"the object key must not contain a comma"});
  if (key.back() == '/') return Refuse(text, {"it names a folder, not an object"});
  if (!IsValidUtf8(key)) return Refuse(text, {"the object key is not valid UTF-8"});
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (std::any_of(key.begin(), key.end(), is_control)) {
    return Refuse(text, {"the object key contains a control character"});
  }
  return Status::Ok();
}

Result<S3Location> Finish(std::string_view text, S3Location location) {
  if (location.bucket.empty()) return Refuse(text, {"the bucket name is missing; ", kForms});
  if (!IsDnsBucketName(location.bucket)) {
    return Refuse(text,
                  {"'", location.bucket,
                   "' is not a bucket name (3-63 lower-case letters, digits, dots and hyphens, not an IP address)"});
  }
  if (Status status = CheckKey(text, location.key); !status) return status;
  return location;
}

Result<S3Location> ParseBucketAndKey(std::string_view text, std::string_view rest, S3Location location) {
  const size_t slash = rest.find('/');
  location.bucket = rest.substr(0, slash);
  if (slash != std::string_view::npos) location.key = rest.substr(slash + 1);
  return Finish(text, std::move(location));
}

// `rest` follows "arn:": partition:s3:region:account:bucket/key, region and account empty.
Result<S3Location> ParseArn(std::string_view text, std::string_view rest) {
  std::array<std::string_view, 4> fields;
  for (std::string_view& field : fields) {
    const size_t colon = rest.find(':');
    if (colon == std::string_view::npos) return Refuse(text, {"it is not an ARN of an S3 object; ", kForms});
    field = rest.substr(0, colon);
    rest.remove_prefix(colon + 1);
  }
  if (std::find(kPartitions.begin(), kPartitions.end(), fields[0]) == kPartitions.end()) {
    return Refuse(text, {"'", fields[0], "' is not a partition (aws, aws-cn, aws-us-gov)"});
  }
  if (fields[1] != "s3") return Refuse(text, {"it is an ARN of '", fields[1], "', not of s3"});
  if (!fields[2].empty() || !fields[3].empty()) {
    return Refuse(text, {"region and account must be empty in the ARN of an object (access points are not supported)"});
  }
  S3Location location;
  location.partition = fields[0];
  return ParseBucketAndKey(text, rest, std::move(location));
}

struct AwsHost {
  std::string bucket;  // Empty in path style.
  std::string region;
  std::string partition = "aws";
};

std::string PartitionOfRegion(std::string_view region) {
  if (region.substr(0, 3) == "cn-") return "aws-cn";
  if (region.substr(0, 7) == "us-gov-") return "aws-us-gov";
  return "aws";
}

// Takes apart [bucket.]s3[.dualstack][.region].amazonaws.com[.cn] and the old [bucket.]s3-region.amazonaws.com.
std::optional<AwsHost> ParseAwsHost(std::string_view host) {
  constexpr std::array<std::string_view, 2> kSuffixes = {".amazonaws.com.cn", ".amazonaws.com"};
  const auto suffix = std::find_if(kSuffixes.begin(), kSuffixes.end(), [&](std::string_view s) {
    return host.size() > s.size() && host.substr(host.size() - s.size()) == s;
  });
  if (suffix == kSuffixes.end()) return std::nullopt;
  host.remove_suffix(suffix->size());

  AwsHost parsed;
  // The service label is the last one named s3 or s3-region: a bucket may be called s3 itself.
  size_t start = host.rfind(".s3");
  while (start != std::string_view::npos && start + 3 < host.size() && host[start + 3] != '.' &&
         host[start + 3] != '-') {
    start = start == 0 ? std::string_view::npos : host.rfind(".s3", start - 1);
  }
  std::string_view service = host;
  if (start != std::string_view::npos) {
    parsed.bucket = host.substr(0, start);
    service = host.substr(start + 1);
  }
  if (service.substr(0, 2) != "s3") return std::nullopt;
  service.remove_prefix(2);
  if (!service.empty() && service.front() != '.' && service.front() != '-') return std::nullopt;
  if (!service.empty()) service.remove_prefix(1);
  TakePrefix(service, "dualstack.");
  parsed.region = service;
  parsed.partition = suffix == kSuffixes.begin() ? "aws-cn" : PartitionOfRegion(service);
  return parsed;
}

// `rest` follows "scheme://".
Result<S3Location> ParseUrl(std::string_view text, std::string_view scheme, std::string_view rest) {
  if (rest.find('?') != std::string_view::npos || rest.find('#') != std::string_view::npos) {
    return Refuse(text, {"an address with a query or fragment (such as a presigned one) is not supported"});
  }
  const size_t slash = rest.find('/');
  std::string authority(rest.substr(0, slash));
  std::transform(authority.begin(), authority.end(), authority.begin(), ToLower);
  const std::string_view raw_path = slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1);
  if (authority.empty() || authority.find('@') != std::string::npos) {
    return Refuse(text, {"the host is missing or carries a user name"});
  }
  const std::optional<std::string> path = PercentDecode(raw_path);
  if (!path) return Refuse(text, {"a '%' is not followed by two hexadecimal digits"});

  S3Location location;
  const std::optional<AwsHost> aws = ParseAwsHost(authority);
  if (!aws) {
    location.endpoint = Concat({scheme, "://", authority});
    return ParseBucketAndKey(text, *path, std::move(location));
  }
  if (scheme != "https") return Refuse(text, {"AWS is reached over https:// only"});
  location.region = aws->region;
  location.partition = aws->partition;
  if (aws->bucket.empty()) return ParseBucketAndKey(text, *path, std::move(location));
  location.bucket = aws->bucket;
  location.key = *path;
  return Finish(text, std::move(location));
}

}  // namespace

std::string S3Location::Display() const { return Concat({"s3://", bucket, "/", key}); }

bool IsDnsBucketName(std::string_view name) {
  if (name.size() < kS3BucketBytesMin || name.size() > kS3BucketBytesMax) return false;
  if (LooksLikeIpAddress(name)) return false;
  char previous = '.';  // A label must begin and end with a letter or digit.
  for (const char c : name) {
    const bool edge_before = previous == '.' || previous == '-';
    if (!IsLowerOrDigit(c) && c != '.' && c != '-') return false;
    if (c == '.' && edge_before) return false;
    if (c == '-' && previous == '.') return false;
    previous = c;
  }
  return IsLowerOrDigit(name.back());
}

Result<S3Location> ParseS3Location(std::string_view text) {
  if (text.empty()) return Refuse(text, {"it is empty; ", kForms});
  std::string_view rest = text;
  if (TakePrefix(rest, "arn:")) return ParseArn(text, rest);
  if (TakePrefix(rest, "s3://")) return ParseBucketAndKey(text, rest, {});
  if (TakePrefix(rest, "https://")) return ParseUrl(text, "https", rest);
  if (TakePrefix(rest, "http://")) return ParseUrl(text, "http", rest);
  const bool is_path = text.front() == '/' || text.substr(0, 2) == "./" || text.substr(0, 3) == "../";
  if (is_path || TakePrefix(rest, "file:")) {
    return Refuse(text, {"it is a local file; load it with the directives dir and dbfilename"});
  }
  if (text.find("://") != std::string_view::npos) return Refuse(text, {"unknown scheme; ", kForms});
  return ParseBucketAndKey(text, rest, {});
}

}  // namespace cachenode
