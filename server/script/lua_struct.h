// The library `struct`: values to and from packed binary records, by a format string.
//
// Format, after the public description of Roberto Ierusalimschy's library: > < = byte order (big, little, native);
//   !n alignment to at most n (a power of two; without n the machine's); x a padding byte; b B char, h H short,
//   l L long, T size_t, i/In an integer of n bytes; f float, d double; s a zero-terminated string; cn a string of n
//   bytes (c0: the length is the number read just before, or the whole string when packing); blanks are skipped.
// Thread-safety: as the Lua state.
// Limits: integers of at most kStructIntegerMax bytes; every read stays within the data, whatever the format says.
#pragma once

#include <cstddef>

struct lua_State;

namespace cachenode {

inline constexpr size_t kStructIntegerMax = 32;

// Pushes the table.
void PushStructLibrary(lua_State* lua);

}  // namespace cachenode
