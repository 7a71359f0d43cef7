// Constants of the RDB file format: magics, opcodes, value types and the versions that introduced them.
//
// Thread-safety: constants only. All facts here are part of the format and never change; how this server uses
// the format is described in persistence/README.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace cachenode {

// The two families of files. They agree on everything but the magic and the meaning of type 22.
enum class RdbDialect : uint8_t { kRedis, kValkey };

constexpr std::string_view kRdbRedisMagic = "REDIS";    // Followed by 4 decimal digits.
constexpr std::string_view kRdbValkeyMagic = "VALKEY";  // Followed by 3 decimal digits.
constexpr size_t kRdbMagicBytes = 9;
constexpr size_t kRdbChecksumBytes = 8;
constexpr int kRdbFirstChecksumVersion = 5;
constexpr int kRdbNewestRedisVersion = 12;
constexpr int kRdbNewestValkeyVersion = 80;
constexpr int kRdbFirstValkeyVersion = 80;
// The two version bytes and the checksum that close a DUMP payload.
constexpr size_t kRdbDumpFooterBytes = 10;

// Bytes that stand where a value type may stand.
enum class RdbOpcode : uint8_t {
  kSlotImport = 243,     // Valkey 9, cluster.
  kSlotInfo = 244,       // Redis 7.4, cluster: a hint.
  kFunction2 = 245,      // A function library's source.
  kFunctionPreGa = 246,  // Written by release candidates of 7.0 only; refused.
  kModuleAux = 247,
  kIdle = 248,  // Idle seconds of the next key.
  kFreq = 249,  // LFU counter of the next key.
  kAux = 250,
  kResizeDb = 251,
  kExpireTimeMs = 252,  // Of the next key.
  kExpireTime = 253,    // Of the next key, in seconds.
  kSelectDb = 254,
  kEof = 255,
};
constexpr uint8_t kRdbFirstOpcode = 243;

enum class RdbType : uint8_t {
  kString = 0,
  kList = 1,
  kSet = 2,
  kZset = 3,
  kHash = 4,
  kZset2 = 5,
  kModuleRc = 6,
  kModule2 = 7,
  kHashZipmap = 9,
  kListZiplist = 10,
  kSetIntset = 11,
  kZsetZiplist = 12,
  kHashZiplist = 13,
  kListQuicklist = 14,
  kStream = 15,
  kHashListpack = 16,
  kZsetListpack = 17,
  kListQuicklist2 = 18,
  kStream2 = 19,
  kSetListpack = 20,
  kStream3 = 21,
  kHashTtl22 = 22,  // Two unrelated layouts: see RdbShape::kHashTtlRc and kHashTtlValkey.
  kHashListpackTtlRc = 23,
  kHashTtl = 24,
  kHashListpackTtl = 25,
};

// How the bytes of a value lie, which is all that skipping it needs.
enum class RdbShape : uint8_t {
  kString,        // One string; blobs (ziplist, listpack, intset, zipmap) included.
  kStrings,       // n, then n strings.
  kStringPairs,   // n, then n times two strings.
  kTextScores,    // n, then n times a string and a decimal text.
  kBinaryScores,  // n, then n times a string and 8 bytes.
  kQuicklist2,    // n, then n times a length and a string.
  kStream,
  kStream2,
  kStream3,
  kModule2,
  kHashTtlRc,      // n, then n times a length and two strings.
  kHashTtl,        // 8 bytes, then as kHashTtlRc.
  kHashTtlValkey,  // n, then n times two strings and 8 bytes.
  kTtlString,      // 8 bytes, then one string.
  kRefused,        // Known, but no server loads it.
};

struct RdbTypeInfo {
  RdbType type;
  RdbShape shape;
  int16_t first_version;       // Of the dialect that has it.
  std::string_view name;       // For messages: "hash (listpack)".
  std::string_view data_type;  // As the TYPE command names it.
};

// The row of a type byte, or null when no version defines it.
[[nodiscard]] const RdbTypeInfo* FindRdbType(uint8_t type_byte, RdbDialect dialect) noexcept;

// The first two bits of a length, and the markers behind them.
constexpr uint8_t kRdbLength6Bit = 0;
constexpr uint8_t kRdbLength14Bit = 1;
constexpr uint8_t kRdbLengthSpecial = 3;
constexpr uint8_t kRdbLength32Bit = 0x80;
constexpr uint8_t kRdbLength64Bit = 0x81;
constexpr uint8_t kRdbStringInt8 = 0xC0;
constexpr uint8_t kRdbStringInt16 = 0xC1;
constexpr uint8_t kRdbStringInt32 = 0xC2;
constexpr uint8_t kRdbStringLzf = 0xC3;

// A string longer than this is worth trying to compress.
constexpr size_t kRdbCompressAbove = 20;
// What compression must save to be used.
constexpr size_t kRdbCompressGain = 4;

}  // namespace cachenode
