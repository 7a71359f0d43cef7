// The table `redis` that scripts see.
//
// Thread-safety: as the LuaVm.
// Errors: raised as tables {err = "CODE text"}, as Redis does, so that the handler of the run can add where it was.
#pragma once

#include <cstdint>

#include "server/script/lua_vm.h"

namespace cachenode {

enum class RedisLibrary : uint8_t {
  kRun,   // For running scripts and functions.
  kLoad,  // For code that registers functions.
};

// Pushes the table, not guarded.
void PushRedisLibrary(lua_State* lua, RedisLibrary which, const LuaVm::Options& options);

}  // namespace cachenode
