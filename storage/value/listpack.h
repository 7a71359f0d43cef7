// Listpacks: byte strings and integers one after the other in one run of bytes, as RDB stores them and as small lists,
// sets, sorted sets, hashes and stream nodes are kept.
//
//   u32 total bytes | u16 element count (65535: unknown, count them) | elements | 0xFF
//   element = encoding byte(s), data, length of both as a back-length of 1-5 bytes (7 bits each, read backwards)
// Source: the format's description in the Redis repository (listpack.md); facts in persistence/README.md.
// Thread-safety: pure functions over bytes; who owns them says who may write.
// Invariants: ListpackView and the editing functions take bytes that IsValidListpack accepted, or that were made here.
// Errors: only IsValidListpack looks at hostile bytes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "storage/base/numbers.h"

namespace cachenode {

inline constexpr size_t kListpackHeaderBytes = 6;
inline constexpr size_t kEmptyListpackBytes = kListpackHeaderBytes + 1;
// A listpack never grows beyond this; callers turn to another encoding long before.
inline constexpr size_t kListpackBytesMax = size_t{1} << 30;

// Room for the text of an element stored as an integer.
using ListpackScratch = std::array<char, kIntegerCharsMax>;

// One element, borrowed.
struct ListpackElement {
  std::string_view text;  // The bytes, when not an integer.
  int64_t number = 0;
  bool is_integer = false;

  // The bytes as a client sees them.
  [[nodiscard]] std::string_view Read(ListpackScratch& scratch) const noexcept;
  // Length of Read, without formatting.
  [[nodiscard]] size_t SizeBytes() const noexcept;
  // Whether Read would equal `bytes`; `as_number` is ParseListpackInteger(bytes), made once for many comparisons.
  [[nodiscard]] bool Equals(std::string_view bytes, const std::optional<int64_t>& as_number) const noexcept;
};

// The number, if `bytes` is stored as an integer: a canonical decimal int64 of at most 20 characters.
[[nodiscard]] std::optional<int64_t> ParseListpackInteger(std::string_view bytes) noexcept;

class ListpackView {
 public:
  // Byte offset of an element; the end is EndOffset().
  using Offset = uint32_t;

  explicit ListpackView(std::string_view bytes) noexcept : bytes_(bytes) {}
  explicit ListpackView(const char* bytes) noexcept;

  // Length as the header says.
  [[nodiscard]] static size_t TotalBytes(const char* bytes) noexcept;
  [[nodiscard]] std::string_view bytes() const noexcept { return bytes_; }
  // O(1) below 65535 elements, else counted.
  [[nodiscard]] size_t Count() const noexcept;
  [[nodiscard]] bool IsEmpty() const noexcept { return bytes_.size() <= kEmptyListpackBytes; }

  [[nodiscard]] Offset Begin() const noexcept { return kListpackHeaderBytes; }
  [[nodiscard]] Offset EndOffset() const noexcept { return static_cast<Offset>(bytes_.size() - 1); }
  [[nodiscard]] Offset Next(Offset at) const noexcept;
  // Requires at > Begin().
  [[nodiscard]] Offset Previous(Offset at) const noexcept;
  [[nodiscard]] ListpackElement At(Offset at) const noexcept;
  // The element number `index`, negative from the end (-1 is the last); EndOffset() when there is none. Walks from the
  // nearer end.
  [[nodiscard]] Offset Seek(int64_t index) const noexcept;
  // The first element at or behind `from` that equals `bytes`, comparing one and passing over `skip` (1 for the fields
  // of field-value pairs); EndOffset() when there is none.
  [[nodiscard]] Offset Find(std::string_view bytes, Offset from, size_t skip) const noexcept;

 private:
  std::string_view bytes_;
};

// --- Editing. Each is two steps, because the bytes may have to move in between: ask how long the result will be, get
// the room (KeySlot::EditPacked, or any buffer), write. ---------------------------------------------------------------

// Bytes an element takes.
[[nodiscard]] size_t ListpackElementBytes(std::string_view element) noexcept;
[[nodiscard]] size_t ListpackIntegerBytes(int64_t number) noexcept;
// Writes an element at `to` and returns its end.
char* PutListpackElement(char* to, std::string_view element) noexcept;
char* PutListpackInteger(char* to, int64_t number) noexcept;

// Writes an empty listpack: kEmptyListpackBytes.
void InitListpack(char* bytes) noexcept;
// Opens a gap of `gap_bytes` at `at` in a listpack of `old_bytes` whose buffer has room for both, and sets the header
// for `added` more elements, which the caller writes into the gap (returned).
char* OpenListpackGap(char* bytes, size_t old_bytes, ListpackView::Offset at, size_t gap_bytes, int added) noexcept;
// Replaces `old_span` bytes at `at` by a gap of `new_span` (either way), with `count_delta` elements more or fewer. The
// buffer has room for the longer one. Returns the gap.
char* ReplaceListpackSpan(char* bytes, size_t old_bytes, ListpackView::Offset at, size_t old_span, size_t new_span,
                          int count_delta) noexcept;

// Growing one in a std::string: for building, converting, and what is not hot.
void AppendToListpack(std::string& listpack, std::string_view element);
void AppendToListpack(std::string& listpack, int64_t number);
[[nodiscard]] std::string MakeListpack();

// Whether hostile bytes are a listpack: header, every element and back-length, the end, and the count. `count` gets the
// number of elements.
[[nodiscard]] bool IsValidListpack(std::string_view bytes, size_t& count) noexcept;

}  // namespace cachenode
