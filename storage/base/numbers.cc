// Integers and memory sizes; floating point is in numbers_float.cc.
#include "storage/base/numbers.h"

#include <array>
#include <bit>
#include <cstring>
#include <limits>

#include "storage/base/bytes.h"

namespace cachenode {

namespace {

constexpr std::array<uint64_t, 20> kPowersOfTen = [] {
  std::array<uint64_t, 20> powers{};
  uint64_t power = 1;
  for (uint64_t& entry : powers) {
    entry = power;
    power *= 10;
  }
  return powers;
}();

// "00" to "99".
constexpr std::array<char, 200> kDigitPairs = [] {
  std::array<char, 200> pairs{};
  for (size_t i = 0; i < 100; ++i) {
    pairs[2 * i] = static_cast<char>('0' + i / 10);
    pairs[2 * i + 1] = static_cast<char>('0' + i % 10);
  }
  return pairs;
}();

struct MemoryUnit {
  std::string_view name;
  uint64_t bytes;
};
constexpr MemoryUnit kMemoryUnits[] = {
    {"", 1},
    {"b", 1},
    {"k", 1000},
    {"kb", uint64_t{1} << 10},
    {"m", 1000 * 1000},
    {"mb", uint64_t{1} << 20},
    {"g", 1000 * 1000 * 1000},
    {"gb", uint64_t{1} << 30},
};

}  // namespace

bool TryParseUint64(std::string_view text, uint64_t& value) noexcept {
  const size_t size = text.size();
  if (size == 0 || size > kIntegerCharsMax) return false;
  const char* at = text.data();
  const char* const end = at + size;
  uint64_t result = static_cast<unsigned char>(*at) - uint64_t{'0'};
  if (result > 9 || (result == 0 && size > 1)) return false;
  // Nineteen digits always fit; only a twentieth can overflow.
  const char* const safe_end = size < kIntegerCharsMax ? end : end - 1;
  for (++at; at != safe_end; ++at) {
    const uint64_t digit = static_cast<unsigned char>(*at) - uint64_t{'0'};
    if (digit > 9) return false;
    result = result * 10 + digit;
  }
  if (at != end) {
    const uint64_t digit = static_cast<unsigned char>(*at) - uint64_t{'0'};
    if (digit > 9 || __builtin_mul_overflow(result, uint64_t{10}, &result) ||
        __builtin_add_overflow(result, digit, &result)) {
      return false;
    }
  }
  value = result;
  return true;
}

bool TryParseLooseUint64(std::string_view text, uint64_t& value) noexcept {
  if (TryParseUint64(text, value)) return true;
  text = UpToZero(text);
  while (!text.empty() && IsSpaceAscii(text.front())) text.remove_prefix(1);
  const bool negative = !text.empty() && text.front() == '-';
  if (negative || (!text.empty() && text.front() == '+')) text.remove_prefix(1);
  if (text.empty()) return false;
  while (text.size() > 1 && text.front() == '0') text.remove_prefix(1);
  uint64_t magnitude = 0;
  if (!TryParseUint64(text, magnitude)) return false;
  value = negative ? uint64_t{0} - magnitude : magnitude;
  return true;
}

bool TryParseInt64(std::string_view text, int64_t& value) noexcept {
  const bool negative = !text.empty() && text.front() == '-';
  uint64_t magnitude = 0;
  if (!TryParseUint64(negative ? text.substr(1) : text, magnitude)) return false;
  const uint64_t magnitude_max = static_cast<uint64_t>(std::numeric_limits<int64_t>::max()) + (negative ? 1 : 0);
  if (magnitude > magnitude_max || (negative && magnitude == 0)) return false;
  value = static_cast<int64_t>(negative ? uint64_t{0} - magnitude : magnitude);
  return true;
}

Result<int64_t> ParseInt64(std::string_view text) {
  int64_t value = 0;
  if (!TryParseInt64(text, value)) return Err::kNotInteger;
  return value;
}

Result<uint64_t> ParseUint64(std::string_view text) {
  uint64_t value = 0;
  if (!TryParseUint64(text, value)) return Err::kNotInteger;
  return value;
}

Result<int64_t> ParseInt64Within(std::string_view text, int64_t min, int64_t max) {
  int64_t value = 0;
  if (!TryParseInt64(text, value) || value < min || value > max) return Err::kNotInteger;
  return value;
}

unsigned CountDigits(uint64_t value) noexcept {
  const unsigned bits = static_cast<unsigned>(std::bit_width(value | 1));
  const unsigned guess = bits * 1233 >> 12;  // floor(bits * log10(2)), right for all 64 widths.
  return guess + (value >= kPowersOfTen[guess] || value == 0 ? 1 : 0);
}

unsigned Int64TextSize(int64_t value) noexcept {
  if (value >= 0) return CountDigits(static_cast<uint64_t>(value));
  return 1 + CountDigits(uint64_t{0} - static_cast<uint64_t>(value));
}

char* FormatUint64(uint64_t value, char* out) noexcept {
  if (value < 10) {
    *out = static_cast<char>('0' + value);
    return out + 1;
  }
  char* const end = out + CountDigits(value);
  char* at = end;
  while (value >= 100) {
    const uint64_t quotient = value / 100;
    at -= 2;
    std::memcpy(at, &kDigitPairs[2 * (value - quotient * 100)], 2);
    value = quotient;
  }
  if (value >= 10) {
    std::memcpy(at - 2, &kDigitPairs[2 * value], 2);
  } else {
    at[-1] = static_cast<char>('0' + value);
  }
  return end;
}

char* FormatInt64(int64_t value, char* out) noexcept {
  uint64_t magnitude = static_cast<uint64_t>(value);
  if (value < 0) {
    *out++ = '-';
    magnitude = uint64_t{0} - magnitude;
  }
  return FormatUint64(magnitude, out);
}

void AppendInt64(std::string& to, int64_t value) {
  char text[kIntegerCharsMax];
  to.append(text, static_cast<size_t>(FormatInt64(value, text) - text));
}

void AppendUint64(std::string& to, uint64_t value) {
  char text[kIntegerCharsMax];
  to.append(text, static_cast<size_t>(FormatUint64(value, text) - text));
}

Result<uint64_t> ParseMemoryBytes(std::string_view text) {
  size_t digits = 0;
  while (digits < text.size() && IsDigitAscii(text[digits])) ++digits;
  // Leading zeros are fine here, unlike in command arguments.
  uint64_t number = 0;
  for (const char c : text.substr(0, digits)) {
    const uint64_t digit = static_cast<uint64_t>(c - '0');
    if (__builtin_mul_overflow(number, uint64_t{10}, &number) || __builtin_add_overflow(number, digit, &number)) {
      return Err::kNotInteger;
    }
  }
  if (digits == 0) return Err::kNotInteger;
  for (const MemoryUnit& unit : kMemoryUnits) {
    if (!EqualsIgnoreCase(text.substr(digits), unit.name)) continue;
    if (__builtin_mul_overflow(number, unit.bytes, &number)) return Err::kNotInteger;
    return number;
  }
  return Err::kNotInteger;
}

std::string FormatMemoryBytes(uint64_t bytes) {
  constexpr MemoryUnit kShownUnits[] = {
      {"gb", uint64_t{1} << 30}, {"mb", uint64_t{1} << 20}, {"kb", uint64_t{1} << 10}};
  std::string text;
  for (const MemoryUnit& unit : kShownUnits) {
    if (bytes == 0 || bytes % unit.bytes != 0) continue;
    AppendUint64(text, bytes / unit.bytes);
    return text.append(unit.name);
  }
  AppendUint64(text, bytes);
  return text;
}

}  // namespace cachenode
