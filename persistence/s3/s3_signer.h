// AWS Signature Version 4 in request headers: canonical request, string to sign, derived key, Authorization header.
//
// Written here, on OpenSSL's SHA-256 and HMAC, because the signing built into libcurl differs between its versions
//   and is wrong for several query and path forms (README.md, "Signing").
// Thread-safety: pure functions. Errors: none; every input has a signature.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "persistence/s3/http_client.h"

namespace cachenode {

// SHA-256 of no bytes: the payload hash of GET and HEAD.
inline constexpr std::string_view kEmptyPayloadSha256 =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

// Stands in for the payload hash where the body is not hashed beforehand; over https only.
inline constexpr std::string_view kUnsignedPayload = "UNSIGNED-PAYLOAD";

struct QueryParameter {
  std::string name;   // Not encoded.
  std::string value;  // Not encoded; empty for a parameter without value, which is signed and sent as "name=".
};

struct SigningRequest {
  std::string_view method;
  std::string_view path;  // Percent-encoded exactly as it is sent; begins with '/'.
  std::vector<QueryParameter> query;
  std::vector<HttpHeader> headers;  // All of these are signed; must hold host and x-amz-date. Any order and case.
  std::string_view payload_hash;
};

struct SigningScope {
  std::string_view region;
  std::string_view service;
  int64_t time_s = 0;  // Unix seconds; the same instant as the x-amz-date header.
};

struct SigningKey {
  std::string_view access_key_id;
  std::string_view secret_access_key;
};

// Percent-encodes all but letters, digits and "-._~"; a '/' is kept when `keep_slash`. Nothing is normalised: "//" and
// ".." are legal in object keys.
std::string UriEncode(std::string_view text, bool keep_slash);

// Encoded, sorted by encoded name, then value: both what is signed and what must be sent.
std::string CanonicalQuery(std::vector<QueryParameter> query);

std::string CanonicalRequest(const SigningRequest& request);
std::string StringToSign(std::string_view canonical_request, const SigningScope& scope);

// The value of the Authorization header.
std::string AuthorizationHeader(const SigningRequest& request, const SigningScope& scope, const SigningKey& key);

// "20150830T123600Z".
std::string AmzDate(int64_t time_s);

// Lower-case hexadecimal.
std::string Sha256Hex(std::string_view bytes);

}  // namespace cachenode
