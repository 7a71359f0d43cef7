// Ziplists: what listpacks replaced in Redis 7.0. RDB files up to version 9 hold small lists, hashes and sorted sets in
// them; they are read, never written and never kept.
//
//   u32 total bytes | u32 offset of the last element | u16 count (65535: unknown) | elements | 0xFF
//   element = length of the element before it (1 byte, or 0xFE and u32) | encoding | data
// Source: facts in persistence/README.md.
// Thread-safety: pure functions over bytes; a reader belongs to its thread.
// Errors: IsValidZiplist and ConvertZiplist look at hostile bytes; a reader takes bytes that one of them accepted.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "storage/value/listpack.h"

namespace cachenode {

// Header, elements with the lengths they say of each other, end, offset of the last, count. `count` gets the number of
// elements.
[[nodiscard]] bool IsValidZiplist(std::string_view bytes, size_t& count) noexcept;

// Elements from first to last.
class ZiplistReader {
 public:
  explicit ZiplistReader(std::string_view bytes) noexcept;
  // False behind the last one. `element` borrows from the bytes.
  [[nodiscard]] bool Next(ListpackElement& element) noexcept;

 private:
  const char* at_;
};

// The same elements as a listpack, with the integers as short as a listpack has them. False, with `listpack` undefined,
// when the bytes are no ziplist or the listpack would be too long.
[[nodiscard]] bool ConvertZiplist(std::string_view bytes, std::string& listpack);

}  // namespace cachenode
