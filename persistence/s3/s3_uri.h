// Where an object lives in an S3 store, read from every way users write it.
//
// Accepted: arn:aws:s3:::bucket/key (also aws-cn, aws-us-gov), s3://bucket/key, bucket/key, and the https:// address
//   of an object, at AWS (either style, any region) or in a compatible store (path style). A key is taken literally
//   except in an https:// address, where it is percent-decoded.
// Thread-safety: pure functions and values.
// Errors: kConfig; the text quotes the location and says what is wrong with it and what is expected.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "storage/base/result.h"

namespace cachenode {

inline constexpr size_t kS3KeyBytesMax = 1024;
inline constexpr size_t kS3BucketBytesMin = 3;
inline constexpr size_t kS3BucketBytesMax = 63;

// Invariant (when made by ParseS3Location): `bucket` is a DNS-compliant name, `key` is not empty, valid UTF-8 and
// free of commas and control characters.
struct S3Location {
  std::string bucket;
  std::string key;
  std::string partition = "aws";  // aws, aws-cn or aws-us-gov; decides the host names of AWS.
  std::string region;             // Named by an https:// address of AWS, else empty.
  std::string endpoint;           // scheme://host[:port] of an address outside AWS, else empty.

  // s3://bucket/key, for texts.
  [[nodiscard]] std::string Display() const;
};

Result<S3Location> ParseS3Location(std::string_view text);

// Whether `name` is a bucket name of the current rules: 3-63 lower-case letters, digits, dots and hyphens, labels
// that begin and end with a letter or digit, not in the form of an IP address.
bool IsDnsBucketName(std::string_view name);

}  // namespace cachenode
