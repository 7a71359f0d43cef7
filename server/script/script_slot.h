// Who may run a script: one client at a time, the others in the order they asked.
//
// Thread-safety: any thread; a leaf mutex inside. Nobody waits in here: a client that must wait is parked by its worker
//   and resumed by mail when its turn has come.
// Invariants: a free slot with clients waiting belongs to the first of them, who has been told; a client waits once.
// Limits: as many clients wait as are connected.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <utility>

namespace cachenode {

class ScriptSlot {
 public:
  // `wake` tells a client to ask again; called without the mutex.
  explicit ScriptSlot(std::function<void(uint64_t client_id)> wake) : wake_(std::move(wake)) {}

  // True: the slot is the client's until Leave. False: it waits, and will be woken.
  [[nodiscard]] bool TryEnter(uint64_t client_id);
  void Leave();
  // The client waits no longer: it is gone, or its request was refused.
  void Forget(uint64_t client_id);
  [[nodiscard]] bool HasWaiting() const { return waiting_count_.load(std::memory_order_relaxed) != 0; }

 private:
  const std::function<void(uint64_t)> wake_;
  std::mutex mutex_;
  bool taken_ = false;
  std::deque<uint64_t> waiting_;
  std::atomic<size_t> waiting_count_{0};  // Any thread.
};

}  // namespace cachenode
