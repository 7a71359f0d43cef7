// What must hold before a request may run: authentication, permission, memory, persistence, loading.
//
// Thread-safety: one object per worker, used by its thread.
// Cost: with nothing unusual going on, BeginTurn finds no condition in force and Check is one branch.
#pragma once

#include <cstdint>
#include <string_view>

#include "server/command_table.h"
#include "server/config/config.h"
#include "server/memory_guard.h"
#include "server/server_parts.h"
#include "server/session.h"
#include "storage/base/status.h"

namespace cachenode {

class CommandContext;

// Whether min-replicas-to-write holds writes back: it asks for replicas, and this node has none.
[[nodiscard]] inline bool LacksReplicas(const Config& config) {
  return config.min_replicas_to_write > 0 && config.min_replicas_max_lag > 0;
}
inline constexpr std::string_view kNoReplicasText = "NOREPLICAS Not enough good replicas to write.";

class RequestGate {
 public:
  enum class Verdict : uint8_t {
    kRun,
    kRefuse,                 // Reply the error.
    kPark,                   // The client waits (CLIENT PAUSE); no reply.
    kParkUnlessItOnlyReads,  // The same, but a script may say that it writes nothing (CLIENT PAUSE WRITE).
  };
  struct Decision {
    Verdict verdict = Verdict::kRun;
    Status error;
  };

  explicit RequestGate(const ServerParts& parts) : parts_(parts), memory_(parts) {}

  // Looks which conditions are in force.
  void BeginTurn(const Config& config, int64_t now_ms);
  // True when `session` and `command` pass without a closer look.
  [[nodiscard]] bool PassesAtOnce(const Session& session, const Command& command) const {
    return (conditions_ | session.conditions) == 0 && session.authenticated && !command.Is(kProtected);
  }
  // Whether no condition of the node is in force but, maybe, a limit of its memory: that a request may pass without a
  // closer look when PassesMemory says so too, which each must ask.
  [[nodiscard]] bool IsCalm() const { return (conditions_ & ~uint32_t{kMemoryLimited}) == 0; }
  [[nodiscard]] bool PassesMemory() { return conditions_ == 0 || memory_.PassesAtOnce(); }
  // The closer look. May evict keys; holds no lock when called.
  [[nodiscard]] Decision Check(CommandContext& context, const Session& session, const Command& command, Args args);

  // Whether a script was busy when the turn began.
  [[nodiscard]] bool script_is_busy() const { return (conditions_ & kScriptBusy) != 0; }
  // Whether memory was within its limit when the last request passed.
  [[nodiscard]] bool memory_fits() const { return memory_fits_; }

 private:
  enum Condition : uint32_t {
    kLoadingNow = 1 << 0,
    kSnapshotsFailing = 1 << 1,
    kMemoryLimited = 1 << 2,
    kPaused = 1 << 3,
    kStopping = 1 << 4,
    kScriptBusy = 1 << 5,
    kLacksReplicas = 1 << 6,
  };
  // What a client that listens may ask for.
  [[nodiscard]] static Decision CheckListener(const Session& session, const Command& command);
  [[nodiscard]] Status CheckProtected(const Session& session, const Command& command) const;
  // CommandFlag bits a request is judged by: any command it runs has `any`, all have `all`.
  struct Judged {
    uint32_t any;
    uint32_t all;
  };
  [[nodiscard]] Status CheckBusy(const Command& command, uint32_t all_flags, Args args) const;
  [[nodiscard]] static Judged FlagsOf(const Session& session, const Command& command);
  // Whether the client is logged in, and its user may run the request.
  [[nodiscard]] Status CheckUser(CommandContext& context, const Session& session, const Command& command,
                                 Args args) const;
  [[nodiscard]] Verdict CheckPause(uint32_t any_flags) const;

  const ServerParts& parts_;
  MemoryGuard memory_;
  const Config* config_ = nullptr;
  uint32_t conditions_ = 0;
  bool memory_fits_ = true;
  int64_t now_ms_ = 0;
};

}  // namespace cachenode
