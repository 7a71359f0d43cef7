#include "storage/value/ziplist.h"

#include <cstdint>

#include "storage/base/bytes.h"

namespace cachenode {
namespace {

constexpr size_t kHeaderBytes = 10;
constexpr size_t kLastOffsetAt = 4;
constexpr size_t kCountAt = 8;
constexpr size_t kEmptyBytes = kHeaderBytes + 1;
constexpr uint8_t kEnd = 0xFF;
constexpr uint8_t kLongPrevious = 0xFE;
constexpr uint16_t kCountUnknown = UINT16_MAX;

// A listpack has headers of up to 5 + 5 bytes where a ziplist has 2 + 1, so it may become longer, but never twice.
constexpr size_t kConvertBytesMax = kListpackBytesMax / 2;

// Where the parts of an element lie, relative to its first byte.
struct Shape {
  size_t data_at;
  size_t data_bytes;
  bool is_string;
};

uint8_t ByteAt(const char* at) noexcept { return static_cast<uint8_t>(*at); }

size_t PreviousFieldBytes(const char* at) noexcept { return ByteAt(at) == kLongPrevious ? 5 : 1; }

size_t PreviousBytes(const char* at) noexcept {
  return ByteAt(at) == kLongPrevious ? LoadLittleEndian<uint32_t>(at + 1) : ByteAt(at);
}

// Bytes of the encoding that begins with `first`; 0 when none does.
size_t EncodingBytes(uint8_t first) noexcept {
  switch (first >> 6) {
    case 0:
      return 1;
    case 1:
      return 2;
    case 2:
      return 5;
    default:
      break;
  }
  const bool known = first == 0xC0 || first == 0xD0 || first == 0xE0 || (first >= 0xF0 && first <= 0xFE);
  return known ? 1 : 0;
}

size_t IntegerDataBytes(uint8_t first) noexcept {
  switch (first) {
    case 0xC0:
      return 2;
    case 0xD0:
      return 4;
    case 0xE0:
      return 8;
    case 0xF0:
      return 3;
    case 0xFE:
      return 1;
    default:
      return 0;
  }
}

// Reads the encoding at `at`, all of whose bytes are there.
Shape ReadShape(const char* at, size_t encoding_at) noexcept {
  const char* const encoding = at + encoding_at;
  const uint8_t first = ByteAt(encoding);
  const size_t data_at = encoding_at + EncodingBytes(first);
  switch (first >> 6) {
    case 0:
      return {data_at, first, true};
    case 1:
      return {data_at, LoadBigEndian<uint16_t>(encoding) & 0x3FFFU, true};
    case 2:
      return {data_at, LoadBigEndian<uint32_t>(encoding + 1), true};
    default:
      return {data_at, IntegerDataBytes(first), false};
  }
}

// The integer whose `size` bytes begin at `data`; without any it is in the encoding itself: 1 for 0 up to 13 for 12.
int64_t ReadInteger(const char* data, size_t size) noexcept {
  if (size == 0) return (ByteAt(data - 1) & 0x0F) - 1;
  uint64_t bits = 0;
  for (size_t i = size; i-- > 0;) bits = bits << 8 | ByteAt(data + i);
  const auto unused_bits = static_cast<unsigned>(64 - 8 * size);
  return static_cast<int64_t>(bits << unused_bits) >> unused_bits;
}

// Bytes of the element at `at`, behind one of `previous_bytes`; 0 when it does not end within `left` bytes or says
// otherwise of the one before.
size_t CheckElement(const char* at, size_t left, size_t previous_bytes) noexcept {
  const size_t encoding_at = PreviousFieldBytes(at);
  if (encoding_at >= left || PreviousBytes(at) != previous_bytes) return 0;
  const size_t encoding_bytes = EncodingBytes(ByteAt(at + encoding_at));
  if (encoding_bytes == 0 || encoding_at + encoding_bytes > left) return 0;
  const Shape shape = ReadShape(at, encoding_at);
  return shape.data_bytes > left - shape.data_at ? 0 : shape.data_at + shape.data_bytes;
}

}  // namespace

bool IsValidZiplist(std::string_view bytes, size_t& count) noexcept {
  count = 0;
  const char* const begin = bytes.data();
  if (bytes.size() < kEmptyBytes || LoadLittleEndian<uint32_t>(begin) != bytes.size()) return false;
  const size_t end = bytes.size() - 1;
  if (ByteAt(begin + end) != kEnd) return false;
  size_t at = kHeaderBytes;
  size_t last_bytes = 0;
  while (at != end) {
    // 0xFF as a length is the end, which is not here.
    if (ByteAt(begin + at) == kEnd) return false;
    last_bytes = CheckElement(begin + at, end - at, last_bytes);
    if (last_bytes == 0) return false;
    at += last_bytes;
    ++count;
  }
  if (count > 0 && LoadLittleEndian<uint32_t>(begin + kLastOffsetAt) != end - last_bytes) return false;
  const uint16_t said = LoadLittleEndian<uint16_t>(begin + kCountAt);
  return said == kCountUnknown || said == count;
}

ZiplistReader::ZiplistReader(std::string_view bytes) noexcept : at_(bytes.data() + kHeaderBytes) {}

bool ZiplistReader::Next(ListpackElement& element) noexcept {
  if (ByteAt(at_) == kEnd) return false;
  const Shape shape = ReadShape(at_, PreviousFieldBytes(at_));
  const char* const data = at_ + shape.data_at;
  if (shape.is_string) {
    element = {{data, shape.data_bytes}, 0, false};
  } else {
    element = {{}, ReadInteger(data, shape.data_bytes), true};
  }
  at_ = data + shape.data_bytes;
  return true;
}

bool ConvertZiplist(std::string_view bytes, std::string& listpack) {
  size_t count = 0;
  if (bytes.size() > kConvertBytesMax || !IsValidZiplist(bytes, count)) return false;
  listpack = MakeListpack();
  listpack.reserve(bytes.size() + bytes.size() / 8);
  ZiplistReader reader(bytes);
  for (ListpackElement element; reader.Next(element);) {
    if (element.is_integer) {
      AppendToListpack(listpack, element.number);
    } else {
      AppendToListpack(listpack, element.text);
    }
  }
  return true;
}

}  // namespace cachenode
