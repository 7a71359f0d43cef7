#include "server/script/script_errors.h"

#include <algorithm>
#include <lua.hpp>

#include "server/script/lua_vm.h"
#include "server/script/script_run.h"

namespace cachenode {
namespace {

// Pushes the raw field `name` of the table at `index`.
void PushRawField(lua_State* lua, int index, const char* name) {
  lua_pushvalue(lua, index);
  lua_pushstring(lua, name);
  lua_rawget(lua, -2);
  lua_remove(lua, -2);
}

std::string TextAt(lua_State* lua, int index) {
  size_t size = 0;
  const char* bytes = lua_tolstring(lua, index, &size);
  return bytes == nullptr ? std::string() : std::string(bytes, size);
}

// The field as text, empty when it is neither a string nor a number. Pops nothing of the caller's.
std::string RawField(lua_State* lua, int index, const char* name) {
  PushRawField(lua, index, name);
  std::string text = TextAt(lua, -1);
  lua_pop(lua, 1);
  return text;
}

// What tostring makes of anything that may be raised, as [.., text].
void PushAsText(lua_State* lua, int index) {
  switch (lua_type(lua, index)) {
    case LUA_TNIL:
      lua_pushliteral(lua, "nil");
      return;
    case LUA_TBOOLEAN:
      lua_pushstring(lua, lua_toboolean(lua, index) != 0 ? "true" : "false");
      return;
    case LUA_TSTRING:
    case LUA_TNUMBER:
      lua_pushvalue(lua, index);
      return;
    default:
      lua_pushfstring(lua, "%s: %p", luaL_typename(lua, index), lua_topointer(lua, index));
  }
}

// LuaJIT forgets the caller of "return redis.call(...)", as a tail call takes its frame. That statement ends the chunk,
// so its line is the last that has code. False when `lua` runs nothing.
bool FindLastLine(lua_State* lua, lua_Debug& where) {
  const LuaVm& vm = LuaVm::Of(lua);
  if (vm.run == nullptr) return false;
  lua_rawgeti(lua, LUA_REGISTRYINDEX, vm.run->function_ref());
  if (!lua_isfunction(lua, -1) || lua_getinfo(lua, ">SL", &where) == 0) return false;
  where.currentline = where.linedefined;
  if (!lua_istable(lua, -1)) return false;
  lua_pushnil(lua);
  while (lua_next(lua, -2) != 0) {
    lua_pop(lua, 1);
    where.currentline = std::max(where.currentline, static_cast<int>(lua_tointeger(lua, -1)));
  }
  return true;
}

}  // namespace

int DescribeScriptError(lua_State* lua) {
  lua_Debug where{};
  bool found = lua_getstack(lua, 1, &where) != 0 && lua_getinfo(lua, "Sl", &where) != 0;
  if (found && where.what[0] == 'C') found = lua_getstack(lua, 2, &where) != 0 && lua_getinfo(lua, "Sl", &where) != 0;
  lua_settop(lua, 1);
  if (!found || where.what[0] == 'C') found = FindLastLine(lua, where);
  lua_settop(lua, 1);
  if (!lua_istable(lua, 1)) {
    lua_createtable(lua, 0, 3);
    lua_pushliteral(lua, "ERR ");
    PushAsText(lua, 1);
    lua_concat(lua, 2);
    lua_setfield(lua, -2, "err");
    lua_replace(lua, 1);
  }
  if (!found) return 1;
  lua_pushliteral(lua, "source");
  lua_pushstring(lua, where.source);
  lua_rawset(lua, 1);
  lua_pushliteral(lua, "line");
  lua_pushinteger(lua, where.currentline);
  lua_rawset(lua, 1);
  return 1;
}

std::string ScriptErrorText(lua_State* lua) {
  if (lua_istable(lua, -1)) return RawField(lua, lua_gettop(lua), "err");
  return TextAt(lua, -1);
}

ScriptError DescribeFailure(lua_State* lua, std::string_view name) {
  ScriptError error;
  const int index = lua_gettop(lua);
  if (!lua_istable(lua, index)) {
    const std::string text = TextAt(lua, index);
    error.text = "ERR Error running script " + std::string(name) + ", " + text.substr(0, 100);
    return error;
  }
  error.text = RawField(lua, index, "err");
  if (error.text.empty()) error.text = "ERR unknown error";
  if (error.text.front() == '-') error.text.erase(0, 1);
  PushRawField(lua, index, "ignore_error_stats_update");
  error.counted = lua_toboolean(lua, -1) != 0;
  lua_pop(lua, 1);
  const std::string source = RawField(lua, index, "source");
  const std::string line = RawField(lua, index, "line");
  error.text.append(" script: ").append(name);
  if (!source.empty()) error.text.append(name.empty() ? "on " : ", on ").append(source).append(":").append(line);
  error.text.append(".");
  return error;
}

}  // namespace cachenode
