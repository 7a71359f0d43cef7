#include "storage/value/listpack.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "storage/base/bytes.h"

namespace cachenode {
namespace {

constexpr uint8_t kEnd = 0xFF;
constexpr uint16_t kCountUnknown = UINT16_MAX;

// First bytes of the encodings that carry no bits of the value; the others are told apart by masks.
constexpr uint8_t kString32 = 0xF0;
constexpr uint8_t kInt16 = 0xF1;
constexpr uint8_t kInt24 = 0xF2;
constexpr uint8_t kInt32 = 0xF3;
constexpr uint8_t kInt64 = 0xF4;

constexpr size_t kString6Max = 63;
constexpr size_t kString12Max = 4095;
constexpr int kInt13Bits = 13;
constexpr size_t kBackLengthBytesMax = 5;

// Shape of an element, from its first bytes.
struct Head {
  uint32_t prefix_bytes;  // Before the data. 0: the byte starts no element.
  uint32_t data_bytes;    // Of the string or of the integer behind the prefix.
  bool is_string;
  [[nodiscard]] size_t Bytes() const noexcept { return size_t{prefix_bytes} + data_bytes; }
};

uint8_t ByteAt(const char* at) noexcept { return static_cast<uint8_t>(*at); }

// How many bytes stand before the data of an element that begins with `first`; 0 when none does.
uint32_t PrefixBytes(uint8_t first) noexcept {
  if (first < 0xC0) return 1;
  if (first < 0xF0) return 2;
  if (first == kString32) return 5;
  return first <= kInt64 ? 1 : 0;
}

// Reads PrefixBytes(*at) bytes, no more. Inlined: a Head returned goes through memory, written in parts and read as a
// whole, which the processor waits for longer than all the rest takes.
[[gnu::always_inline]] inline Head ReadHead(const char* at) noexcept {
  const uint8_t first = ByteAt(at);
  if (first < 0x80) return {1, 0, false};
  if (first < 0xC0) return {1, first & 0x3FU, true};
  if (first < 0xE0) return {2, 0, false};
  if (first < 0xF0) return {2, (first & 0x0FU) << 8 | ByteAt(at + 1), true};
  switch (first) {
    case kString32:
      return {5, LoadLittleEndian<uint32_t>(at + 1), true};
    case kInt16:
      return {1, 2, false};
    case kInt24:
      return {1, 3, false};
    case kInt32:
      return {1, 4, false};
    case kInt64:
      return {1, 8, false};
    default:
      return {0, 0, false};
  }
}

// The integer whose head is not a string's.
int64_t ReadInteger(const char* at) noexcept {
  const uint8_t first = ByteAt(at);
  if (first < 0x80) return first;
  if (first < 0xE0) {
    const uint32_t bits = (first & 0x1FU) << 8 | ByteAt(at + 1);
    return static_cast<int32_t>(bits << (32 - kInt13Bits)) >> (32 - kInt13Bits);
  }
  switch (first) {
    case kInt16:
      return static_cast<int16_t>(LoadLittleEndian<uint16_t>(at + 1));
    case kInt24: {
      const uint32_t bits = LoadLittleEndian<uint16_t>(at + 1) | uint32_t{ByteAt(at + 3)} << 16;
      return static_cast<int32_t>(bits << 8) >> 8;
    }
    case kInt32:
      return static_cast<int32_t>(LoadLittleEndian<uint32_t>(at + 1));
    default:
      return static_cast<int64_t>(LoadLittleEndian<uint64_t>(at + 1));
  }
}

// Bytes of the back-length of an element of `bytes`. The limits are the format's, though the larger ones would fit one
// more: readers compute the next element's place from them.
size_t BackLengthBytes(size_t bytes) noexcept {
  if (bytes <= 127) return 1;
  if (bytes < 16383) return 2;
  if (bytes < 2097151) return 3;
  return bytes < 268435455 ? 4 : 5;
}

char* PutBackLength(char* to, size_t bytes) noexcept {
  const size_t count = BackLengthBytes(bytes);
  for (size_t i = count; i-- > 0;) {
    to[i] = static_cast<char>((bytes & 0x7FU) | (i == 0 ? 0 : 0x80U));
    bytes >>= 7;
  }
  return to + count;
}

// The length read backwards from `last`, the back-length's last byte.
size_t ReadBackLength(const char* last) noexcept {
  size_t bytes = 0;
  for (unsigned shift = 0; shift < 7 * kBackLengthBytesMax; shift += 7, --last) {
    bytes |= size_t{ByteAt(last) & 0x7FU} << shift;
    if ((ByteAt(last) & 0x80U) == 0) break;
  }
  return bytes;
}

// Bytes of prefix and data.
size_t IntegerBodyBytes(int64_t number) noexcept {
  if (number >= 0 && number <= 127) return 1;
  if (number >= -4096 && number <= 4095) return 2;
  if (number >= INT16_MIN && number <= INT16_MAX) return 3;
  if (number >= -(1 << 23) && number < (1 << 23)) return 4;
  return number >= INT32_MIN && number <= INT32_MAX ? 5 : 9;
}

size_t StringPrefixBytes(size_t size) noexcept {
  if (size <= kString6Max) return 1;
  return size <= kString12Max ? 2 : 5;
}

size_t StringElementBytes(size_t size) noexcept {
  const size_t body = StringPrefixBytes(size) + size;
  return body + BackLengthBytes(body);
}

char* PutString(char* to, std::string_view text) noexcept {
  char* const begin = to;
  const size_t size = text.size();
  if (size <= kString6Max) {
    *to++ = static_cast<char>(0x80U | size);
  } else if (size <= kString12Max) {
    *to++ = static_cast<char>(0xE0U | size >> 8);
    *to++ = static_cast<char>(size);
  } else {
    *to++ = static_cast<char>(kString32);
    StoreLittleEndian(to, static_cast<uint32_t>(size));
    to += sizeof(uint32_t);
  }
  CopyShort(to, text.data(), size);
  to += size;
  return PutBackLength(to, static_cast<size_t>(to - begin));
}

uint16_t HeaderCount(const char* bytes) noexcept { return LoadLittleEndian<uint16_t>(bytes + sizeof(uint32_t)); }

void WriteHeader(char* bytes, size_t total_bytes, uint16_t count) noexcept {
  assert(total_bytes <= kListpackBytesMax);
  StoreLittleEndian(bytes, static_cast<uint32_t>(total_bytes));
  StoreLittleEndian(bytes + sizeof(uint32_t), count);
}

}  // namespace

std::string_view ListpackElement::Read(ListpackScratch& scratch) const noexcept {
  if (!is_integer) return text;
  return {scratch.data(), static_cast<size_t>(FormatInt64(number, scratch.data()) - scratch.data())};
}

size_t ListpackElement::SizeBytes() const noexcept { return is_integer ? Int64TextSize(number) : text.size(); }

bool ListpackElement::Equals(std::string_view bytes, const std::optional<int64_t>& as_number) const noexcept {
  return is_integer ? as_number == number : text == bytes;
}

std::optional<int64_t> ParseListpackInteger(std::string_view bytes) noexcept {
  // Most elements are texts, and most of those show it by a look at either end.
  if (bytes.empty() || !IsDigitAscii(bytes.back()) || !(IsDigitAscii(bytes.front()) || bytes.front() == '-')) {
    return std::nullopt;
  }
  int64_t number = 0;
  if (!TryParseInt64(bytes, number)) return std::nullopt;
  return number;
}

// --- Reading ---------------------------------------------------------------------------------------------------

size_t ListpackView::TotalBytes(const char* bytes) noexcept { return LoadLittleEndian<uint32_t>(bytes); }

ListpackView::ListpackView(const char* bytes) noexcept : bytes_(bytes, TotalBytes(bytes)) {}

size_t ListpackView::Count() const noexcept {
  const uint16_t known = HeaderCount(bytes_.data());
  if (known != kCountUnknown) return known;
  size_t count = 0;
  for (Offset at = Begin(); at != EndOffset(); at = Next(at)) ++count;
  return count;
}

ListpackView::Offset ListpackView::Next(Offset at) const noexcept {
  const size_t body = ReadHead(bytes_.data() + at).Bytes();
  return static_cast<Offset>(at + body + BackLengthBytes(body));
}

ListpackView::Offset ListpackView::Previous(Offset at) const noexcept {
  assert(at > Begin());
  const size_t body = ReadBackLength(bytes_.data() + at - 1);
  return static_cast<Offset>(at - body - BackLengthBytes(body));
}

ListpackElement ListpackView::At(Offset at) const noexcept {
  const char* const from = bytes_.data() + at;
  const Head head = ReadHead(from);
  if (head.is_string) return {{from + head.prefix_bytes, head.data_bytes}, 0, false};
  return {{}, ReadInteger(from), true};
}

ListpackView::Offset ListpackView::Seek(int64_t index) const noexcept {
  const uint16_t known = HeaderCount(bytes_.data());
  if (known != kCountUnknown) {
    const int64_t count = known;
    if (index >= count || index < -count) return EndOffset();
    if (index >= 0 && index > count / 2) index -= count;
    if (index < 0 && -index > count / 2) index += count;
  }
  if (index >= 0) {
    Offset at = Begin();
    for (; index > 0 && at != EndOffset(); --index) at = Next(at);
    return at;
  }
  Offset at = EndOffset();
  for (; index < 0; ++index) {
    if (at == Begin()) return EndOffset();
    at = Previous(at);
  }
  return at;
}

ListpackView::Offset ListpackView::Find(std::string_view bytes, Offset from, size_t skip) const noexcept {
  const std::optional<int64_t> as_number = ParseListpackInteger(bytes);
  const char* const begin = bytes_.data();
  const Offset end = EndOffset();
  size_t until_next = 0;
  for (Offset at = from; at != end;) {
    const Head head = ReadHead(begin + at);
    if (until_next > 0) {
      --until_next;
    } else {
      // A decimal may be stored as a string too, by other writers: compare with what is there.
      const bool equal = head.is_string
                             ? head.data_bytes == bytes.size() &&
                                   std::memcmp(begin + at + head.prefix_bytes, bytes.data(), bytes.size()) == 0
                             : as_number.has_value() && ReadInteger(begin + at) == *as_number;
      if (equal) return at;
      until_next = skip;
    }
    at = static_cast<Offset>(at + head.Bytes() + BackLengthBytes(head.Bytes()));
  }
  return end;
}

// --- Editing ---------------------------------------------------------------------------------------------------

size_t ListpackElementBytes(std::string_view element) noexcept {
  const std::optional<int64_t> number = ParseListpackInteger(element);
  return number ? ListpackIntegerBytes(*number) : StringElementBytes(element.size());
}

size_t ListpackIntegerBytes(int64_t number) noexcept {
  return IntegerBodyBytes(number) + 1;  // The back-length of at most 9 bytes is one byte.
}

char* PutListpackElement(char* to, std::string_view element) noexcept {
  const std::optional<int64_t> number = ParseListpackInteger(element);
  return number ? PutListpackInteger(to, *number) : PutString(to, element);
}

char* PutListpackInteger(char* to, int64_t number) noexcept {
  const size_t body = IntegerBodyBytes(number);
  const auto bits = static_cast<uint64_t>(number);
  if (body == 1) {
    to[0] = static_cast<char>(bits);
  } else if (body == 2) {
    to[0] = static_cast<char>(0xC0U | (bits >> 8 & 0x1FU));
    to[1] = static_cast<char>(bits);
  } else {
    to[0] = static_cast<char>(body == 9 ? size_t{kInt64} : kInt16 + body - 3);
    for (size_t i = 1; i < body; ++i) to[i] = static_cast<char>(bits >> (8 * (i - 1)));
  }
  to[body] = static_cast<char>(body);
  return to + body + 1;
}

void InitListpack(char* bytes) noexcept {
  WriteHeader(bytes, kEmptyListpackBytes, 0);
  bytes[kListpackHeaderBytes] = static_cast<char>(kEnd);
}

char* OpenListpackGap(char* bytes, size_t old_bytes, ListpackView::Offset at, size_t gap_bytes, int added) noexcept {
  return ReplaceListpackSpan(bytes, old_bytes, at, 0, gap_bytes, added);
}

char* ReplaceListpackSpan(char* bytes, size_t old_bytes, ListpackView::Offset at, size_t old_span, size_t new_span,
                          int count_delta) noexcept {
  assert(at >= kListpackHeaderBytes && at + old_span < old_bytes);
  if (old_span != new_span) std::memmove(bytes + at + new_span, bytes + at + old_span, old_bytes - at - old_span);
  // Once unknown, the count stays unknown: knowing it again would take a walk.
  uint16_t count = HeaderCount(bytes);
  if (count != kCountUnknown) {
    assert(count + count_delta >= 0);
    count = static_cast<uint16_t>(std::min<int>(count + count_delta, kCountUnknown));
  }
  WriteHeader(bytes, old_bytes - old_span + new_span, count);
  return bytes + at;
}

void AppendToListpack(std::string& listpack, std::string_view element) {
  const size_t old_bytes = listpack.size();
  const size_t gap_bytes = ListpackElementBytes(element);
  listpack.resize(old_bytes + gap_bytes);
  const auto end = static_cast<ListpackView::Offset>(old_bytes - 1);
  PutListpackElement(OpenListpackGap(listpack.data(), old_bytes, end, gap_bytes, 1), element);
}

void AppendToListpack(std::string& listpack, int64_t number) {
  const size_t old_bytes = listpack.size();
  const size_t gap_bytes = ListpackIntegerBytes(number);
  listpack.resize(old_bytes + gap_bytes);
  const auto end = static_cast<ListpackView::Offset>(old_bytes - 1);
  PutListpackInteger(OpenListpackGap(listpack.data(), old_bytes, end, gap_bytes, 1), number);
}

std::string MakeListpack() {
  std::string listpack(kEmptyListpackBytes, '\0');
  InitListpack(listpack.data());
  return listpack;
}

// --- Hostile bytes ---------------------------------------------------------------------------------------------

bool IsValidListpack(std::string_view bytes, size_t& count) noexcept {
  count = 0;
  if (bytes.size() < kEmptyListpackBytes || bytes.size() > kListpackBytesMax) return false;
  const char* const begin = bytes.data();
  if (ListpackView::TotalBytes(begin) != bytes.size()) return false;
  const size_t end = bytes.size() - 1;
  if (ByteAt(begin + end) != kEnd) return false;
  size_t at = kListpackHeaderBytes;
  while (at != end) {
    const size_t prefix = PrefixBytes(ByteAt(begin + at));
    if (prefix == 0 || prefix > end - at) return false;
    const size_t body = ReadHead(begin + at).Bytes();
    const size_t back = BackLengthBytes(body);
    if (body + back > end - at) return false;
    // Exactly the bytes a writer makes: Previous computes the length of the back-length from what it says.
    char expected[kBackLengthBytesMax];
    PutBackLength(expected, body);
    if (std::memcmp(expected, begin + at + body, back) != 0) return false;
    at += body + back;
    ++count;
  }
  const uint16_t known = HeaderCount(begin);
  return known == kCountUnknown || known == count;
}

}  // namespace cachenode
