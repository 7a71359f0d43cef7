// Client-side caching: remembers which keys clients read, and tells them when those change (CLIENT TRACKING).
//
// How: after a reading command, while its shards are locked, its keys are listed with the client in TrackedKeys. Before
//   a key changes, under the same lock, who is listed there is told and the list forgotten. A client of the same worker
//   is told at once, behind its replies; others get one letter per worker and turn, posted before any reply of the turn
//   leaves. A worker takes its mail before it executes a tracking client's requests. So whoever has seen the reply to a
//   change, and then asks as the tracking client, gets the notice before the answer.
//   Broadcasting clients are told at the end of the turn, once per prefix.
// Order: a client that changes what it tracks is told behind the reply, of a whole transaction or script, too.
//
// Thread-safety: methods that take a worker's number or a session are for that worker (the session's own). Enable and
//   whatever changes databases hold the exclusive world lock. The table of keys is guarded by the shards' locks; the
//   clients' settings (stripes by worker) and the prefixes by leaf mutexes. Figures: any thread.
// Limits: tracking-table-max-keys keys are remembered, kTrimEffort are forgotten per turn beyond that (their readers
//   are told); a letter that does not fit the receiver's mailbox becomes "everything changed", one a client and turn.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "server/key_events.h"
#include "server/key_spec.h"
#include "server/session_listener.h"
#include "server/tracking/broadcast_prefixes.h"
#include "server/tracking/invalidation.h"
#include "server/tracking/tracked_keys.h"
#include "server/tracking/tracking_state.h"
#include "storage/base/status.h"

namespace cachenode {

struct Command;
struct ServerParts;
struct Session;

class ClientTracking final : public KeyEventListener, public SessionListener {
 public:
  // Keys forgotten in one turn beyond the limit; the effort grows by as much with each turn that does not get there.
  static constexpr uint64_t kTrimEffort = 100;

  // `parts` outlives this; its keyspace and clients exist.
  explicit ClientTracking(const ServerParts& parts);
  ~ClientTracking() override;
  ClientTracking(const ClientTracking&) = delete;
  ClientTracking& operator=(const ClientTracking&) = delete;

  // --- The client's commands ---

  // Turns tracking on, or changes its options; `prefixes` are added to those the client has. Errors: the texts of
  // CLIENT TRACKING; nothing is changed then. Exclusive world lock.
  Status Enable(Session& client, const TrackingOptions& options, std::span<const std::string_view> prefixes);
  void Disable(Session& client);

  // --- The way of a request ---

  // Whether any client tracks: the others below need not be called while it is false.
  [[nodiscard]] bool Active() const { return client_count_.load(std::memory_order_relaxed) != 0; }
  // The client's reply begins, and ends: in between it is told of nothing. `name` is the command's, as it was sent.
  void BeginRequest(Session& client);
  void EndRequest(Session& client, std::string_view name);
  // `reader` has executed the reading `command`, whose shards are still locked.
  void RememberReads(const Session& reader, const Command& command, Args args);
  // A script of `reader` has called a reading command: it counts as a read of the `declared` keys, as before Redis 7.2.
  // Their shards are locked.
  void RememberDeclaredKeys(const Session& reader, Args declared);

  // --- Eviction ---

  // While a worker evicts, readers of evicted keys are told nothing: what they are told takes memory, for which more
  // keys would have to go, until none is left. They are told at the end. Holding no shard lock.
  void BeginEviction(uint32_t worker_index) { workers_[worker_index].is_evicting = true; }
  void EndEviction(uint32_t worker_index);

  // --- The turn of a worker ---

  // Holding no shard lock. `keys_max`: tracking-table-max-keys, 0 for no limit.
  void BeginTurn(uint32_t worker_index, uint64_t keys_max) {
    if (keys_max != 0 && keys_.KeyCount() > keys_max) [[unlikely]]
      TrimKeys(worker_index, keys_max);
  }
  // What the turn has to tell goes out. Before its replies leave.
  void EndTurn(uint32_t worker_index) {
    if (workers_[worker_index].has_work) [[unlikely]]
      FinishTurn(worker_index);
  }

  // KeyEventListener.
  void BeforeKeyChange(const KeyPlace& place) override;
  void KeyEvent(NotifyFlag event_class, std::string_view event, const KeyPlace& place) override;
  void BeforeDatabaseChange(DatabaseChange change, const KeyPlace& place, uint32_t other_db) override;

  // SessionListener.
  void OnSessionEnd(Session& session) override { Disable(session); }

  [[nodiscard]] uint64_t ClientCount() const { return client_count_.load(std::memory_order_relaxed); }
  [[nodiscard]] uint64_t KeyCount() const { return keys_.KeyCount(); }
  [[nodiscard]] uint64_t ItemCount() const { return keys_.ItemCount(); }
  [[nodiscard]] uint64_t PrefixCount() const { return prefixes_.Count(); }

 private:
  using Notices = std::vector<Invalidation>;

  // The settings of the clients of one worker, for all workers to read.
  struct alignas(64) Stripe {
    mutable std::mutex mutex;
    std::unordered_map<uint64_t, TrackingOptions> clients;
  };
  // What one worker has to tell. Its own thread only.
  struct alignas(64) PerWorker {
    Session* running = nullptr;    // Its reply is being written.
    Notices behind_reply;          // Of a receiver that is running.
    std::vector<Notices> letters;  // By the receiving worker.
    ChangedKeys changed;
    std::vector<TrackedKeys::Entry> evicted;  // Whose readers have still to be told.
    bool is_evicting = false;
    bool everything_changed = false;  // A database was emptied in this request.
    bool has_work = false;            // There are letters, or changed keys, or everything changed.
    uint64_t trim_effort = kTrimEffort;
  };

  [[nodiscard]] Status CheckOptions(const Session& client, const TrackingOptions& options,
                                    std::span<const std::string_view> prefixes) const;
  [[nodiscard]] std::optional<TrackingOptions> OptionsOf(uint64_t client) const;
  void TellReaders(uint32_t worker_index, const TrackedKeys::Clients& readers, std::string_view key,
                   const Session* changer);
  void Send(uint32_t worker_index, Invalidation notice);
  void Deliver(uint32_t worker_index, const Invalidation& notice);
  void TellEverythingChanged(uint32_t worker_index);
  void TellPrefixes(uint32_t worker_index);
  void PostLetters(uint32_t worker_index);
  void TrimKeys(uint32_t worker_index, uint64_t keys_max);
  void FinishTurn(uint32_t worker_index);

  // Constant after construction.
  const ServerParts& parts_;
  // See above.
  TrackedKeys keys_;
  BroadcastPrefixes prefixes_;
  std::vector<Stripe> stripes_;
  std::vector<PerWorker> workers_;
  std::atomic<uint64_t> client_count_{0};
};

}  // namespace cachenode
