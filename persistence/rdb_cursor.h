// Reads the primitives of the RDB format (bytes, lengths, strings) from bytes in memory.
//
// Thread-safety: one thread at a time; a value type. Nothing here allocates except what copies an RdbString.
// Invariant: the position never passes the end, and after the first failure every read fails. Bytes are hostile: no
//   length is believed before it was compared with what is there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "persistence/rdb_format.h"
#include "storage/base/byte_block.h"

namespace cachenode {

// A string as it lies in the file. `bytes` points into the cursor's memory and lives as long as that does.
struct RdbString {
  enum class Form : uint8_t { kRaw, kInteger, kLzf };
  static constexpr size_t kIntegerTextMax = 11;

  Form form = Form::kRaw;
  int32_t integer = 0;      // kInteger only.
  std::string_view bytes;   // kRaw: the text; kLzf: the compressed bytes.
  uint64_t text_bytes = 0;  // Length of the decoded text; exact but for kInteger, where it is unset.

  // Writes the decoded text to `out`, replacing its content. False when compressed bytes are not valid; `out` is then
  // unspecified.
  [[nodiscard]] bool CopyTo(std::string& out) const;
  // For kLzf: decodes into exactly text_bytes bytes. False when the compressed bytes are not valid.
  [[nodiscard]] bool Decompress(std::span<char> text) const noexcept;
  // The decoded text: a view of the file's bytes when they are plain, else of `scratch`. False as above.
  [[nodiscard]] bool View(std::string& scratch, std::string_view& text) const;

  // From so many bytes on, texts go into blocks of their own at once, the way the store keeps them.
  static constexpr size_t kIntoBlockMin = size_t{16} << 10;
  [[nodiscard]] bool IsForBlock() const noexcept { return form != Form::kInteger && text_bytes >= kIntoBlockMin; }
  // The decoded text in a block; empty when there is no memory, or when compressed bytes are not valid: `is_valid`.
  // Requires IsForBlock().
  [[nodiscard]] ByteBlockRef ReadIntoBlock(bool& is_valid) const noexcept;
};

class RdbCursor {
 public:
  enum class Fault : uint8_t {
    kNone,
    kShort,    // The bytes ended; more might follow in the file.
    kCorrupt,  // No continuation can make this valid.
  };

  // Requires position <= bytes.size().
  explicit RdbCursor(std::string_view bytes, size_t position = 0) noexcept
      : begin_(bytes.data()), at_(begin_ + position), end_(begin_ + bytes.size()) {}

  // Bytes consumed, and bytes not consumed.
  [[nodiscard]] size_t Position() const noexcept { return static_cast<size_t>(at_ - begin_); }
  [[nodiscard]] size_t Left() const noexcept { return static_cast<size_t>(end_ - at_); }
  [[nodiscard]] const char* Here() const noexcept { return at_; }

  [[nodiscard]] Fault fault() const noexcept { return fault_; }
  // What is wrong after kCorrupt; a constant text.
  [[nodiscard]] const char* reason() const noexcept { return reason_; }
  // After kShort: how many more bytes the failing item is known to need, at least 1.
  [[nodiscard]] uint64_t bytes_missing() const noexcept { return bytes_missing_; }

  [[nodiscard]] bool Skip(uint64_t byte_count) noexcept;
  [[nodiscard]] bool ReadByte(uint8_t& out) noexcept;
  [[nodiscard]] bool ReadInt32(int32_t& out) noexcept;  // Little-endian.
  [[nodiscard]] bool ReadInt64(int64_t& out) noexcept;  // Little-endian.
  [[nodiscard]] bool ReadLength(uint64_t& out) noexcept;
  [[nodiscard]] bool ReadString(RdbString& out) noexcept;
  [[nodiscard]] bool SkipString() noexcept;
  // Skips the bytes of one value of the given shape. O(elements).
  [[nodiscard]] bool SkipValue(RdbShape shape) noexcept;
  // Skips one of the elements that a counted shape (RdbShape: "n, then n times ...") consists of.
  [[nodiscard]] bool SkipElement(RdbShape shape) noexcept;
  // Skips a module's opcodes up to and including the closing one.
  [[nodiscard]] bool SkipModuleItems() noexcept;

  // Marks the bytes at the current position as wrong; returns false. `reason` must be a literal.
  bool Corrupt(const char* reason) noexcept;

 private:
  bool Short(uint64_t needed) noexcept;
  [[nodiscard]] bool ReadSpecialString(uint8_t marker, RdbString& out) noexcept;
  [[nodiscard]] bool ReadLengthBody(uint8_t marker, uint64_t& out) noexcept;
  [[nodiscard]] bool SkipCounted(RdbShape shape) noexcept;
  [[nodiscard]] bool SkipLengths(int count) noexcept;
  [[nodiscard]] bool SkipTextDouble() noexcept;
  [[nodiscard]] bool SkipStream(RdbShape shape) noexcept;
  [[nodiscard]] bool SkipStreamGroup(RdbShape shape) noexcept;

  const char* begin_;
  const char* at_;
  const char* end_;
  Fault fault_ = Fault::kNone;
  const char* reason_ = "";
  uint64_t bytes_missing_ = 0;
};

inline bool RdbCursor::ReadByte(uint8_t& out) noexcept {
  if (at_ == end_ || fault_ != Fault::kNone) [[unlikely]]
    return Short(1);
  out = static_cast<uint8_t>(*at_++);
  return true;
}

}  // namespace cachenode
