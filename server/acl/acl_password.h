// Passwords of users: kept as SHA-256 in lower-case hexadecimal, never as they are.
//
// Thread-safety: pure functions. The time of a comparison does not depend on where two hashes differ.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace cachenode {

inline constexpr size_t kPasswordHashChars = 64;

[[nodiscard]] std::string HashPassword(std::string_view password);
// Whether `text` has the form HashPassword gives.
[[nodiscard]] bool IsPasswordHash(std::string_view text) noexcept;
[[nodiscard]] bool PasswordHashesEqual(std::string_view a, std::string_view b) noexcept;

}  // namespace cachenode
