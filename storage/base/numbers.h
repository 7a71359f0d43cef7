// The only place where text becomes a number or a number becomes text.
//
// Thread-safety: pure functions. None allocates.
// Rules: integers are canonical decimals (no plus sign, no leading zero, no blank, "-0" refused). Doubles follow
//   strtod's grammar in the C locale, all of the text must be used, NaN and anything beyond the range is refused.
// Formatters write no terminating zero and return the end of what they wrote; the buffer holds at least the constant
//   named beside each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "storage/base/result.h"

namespace cachenode {

// --- Integers ---------------------------------------------------------------------------------------------------

// Parse without building a Status, for hot paths. False leaves `value` unchanged.
[[nodiscard]] bool TryParseInt64(std::string_view text, int64_t& value) noexcept;
[[nodiscard]] bool TryParseUint64(std::string_view text, uint64_t& value) noexcept;

// As C's strtoull reads a text, for stream ids and cursors: blanks before it, a plus sign and leading zeros are taken,
// a minus sign counts down from 2^64, the first zero byte ends it. False for anything else around the digits, and
// beyond 64 bits.
[[nodiscard]] bool TryParseLooseUint64(std::string_view text, uint64_t& value) noexcept;

// Err::kNotInteger when the text is not canonical or out of range.
[[nodiscard]] Result<int64_t> ParseInt64(std::string_view text);
[[nodiscard]] Result<uint64_t> ParseUint64(std::string_view text);
// As ParseInt64; Err::kNotInteger outside of [min, max].
[[nodiscard]] Result<int64_t> ParseInt64Within(std::string_view text, int64_t min, int64_t max);

inline constexpr size_t kIntegerCharsMax = 20;  // "-9223372036854775808", "18446744073709551615".
char* FormatInt64(int64_t value, char* out) noexcept;
char* FormatUint64(uint64_t value, char* out) noexcept;
// How many characters FormatInt64 and FormatUint64 write.
[[nodiscard]] unsigned CountDigits(uint64_t value) noexcept;
[[nodiscard]] unsigned Int64TextSize(int64_t value) noexcept;
void AppendInt64(std::string& to, int64_t value);
void AppendUint64(std::string& to, uint64_t value);

// "100", "1b", "1k" = 1000, "1kb" = 1024, and so on with m, mb, g, gb in any case. Err::kNotInteger when malformed,
// negative or beyond 64 bits.
[[nodiscard]] Result<uint64_t> ParseMemoryBytes(std::string_view text);
// The shortest of the forms above with the "kb", "mb", "gb" units that is exact, plain digits otherwise: "1gb".
[[nodiscard]] std::string FormatMemoryBytes(uint64_t bytes);

// --- Floating point ---------------------------------------------------------------------------------------------

// How a double is written; the engine version decides.
enum class DoubleRule : uint8_t {
  kSeventeenDigits,  // %.17g; integral values up to 2^52 as integers (engine 7.0).
  kShortest,         // Fewest digits that read back the same; integral values up to 2^62 as integers (newer engines).
};

// The longest text is an integer part of 24 digits or a 17-digit scientific; a round figure above both.
inline constexpr size_t kDoubleCharsMax = 40;
char* FormatDouble(double value, DoubleRule rule, char* out) noexcept;
void AppendDouble(std::string& to, double value, DoubleRule rule);
// printf's "%.<decimals>f", for replies and INFO lines with a fixed number of decimals. decimals <= 17.
inline constexpr size_t kFixedCharsMax = 340;
char* FormatFixed(double value, int decimals, char* out) noexcept;
void AppendFixed(std::string& to, double value, int decimals);

[[nodiscard]] bool TryParseDouble(std::string_view text, double& value) noexcept;
// As C's strtod reads a text, for ranges of scores: blanks before it are skipped, "" is 0, what is beyond the range is
// infinite or 0. It ends at the first zero byte. False for NaN, anything behind the number, and longer texts than
// kLongDoubleCharsMax.
[[nodiscard]] bool TryParseLooseDouble(std::string_view text, double& value) noexcept;
// Err::kNotFloat.
[[nodiscard]] Result<double> ParseDouble(std::string_view text);

// INCRBYFLOAT's arithmetic type. Text longer than kLongDoubleCharsMax is refused with Err::kNotFloat.
[[nodiscard]] bool TryParseLongDouble(std::string_view text, long double& value) noexcept;
[[nodiscard]] Result<long double> ParseLongDouble(std::string_view text);
// "%.17Lf" without trailing zeros or a bare point; "-0" becomes "0". 1e4932 has 4933 digits.
inline constexpr size_t kLongDoubleCharsMax = 5 * 1024;
char* FormatLongDouble(long double value, char* out) noexcept;
void AppendLongDouble(std::string& to, long double value);

}  // namespace cachenode
