#include "persistence/s3/s3_signer.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <memory>
#include <span>
#include <utility>

#include "storage/base/background_thread.h"
#include "storage/base/bytes.h"

namespace cachenode {
namespace {

using Digest = std::array<unsigned char, 32>;

std::string Hex(std::span<const unsigned char> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const unsigned char byte : bytes) {
    out.push_back(kDigits[byte >> 4]);
    out.push_back(kDigits[byte & 15]);
  }
  return out;
}

Digest HmacSha256(std::span<const unsigned char> key, std::string_view text) {
  Digest digest{};
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(text.data()),
       text.size(), digest.data(), &size);
  return digest;
}

bool IsUnreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

// Blanks at both ends dropped, inner runs of blanks made one.
std::string TrimmedValue(std::string_view value) {
  std::string out;
  bool pending_blank = false;
  for (const char c : value) {
    if (c == ' ' || c == '\t') {
      pending_blank = !out.empty();
      continue;
    }
    if (pending_blank) out.push_back(' ');
    pending_blank = false;
    out.push_back(c);
  }
  return out;
}

// Names in lower case and sorted; values of one name joined by commas in the order given.
std::vector<HttpHeader> CanonicalHeaders(const std::vector<HttpHeader>& headers) {
  std::vector<HttpHeader> sorted;
  sorted.reserve(headers.size());
  for (const HttpHeader& header : headers) sorted.push_back({LowerCased(header.name), TrimmedValue(header.value)});
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const HttpHeader& a, const HttpHeader& b) { return a.name < b.name; });
  std::vector<HttpHeader> merged;
  for (HttpHeader& header : sorted) {
    if (!merged.empty() && merged.back().name == header.name) {
      merged.back().value.append(",").append(header.value);
    } else {
      merged.push_back(std::move(header));
    }
  }
  return merged;
}

std::string SignedHeaderNames(const std::vector<HttpHeader>& headers) {
  std::string names;
  for (const HttpHeader& header : CanonicalHeaders(headers)) {
    if (!names.empty()) names.push_back(';');
    names.append(header.name);
  }
  return names;
}

std::string ScopeText(const SigningScope& scope) {
  std::string text = AmzDate(scope.time_s).substr(0, 8);
  text.append("/").append(scope.region).append("/").append(scope.service).append("/aws4_request");
  return text;
}

Digest DerivedKey(const SigningScope& scope, std::string_view secret) {
  const std::string seed = std::string("AWS4").append(secret);
  const std::span<const unsigned char> seed_bytes(reinterpret_cast<const unsigned char*>(seed.data()), seed.size());
  Digest key = HmacSha256(seed_bytes, AmzDate(scope.time_s).substr(0, 8));
  key = HmacSha256(key, scope.region);
  key = HmacSha256(key, scope.service);
  return HmacSha256(key, "aws4_request");
}

}  // namespace

std::string UriEncode(std::string_view text, bool keep_slash) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (IsUnreserved(c) || (keep_slash && c == '/')) {
      out.push_back(c);
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out.push_back('%');
    out.push_back(kDigits[byte >> 4]);
    out.push_back(kDigits[byte & 15]);
  }
  return out;
}

std::string CanonicalQuery(std::vector<QueryParameter> query) {
  for (QueryParameter& parameter : query) {
    parameter.name = UriEncode(parameter.name, false);
    parameter.value = UriEncode(parameter.value, false);
  }
  std::sort(query.begin(), query.end(), [](const QueryParameter& a, const QueryParameter& b) {
    return std::pair(std::string_view(a.name), std::string_view(a.value)) <
           std::pair(std::string_view(b.name), std::string_view(b.value));
  });
  std::string out;
  for (const QueryParameter& parameter : query) {
    if (!out.empty()) out.push_back('&');
    out.append(parameter.name).append("=").append(parameter.value);
  }
  return out;
}

std::string CanonicalRequest(const SigningRequest& request) {
  std::string out(request.method);
  out.append("\n").append(request.path).append("\n").append(CanonicalQuery(request.query)).append("\n");
  for (const HttpHeader& header : CanonicalHeaders(request.headers)) {
    out.append(header.name).append(":").append(header.value).append("\n");
  }
  out.append("\n").append(SignedHeaderNames(request.headers)).append("\n").append(request.payload_hash);
  return out;
}

std::string StringToSign(std::string_view canonical_request, const SigningScope& scope) {
  std::string out = "AWS4-HMAC-SHA256\n";
  out.append(AmzDate(scope.time_s)).append("\n").append(ScopeText(scope)).append("\n");
  return out.append(Sha256Hex(canonical_request));
}

std::string AuthorizationHeader(const SigningRequest& request, const SigningScope& scope, const SigningKey& key) {
  const Digest signing_key = DerivedKey(scope, key.secret_access_key);
  const std::string signature = Hex(HmacSha256(signing_key, StringToSign(CanonicalRequest(request), scope)));
  std::string out = "AWS4-HMAC-SHA256 Credential=";
  out.append(key.access_key_id).append("/").append(ScopeText(scope));
  out.append(", SignedHeaders=").append(SignedHeaderNames(request.headers));
  return out.append(", Signature=").append(signature);
}

std::string AmzDate(int64_t time_s) {
  const auto seconds = static_cast<time_t>(time_s);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> buffer{};
  const size_t size = std::strftime(buffer.data(), buffer.size(), "%Y%m%dT%H%M%SZ", &parts);
  return std::string(buffer.data(), size);
}

std::string Sha256Hex(std::string_view bytes) {
  constexpr size_t kPieceBytes = size_t{32} << 10;  // Some 20 us; a part of an upload has megabytes.
  Digest digest{};
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  // Without memory the store will find the digest wrong.
  if (context == nullptr || EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 0) return Hex(digest);
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, kPieceBytes);
    EVP_DigestUpdate(context.get(), piece.data(), piece.size());
    bytes.remove_prefix(piece.size());
    GiveWay();
  }
  EVP_DigestFinal_ex(context.get(), digest.data(), nullptr);
  return Hex(digest);
}

}  // namespace cachenode
