// The library `cmsgpack`: Lua values to and from MessagePack (github.com/msgpack/msgpack/blob/master/spec.md).
//
// Numbers that are integers are packed in the smallest integer form, others as float 64 (float 32 when that holds the
//   value exactly). A table is an array when its keys are 1..n, else a map; beyond kMsgpackDepthMax levels it is nil.
//   Unpacking makes binaries strings, and refuses extension types.
// Thread-safety: as the Lua state.
// Limits: kMsgpackDepthMax levels when packing; unpacking nests as deep as Lua's stack allows. Tables grow with what
//   the data holds, never with what it announces.
#pragma once

struct lua_State;

namespace cachenode {

inline constexpr int kMsgpackDepthMax = 16;

// Pushes the table.
void PushMsgpackLibrary(lua_State* lua);

}  // namespace cachenode
