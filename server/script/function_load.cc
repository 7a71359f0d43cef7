#include "server/script/function_load.h"

#include <lua.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "server/arg_parser.h"
#include "server/script/shebang.h"
#include "storage/base/cycle_clock.h"

namespace cachenode {
namespace {

std::string_view TextAt(lua_State* lua, int index) {
  size_t size = 0;
  const char* bytes = lua_tolstring(lua, index, &size);
  return {bytes, size};
}

}  // namespace

FunctionLoad::FunctionLoad(FunctionLibrary& library)
    : library_(library), deadline_ticks_(CycleClock::Ticks() + CycleClock::FromMicroseconds(kLoadTimeMaxMs * 1000)) {}

bool FunctionLoad::IsOverdue() const { return CycleClock::Ticks() >= deadline_ticks_; }

const char* FunctionLoad::Register(lua_State* lua) {
  const int count = lua_gettop(lua);
  if (count < 1 || count > 2) return "wrong number of arguments to redis.register_function";
  function_ = {};
  has_name_ = false;
  const char* problem = count == 1 ? ReadNamed(lua) : ReadPositional(lua);
  if (problem == nullptr) problem = Finish(lua);
  if (problem != nullptr && function_.callback_ref >= 0) {
    luaL_unref(lua, LUA_REGISTRYINDEX, std::exchange(function_.callback_ref, -1));
  }
  return problem;
}

const char* FunctionLoad::ReadPositional(lua_State* lua) {
  if (lua_isstring(lua, 1) == 0) return "first argument to redis.register_function must be a string";
  function_.name = TextAt(lua, 1);
  has_name_ = true;
  if (!lua_isfunction(lua, 2)) return "second argument to redis.register_function must be a function";
  function_.callback_ref = luaL_ref(lua, LUA_REGISTRYINDEX);
  return nullptr;
}

const char* FunctionLoad::ReadNamed(lua_State* lua) {
  if (!lua_istable(lua, 1)) {
    return "calling redis.register_function with a single argument is only applicable to Lua table (representing "
           "named arguments).";
  }
  lua_pushnil(lua);
  while (lua_next(lua, 1) != 0) {
    if (const char* problem = ReadNamedOne(lua); problem != nullptr) return problem;
    lua_settop(lua, 2);
  }
  if (!has_name_) return "redis.register_function must get a function name argument";
  if (function_.callback_ref < 0) return "redis.register_function must get a callback argument";
  return nullptr;
}

// [table, key, value]
const char* FunctionLoad::ReadNamedOne(lua_State* lua) {
  if (lua_type(lua, 2) != LUA_TSTRING) return "named argument key given to redis.register_function is not a string";
  const std::string_view key = TextAt(lua, 2);
  if (EqualsIgnoreCase(key, "function_name")) {
    if (lua_isstring(lua, 3) == 0) return "function_name argument given to redis.register_function must be a string";
    function_.name = TextAt(lua, 3);
    has_name_ = true;
  } else if (EqualsIgnoreCase(key, "description")) {
    if (lua_isstring(lua, 3) == 0) return "description argument given to redis.register_function must be a string";
    function_.description = TextAt(lua, 3);
    function_.has_description = true;
  } else if (EqualsIgnoreCase(key, "callback")) {
    if (!lua_isfunction(lua, 3)) return "callback argument given to redis.register_function must be a function";
    lua_pushvalue(lua, 3);
    function_.callback_ref = luaL_ref(lua, LUA_REGISTRYINDEX);
  } else if (EqualsIgnoreCase(key, "flags")) {
    return ReadFlags(lua);
  } else {
    return "unknown argument given to redis.register_function";
  }
  return nullptr;
}

const char* FunctionLoad::ReadFlags(lua_State* lua) {
  if (!lua_istable(lua, 3)) {
    return "flags argument to redis.register_function must be a table representing function flags";
  }
  for (int i = 1;; ++i) {
    lua_rawgeti(lua, 3, i);
    if (lua_isnil(lua, -1)) return nullptr;
    const std::optional<uint32_t> flag =
        lua_type(lua, -1) == LUA_TSTRING ? FindScriptFlag(TextAt(lua, -1)) : std::nullopt;
    if (!flag) return "unknown flag given";
    function_.flags |= *flag;
    lua_pop(lua, 1);
  }
}

const char* FunctionLoad::Finish(lua_State* /*lua*/) {
  if (!IsValidLibraryName(function_.name)) {
    return "Library names can only contain letters, numbers, or underscores(_) and must be at least one character long";
  }
  for (const auto& other : library_.functions) {
    if (EqualsIgnoreCase(other->name, function_.name)) return "Function already exists in the library";
  }
  library_.functions.push_back(std::make_unique<LibraryFunction>(std::move(function_)));
  function_ = {};
  return nullptr;
}

}  // namespace cachenode
