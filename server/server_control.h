// Levers on the whole node: pausing clients, shutting down, and what DEBUG switches of the loops.
//
// Thread-safety: reading pause and shutdown state from any thread. Changing them only under the exclusive world lock,
//   EndPauseIfDue excepted (worker 0).
// Shutdown (ARCHITECTURE 4.10): stop accepting, wait for what must finish, world lock, `save` hook, flush replies,
//   close, leave. A hook that fails keeps the node running unless the request forces.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <utility>

#include "storage/base/result.h"

namespace cachenode {

// CLIENT PAUSE. Clients whose command must wait are parked and resumed when the pause ends.
enum class PauseMode : uint8_t { kOff, kWrites, kAll };

struct ShutdownRequest {
  enum class Save : uint8_t { kAsConfigured, kYes, kNo };
  Save save = Save::kAsConfigured;
  bool now = false;    // Do not wait for lagging replicas.
  bool force = false;  // Leave even if saving fails.

  // From the bits of shutdown-on-sigint and shutdown-on-sigterm (ShutdownFlag).
  static ShutdownRequest FromFlags(uint32_t flags);
};

// What the assembly plugs in; each is called on the thread that asks.
struct ControlHooks {
  // Saves or not as the request says, under the exclusive world lock. An error stops the shutdown unless forced.
  std::function<Status(const ShutdownRequest&)> save;
  // Stops accepting, wakes every loop and lets Server::Run return with `exit_code`. Any thread.
  std::function<void(int exit_code)> stop;
  // Every loop looks at its parked clients. Any thread.
  std::function<void()> resume_parked;
};

class ServerControl {
 public:
  ServerControl() = default;
  ServerControl(const ServerControl&) = delete;
  ServerControl& operator=(const ServerControl&) = delete;
  void SetHooks(ControlHooks hooks) { hooks_ = std::move(hooks); }

  // Pausing. `until_ms` is Unix time; a pause is never shortened and kAll is never weakened by a later kWrites.
  void Pause(PauseMode mode, int64_t until_ms);
  void Unpause();
  // Worker 0's periodic work: ends a pause whose time is over.
  void EndPauseIfDue(int64_t now_ms);
  // The mode in force at `now_ms`.
  [[nodiscard]] PauseMode PauseModeAt(int64_t now_ms) const {
    const PauseMode mode = pause_mode_.load(std::memory_order_relaxed);
    if (mode == PauseMode::kOff) [[likely]]
      return mode;
    return now_ms < pause_until_ms_.load(std::memory_order_relaxed) ? mode : PauseMode::kOff;
  }
  // Whether the data set must stay as it is: nothing is expired or evicted, expired keys only look missing.
  [[nodiscard]] bool WritesArePausedAt(int64_t now_ms) const { return PauseModeAt(now_ms) != PauseMode::kOff; }
  // Unix ms at which the pause ends, for timers.
  [[nodiscard]] int64_t pause_until_ms() const { return pause_until_ms_.load(std::memory_order_relaxed); }

  // Saves and stops. Ok: the node leaves once this loop turn's replies are out. Otherwise the error text the client
  // gets. Under the exclusive world lock.
  Status Shutdown(const ShutdownRequest& request);
  // Stops without a question, once the caller has saved what it wants. Under the exclusive world lock.
  void Leave();
  // kText "ERR No shutdown in progress." when there is none.
  Status AbortShutdown();
  // Whether the node is on its way out; no command is executed then.
  [[nodiscard]] bool stopping() const { return stopping_.load(std::memory_order_relaxed); }
  // SHUTDOWN came from a signal: the log names it.
  void NoteSignal(int signal_number) { signal_number_.store(signal_number, std::memory_order_relaxed); }
  [[nodiscard]] int signal_number() const { return signal_number_.load(std::memory_order_relaxed); }

  // DEBUG PAUSE-CRON.
  void PauseCron(bool paused) { cron_paused_.store(paused, std::memory_order_relaxed); }
  [[nodiscard]] bool cron_paused() const { return cron_paused_.load(std::memory_order_relaxed); }

 private:
  ControlHooks hooks_;  // Constant after the start.
  std::atomic<PauseMode> pause_mode_{PauseMode::kOff};
  std::atomic<int64_t> pause_until_ms_{0};
  std::atomic<bool> stopping_{false};
  std::atomic<bool> cron_paused_{false};
  std::atomic<int> signal_number_{0};
};

}  // namespace cachenode
