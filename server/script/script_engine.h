// EVAL scripts and functions of the node: their interpreters, what is cached and loaded, and the one that runs.
//
// Thread-safety: as said at each part. "Held": by the client that has the script slot, inside the world, or by whoever
//   holds the world exclusively.
// Invariants: at most one script runs (the slot). A script that ran beyond busy-reply-threshold has the world, lends it
//   while it only computes, and is busy meanwhile: every worker answers BUSY then.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "protocol/reply_buffer.h"
#include "server/key_spec.h"
#include "server/script/function_library.h"
#include "server/script/lua_vm.h"
#include "server/script/script_cache.h"
#include "server/script/script_figures.h"
#include "server/script/script_slot.h"
#include "server/server_parts.h"
#include "server/session.h"
#include "server/session_listener.h"

namespace cachenode {

struct Command;
struct Config;

enum class ScriptKind : uint8_t { kEval, kFunction };

class ScriptEngine final : public SessionListener {
 public:
  explicit ScriptEngine(const ServerParts& parts);
  ~ScriptEngine() override;

  // --- Who runs; any worker, inside the world --------------------------------------------------------------------

  // False: the client is to be parked; it is resumed when it may ask again.
  [[nodiscard]] bool TryEnter(Session& session) {
    const bool entered = slot_.TryEnter({session.id, session.worker_index});
    session.awaits_scripts = !entered;
    return entered;
  }
  // After that, outside of the world and holding nothing; TryEnter follows. See ScriptSlot.
  void WaitForTurn(const Session& session) { slot_.WaitForTurn({session.id, session.worker_index}); }
  void Leave(ScriptSlot::With with) { slot_.Leave(with); }
  [[nodiscard]] bool HolderHadWorld() const { return slot_.HolderHadWorld(); }
  // The request that waited for the slot was refused, or its client is gone, or its worker has the slot already.
  void Forget(Session& session) {
    if (std::exchange(session.awaits_scripts, false)) slot_.Forget(session.id);
  }
  void OnSessionEnd(Session& session) override { Forget(session); }
  void OnSessionReset(Session& /*session*/) override {}

  // Held. Whether the request's script is known to reach keys that it does not declare.
  [[nodiscard]] bool NeedsWorld(const Command& command, Args args);
  // Held. Whether the request's script or function declares the flag no-writes; a script need not be cached for that.
  [[nodiscard]] bool DeclaresNoWrites(const Command& command, Args args);

  // --- The running script ----------------------------------------------------------------------------------------

  // For the run.
  void Begin(ScriptKind kind, std::string_view name, Args request);
  void End();
  // Before the first change. False when the script was killed: it must not change anything.
  [[nodiscard]] bool MarkWrite();
  [[nodiscard]] bool HasWritten() const { return phase_.load(std::memory_order_acquire) == Phase::kWrote; }
  [[nodiscard]] bool MustStop() const {
    return phase_.load(std::memory_order_acquire) == Phase::kKilled || aborts_.load(std::memory_order_relaxed);
  }
  void SetBusy(bool busy) { busy_.store(busy, std::memory_order_release); }
  // While open the script keeps still, and workers that wait for it look after their clients.
  void Open() { open_.store(true, std::memory_order_seq_cst); }
  // Waits until the last of them is done, which takes a few milliseconds.
  void Close();

  // Any thread.
  [[nodiscard]] bool IsBusy() const { return busy_.load(std::memory_order_acquire); }
  // False unless a script is open. EndGuest follows; nothing is waited for in between.
  [[nodiscard]] bool TryBeGuest();
  void EndGuest();
  // What clients are told while a script is busy.
  [[nodiscard]] std::string BusyText() const;
  // SCRIPT KILL and FUNCTION KILL. An error is the whole reply.
  Status Kill(ScriptKind asked);
  // The node ends without saving: the script stops, whatever it did.
  void AbortForShutdown();
  struct Running {
    bool any = false;
    std::string name;
    std::vector<std::string> request;
    int64_t duration_ms = 0;
  };
  [[nodiscard]] Running Describe() const;
  // DEBUG SET-DISABLE-DENY-SCRIPTS: scripts may call what is not made for them.
  void AllowEverything(bool allow) { may_call_anything_.store(allow, std::memory_order_relaxed); }
  [[nodiscard]] bool may_call_anything() const { return may_call_anything_.load(std::memory_order_relaxed); }

  // --- Held ------------------------------------------------------------------------------------------------------

  [[nodiscard]] LuaVm& eval_vm() { return *eval_vm_; }
  [[nodiscard]] LuaVm& function_vm() { return *function_vm_; }
  [[nodiscard]] ScriptCache& cache() { return cache_; }
  // The client that scripts run their commands as.
  [[nodiscard]] Session& session() { return session_; }
  [[nodiscard]] bool FunctionNeedsWorld(std::string_view name) const;
  void NoteFunctionNeedsWorld(std::string_view name);

  // --- Under the exclusive world lock; FindFunction and libraries also held, or inside the world
  // ----------------------

  [[nodiscard]] const LibrarySet& libraries() const { return libraries_; }
  void SetLibraries(LibrarySet libraries);
  // Loads `code`. Error: the whole reply.
  Result<std::string> LoadLibrary(std::string_view code, bool replace);
  // Adds libraries made elsewhere (a payload, a data file). Nothing is changed on an error.
  Status RestoreLibraries(const std::vector<std::string>& sources, LibraryPolicy policy);
  void FlushScripts();
  void FlushLibraries();

  // --- Figures; any thread -------------------------------------------------------------------------------------------

  // Inside the world.
  [[nodiscard]] ScriptFigures figures() const;
  void ResetStatistics() { cache_.ResetEvicted(); }

 private:
  enum class Phase : uint8_t { kIdle, kRunning, kWrote, kKilled };

  [[nodiscard]] LuaVm::Options OptionsFor(LuaVm::Purpose purpose) const;
  [[nodiscard]] std::unique_ptr<LuaVm> MakeVm(LuaVm::Purpose purpose) const;

  const ServerParts& parts_;
  ScriptSlot slot_;
  // Held.
  std::unique_ptr<LuaVm> eval_vm_;
  std::unique_ptr<LuaVm> function_vm_;
  ScriptCache cache_;
  ChunkPool chunks_;
  Session session_;
  std::unordered_map<std::string, bool> functions_needing_world_;
  LibrarySet libraries_;
  // Any thread.
  std::atomic<Phase> phase_{Phase::kIdle};
  std::atomic<bool> busy_{false};
  std::atomic<bool> open_{false};
  static constexpr uint32_t kAborting = uint32_t{1} << 31;
  std::atomic<uint32_t> guests_{0};  // And kAborting.
  std::atomic<bool> aborts_{false};
  std::atomic<bool> may_call_anything_{false};
  std::atomic<size_t> library_bytes_{0};
  std::atomic<size_t> library_count_{0};
  std::atomic<size_t> function_count_{0};
  // Of the running script.
  mutable std::mutex running_mutex_;
  ScriptKind running_kind_ = ScriptKind::kEval;
  std::string running_name_;
  std::vector<std::string> running_request_;
  uint64_t running_since_ticks_ = 0;
};

}  // namespace cachenode
