// Guards: stand-ins for tables that scripts may read and not write. A guard is an empty table whose metatable reads
// through to the real one and refuses every write with Redis' text.
//
// Thread-safety: as the LuaVm. The functions below may raise Lua errors where they say so.
#pragma once

struct lua_State;

namespace cachenode {

// [table] -> [guard]
void WrapInGuard(lua_State* lua);
// Pushes the table behind the guard at `index` and says true; pushes nothing when that is no guard.
bool PushGuarded(lua_State* lua, int index);
// Raises "Attempt to modify a readonly table" without a position, as Redis' C functions do.
int RaiseReadOnly(lua_State* lua);
// Replaces the base functions that would see or change what lies behind a guard (pairs, next, rawget, rawset,
// getmetatable, setmetatable, table.insert), and pcall, load and loadstring, in the table on top of the stack.
void InstallGuardedBase(lua_State* lua);

}  // namespace cachenode
