// Small helpers over runs of bytes: ASCII case folding, unaligned loads and stores of a named byte order, short copies.
//
// Thread-safety: pure functions. None allocates except LowerCased and UpperCased. Case folding is ASCII only and
// ignores the locale, as command and option names demand.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

namespace cachenode {

[[nodiscard]] constexpr char ToLowerAscii(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}
[[nodiscard]] constexpr char ToUpperAscii(char c) noexcept {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c & ~0x20) : c;
}
[[nodiscard]] constexpr bool IsDigitAscii(char c) noexcept { return c >= '0' && c <= '9'; }
// What isspace() answers in the C locale.
[[nodiscard]] constexpr bool IsSpaceAscii(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }

// The value of a hexadecimal digit, or -1.
[[nodiscard]] constexpr int HexDigitValue(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = ToLowerAscii(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// What C would take for the whole text; error texts show words of requests so.
[[nodiscard]] constexpr std::string_view UpToZero(std::string_view text) noexcept {
  return text.substr(0, text.find('\0'));
}

[[nodiscard]] constexpr bool EqualsIgnoreCase(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (ToLowerAscii(a[i]) != ToLowerAscii(b[i])) return false;
  }
  return true;
}

[[nodiscard]] constexpr bool StartsWithIgnoreCase(std::string_view text, std::string_view prefix) noexcept {
  return text.size() >= prefix.size() && EqualsIgnoreCase(text.substr(0, prefix.size()), prefix);
}

inline void LowerCaseInPlace(std::string& text) noexcept {
  for (char& c : text) c = ToLowerAscii(c);
}
[[nodiscard]] inline std::string LowerCased(std::string_view text) {
  std::string copy(text);
  LowerCaseInPlace(copy);
  return copy;
}
[[nodiscard]] inline std::string UpperCased(std::string_view text) {
  std::string copy(text);
  for (char& c : copy) c = ToUpperAscii(c);
  return copy;
}

[[nodiscard]] constexpr uint16_t SwapBytes(uint16_t value) noexcept { return __builtin_bswap16(value); }
[[nodiscard]] constexpr uint32_t SwapBytes(uint32_t value) noexcept { return __builtin_bswap32(value); }
[[nodiscard]] constexpr uint64_t SwapBytes(uint64_t value) noexcept { return __builtin_bswap64(value); }

// Reads an unsigned T from sizeof(T) bytes at `from`, which needs no alignment.
template <typename T>
[[nodiscard]] inline T LoadLittleEndian(const void* from) noexcept {
  static_assert(std::is_unsigned_v<T>);
  T value;
  std::memcpy(&value, from, sizeof value);
  if constexpr (std::endian::native == std::endian::big && sizeof(T) > 1) value = SwapBytes(value);
  return value;
}
template <typename T>
[[nodiscard]] inline T LoadBigEndian(const void* from) noexcept {
  static_assert(std::is_unsigned_v<T>);
  T value;
  std::memcpy(&value, from, sizeof value);
  if constexpr (std::endian::native == std::endian::little && sizeof(T) > 1) value = SwapBytes(value);
  return value;
}

// Writes sizeof(T) bytes at `to`, which needs no alignment.
template <typename T>
inline void StoreLittleEndian(void* to, T value) noexcept {
  static_assert(std::is_unsigned_v<T>);
  if constexpr (std::endian::native == std::endian::big && sizeof(T) > 1) value = SwapBytes(value);
  std::memcpy(to, &value, sizeof value);
}
template <typename T>
inline void StoreBigEndian(void* to, T value) noexcept {
  static_assert(std::is_unsigned_v<T>);
  if constexpr (std::endian::native == std::endian::little && sizeof(T) > 1) value = SwapBytes(value);
  std::memcpy(to, &value, sizeof value);
}

// memcpy for sizes that are mostly below 33: no call and no loop for those. Touches exactly `size` bytes on both sides.
[[gnu::always_inline]] inline void CopyShort(char* to, const char* from, size_t size) noexcept {
  if (size > 32) [[unlikely]] {
    std::memcpy(to, from, size);
    return;
  }
  if (size >= 16) {
    std::memcpy(to, from, 16);
    std::memcpy(to + size - 16, from + size - 16, 16);
    return;
  }
  if (size >= 8) {
    std::memcpy(to, from, 8);
    std::memcpy(to + size - 8, from + size - 8, 8);
    return;
  }
  if (size >= 4) {
    std::memcpy(to, from, 4);
    std::memcpy(to + size - 4, from + size - 4, 4);
    return;
  }
  if (size == 0) return;
  to[0] = from[0];
  to[size / 2] = from[size / 2];
  to[size - 1] = from[size - 1];
}

}  // namespace cachenode
