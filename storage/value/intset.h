// Intsets: sorted sets of integers in one run of bytes, as RDB stores them and as small sets of numbers are kept.
//
//   u32 width of an integer (2, 4 or 8) | u32 count | integers, ascending, two's complement      all little-endian
// All have the width that the widest ever needed; it never shrinks, as in Redis, whose files hold the same bytes.
// Thread-safety: pure functions over bytes; who owns them says who may write.
// Invariants: IntsetView and the editing functions take bytes that IsValidIntset accepted, or that were made here.
// Errors: only IsValidIntset looks at hostile bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace cachenode {

inline constexpr size_t kIntsetHeaderBytes = 8;
inline constexpr size_t kEmptyIntsetBytes = kIntsetHeaderBytes;
// Callers turn to another encoding long before.
inline constexpr size_t kIntsetBytesMax = size_t{1} << 30;

class IntsetView {
 public:
  // Where a number is, or would have to be put.
  struct Place {
    size_t index;
    bool found;
  };

  explicit IntsetView(std::string_view bytes) noexcept : bytes_(bytes) {}
  explicit IntsetView(const char* bytes) noexcept : bytes_(bytes, TotalBytes(bytes)) {}

  // Length as the header says.
  [[nodiscard]] static size_t TotalBytes(const char* bytes) noexcept;
  [[nodiscard]] std::string_view bytes() const noexcept { return bytes_; }
  [[nodiscard]] size_t Count() const noexcept;
  // 2, 4 or 8.
  [[nodiscard]] size_t WidthBytes() const noexcept;
  // The number at `index`, in ascending order. Requires index < Count().
  [[nodiscard]] int64_t At(size_t index) const noexcept;
  // O(log Count()).
  [[nodiscard]] Place Find(int64_t number) const noexcept;
  [[nodiscard]] bool Contains(int64_t number) const noexcept { return Find(number).found; }

 private:
  std::string_view bytes_;
};

// --- Editing in two steps, as listpacks are: ask how long the result will be, get the room, write. -------------------

// Writes an empty set: kEmptyIntsetBytes.
void InitIntset(char* bytes) noexcept;
// How long the set will be with `number`, which is not in it: all integers may have to become wider.
[[nodiscard]] size_t IntsetInsertBytes(IntsetView set, int64_t number) noexcept;
// Puts `number`, which is not in the set, to Find(number).index. The buffer has room for IntsetInsertBytes.
void InsertIntoIntset(char* bytes, size_t index, int64_t number) noexcept;
// How long the set will be with one number less. Requires Count() > 0.
[[nodiscard]] size_t IntsetEraseBytes(IntsetView set) noexcept;
void EraseFromIntset(char* bytes, size_t index) noexcept;

// Growing one in a std::string: for building, converting, and what is not hot. False when it was there.
bool AddToIntset(std::string& intset, int64_t number);
[[nodiscard]] std::string MakeIntset();

// Whether hostile bytes are an intset: width, length, order without duplicates. `count` gets the number of integers; an
// empty set is a valid one here.
[[nodiscard]] bool IsValidIntset(std::string_view bytes, size_t& count) noexcept;

}  // namespace cachenode
