// The path of one request: find the command, check what must hold before it runs, lock the shards of its keys, call the
// handler, turn an error into the reply, count. One Dispatcher per worker.
//
// Thread-safety: its worker's thread only.
// Invariants: exactly one reply per request (unless CLIENT REPLY says otherwise); locks are taken before the handler
//   and released after its reply is written; nothing is waited for after a handler's first change.
// Limits: a batch holds at most RequestBatch's capacity of requests; the caller bounds its turn. Keys of at most
//   kPrefetchKeysMax per batch are fetched ahead.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "server/key_spec.h"
#include "server/world_lock.h"

namespace cachenode {

class CommandContext;
class RequestBatch;
class WorkerStats;
struct Command;
struct ServerParts;
struct Session;

class Dispatcher {
 public:
  static constexpr size_t kPrefetchKeysMax = 256;

  // `parts` and `stats` outlive this object. `seat` is the worker's place in the world lock; null when there is only
  // one thread and no world lock (tests).
  Dispatcher(const ServerParts& parts, WorkerStats& stats, uint32_t worker_index, WorldLock::Seat* seat = nullptr);
  ~Dispatcher();
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;

  // Called once at the beginning of each loop turn that executes requests: refreshes the cached time, configuration
  // snapshot and LRU clock.
  void BeginTurn(int64_t now_ms);

  // Executes the requests of `batch` in order and returns how many it finished. Fewer than all when the session began
  // to close, was parked (CLIENT PAUSE) or used up its time (`deadline_ticks`, cycle clock); the rest must be offered
  // again later, from the first unfinished one.
  size_t Execute(Session& session, const RequestBatch& batch, uint64_t deadline_ticks);
  // As Execute, beginning with request `first` of the batch; returns the index of the first unfinished one.
  size_t ExecuteFrom(Session& session, const RequestBatch& batch, size_t first, uint64_t deadline_ticks);

  // Executes one request given as arguments (harness, scripts, tests).
  void ExecuteOne(Session& session, Args args);

  // See RequestRunner::KeepScripts, ReleaseScripts.
  void KeepScripts();
  void ReleaseScripts();

  // The context handlers get; for periodic work that needs clocks, policy and observers (expiry, eviction).
  [[nodiscard]] CommandContext& context();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cachenode
