// Who may run a script: one client at a time, the others in the order they asked, a worker's clients together.
//
// Thread-safety: any thread; a leaf mutex inside. A client that must wait is parked by its worker and resumed by mail
//   when its turn has come; WaitForTurn alone waits in here.
// Invariants: a free slot with clients waiting belongs to the worker of the first of them, whose waiting clients have
//   all been told; a client waits once. A client that was told asks again, or is forgotten.
// Why by worker: to give the slot, and the world that most scripts then need, to another worker costs more than a short
//   script. A worker has it for a millisecond at most (RequestRunner::kScriptsHoldUs).
// Limits: as many clients wait as are connected. WaitForTurn returns after `patience`.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

namespace cachenode {

class ScriptSlot {
 public:
  struct Client {
    uint64_t id;
    uint32_t worker;
  };

  enum class With : uint8_t { kKeys, kWorld };

  static constexpr std::chrono::microseconds kPatience{1000};

  // `wake` tells a client to ask again; called without the mutex.
  ScriptSlot(uint32_t worker_count, std::function<void(uint64_t client_id)> wake,
             std::chrono::microseconds patience = kPatience)
      : wake_(std::move(wake)), patience_(patience), turns_(worker_count) {}

  // True: the slot is the client's until Leave. False: it waits, and will be woken.
  [[nodiscard]] bool TryEnter(Client client);
  // `with`: what the holder had besides.
  void Leave(With with = With::kKeys);
  // Whether the last holder had the world, so that the present one is likely to want it. Any thread.
  [[nodiscard]] bool HolderHadWorld() const { return had_world_.load(std::memory_order_relaxed); }
  // Sleeps until it is the turn of the client, which was just refused; the caller asks again in any case. At once when
  // others of its worker wait already: they were not that lucky.
  void WaitForTurn(Client client);
  // The client waits no longer: it is gone, or its request was refused, or ran in the slot its worker has already.
  void Forget(uint64_t client_id);
  [[nodiscard]] bool HasWaiting() const { return waiting_count_.load(std::memory_order_relaxed) != 0; }

 private:
  struct Waiting {
    Client client;
    bool told;            // It has been woken and did not ask since.
    bool sleeps = false;  // In WaitForTurn.
  };
  // With mutex_ held. Whom to tell that the slot is free for them: nobody while it is taken.
  [[nodiscard]] std::vector<uint64_t> TakeNext();
  [[nodiscard]] bool Erase(uint64_t client_id);
  [[nodiscard]] bool IsTurnOf(uint32_t worker) const {
    return !taken_ && (waiting_.empty() || waiting_.front().client.worker == worker);
  }
  [[nodiscard]] std::deque<Waiting>::iterator Find(uint64_t client_id);
  void Wake(const std::vector<uint64_t>& clients) {
    for (const uint64_t id : clients) wake_(id);
  }

  const std::function<void(uint64_t)> wake_;
  const std::chrono::microseconds patience_;
  std::mutex mutex_;
  // Guarded by mutex_.
  bool taken_ = false;
  std::deque<Waiting> waiting_;
  std::vector<std::condition_variable> turns_;  // Of each worker.
  // Any thread.
  std::atomic<size_t> waiting_count_{0};
  std::atomic<bool> had_world_{false};
};

}  // namespace cachenode
