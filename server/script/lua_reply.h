// Replies become Lua values, and a script's result becomes its client's reply: the conversion tables of Redis.
//
// Thread-safety: as the LuaVm.
// Limits: a result nests as deep as Lua's stack allows; the level that does not fit is the error "reached lua stack
//   limit" in its place.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

struct lua_State;

namespace cachenode {

class RespWriter;

// Pushes the first value encoded in `reply`, which a RespWriter of this process wrote, and returns the bytes it took.
// May raise "not enough memory".
size_t PushReply(lua_State* lua, std::string_view reply);

// Pushes {err = `text`}; `counted` tells that the statistics have it already. The text begins with its code.
void PushError(lua_State* lua, std::string_view text, bool counted);
// The same from a message that may begin with "-CODE"; other messages get the code ERR.
void PushErrorMessage(lua_State* lua, std::string_view message);

struct ResultErrors {
  bool failed = false;   // The result is an error, whose reply is `text`.
  bool counted = false;  // The statistics have it.
  std::string text;      // Else of the first error inside the result that is not counted yet.
};
// Pops the value on top and writes it as one reply. `script_resp` is the version the script chose by redis.setresp.
// Raises nothing.
void WriteResult(lua_State* lua, RespWriter& reply, int script_resp, ResultErrors& errors);

}  // namespace cachenode
