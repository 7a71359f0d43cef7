// The string type: which encoding a string gets, and reading one wherever it lies.
//
// Thread-safety: pure functions over bytes of an entry, called under the shard's lock; a pinned block may leave it.
// Invariants: a string that is the canonical decimal of an int64 is stored as an integer unless it was built in place
//   (APPEND, SETRANGE, SETBIT) or summed up (INCRBYFLOAT). A block's bytes change only while its reference is unique.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "storage/base/byte_block.h"
#include "storage/base/numbers.h"
#include "storage/value/value.h"

namespace cachenode {

// Room for the text of a string stored as an integer. Lives in the caller's frame.
struct StringScratch {
  std::array<char, kIntegerCharsMax> text;
};

// Inline strings below this have one byte of length.
inline constexpr size_t kShortInlineBytes = 128;

// Strings up to this many bytes are reported as embstr, longer ones as raw.
inline constexpr size_t kEmbeddedStringBytesMax = 44;

// A string value in an entry. Borrows the bytes: dies with the entry or the shard's lock.
class StringView {
 public:
  StringView(Encoding encoding, const char* value) noexcept
      : encoding_(static_cast<StringEncoding>(encoding)), value_(value) {}

  [[nodiscard]] bool IsInt() const noexcept { return encoding_ >= StringEncoding::kInt8; }
  [[nodiscard]] bool IsBlock() const noexcept { return encoding_ == StringEncoding::kBlock; }
  // The bytes; integers are written into `scratch`.
  [[nodiscard]] std::string_view Read(StringScratch& scratch) const noexcept {
    // Most strings lie in the entry behind one byte of length.
    const bool is_inline = encoding_ <= StringEncoding::kInlineRaw;
    const auto size_bytes = static_cast<uint8_t>(*value_);
    if (is_inline && size_bytes < kShortInlineBytes) [[likely]]
      return {value_ + 1, size_bytes};
    return ReadOther(scratch);
  }
  // Length in bytes, without formatting integers.
  [[nodiscard]] size_t SizeBytes() const noexcept;
  // The number, when the string is a canonical decimal int64 however it is stored.
  [[nodiscard]] std::optional<int64_t> AsInt64() const noexcept;
  // The block, or null when the string is not in one. Borrowed.
  [[nodiscard]] ByteBlock* block() const noexcept;
  // "int", "embstr" or "raw".
  [[nodiscard]] std::string_view EncodingName() const noexcept;

 private:
  [[nodiscard]] std::string_view ReadOther(StringScratch& scratch) const noexcept;
  [[nodiscard]] int64_t ReadInt() const noexcept;

  StringEncoding encoding_;
  const char* value_;
};

// --- For KeySlot, which decides where the bytes go ---------------------------------------------------------------

// The smallest integer encoding that holds `number`, and the bytes it takes.
[[nodiscard]] StringEncoding IntEncodingFor(int64_t number) noexcept;
[[nodiscard]] size_t IntBytes(StringEncoding encoding) noexcept;
void StoreInt(StringEncoding encoding, int64_t number, char* value) noexcept;

// An inline string is its length (1-2 bytes: 7 bits each, the first with the high bit when two) and its bytes.
inline constexpr size_t kInlineStringBytesMax = (size_t{1} << 14) - 1;
[[nodiscard]] inline size_t InlineHeaderBytes(size_t size_bytes) noexcept {
  return size_bytes < kShortInlineBytes ? 1 : 2;
}
// Writes the length and returns where the bytes go.
char* StoreInlineHeader(size_t size_bytes, char* value) noexcept;
void StoreBlock(ByteBlock* block, char* value) noexcept;
[[nodiscard]] ByteBlock* LoadBlock(const char* value) noexcept;

extern const ValueOps kStringOps;

}  // namespace cachenode
