// Appends the primitives of the RDB format to a buffer: lengths, strings in their shortest form, opcodes.
//
// Thread-safety: functions only; one thread per buffer.
#pragma once

#include <cstdint>
#include <string_view>

#include "persistence/encode_buffer.h"
#include "persistence/rdb_format.h"

namespace cachenode {

enum class RdbCompression : uint8_t { kOff, kLzf };

// A string longer than this is stored plain: compressing needs its length in memory a second time.
constexpr size_t kRdbCompressBytesMax = size_t{8} << 20;
// The longest length, and the bytes a string of n takes at most: n + kRdbStringOverheadMax.
constexpr size_t kRdbLengthBytesMax = 9;
constexpr size_t kRdbStringOverheadMax = 1 + 2 * kRdbLengthBytesMax;

// Writes `length` in its shortest form at `to` and returns the end.
char* PutRdbLength(char* to, uint64_t length) noexcept;
// Writes an integer as RDB stores integer-looking strings: as an integer when it fits 32 bits, as text otherwise.
// At most kRdbStringOverheadMax + 20 bytes.
char* PutRdbInteger(char* to, int64_t value) noexcept;
// Writes `text` in its shortest form: integer, compressed or plain. Needs room for text.size() + kRdbStringOverheadMax.
char* PutRdbString(char* to, std::string_view text, RdbCompression compression) noexcept;

void AppendRdbOpcode(EncodeBuffer& out, RdbOpcode opcode) noexcept;
void AppendRdbLength(EncodeBuffer& out, uint64_t length) noexcept;
void AppendRdbInt64(EncodeBuffer& out, int64_t value) noexcept;  // Eight bytes, little-endian.
void AppendRdbString(EncodeBuffer& out, std::string_view text, RdbCompression compression) noexcept;
// A string without any attempt to shorten it.
void AppendRdbPlainString(EncodeBuffer& out, std::string_view text) noexcept;
void AppendRdbAux(EncodeBuffer& out, std::string_view name, std::string_view value) noexcept;
void AppendRdbAuxInteger(EncodeBuffer& out, std::string_view name, int64_t value) noexcept;

// What precedes the type byte of a key.
struct RdbKeyPrefix {
  int64_t expire_at_ms = -1;  // -1: none.
  int64_t idle_seconds = -1;  // -1: not written.
  int16_t lfu_counter = -1;   // -1: not written.
};
// At most 9 + 10 + 2 bytes.
constexpr size_t kRdbKeyPrefixBytesMax = 21;
char* PutRdbKeyPrefix(char* to, const RdbKeyPrefix& prefix) noexcept;

}  // namespace cachenode
