#include "server/script/lua_vm.h"

#include <time.h>

#include <array>
#include <cmath>
#include <lua.hpp>
#include <utility>

#include "server/script/function_load.h"
#include "server/script/lua_guard.h"
#include "server/script/lua_msgpack.h"
#include "server/script/lua_redis_api.h"
#include "server/script/lua_struct.h"
#include "server/script/script_run.h"
#include "storage/base/memory.h"

extern "C" int luaopen_cjson(lua_State* lua);  // Debian's lua-cjson, linked statically.

namespace cachenode {
namespace {

using Names = std::initializer_list<const char*>;

constexpr Names kBaseNames = {"assert",       "collectgarbage", "error",      "gcinfo", "getmetatable",
                              "ipairs",       "load",           "loadstring", "next",   "pairs",
                              "pcall",        "rawequal",       "rawget",     "rawset", "select",
                              "setmetatable", "tonumber",       "tostring",   "type",   "unpack",
                              "xpcall",       "coroutine",      "table",      "string", "math",
                              "bit",          "cjson",          "cmsgpack",   "struct", "os",
                              "_VERSION"};
constexpr Names kDeprecatedNames = {"getfenv", "setfenv", "newproxy"};
constexpr Names kStringNames = {"byte", "char",  "dump",  "find", "format",  "gmatch", "gsub",
                                "len",  "lower", "match", "rep",  "reverse", "sub",    "upper"};
constexpr Names kTableNames = {"concat", "foreach", "foreachi", "getn", "insert", "maxn", "remove", "sort"};
constexpr Names kMathNames = {"abs",   "acos", "asin",  "atan", "atan2", "ceil", "cos",   "cosh", "deg", "exp",
                              "floor", "fmod", "frexp", "huge", "ldexp", "log",  "log10", "max",  "min", "modf",
                              "pi",    "pow",  "rad",   "sin",  "sinh",  "sqrt", "tan",   "tanh"};
constexpr Names kCoroutineNames = {"create", "resume", "running", "status", "wrap", "yield"};

// Replaces the library `name` of the table on top by a copy that has only `kept`.
void KeepOnly(lua_State* lua, const char* name, Names kept) {
  lua_getfield(lua, -1, name);
  lua_createtable(lua, 0, static_cast<int>(kept.size()));
  for (const char* key : kept) {
    lua_getfield(lua, -2, key);
    lua_setfield(lua, -2, key);
  }
  lua_setfield(lua, -3, name);
  lua_pop(lua, 1);
}

// Guards the library `name` of the table on top; nothing when it is not there.
void Guard(lua_State* lua, const char* name) {
  lua_getfield(lua, -1, name);
  if (!lua_istable(lua, -1)) {
    lua_pop(lua, 1);
    return;
  }
  WrapInGuard(lua);
  lua_setfield(lua, -2, name);
}

void Alias(lua_State* lua, const char* library, const char* alias, const char* name) {
  lua_getfield(lua, -1, library);
  lua_getfield(lua, -1, name);
  lua_setfield(lua, -2, alias);
  lua_pop(lua, 1);
}

// __index of the globals.
int RefuseUnknownGlobal(lua_State* lua) {
  return luaL_error(lua, "Script attempted to access nonexistent global variable '%s'", lua_tostring(lua, 2));
}

int RandomSeed(lua_State* lua) {
  LuaVm::Of(lua).SeedRandom(static_cast<uint32_t>(static_cast<int32_t>(luaL_checkinteger(lua, 1))));
  return 0;
}

int RandomNumber(lua_State* lua) {
  constexpr double kRange = 2147483647.0;
  const double fraction = std::fmod(static_cast<double>(LuaVm::Of(lua).NextRandom()), kRange) / kRange;
  const int count = lua_gettop(lua);
  if (count == 0) {
    lua_pushnumber(lua, fraction);
    return 1;
  }
  if (count > 2) return luaL_error(lua, "wrong number of arguments");
  const lua_Integer lower = count == 2 ? luaL_checkinteger(lua, 1) : 1;
  const lua_Integer upper = luaL_checkinteger(lua, count);
  luaL_argcheck(lua, lower <= upper, count, "interval is empty");
  const double width = static_cast<double>(upper) - static_cast<double>(lower) + 1;
  lua_pushnumber(lua, std::floor(fraction * width) + static_cast<double>(lower));
  return 1;
}

int Clock(lua_State* lua) {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  lua_pushnumber(lua, static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9);
  return 1;
}

// bit.tohex; LuaJIT's own loses its way when asked for -2^31 digits.
int ToHex(lua_State* lua) {
  constexpr lua_Integer kDigitsMax = 8;
  lua_settop(lua, lua_gettop(lua) < 2 ? 1 : 2);
  if (lua_gettop(lua) == 2 && luaL_checkinteger(lua, 2) < -kDigitsMax) {
    lua_pushinteger(lua, -kDigitsMax);
    lua_replace(lua, 2);
  }
  lua_pushvalue(lua, lua_upvalueindex(1));
  lua_insert(lua, 1);
  lua_call(lua, lua_gettop(lua) - 1, 1);
  return 1;
}

void ReplaceToHex(lua_State* lua) {
  lua_getfield(lua, -1, "bit");
  lua_getfield(lua, -1, "tohex");
  lua_pushcclosure(lua, ToHex, 1);
  lua_setfield(lua, -2, "tohex");
  lua_pop(lua, 1);
}

void ReplaceRandom(lua_State* lua) {
  lua_getfield(lua, -1, "math");
  lua_pushcfunction(lua, RandomNumber);
  lua_setfield(lua, -2, "random");
  lua_pushcfunction(lua, RandomSeed);
  lua_setfield(lua, -2, "randomseed");
  lua_pop(lua, 1);
}

void AddClock(lua_State* lua) {
  lua_createtable(lua, 0, 1);
  lua_pushcfunction(lua, Clock);
  lua_setfield(lua, -2, "clock");
  lua_setfield(lua, -2, "os");
}

void OpenLibraries(lua_State* lua) {
  constexpr std::array<lua_CFunction, 5> kOpeners = {luaopen_base, luaopen_table, luaopen_string, luaopen_math,
                                                     luaopen_bit};
  for (const lua_CFunction open : kOpeners) {
    lua_pushcfunction(lua, open);
    lua_call(lua, 0, 0);
  }
  lua_pushvalue(lua, LUA_GLOBALSINDEX);
  lua_pushcfunction(lua, luaopen_cjson);
  lua_call(lua, 0, 1);
  lua_setfield(lua, -2, "cjson");
  PushMsgpackLibrary(lua);
  lua_setfield(lua, -2, "cmsgpack");
  PushStructLibrary(lua);
  lua_setfield(lua, -2, "struct");
  lua_pop(lua, 1);
}

// Reads of what is not there raise: gives the table on top that metatable.
void RefuseUnknown(lua_State* lua) {
  lua_createtable(lua, 0, 1);
  lua_pushcfunction(lua, RefuseUnknownGlobal);
  lua_setfield(lua, -2, "__index");
  lua_setmetatable(lua, -2);
}

// The strings' metatable is shown as a guard, and indexes the guarded library.
void GuardStringMetatable(lua_State* lua) {
  lua_pushliteral(lua, "");
  lua_getmetatable(lua, -1);
  lua_createtable(lua, 0, 1);
  lua_getfield(lua, -4, "string");
  lua_setfield(lua, -2, "__index");
  WrapInGuard(lua);
  lua_setfield(lua, -2, "__metatable");
  lua_pop(lua, 2);
}

// [.. guard of the globals] The metatable behind it: shown to scripts as a guard of {__index = function}.
void ShowMetatable(lua_State* lua) {
  lua_getmetatable(lua, -1);
  lua_createtable(lua, 0, 1);
  lua_pushcfunction(lua, RefuseUnknownGlobal);
  lua_setfield(lua, -2, "__index");
  WrapInGuard(lua);
  lua_setfield(lua, -2, "__metatable");
  lua_pop(lua, 1);
}

void OnCount(lua_State* lua, lua_Debug* /*where*/) {
  LuaVm& vm = LuaVm::Of(lua);
  if (vm.run != nullptr) {
    vm.run->OnHook(lua);
  } else if (vm.load != nullptr && vm.load->IsOverdue()) {
    luaL_error(lua, "FUNCTION LOAD timeout");
  }
}

// [all globals] -> [all globals, those scripts may see]
void CopyAllowed(lua_State* lua, bool deprecated_api) {
  lua_createtable(lua, 0, 48);
  for (const char* name : kBaseNames) {
    lua_getfield(lua, -2, name);
    lua_setfield(lua, -2, name);
  }
  if (!deprecated_api) return;
  for (const char* name : kDeprecatedNames) {
    lua_getfield(lua, -2, name);
    lua_setfield(lua, -2, name);
  }
}

}  // namespace

LuaVm::LuaVm(Options options) : options_(std::move(options)) {}

LuaVm::~LuaVm() {
  if (lua_ != nullptr) lua_close(lua_);
}

LuaVm& LuaVm::Of(lua_State* lua) {
  void* self = nullptr;
  lua_getallocf(lua, &self);
  return *static_cast<LuaVm*>(self);
}

void* LuaVm::Allocate(void* self, void* block, size_t old_size, size_t new_size) {
  auto& vm = *static_cast<LuaVm*>(self);
  const size_t used = vm.memory_bytes_.load(std::memory_order_relaxed);
  if (new_size == 0) {
    memory::Free(block, old_size);
    vm.memory_bytes_.store(used - old_size, std::memory_order_relaxed);
    return nullptr;
  }
  void* result = block == nullptr ? memory::Allocate(new_size) : memory::Reallocate(block, old_size, new_size);
  if (result == nullptr) return nullptr;
  vm.memory_bytes_.store(used + new_size - (block == nullptr ? 0 : old_size), std::memory_order_relaxed);
  return result;
}

std::unique_ptr<LuaVm> LuaVm::Create(const Options& options) {
  std::unique_ptr<LuaVm> vm(new LuaVm(options));
  vm->lua_ = lua_newstate(Allocate, vm.get());
  if (vm->lua_ == nullptr) return nullptr;
  luaJIT_setmode(vm->lua_, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
  vm->random_ = options.random_seed & ((uint64_t{1} << 48) - 1);
  if (lua_cpcall(vm->lua_, BuildProtected, vm.get()) != 0) return nullptr;
  vm->SetHook(kHookInstructions);
  lua_gc(vm->lua_, LUA_GCCOLLECT, 0);
  return vm;
}

int LuaVm::BuildProtected(lua_State* lua) {
  static_cast<LuaVm*>(lua_touserdata(lua, 1))->Build(lua);
  return 0;
}

void LuaVm::Build(lua_State* lua) {
  lua_settop(lua, 0);
  OpenLibraries(lua);
  lua_pushvalue(lua, LUA_GLOBALSINDEX);
  KeepOnly(lua, "string", kStringNames);
  KeepOnly(lua, "table", kTableNames);
  KeepOnly(lua, "math", kMathNames);
  KeepOnly(lua, "coroutine", kCoroutineNames);
  Alias(lua, "string", "gfind", "gmatch");
  Alias(lua, "math", "mod", "fmod");
  ReplaceRandom(lua);
  ReplaceToHex(lua);
  if (options_.has_clock) AddClock(lua);
  InstallGuardedBase(lua);
  for (const char* name : {"string", "table", "math", "coroutine", "bit", "cjson", "cmsgpack", "struct", "os"}) {
    Guard(lua, name);
  }
  GuardStringMetatable(lua);
  CopyAllowed(lua, options_.deprecated_api);  // all, globals
  PushRedisLibrary(lua, RedisLibrary::kRun, options_);
  WrapInGuard(lua);
  lua_setfield(lua, -2, "redis");
  RefuseUnknown(lua);
  lua_pushvalue(lua, -1);
  globals_ref_ = luaL_ref(lua, LUA_REGISTRYINDEX);
  if (options_.purpose == Purpose::kFunctions) {
    lua_createtable(lua, 0, 1);
    PushRedisLibrary(lua, RedisLibrary::kLoad, options_);
    RefuseUnknown(lua);
    WrapInGuard(lua);
    lua_setfield(lua, -2, "redis");
    RefuseUnknown(lua);
    load_globals_ref_ = luaL_ref(lua, LUA_REGISTRYINDEX);
  }
  lua_pushvalue(lua, -1);
  WrapInGuard(lua);  // all, globals, guard
  lua_getmetatable(lua, -1);
  guard_meta_ref_ = luaL_ref(lua, LUA_REGISTRYINDEX);
  ShowMetatable(lua);
  lua_pushvalue(lua, -1);
  lua_setfield(lua, -3, "_G");
  lua_replace(lua, LUA_GLOBALSINDEX);
  lua_settop(lua, 0);
}

bool LuaVm::Compile(std::string_view code, const char* chunk_name, std::string& error) {
  if (luaL_loadbufferx(lua_, code.data(), code.size(), chunk_name, "t") == 0) return true;
  const char* text = lua_tostring(lua_, -1);
  error = text == nullptr ? "not enough memory" : text;
  lua_pop(lua_, 1);
  return false;
}

void LuaVm::SetArguments() {
  lua_rawgeti(lua_, LUA_REGISTRYINDEX, globals_ref_);  // keys, arguments, globals
  lua_insert(lua_, -3);                                // globals, keys, arguments
  lua_pushliteral(lua_, "ARGV");
  lua_insert(lua_, -2);
  lua_rawset(lua_, -4);
  lua_pushliteral(lua_, "KEYS");
  lua_insert(lua_, -2);
  lua_rawset(lua_, -3);
  lua_pop(lua_, 1);
}

void LuaVm::UseGlobals(Globals which) {
  lua_rawgeti(lua_, LUA_REGISTRYINDEX, guard_meta_ref_);
  lua_rawgeti(lua_, LUA_REGISTRYINDEX, which == Globals::kLoad ? load_globals_ref_ : globals_ref_);
  lua_setfield(lua_, -2, "__index");
  lua_pop(lua_, 1);
}

void LuaVm::SetHook(int instructions) { lua_sethook(lua_, OnCount, LUA_MASKCOUNT, instructions); }

uint32_t LuaVm::NextRandom() {
  random_ = (random_ * 0x5DEECE66DULL + 0xB) & ((uint64_t{1} << 48) - 1);
  return static_cast<uint32_t>(random_ >> 17);
}

}  // namespace cachenode
