// How an error of a script is told: where it was raised, and the text its client gets.
//
// Thread-safety: as the LuaVm.
#pragma once

#include <string>
#include <string_view>

struct lua_State;

namespace cachenode {

// The error handler for lua_pcall: makes a table {err, source, line} of what was raised; what are tables already get
// the place added.
int DescribeScriptError(lua_State* lua);
// The error text in the table (or the string) on top of the stack.
[[nodiscard]] std::string ScriptErrorText(lua_State* lua);

struct ScriptError {
  std::string text;      // The whole reply.
  bool counted = false;  // The statistics of errors have it already.
};
// The reply for the error on top of the stack that ended `name` (a SHA, a function): "ERR x script: f1, on @y:2.", or
// "ERR x script: on @y:2." without a name.
[[nodiscard]] ScriptError DescribeFailure(lua_State* lua, std::string_view name);

}  // namespace cachenode
