// Every client of the node by id, whichever worker runs it.
//
// Thread-safety: NextId, WorkerOf, Count and Post from any thread. Add, Remove and FindOwn by the worker that owns the
//   session. Find and ForEach only under the exclusive world lock, when no worker adds, removes or uses a session.
// Invariants: an id names its worker (id modulo worker count), so no shared map is needed; a later client always has
//   the larger id. With one worker ids count 1, 2, 3.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace cachenode {

class Mailbox;
struct Session;

class ClientRegistry {
 public:
  explicit ClientRegistry(uint32_t worker_count);
  ClientRegistry(const ClientRegistry&) = delete;
  ClientRegistry& operator=(const ClientRegistry&) = delete;

  // Null when ids of that worker have no mailbox (tests).
  [[nodiscard]] Mailbox* MailboxOf(uint32_t worker_index) { return workers_[worker_index].mailbox; }
  // Before the workers start: where Post leaves letters for worker `worker_index`.
  void SetMailbox(uint32_t worker_index, Mailbox& mailbox) { workers_[worker_index].mailbox = &mailbox; }

  // A new id that belongs to `worker_index`.
  [[nodiscard]] uint64_t NextId(uint32_t worker_index);
  [[nodiscard]] uint32_t WorkerOf(uint64_t id) const { return static_cast<uint32_t>(id % workers_.size()); }
  [[nodiscard]] uint32_t worker_count() const { return static_cast<uint32_t>(workers_.size()); }

  void Add(Session& session);
  void Remove(const Session& session);
  // The caller's own client, or null.
  [[nodiscard]] Session* FindOwn(uint32_t worker_index, uint64_t id);

  // Null as well for a client that Kill was called for.
  [[nodiscard]] Session* Find(uint64_t id);
  // In ascending order of id, without those Kill was called for.
  void ForEach(const std::function<void(Session&)>& visit);

  // Called by Kill, for parts that must not count the client from then on. Before the workers start.
  void SetKillObserver(std::function<void(Session&)> observer) { on_kill_ = std::move(observer); }
  // Closes a client of any worker without sending what waits for it. Exclusive world lock; the worker ends the
  // connection when it gets to its mail; Find, ForEach and Count no longer know the client from now on.
  void Kill(Session& session);

  // Clients of all workers, or of one, those still travelling to their worker included.
  [[nodiscard]] size_t Count() const;
  [[nodiscard]] size_t CountOf(uint32_t worker_index) const;
  // Counts a client that has been accepted for a worker and not added yet; the worker's Add does not count again.
  void Reserve(uint32_t worker_index);
  // Takes a reservation back when the connection could not be made.
  void CancelReservation(uint32_t worker_index);

  // Runs `action` on the worker of client `id` if the client is still there then. False when ids of that worker have
  // no mailbox (tests).
  bool Post(uint64_t id, std::function<void(Session&)> action);

 private:
  struct alignas(64) PerWorker {
    std::atomic<size_t> count{0};                     // Any thread.
    std::unordered_map<uint64_t, Session*> sessions;  // Owner worker, or exclusive.
    std::unordered_set<uint64_t> killed;              // The same: in `sessions` still, but not counted any more.
    Mailbox* mailbox = nullptr;                       // Constant after the start.
  };

  std::function<void(Session&)> on_kill_;  // Constant after the start.
  std::atomic<uint64_t> next_sequence_{1};
  std::vector<PerWorker> workers_;
};

}  // namespace cachenode
