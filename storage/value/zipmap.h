// Zipmaps: small hashes as Redis before 2.6 kept them. RDB files of those days hold them; they are read, never written.
//
//   u8 number of pairs (254: unknown) | pairs | 0xFF
//   pair = length, field, length, u8 bytes unused behind the value, value, unused bytes
//   length = 1 byte up to 253, or 0xFE and u32
// Source: facts in persistence/README.md.
// Thread-safety: pure functions over bytes; a reader belongs to its thread.
// Errors: IsValidZipmap and ConvertZipmap look at hostile bytes; a reader takes bytes that one of them accepted. A
// field
//   may be there twice: who builds the hash has to look.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace cachenode {

// `pair_count` gets the number of pairs.
[[nodiscard]] bool IsValidZipmap(std::string_view bytes, size_t& pair_count) noexcept;

// Pairs from first to last.
class ZipmapReader {
 public:
  explicit ZipmapReader(std::string_view bytes) noexcept : at_(bytes.data() + 1) {}
  // False behind the last one. Both borrow from the bytes.
  [[nodiscard]] bool Next(std::string_view& field, std::string_view& value) noexcept;

 private:
  const char* at_;
};

// Field, value, field, value as a listpack. False, with `listpack` undefined, when the bytes are no zipmap or the
// listpack would be too long.
[[nodiscard]] bool ConvertZipmap(std::string_view bytes, std::string& listpack);

}  // namespace cachenode
