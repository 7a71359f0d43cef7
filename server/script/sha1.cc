#include "server/script/sha1.h"

#include <openssl/evp.h>

namespace cachenode {

ScriptHash Sha1Of(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::array<unsigned char, kSha1Digits / 2> raw{};
  unsigned int size = 0;
  EVP_Digest(bytes.data(), bytes.size(), raw.data(), &size, EVP_sha1(), nullptr);
  ScriptHash hash{};
  for (size_t i = 0; i < raw.size(); ++i) {
    hash.digits[2 * i] = kDigits[raw[i] >> 4];
    hash.digits[2 * i + 1] = kDigits[raw[i] & 15];
  }
  return hash;
}

std::optional<ScriptHash> ParseScriptHash(std::string_view text) {
  if (text.size() != kSha1Digits) return std::nullopt;
  ScriptHash hash{};
  for (size_t i = 0; i < kSha1Digits; ++i) {
    const char digit = text[i];
    hash.digits[i] = digit >= 'A' && digit <= 'Z' ? static_cast<char>(digit - 'A' + 'a') : digit;
  }
  return hash;
}

}  // namespace cachenode
