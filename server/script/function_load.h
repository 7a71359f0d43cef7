// One library while its code runs: collects what redis.register_function is given.
//
// Thread-safety: as the LuaVm.
// Limits: the code may run for kLoadTimeMaxMs, then it ends with "FUNCTION LOAD timeout".
#pragma once

#include <cstdint>

#include "server/script/function_library.h"

struct lua_State;

namespace cachenode {

class FunctionLoad {
 public:
  static constexpr int64_t kLoadTimeMaxMs = 500;

  explicit FunctionLoad(FunctionLibrary& library);

  // The call of redis.register_function whose arguments are on the stack. Null, or what is wrong.
  [[nodiscard]] const char* Register(lua_State* lua);
  // From the count hook.
  [[nodiscard]] bool IsOverdue() const;

 private:
  [[nodiscard]] const char* ReadPositional(lua_State* lua);
  [[nodiscard]] const char* ReadNamed(lua_State* lua);
  [[nodiscard]] const char* ReadNamedOne(lua_State* lua);
  [[nodiscard]] const char* ReadFlags(lua_State* lua);
  [[nodiscard]] const char* Finish(lua_State* lua);

  FunctionLibrary& library_;
  const uint64_t deadline_ticks_;
  // Being read.
  LibraryFunction function_;
  bool has_name_ = false;
};

}  // namespace cachenode
