// One execution of a script or a function: its limits and rights, the commands it calls, and how it ends.
//
// Thread-safety: the worker that holds the script slot.
// Invariants: while it is open to guests nothing of the node is touched, until the next call closes it; the first
//   change is announced to the engine, after which nobody may kill the script.
// Limits: beyond busy-reply-threshold the worker serves its other clients every kServeIntervalUs.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "server/key_spec.h"
#include "server/script/lua_reply.h"
#include "server/script/script_engine.h"
#include "storage/base/numbers.h"
#include "storage/base/status.h"

struct lua_State;

namespace cachenode {

class CommandContext;
struct Command;

// What is to run, and how it is judged.
struct ScriptTarget {
  LuaVm* vm = nullptr;
  ScriptKind kind = ScriptKind::kEval;
  int function_ref = -1;
  std::string_view name;   // SHA-1 or function name, as errors tell it.
  uint32_t flags = 0;      // ScriptFlag bits.
  bool read_only = false;  // EVAL_RO and its like.
  Args keys;
  Args arguments;
};

class ScriptRun {
 public:
  static constexpr uint64_t kServeIntervalUs = 5000;

  ScriptRun(CommandContext& context, ScriptEngine& engine, const ScriptTarget& target, Args request);
  ~ScriptRun();
  ScriptRun(const ScriptRun&) = delete;
  ScriptRun& operator=(const ScriptRun&) = delete;

  // Runs it and writes its reply.
  Status Execute();
  // A command needed more than the locks of the declared keys.
  [[nodiscard]] bool needed_world() const { return needed_world_; }

  // --- For the functions of `redis` ------------------------------------------------------------------------------

  void BeginArguments(size_t count);
  void AddArgument(std::string_view argument) { arguments_.push_back(argument); }
  void AddNumber(double number);
  // Runs the command collected. The reply, in the script's protocol version, lives until EndCall.
  [[nodiscard]] std::string_view Call();
  void EndCall();
  enum class Permission : uint8_t { kAllowed, kDenied, kUnknownCommand };
  [[nodiscard]] Permission CheckPermission();
  void SetRespVersion(uint8_t version) { session_.resp_version = version; }
  void SetReplication(uint32_t flags) { replication_flags_ = flags; }

  // Valkey 9.1 words errors of scripts anew.
  [[nodiscard]] bool SpeaksValkey9() const;

  // What runs, in the interpreter's registry.
  [[nodiscard]] int function_ref() const { return target_.function_ref; }

  // From the count hook; may raise.
  void OnHook(lua_State* lua);

 private:
  static int RunProtected(lua_State* lua);
  void Run(lua_State* lua);
  void PushArguments(lua_State* lua);
  [[nodiscard]] Status CheckBeforeRun() const;
  [[nodiscard]] Status CheckCall(const Command& command) const;
  [[nodiscard]] std::string_view Refuse(const Command* command, std::string text);
  [[nodiscard]] std::string_view ReplyBytes();
  void BecomeBusy();
  void Close();

  CommandContext& context_;
  ScriptEngine& engine_;
  const ScriptTarget& target_;
  const Args request_;
  Session& session_;
  uint32_t rights_ = 0;  // Right bits.
  uint32_t replication_flags_ = 3;
  bool needed_world_ = false;
  // Time.
  const uint64_t begin_ticks_;
  uint64_t busy_ticks_;  // When it becomes busy; UINT64_MAX: never.
  uint64_t served_ticks_ = 0;
  bool is_open_ = false;  // Nothing of the node is touched (ScriptEngine::Open).
  bool is_stopping_ = false;
  // The call being made.
  std::vector<std::string_view> arguments_;
  std::vector<std::array<char, kDoubleCharsMax>> numbers_;
  std::string gathered_;  // A reply that lies in pieces, or a refusal.
  // How it ended.
  bool failed_ = false;
  bool error_is_counted_ = false;
  std::string error_;
};

}  // namespace cachenode
