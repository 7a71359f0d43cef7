#include "server/script/lua_guard.h"

#include <lua.hpp>

namespace cachenode {
namespace {

constexpr char kReadOnlyText[] = "Attempt to modify a readonly table";
// Key in a guard's metatable under which the real table lies. Only its address counts.
constexpr char kGuardMark = 0;

void PushMark(lua_State* lua) {
  // tidy: allow(const-cast) Lua wants a plain pointer, for its address only
  lua_pushlightuserdata(lua, static_cast<void*>(const_cast<char*>(&kGuardMark)));
}

// __newindex of a guard: raised with the position of the script's line.
int RefuseWrite(lua_State* lua) { return luaL_error(lua, kReadOnlyText); }

int GuardedNext(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  lua_settop(lua, 2);
  if (PushGuarded(lua, 1)) lua_replace(lua, 1);
  if (lua_next(lua, 1) != 0) return 2;
  lua_pushnil(lua);
  return 1;
}

// Plain tables get the built-in next, which the interpreter runs without a call; a guard gets the careful one.
int Pairs(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  const bool is_guard = PushGuarded(lua, 1);
  lua_settop(lua, 1);
  lua_pushvalue(lua, lua_upvalueindex(is_guard ? 2 : 1));
  lua_insert(lua, 1);
  lua_pushnil(lua);
  return 3;
}

int RawGet(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  luaL_checkany(lua, 2);
  lua_settop(lua, 2);
  if (PushGuarded(lua, 1)) lua_replace(lua, 1);
  lua_rawget(lua, 1);
  return 1;
}

int RawSet(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  luaL_checkany(lua, 2);
  luaL_checkany(lua, 3);
  lua_settop(lua, 3);
  if (PushGuarded(lua, 1)) return RaiseReadOnly(lua);
  lua_rawset(lua, 1);
  return 1;
}

int GetMetatable(lua_State* lua) {
  luaL_checkany(lua, 1);
  if (!lua_getmetatable(lua, 1)) {
    lua_pushnil(lua);
    return 1;
  }
  lua_getfield(lua, -1, "__metatable");
  if (!lua_isnil(lua, -1)) return 1;
  lua_pop(lua, 1);
  if (PushGuarded(lua, 1)) lua_pushnil(lua);  // A library looks as if it had no metatable.
  return 1;
}

int SetMetatable(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  const int type = lua_type(lua, 2);
  luaL_argcheck(lua, type == LUA_TNIL || type == LUA_TTABLE, 2, "nil or table expected");
  if (PushGuarded(lua, 1)) return RaiseReadOnly(lua);
  if (luaL_getmetafield(lua, 1, "__metatable") != 0) return luaL_error(lua, "cannot change a protected metatable");
  lua_settop(lua, 2);
  lua_setmetatable(lua, 1);
  return 1;
}

int TableInsert(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  const int count = lua_gettop(lua);
  if (PushGuarded(lua, 1)) return RaiseReadOnly(lua);
  const int end = static_cast<int>(lua_objlen(lua, 1)) + 1;
  int position = end;
  if (count == 3) {
    position = static_cast<int>(luaL_checkinteger(lua, 2));
    for (int i = end > position ? end : position; i > position; --i) {
      lua_rawgeti(lua, 1, i - 1);
      lua_rawseti(lua, 1, i);
    }
  } else if (count != 2) {
    return luaL_error(lua, "wrong number of arguments to 'insert'");
  }
  lua_rawseti(lua, 1, position);
  return 0;
}

// A failed call's error table becomes its text, as scripts written for Redis expect.
int ProtectedCall(lua_State* lua) {
  luaL_checkany(lua, 1);
  lua_pushboolean(lua, 1);
  lua_insert(lua, 1);
  if (lua_pcall(lua, lua_gettop(lua) - 2, LUA_MULTRET, 0) == 0) return lua_gettop(lua);
  if (lua_istable(lua, -1)) {
    lua_getfield(lua, -1, "err");
    if (lua_isstring(lua, -1)) {
      lua_replace(lua, -2);
    } else {
      lua_pop(lua, 1);
    }
  }
  lua_pushboolean(lua, 0);
  lua_insert(lua, -2);
  return 2;
}

// load and loadstring of source text only: the built-in, its mode argument fixed.
int LoadText(lua_State* lua) {
  lua_settop(lua, 2);
  lua_pushliteral(lua, "t");
  lua_pushvalue(lua, lua_upvalueindex(1));
  lua_insert(lua, 1);
  lua_call(lua, 3, LUA_MULTRET);
  return lua_gettop(lua);
}

void SetFunction(lua_State* lua, const char* name, lua_CFunction function) {
  lua_pushcfunction(lua, function);
  lua_setfield(lua, -2, name);
}

void WrapLoader(lua_State* lua, const char* name) {
  lua_getfield(lua, -1, name);
  lua_pushcclosure(lua, LoadText, 1);
  lua_setfield(lua, -2, name);
}

}  // namespace

int RaiseReadOnly(lua_State* lua) {
  lua_pushstring(lua, kReadOnlyText);
  return lua_error(lua);
}

void WrapInGuard(lua_State* lua) {
  lua_newtable(lua);           // table guard
  lua_createtable(lua, 0, 3);  // table guard meta
  lua_pushvalue(lua, -3);
  lua_setfield(lua, -2, "__index");
  lua_pushcfunction(lua, RefuseWrite);
  lua_setfield(lua, -2, "__newindex");
  PushMark(lua);
  lua_pushvalue(lua, -4);
  lua_rawset(lua, -3);
  lua_setmetatable(lua, -2);
  lua_remove(lua, -2);
}

bool PushGuarded(lua_State* lua, int index) {
  if (!lua_getmetatable(lua, index)) return false;
  PushMark(lua);
  lua_rawget(lua, -2);
  lua_remove(lua, -2);
  if (lua_istable(lua, -1)) return true;
  lua_pop(lua, 1);
  return false;
}

void InstallGuardedBase(lua_State* lua) {
  lua_getfield(lua, -1, "next");
  lua_pushcfunction(lua, GuardedNext);
  lua_pushcclosure(lua, Pairs, 2);
  lua_setfield(lua, -2, "pairs");
  SetFunction(lua, "next", GuardedNext);
  SetFunction(lua, "rawget", RawGet);
  SetFunction(lua, "rawset", RawSet);
  SetFunction(lua, "getmetatable", GetMetatable);
  SetFunction(lua, "setmetatable", SetMetatable);
  SetFunction(lua, "pcall", ProtectedCall);
  WrapLoader(lua, "load");
  WrapLoader(lua, "loadstring");
  lua_getfield(lua, -1, "table");
  SetFunction(lua, "insert", TableInsert);
  lua_pop(lua, 1);
}

}  // namespace cachenode
