#include "server/script/lua_redis_api.h"

#include <array>
#include <lua.hpp>
#include <string>
#include <string_view>

#include "server/script/function_load.h"
#include "server/script/lua_reply.h"
#include "server/script/script_run.h"
#include "server/script/sha1.h"

namespace cachenode {
namespace {

int RaiseMessage(lua_State* lua, std::string_view message) {
  PushErrorMessage(lua, message);
  return lua_error(lua);
}

std::string_view TextAt(lua_State* lua, int index) {
  size_t size = 0;
  const char* bytes = lua_tolstring(lua, index, &size);
  return {bytes, size};
}

// --- redis.call, redis.pcall, redis.acl_check_cmd --------------------------------------------------------------------

// The arguments on the stack as a request. Numbers become the text a command expects. Null when one is neither.
const char* CollectArguments(lua_State* lua, ScriptRun& run) {
  const int count = lua_gettop(lua);
  if (count == 0) {
    return run.SpeaksValkey9() ? "Please specify at least one argument for this call"
                               : "Please specify at least one argument for this redis lib call";
  }
  run.BeginArguments(static_cast<size_t>(count));
  for (int i = 1; i <= count; ++i) {
    const int type = lua_type(lua, i);
    if (type == LUA_TSTRING) {
      run.AddArgument(TextAt(lua, i));
    } else if (type == LUA_TNUMBER) {
      run.AddNumber(lua_tonumber(lua, i));
    } else {
      return run.SpeaksValkey9() ? "Command arguments must be strings or integers"
                                 : "Lua redis lib command arguments must be strings or integers";
    }
  }
  return nullptr;
}

enum class OnError : uint8_t { kRaise, kReturn };

int CallCommand(lua_State* lua, OnError on_error) {
  ScriptRun* run = LuaVm::Of(lua).run;
  if (run == nullptr) return RaiseMessage(lua, "redis.call/pcall can only be called inside a script invocation");
  if (const char* problem = CollectArguments(lua, *run); problem != nullptr) {
    PushErrorMessage(lua, problem);
    return on_error == OnError::kRaise ? lua_error(lua) : 1;
  }
  const std::string_view reply = run->Call();
  lua_settop(lua, 0);  // The arguments may have taken all the stack there is.
  PushReply(lua, reply);
  run->EndCall();
  if (reply.front() == '-' && on_error == OnError::kRaise) return lua_error(lua);
  return 1;
}

int RedisCall(lua_State* lua) { return CallCommand(lua, OnError::kRaise); }

int RedisProtectedCall(lua_State* lua) { return CallCommand(lua, OnError::kReturn); }

int CheckAcl(lua_State* lua) {
  ScriptRun* run = LuaVm::Of(lua).run;
  if (run == nullptr) {
    return RaiseMessage(lua, "redis.acl_check_cmd can only be called inside a script invocation");
  }
  if (const char* problem = CollectArguments(lua, *run); problem != nullptr) return RaiseMessage(lua, problem);
  const ScriptRun::Permission permission = run->CheckPermission();
  if (permission == ScriptRun::Permission::kUnknownCommand) {
    return RaiseMessage(lua, "Invalid command passed to redis.acl_check_cmd()");
  }
  lua_pushboolean(lua, permission == ScriptRun::Permission::kAllowed ? 1 : 0);
  return 1;
}

// --- Replies made by scripts -----------------------------------------------------------------------------------------

bool HasOneString(lua_State* lua) { return lua_gettop(lua) == 1 && lua_type(lua, 1) == LUA_TSTRING; }

int ErrorReplyOf(lua_State* lua) {
  if (!HasOneString(lua)) {
    PushErrorMessage(lua, "wrong number or type of arguments");
    return 1;
  }
  if (TextAt(lua, 1).substr(0, 1) != "-") {
    lua_pushliteral(lua, "-");
    lua_insert(lua, 1);
    lua_concat(lua, 2);
  }
  PushErrorMessage(lua, TextAt(lua, 1));
  return 1;
}

int StatusReplyOf(lua_State* lua) {
  if (!HasOneString(lua)) {
    PushErrorMessage(lua, "wrong number or type of arguments");
    return 1;
  }
  lua_createtable(lua, 0, 1);
  lua_pushvalue(lua, 1);
  lua_setfield(lua, -2, "ok");
  return 1;
}

// --- The rest --------------------------------------------------------------------------------------------------------

int Sha1Hex(lua_State* lua) {
  if (lua_gettop(lua) != 1) return RaiseMessage(lua, "wrong number of arguments");
  size_t size = 0;
  const char* bytes = lua_tolstring(lua, 1, &size);
  const ScriptHash hash = Sha1Of(bytes == nullptr ? std::string_view() : std::string_view(bytes, size));
  lua_pushlstring(lua, hash.digits.data(), hash.digits.size());
  return 1;
}

int SetResp(lua_State* lua) {
  ScriptRun* run = LuaVm::Of(lua).run;
  if (run == nullptr) return RaiseMessage(lua, "redis.setresp can only be called inside a script invocation");
  if (lua_gettop(lua) != 1) return RaiseMessage(lua, "redis.setresp() requires one argument.");
  const lua_Number version = lua_tonumber(lua, 1);
  if (version != 2 && version != 3) return RaiseMessage(lua, "RESP version must be 2 or 3.");
  run->SetRespVersion(version == 3 ? 3 : 2);
  return 0;
}

int SetReplication(lua_State* lua) {
  ScriptRun* run = LuaVm::Of(lua).run;
  if (run == nullptr) return RaiseMessage(lua, "redis.set_repl can only be called inside a script invocation");
  if (lua_gettop(lua) != 1) return RaiseMessage(lua, "redis.set_repl() requires two arguments.");
  const lua_Number flags = lua_tonumber(lua, 1);
  if (!(flags >= 0 && flags <= 3)) {
    return RaiseMessage(lua, "Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.");
  }
  run->SetReplication(static_cast<uint32_t>(flags));
  return 0;
}

// Scripts always replicate what they did, not their text.
int ReplicateCommands(lua_State* lua) {
  lua_pushboolean(lua, 1);
  return 1;
}

// Without a debugger attached.
int Breakpoint(lua_State* lua) {
  lua_pushboolean(lua, 0);
  return 1;
}

int DebugPrint(lua_State* /*lua*/) { return 0; }

int WriteLog(lua_State* lua) {
  constexpr int kLevelMax = 3;
  const int count = lua_gettop(lua);
  if (count < 2) {
    const ScriptRun* run = LuaVm::Of(lua).run;
    const bool is_valkey9 = run != nullptr && run->SpeaksValkey9();
    return RaiseMessage(lua, is_valkey9 ? "server.log() requires two arguments or more."
                                        : "redis.log() requires two arguments or more.");
  }
  if (lua_isnumber(lua, 1) == 0) return RaiseMessage(lua, "First argument must be a number (log level).");
  const auto level = static_cast<int>(lua_tonumber(lua, 1));
  if (level < 0 || level > kLevelMax) return RaiseMessage(lua, "Invalid debug level.");
  luaL_checkstack(lua, 2 * count, "too many arguments");
  lua_pushliteral(lua, "");
  for (int i = 2; i <= count; ++i) {
    if (lua_isstring(lua, i) == 0) continue;
    if (i > 2) lua_pushliteral(lua, " ");
    lua_pushvalue(lua, i);
  }
  lua_concat(lua, lua_gettop(lua) - count);
  LuaVm& vm = LuaVm::Of(lua);
  if (vm.log) vm.log(level, TextAt(lua, -1));
  return 0;
}

int RegisterFunction(lua_State* lua) {
  FunctionLoad* load = LuaVm::Of(lua).load;
  if (load == nullptr) {
    return RaiseMessage(lua, "redis.register_function can only be called on FUNCTION LOAD command");
  }
  if (const char* problem = load->Register(lua); problem != nullptr) return RaiseMessage(lua, problem);
  return 0;
}

struct NamedFunction {
  const char* name;
  lua_CFunction function;
};

constexpr NamedFunction kRunFunctions[] = {
    {"call", RedisCall},
    {"pcall", RedisProtectedCall},
    {"log", WriteLog},
    {"setresp", SetResp},
    {"sha1hex", Sha1Hex},
    {"error_reply", ErrorReplyOf},
    {"status_reply", StatusReplyOf},
    {"set_repl", SetReplication},
    {"acl_check_cmd", CheckAcl},
};
constexpr NamedFunction kEvalFunctions[] = {
    {"replicate_commands", ReplicateCommands},
    {"breakpoint", Breakpoint},
    {"debug", DebugPrint},
};
constexpr NamedFunction kLoadFunctions[] = {
    {"register_function", RegisterFunction},
    {"log", WriteLog},
};

struct NamedNumber {
  const char* name;
  int value;
};

constexpr NamedNumber kLogLevels[] = {{"LOG_DEBUG", 0}, {"LOG_VERBOSE", 1}, {"LOG_NOTICE", 2}, {"LOG_WARNING", 3}};
constexpr NamedNumber kReplicationFlags[] = {
    {"REPL_NONE", 0}, {"REPL_AOF", 1}, {"REPL_SLAVE", 2}, {"REPL_REPLICA", 2}, {"REPL_ALL", 3}};

template <size_t N>
void AddFunctions(lua_State* lua, const NamedFunction (&functions)[N]) {
  for (const NamedFunction& entry : functions) {
    lua_pushcfunction(lua, entry.function);
    lua_setfield(lua, -2, entry.name);
  }
}

template <size_t N>
void AddNumbers(lua_State* lua, const NamedNumber (&numbers)[N]) {
  for (const NamedNumber& entry : numbers) {
    lua_pushinteger(lua, entry.value);
    lua_setfield(lua, -2, entry.name);
  }
}

}  // namespace

void PushRedisLibrary(lua_State* lua, RedisLibrary which, const LuaVm::Options& options) {
  lua_createtable(lua, 0, 32);
  AddNumbers(lua, kLogLevels);
  lua_pushlstring(lua, options.version.data(), options.version.size());
  lua_setfield(lua, -2, "REDIS_VERSION");
  lua_pushinteger(lua, static_cast<lua_Integer>(options.version_number));
  lua_setfield(lua, -2, "REDIS_VERSION_NUM");
  if (which == RedisLibrary::kLoad) {
    AddFunctions(lua, kLoadFunctions);
    return;
  }
  AddNumbers(lua, kReplicationFlags);
  AddFunctions(lua, kRunFunctions);
  if (options.purpose == LuaVm::Purpose::kEval) AddFunctions(lua, kEvalFunctions);
}

}  // namespace cachenode
