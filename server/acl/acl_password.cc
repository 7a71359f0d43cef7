#include "server/acl/acl_password.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>

namespace cachenode {

std::string HashPassword(std::string_view password) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(password.data()), password.size(), digest);
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hash;
  hash.reserve(kPasswordHashChars);
  for (const unsigned char byte : digest) {
    hash.push_back(kDigits[byte >> 4]);
    hash.push_back(kDigits[byte & 15]);
  }
  return hash;
}

bool IsPasswordHash(std::string_view text) noexcept {
  return text.size() == kPasswordHashChars &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool PasswordHashesEqual(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace cachenode
