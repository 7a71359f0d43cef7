// The floating-point half of numbers.h.
//
// The C library is asked where its rules are the definition (strtold, %.17g, %.17Lf); the process never sets
// LC_NUMERIC, so it speaks the C locale. Doubles are read and shortest digits are made by <charconv>.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "storage/base/bytes.h"
#include "storage/base/numbers.h"

namespace cachenode {

namespace {

char* PutText(std::string_view text, char* out) noexcept {
  std::memcpy(out, text.data(), text.size());
  return out + text.size();
}

char* PutZeros(int count, char* out) noexcept {
  if (count <= 0) return out;
  std::memset(out, '0', static_cast<size_t>(count));
  return out + count;
}

// The digits of a positive finite double: value = digits * 10^exponent, without trailing zeros.
struct Decimal {
  char digits[20];
  int count = 0;
  int exponent = 0;
};

Decimal ShortestDigits(double value) noexcept {
  Decimal decimal;
  char text[32];
  const std::to_chars_result written = std::to_chars(text, text + sizeof text, value, std::chars_format::scientific);
  const char* at = text;
  for (; at != written.ptr && *at != 'e'; ++at) {
    if (*at != '.') decimal.digits[decimal.count++] = *at;
  }
  int scientific = 0;
  const char* exponent_text = at + 1;
  if (exponent_text < written.ptr && *exponent_text == '+') ++exponent_text;
  std::from_chars(exponent_text, written.ptr, scientific);
  while (decimal.count > 1 && decimal.digits[decimal.count - 1] == '0') --decimal.count;
  decimal.exponent = scientific - (decimal.count - 1);
  return decimal;
}

char* PutPoint(const Decimal& decimal, char* out) noexcept {
  const int whole = decimal.count + decimal.exponent;  // Digits before the point; not positive: zeros after it.
  const size_t count = static_cast<size_t>(decimal.count);
  if (whole <= 0) {
    out = PutZeros(-whole, PutText("0.", out));
    return PutText({decimal.digits, count}, out);
  }
  const size_t whole_count = static_cast<size_t>(whole);
  out = PutText({decimal.digits, whole_count}, out);
  *out++ = '.';
  return PutText({decimal.digits + whole_count, count - whole_count}, out);
}

char* PutScientific(const Decimal& decimal, char* out) noexcept {
  *out++ = decimal.digits[0];
  if (decimal.count > 1) {
    *out++ = '.';
    out = PutText({decimal.digits + 1, static_cast<size_t>(decimal.count - 1)}, out);
  }
  const int scientific = decimal.exponent + decimal.count - 1;
  *out++ = 'e';
  *out++ = scientific < 0 ? '-' : '+';
  return FormatUint64(static_cast<uint64_t>(std::abs(scientific)), out);
}

// The layout newer engines use: plain digits while they stay short, else d.ddde+X without padding.
char* PutShortest(double magnitude, char* out) noexcept {
  const Decimal decimal = ShortestDigits(magnitude);
  const int scientific = std::abs(decimal.exponent + decimal.count - 1);
  if (decimal.exponent >= 0 && scientific < decimal.count + 7) {
    out = PutText({decimal.digits, static_cast<size_t>(decimal.count)}, out);
    return PutZeros(decimal.exponent, out);
  }
  if (decimal.exponent < 0 && (decimal.exponent > -7 || scientific < 4)) return PutPoint(decimal, out);
  return PutScientific(decimal, out);
}

// strtod takes "0x1.8p1"; from_chars wants the digits alone.
bool SkipHexPrefix(std::string_view& text) noexcept {
  if (text.size() < 3 || text[0] != '0' || ToLowerAscii(text[1]) != 'x') return false;
  text.remove_prefix(2);
  return true;
}

// libstdc++ 12 takes "0x1p+-5", with two signs in the exponent.
bool HasTwoSigns(std::string_view text) noexcept {
  const size_t sign = text.find_first_of("+-");
  return sign != std::string_view::npos && text.find_first_of("+-", sign + 1) != std::string_view::npos;
}

// Eight digits at once: each byte of `text` becomes a digit, then neighbours become pairs, fours and the whole.
bool TryParseEightDigits(const char* text, uint64_t& value) noexcept {
  constexpr uint64_t kEachByte = 0x0101010101010101;
  const uint64_t digits = LoadLittleEndian<uint64_t>(text) ^ kEachByte * '0';
  // Adding this carries any digit above nine into its byte's highest bit.
  if (((digits | (digits + kEachByte * (0x7F - 9))) & kEachByte * 0x80) != 0) return false;
  const uint64_t pairs = (digits * 10 + (digits >> 8)) & 0x00FF00FF00FF00FF;
  const uint64_t fours = (pairs * 100 + (pairs >> 16)) & 0x0000FFFF0000FFFF;
  value = (fours * 10'000 + (fours >> 32)) & 0xFFFFFFFF;
  return true;
}

// The same with four.
bool TryParseFourDigits(const char* text, uint64_t& value) noexcept {
  constexpr uint32_t kEachByte = 0x01010101;
  const uint32_t digits = LoadLittleEndian<uint32_t>(text) ^ kEachByte * '0';
  if (((digits | (digits + kEachByte * (0x7F - 9))) & kEachByte * 0x80) != 0) return false;
  const uint32_t pairs = (digits * 10 + (digits >> 8)) & 0x00FF00FF;
  value = (pairs * 100 + (pairs >> 16)) & 0xFFFF;
  return true;
}

// Most numbers that clients send: nothing but digits, and so few that a double holds them exactly.
bool TryParseDigits(std::string_view text, double& value) noexcept {
  constexpr size_t kExactDigitsMax = 15;
  if (text.size() - 1 >= kExactDigitsMax) return false;
  uint64_t number = 0;
  if (text.size() >= 8) {
    if (!TryParseEightDigits(text.data(), number)) return false;
    text.remove_prefix(8);
  }
  if (text.size() >= 4) {
    uint64_t four = 0;
    if (!TryParseFourDigits(text.data(), four)) return false;
    number = number * 10'000 + four;
    text.remove_prefix(4);
  }
  for (const char c : text) {
    const uint64_t digit = static_cast<unsigned char>(c) - uint64_t{'0'};
    if (digit > 9) return false;
    number = number * 10 + digit;
  }
  value = static_cast<double>(static_cast<int64_t>(number));
  return true;
}

}  // namespace

bool TryParseDouble(std::string_view text, double& value) noexcept {
  if (TryParseDigits(text, value)) return true;
  bool negative = false;
  if (!text.empty() && (text[0] == '+' || text[0] == '-')) {
    negative = text[0] == '-';
    text.remove_prefix(1);
  }
  // from_chars would take a second sign, and NaN with a payload.
  if (text.empty() || text[0] == '-' || ToLowerAscii(text[0]) == 'n') return false;
  const bool is_hex = SkipHexPrefix(text);
  if (is_hex && ((text[0] != '.' && HexDigitValue(text[0]) < 0) || HasTwoSigns(text))) return false;
  const std::chars_format format = is_hex ? std::chars_format::hex : std::chars_format::general;
  double parsed = 0;
  const char* const end = text.data() + text.size();
  const std::from_chars_result result = std::from_chars(text.data(), end, parsed, format);
  if (result.ec != std::errc() || result.ptr != end) return false;
  value = negative ? -parsed : parsed;
  return true;
}

bool TryParseLooseDouble(std::string_view text, double& value) noexcept {
  if (TryParseDouble(text, value)) return true;
  text = UpToZero(text);
  if (text.size() >= kLongDoubleCharsMax) return false;
  char terminated[kLongDoubleCharsMax];
  std::memcpy(terminated, text.data(), text.size());
  terminated[text.size()] = '\0';
  char* end = nullptr;
  const double parsed = std::strtod(terminated, &end);
  if (end != terminated + text.size() || std::isnan(parsed)) return false;
  value = parsed;
  return true;
}

Result<double> ParseDouble(std::string_view text) {
  double value = 0;
  if (!TryParseDouble(text, value)) return Err::kNotFloat;
  return value;
}

bool TryParseLongDouble(std::string_view text, long double& value) noexcept {
  if (text.empty() || text.size() >= kLongDoubleCharsMax || IsSpaceAscii(text[0])) return false;
  char terminated[kLongDoubleCharsMax];
  std::memcpy(terminated, text.data(), text.size());
  terminated[text.size()] = '\0';
  char* end = nullptr;
  errno = 0;
  const long double parsed = std::strtold(terminated, &end);
  const bool out_of_range = errno == ERANGE && (std::isinf(parsed) || parsed == 0);
  if (end != terminated + text.size() || out_of_range || std::isnan(parsed)) return false;
  value = parsed;
  return true;
}

Result<long double> ParseLongDouble(std::string_view text) {
  long double value = 0;
  if (!TryParseLongDouble(text, value)) return Err::kNotFloat;
  return value;
}

char* FormatDouble(double value, DoubleRule rule, char* out) noexcept {
  if (std::isnan(value)) return PutText("nan", out);
  if (std::isinf(value)) return PutText(value > 0 ? "inf" : "-inf", out);
  if (value == 0) return PutText(std::signbit(value) ? "-0" : "0", out);
  const double integer_max = rule == DoubleRule::kSeventeenDigits ? 0x1p52 : 0x1p62;
  if (std::fabs(value) <= integer_max && std::trunc(value) == value) {
    return FormatInt64(static_cast<int64_t>(value), out);
  }
  if (rule == DoubleRule::kSeventeenDigits) {
    return out + std::snprintf(out, kDoubleCharsMax, "%.17g", value);
  }
  if (value < 0) *out++ = '-';
  return PutShortest(std::fabs(value), out);
}

void AppendDouble(std::string& to, double value, DoubleRule rule) {
  char text[kDoubleCharsMax];
  to.append(text, static_cast<size_t>(FormatDouble(value, rule, text) - text));
}

char* FormatFixed(double value, int decimals, char* out) noexcept {
  return out + std::snprintf(out, kFixedCharsMax, "%.*f", std::min(decimals, 17), value);
}

void AppendFixed(std::string& to, double value, int decimals) {
  char text[kFixedCharsMax];
  to.append(text, static_cast<size_t>(FormatFixed(value, decimals, text) - text));
}

char* FormatLongDouble(long double value, char* out) noexcept {
  if (std::isnan(value)) return PutText("nan", out);
  if (std::isinf(value)) return PutText(value > 0 ? "inf" : "-inf", out);
  char* end = out + std::snprintf(out, kLongDoubleCharsMax, "%.17Lf", value);
  while (end[-1] == '0') --end;
  if (end[-1] == '.') --end;
  if (std::string_view(out, static_cast<size_t>(end - out)) == "-0") return PutText("0", out);
  return end;
}

void AppendLongDouble(std::string& to, long double value) {
  char text[kLongDoubleCharsMax];
  to.append(text, static_cast<size_t>(FormatLongDouble(value, text) - text));
}

}  // namespace cachenode
