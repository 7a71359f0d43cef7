#include "persistence/rdb_cursor.h"

#include <charconv>
#include <utility>

#include "persistence/lzf.h"
#include "storage/base/memory_pages.h"

namespace cachenode {
namespace {

constexpr uint64_t kStreamIdBytes = 16;
constexpr uint64_t kEightBytes = 8;
constexpr uint8_t kTextDoubleFirstSpecial = 253;  // NaN and the two infinities have no text.

uint64_t BigEndian(const char* at, size_t byte_count) noexcept {
  uint64_t value = 0;
  for (size_t i = 0; i < byte_count; ++i) value = value << 8 | static_cast<uint8_t>(at[i]);
  return value;
}

uint64_t LittleEndian(const char* at, size_t byte_count) noexcept {
  uint64_t value = 0;
  for (size_t i = byte_count; i > 0; --i) value = value << 8 | static_cast<uint8_t>(at[i - 1]);
  return value;
}

}  // namespace

bool RdbString::CopyTo(std::string& out) const {
  switch (form) {
    case Form::kRaw:
      out.assign(bytes);
      return true;
    case Form::kInteger: {
      char text[kIntegerTextMax];
      const auto end = std::to_chars(text, text + sizeof(text), integer).ptr;
      out.assign(text, end);
      return true;
    }
    case Form::kLzf:
      out.resize(text_bytes);
      return Decompress(out);
  }
  return false;
}

bool RdbString::Decompress(std::span<char> text) const noexcept { return LzfDecompress(bytes, text); }

bool RdbString::View(std::string& scratch, std::string_view& text) const {
  if (form == Form::kRaw) [[likely]] {
    text = bytes;
    return true;
  }
  if (!CopyTo(scratch)) return false;
  text = scratch;
  return true;
}

ByteBlockRef RdbString::ReadIntoBlock(bool& is_valid) const noexcept {
  is_valid = true;
  ByteBlockRef block = ByteBlockRef::Create(text_bytes);
  if (!block) return {};
  MakePagesPresent(block->mutable_data(), block->size());
  if (form == Form::kRaw) {
    std::memcpy(block->mutable_data(), bytes.data(), bytes.size());
    return block;
  }
  is_valid = Decompress({block->mutable_data(), block->size()});
  return is_valid ? std::move(block) : ByteBlockRef();
}

bool RdbCursor::Corrupt(const char* reason) noexcept {
  if (fault_ == Fault::kNone) {
    fault_ = Fault::kCorrupt;
    reason_ = reason;
  }
  return false;
}

bool RdbCursor::Short(uint64_t needed) noexcept {
  if (fault_ == Fault::kNone) {
    fault_ = Fault::kShort;
    bytes_missing_ = needed > Left() ? needed - Left() : 1;
  }
  return false;
}

bool RdbCursor::Skip(uint64_t byte_count) noexcept {
  if (fault_ != Fault::kNone || byte_count > Left()) [[unlikely]]
    return Short(byte_count);
  at_ += byte_count;
  return true;
}

bool RdbCursor::ReadInt32(int32_t& out) noexcept {
  const char* start = at_;
  if (!Skip(sizeof(out))) return false;
  out = static_cast<int32_t>(LittleEndian(start, sizeof(out)));
  return true;
}

bool RdbCursor::ReadInt64(int64_t& out) noexcept {
  const char* start = at_;
  if (!Skip(sizeof(out))) return false;
  out = static_cast<int64_t>(LittleEndian(start, sizeof(out)));
  return true;
}

bool RdbCursor::ReadLength(uint64_t& out) noexcept {
  uint8_t marker = 0;
  if (!ReadByte(marker)) return false;
  if (marker >> 6 == kRdbLength6Bit) [[likely]] {
    out = marker;
    return true;
  }
  return ReadLengthBody(marker, out);
}

bool RdbCursor::ReadLengthBody(uint8_t marker, uint64_t& out) noexcept {
  const char* start = at_;
  if (marker >> 6 == kRdbLength14Bit) {
    if (!Skip(1)) return false;
    out = static_cast<uint64_t>(marker & 0x3F) << 8 | static_cast<uint8_t>(*start);
    return true;
  }
  if (marker == kRdbLength32Bit) {
    if (!Skip(4)) return false;
    out = BigEndian(start, 4);
    return true;
  }
  if (marker == kRdbLength64Bit) {
    if (!Skip(8)) return false;
    out = BigEndian(start, 8);
    return true;
  }
  return Corrupt(marker >> 6 == kRdbLengthSpecial ? "a string encoding stands where a length must be"
                                                  : "unknown length form");
}

bool RdbCursor::ReadString(RdbString& out) noexcept {
  uint8_t marker = 0;
  if (!ReadByte(marker)) return false;
  uint64_t length = marker;
  if (marker >> 6 != kRdbLength6Bit) {
    if (marker >> 6 == kRdbLengthSpecial) return ReadSpecialString(marker, out);
    if (!ReadLengthBody(marker, length)) return false;
  }
  const char* text = at_;
  if (!Skip(length)) return false;
  out.form = RdbString::Form::kRaw;
  out.bytes = std::string_view(text, length);
  out.text_bytes = length;
  return true;
}

bool RdbCursor::ReadSpecialString(uint8_t marker, RdbString& out) noexcept {
  out.bytes = {};
  out.form = RdbString::Form::kInteger;
  const char* body = at_;
  switch (marker) {
    case kRdbStringInt8:
      if (!Skip(1)) return false;
      out.integer = static_cast<int8_t>(*body);  // NOLINT(bugprone-signed-char-misuse): a number, not a character.
      return true;
    case kRdbStringInt16:
      if (!Skip(2)) return false;
      out.integer = static_cast<int16_t>(LittleEndian(body, 2));
      return true;
    case kRdbStringInt32:
      return ReadInt32(out.integer);
    case kRdbStringLzf:
      break;
    default:
      return Corrupt("unknown string encoding");
  }
  uint64_t compressed_bytes = 0;
  if (!ReadLength(compressed_bytes) || !ReadLength(out.text_bytes)) return false;
  // No LZF stream grows by more, so a larger claim is a lie and must not become an allocation.
  if (out.text_bytes == 0 || out.text_bytes / kLzfGrowthMax > compressed_bytes) {
    return Corrupt("impossible length of a compressed string");
  }
  const char* compressed = at_;
  if (!Skip(compressed_bytes)) return false;
  out.form = RdbString::Form::kLzf;
  out.bytes = std::string_view(compressed, compressed_bytes);
  return true;
}

bool RdbCursor::SkipString() noexcept {
  RdbString ignored;
  return ReadString(ignored);
}

bool RdbCursor::SkipValue(RdbShape shape) noexcept {
  switch (shape) {
    case RdbShape::kString:
      return SkipString();
    case RdbShape::kTtlString:
      return Skip(kEightBytes) && SkipString();
    case RdbShape::kHashTtl:
      return Skip(kEightBytes) && SkipCounted(shape);
    case RdbShape::kStrings:
    case RdbShape::kStringPairs:
    case RdbShape::kTextScores:
    case RdbShape::kBinaryScores:
    case RdbShape::kQuicklist2:
    case RdbShape::kHashTtlRc:
    case RdbShape::kHashTtlValkey:
      return SkipCounted(shape);
    case RdbShape::kStream:
    case RdbShape::kStream2:
    case RdbShape::kStream3:
      return SkipStream(shape);
    case RdbShape::kModule2:
      return SkipLengths(1) && SkipModuleItems();
    case RdbShape::kRefused:
      return Corrupt("this form is not written by any release");
  }
  return Corrupt("unknown value form");
}

bool RdbCursor::SkipCounted(RdbShape shape) noexcept {
  uint64_t count = 0;
  if (!ReadLength(count)) return false;
  if (count > Left()) return Short(count);  // Every element takes at least one byte.
  for (uint64_t i = 0; i < count; ++i) {
    if (!SkipElement(shape)) return false;
  }
  return true;
}

bool RdbCursor::SkipElement(RdbShape shape) noexcept {
  switch (shape) {
    case RdbShape::kStrings:
      return SkipString();
    case RdbShape::kStringPairs:
      return SkipString() && SkipString();
    case RdbShape::kTextScores:
      return SkipString() && SkipTextDouble();
    case RdbShape::kBinaryScores:
      return SkipString() && Skip(kEightBytes);
    case RdbShape::kQuicklist2:
      return SkipLengths(1) && SkipString();
    case RdbShape::kHashTtlRc:
    case RdbShape::kHashTtl:
      return SkipLengths(1) && SkipString() && SkipString();
    case RdbShape::kHashTtlValkey:
      return SkipString() && SkipString() && Skip(kEightBytes);
    default:
      return Corrupt("unknown value form");
  }
}

bool RdbCursor::SkipLengths(int count) noexcept {
  uint64_t ignored = 0;
  for (int i = 0; i < count; ++i) {
    if (!ReadLength(ignored)) return false;
  }
  return true;
}

bool RdbCursor::SkipTextDouble() noexcept {
  uint8_t length = 0;
  if (!ReadByte(length)) return false;
  return length >= kTextDoubleFirstSpecial || Skip(length);
}

bool RdbCursor::SkipModuleItems() noexcept {
  enum : uint64_t { kEnd = 0, kSigned = 1, kUnsigned = 2, kFloat = 3, kDouble = 4, kText = 5 };
  for (;;) {
    uint64_t opcode = 0;
    if (!ReadLength(opcode)) return false;
    bool skipped = false;
    switch (opcode) {
      case kEnd:
        return true;
      case kSigned:
      case kUnsigned:
        skipped = SkipLengths(1);
        break;
      case kFloat:
        skipped = Skip(4);
        break;
      case kDouble:
        skipped = Skip(kEightBytes);
        break;
      case kText:
        skipped = SkipString();
        break;
      default:
        return Corrupt("unknown module opcode");
    }
    if (!skipped) return false;
  }
}

bool RdbCursor::SkipStream(RdbShape shape) noexcept {
  uint64_t node_count = 0;
  if (!ReadLength(node_count)) return false;
  if (node_count > Left()) return Short(node_count);
  for (uint64_t i = 0; i < node_count; ++i) {
    if (!SkipString() || !SkipString()) return false;
  }
  // Entry count and last id; newer forms add the first id, the greatest deleted id and the entries ever added.
  if (!SkipLengths(shape == RdbShape::kStream ? 3 : 8)) return false;
  uint64_t group_count = 0;
  if (!ReadLength(group_count)) return false;
  if (group_count > Left()) return Short(group_count);
  for (uint64_t i = 0; i < group_count; ++i) {
    if (!SkipStreamGroup(shape)) return false;
  }
  return true;
}

bool RdbCursor::SkipStreamGroup(RdbShape shape) noexcept {
  if (!SkipString() || !SkipLengths(shape == RdbShape::kStream ? 2 : 3)) return false;
  uint64_t pending_count = 0;
  if (!ReadLength(pending_count)) return false;
  if (pending_count > Left()) return Short(pending_count);
  for (uint64_t i = 0; i < pending_count; ++i) {
    if (!Skip(kStreamIdBytes + kEightBytes) || !SkipLengths(1)) return false;
  }
  uint64_t consumer_count = 0;
  if (!ReadLength(consumer_count)) return false;
  if (consumer_count > Left()) return Short(consumer_count);
  for (uint64_t i = 0; i < consumer_count; ++i) {
    const uint64_t times_bytes = shape == RdbShape::kStream3 ? 2 * kEightBytes : kEightBytes;
    uint64_t owned_count = 0;
    if (!SkipString() || !Skip(times_bytes) || !ReadLength(owned_count)) return false;
    if (owned_count > Left()) return Short(owned_count);
    if (!Skip(owned_count * kStreamIdBytes)) return false;
  }
  return true;
}

}  // namespace cachenode
