// The name Redis gives a script: SHA-1 of its text in 40 lower case hexadecimal digits.
//
// Thread-safety: pure functions.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

namespace cachenode {

inline constexpr size_t kSha1Digits = 40;

struct ScriptHash {
  std::array<char, kSha1Digits> digits;

  [[nodiscard]] std::string_view text() const { return {digits.data(), digits.size()}; }
  bool operator==(const ScriptHash&) const = default;
};

[[nodiscard]] ScriptHash Sha1Of(std::string_view bytes);
// `text` in lower case when it has 40 characters.
[[nodiscard]] std::optional<ScriptHash> ParseScriptHash(std::string_view text);

}  // namespace cachenode
