#include "persistence/rdb_encode.h"

#include <limits>

#include "persistence/lzf.h"
#include "storage/base/bytes.h"
#include "storage/base/numbers.h"

namespace cachenode {
namespace {

constexpr uint64_t kLength6BitEnd = 1U << 6;
constexpr uint64_t kLength14BitEnd = 1U << 14;
constexpr size_t kIntegerTextMax = 11;  // "-2147483648".

char* PutByte(char* to, uint64_t byte) noexcept {
  *to = static_cast<char>(byte);
  return to + 1;
}

char* PutPlain(char* to, std::string_view text) noexcept {
  to = PutRdbLength(to, text.size());
  CopyShort(to, text.data(), text.size());
  return to + text.size();
}

bool FitsInt32(int64_t value) noexcept {
  return value >= std::numeric_limits<int32_t>::min() && value <= std::numeric_limits<int32_t>::max();
}

char* PutInt32(char* to, int32_t value) noexcept {
  if (value >= INT8_MIN && value <= INT8_MAX) {
    to = PutByte(to, kRdbStringInt8);
    return PutByte(to, static_cast<uint8_t>(value));
  }
  if (value >= INT16_MIN && value <= INT16_MAX) {
    to = PutByte(to, kRdbStringInt16);
    StoreLittleEndian(to, static_cast<uint16_t>(value));
    return to + sizeof(uint16_t);
  }
  to = PutByte(to, kRdbStringInt32);
  StoreLittleEndian(to, static_cast<uint32_t>(value));
  return to + sizeof(uint32_t);
}

// Null when compressing gains too little. The body is written where the plain text would have ended at the latest, then
// moved down behind its header, whose size is known only afterwards.
char* PutCompressed(char* to, std::string_view text) noexcept {
  char* body = to + kRdbStringOverheadMax;
  const size_t compressed = LzfCompress(text, {body, text.size() - kRdbCompressGain});
  if (compressed == 0) return nullptr;
  to = PutByte(to, kRdbStringLzf);
  to = PutRdbLength(to, compressed);
  to = PutRdbLength(to, text.size());
  std::memmove(to, body, compressed);
  return to + compressed;
}

}  // namespace

char* PutRdbLength(char* to, uint64_t length) noexcept {
  if (length < kLength6BitEnd) [[likely]]
    return PutByte(to, length);
  if (length < kLength14BitEnd) {
    to = PutByte(to, kRdbLength14Bit << 6 | length >> 8);
    return PutByte(to, length);
  }
  if (length <= std::numeric_limits<uint32_t>::max()) {
    to = PutByte(to, kRdbLength32Bit);
    StoreBigEndian(to, static_cast<uint32_t>(length));
    return to + sizeof(uint32_t);
  }
  to = PutByte(to, kRdbLength64Bit);
  StoreBigEndian(to, length);
  return to + sizeof(uint64_t);
}

char* PutRdbInteger(char* to, int64_t value) noexcept {
  if (FitsInt32(value)) return PutInt32(to, static_cast<int32_t>(value));
  to = PutRdbLength(to, Int64TextSize(value));
  return FormatInt64(value, to);
}

char* PutRdbString(char* to, std::string_view text, RdbCompression compression) noexcept {
  if (text.size() <= kIntegerTextMax) {
    int64_t value = 0;
    if (TryParseInt64(text, value) && FitsInt32(value)) return PutInt32(to, static_cast<int32_t>(value));
    return PutPlain(to, text);
  }
  if (compression == RdbCompression::kLzf && text.size() > kRdbCompressAbove && text.size() <= kRdbCompressBytesMax) {
    char* end = PutCompressed(to, text);
    if (end != nullptr) return end;
  }
  return PutPlain(to, text);
}

void AppendRdbOpcode(EncodeBuffer& out, RdbOpcode opcode) noexcept { out.AppendByte(static_cast<uint8_t>(opcode)); }

void AppendRdbLength(EncodeBuffer& out, uint64_t length) noexcept {
  char* to = out.Room(kRdbLengthBytesMax);
  if (to != nullptr) out.Advance(PutRdbLength(to, length));
}

void AppendRdbInt64(EncodeBuffer& out, int64_t value) noexcept {
  char* to = out.Room(sizeof(value));
  if (to == nullptr) return;
  StoreLittleEndian(to, static_cast<uint64_t>(value));
  out.Advance(to + sizeof(value));
}

void AppendRdbString(EncodeBuffer& out, std::string_view text, RdbCompression compression) noexcept {
  char* to = out.Room(text.size() + kRdbStringOverheadMax);
  if (to != nullptr) out.Advance(PutRdbString(to, text, compression));
}

void AppendRdbPlainString(EncodeBuffer& out, std::string_view text) noexcept {
  AppendRdbLength(out, text.size());
  out.Append(text);
}

void AppendRdbAux(EncodeBuffer& out, std::string_view name, std::string_view value) noexcept {
  AppendRdbOpcode(out, RdbOpcode::kAux);
  AppendRdbString(out, name, RdbCompression::kOff);
  AppendRdbString(out, value, RdbCompression::kOff);
}

void AppendRdbAuxInteger(EncodeBuffer& out, std::string_view name, int64_t value) noexcept {
  AppendRdbOpcode(out, RdbOpcode::kAux);
  AppendRdbString(out, name, RdbCompression::kOff);
  char* to = out.Room(kRdbStringOverheadMax + kIntegerCharsMax);
  if (to != nullptr) out.Advance(PutRdbInteger(to, value));
}

char* PutRdbKeyPrefix(char* to, const RdbKeyPrefix& prefix) noexcept {
  if (prefix.expire_at_ms >= 0) {
    to = PutByte(to, static_cast<uint8_t>(RdbOpcode::kExpireTimeMs));
    StoreLittleEndian(to, static_cast<uint64_t>(prefix.expire_at_ms));
    to += sizeof(uint64_t);
  }
  if (prefix.idle_seconds >= 0) {
    to = PutByte(to, static_cast<uint8_t>(RdbOpcode::kIdle));
    to = PutRdbLength(to, static_cast<uint64_t>(prefix.idle_seconds));
  } else if (prefix.lfu_counter >= 0) {
    to = PutByte(to, static_cast<uint8_t>(RdbOpcode::kFreq));
    to = PutByte(to, static_cast<uint8_t>(prefix.lfu_counter));
  }
  return to;
}

}  // namespace cachenode
