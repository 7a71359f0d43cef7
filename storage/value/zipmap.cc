#include "storage/value/zipmap.h"

#include <cstdint>

#include "storage/base/bytes.h"
#include "storage/value/listpack.h"

namespace cachenode {
namespace {

constexpr uint8_t kEnd = 0xFF;
constexpr uint8_t kLongLength = 0xFE;
constexpr uint8_t kCountUnknown = 0xFE;

// A pair of one-byte strings takes five bytes here and six in a listpack; longer ones come closer.
constexpr size_t kConvertBytesMax = kListpackBytesMax / 2;

uint8_t ByteAt(const char* at) noexcept { return static_cast<uint8_t>(*at); }

size_t LengthFieldBytes(const char* at) noexcept { return ByteAt(at) == kLongLength ? 5 : 1; }

size_t ReadLength(const char* at) noexcept {
  return ByteAt(at) == kLongLength ? LoadLittleEndian<uint32_t>(at + 1) : ByteAt(at);
}

// Bytes of the string at `at` with its length and, for a value, what is unused; 0 when they are more than `left`.
size_t CheckString(const char* at, size_t left, bool has_unused) noexcept {
  if (left == 0 || ByteAt(at) == kEnd) return 0;
  const size_t data_at = LengthFieldBytes(at) + (has_unused ? 1 : 0);
  if (data_at > left) return 0;
  // No server wrote a short length in five bytes, and none reads it.
  if (ByteAt(at) == kLongLength && ReadLength(at) < kLongLength) return 0;
  const size_t unused = has_unused ? ByteAt(at + data_at - 1) : 0;
  const size_t bytes = ReadLength(at) + unused;
  return bytes > left - data_at ? 0 : data_at + bytes;
}

}  // namespace

bool IsValidZipmap(std::string_view bytes, size_t& pair_count) noexcept {
  pair_count = 0;
  if (bytes.size() < 2 || ByteAt(&bytes.back()) != kEnd) return false;
  const char* const begin = bytes.data();
  const size_t end = bytes.size() - 1;
  size_t at = 1;
  while (at != end) {
    const size_t field_bytes = CheckString(begin + at, end - at, false);
    if (field_bytes == 0) return false;
    at += field_bytes;
    const size_t value_bytes = CheckString(begin + at, end - at, true);
    if (value_bytes == 0) return false;
    at += value_bytes;
    ++pair_count;
  }
  return ByteAt(begin) == kCountUnknown || ByteAt(begin) == pair_count;
}

bool ZipmapReader::Next(std::string_view& field, std::string_view& value) noexcept {
  if (ByteAt(at_) == kEnd) return false;
  field = {at_ + LengthFieldBytes(at_), ReadLength(at_)};
  at_ = field.data() + field.size();
  const char* const unused_at = at_ + LengthFieldBytes(at_);
  value = {unused_at + 1, ReadLength(at_)};
  at_ = value.data() + value.size() + ByteAt(unused_at);
  return true;
}

bool ConvertZipmap(std::string_view bytes, std::string& listpack) {
  size_t pair_count = 0;
  if (bytes.size() > kConvertBytesMax || !IsValidZipmap(bytes, pair_count)) return false;
  listpack = MakeListpack();
  listpack.reserve(bytes.size() + bytes.size() / 8);
  ZipmapReader reader(bytes);
  for (std::string_view field, value; reader.Next(field, value);) {
    AppendToListpack(listpack, field);
    AppendToListpack(listpack, value);
  }
  return true;
}

}  // namespace cachenode
