// Every client that waits: for keys, for time, for other nodes. Who changes a key serves those who wait for it at the
// end of its request, first come first served, whichever worker they live on.
//
// Thread-safety: the queues are guarded by the locks of their shards; what a worker collects during a request and the
//   deadlines of its clients belong to that worker. Figures from any thread.
// Invariants:
//   - A client enters the queues of all its keys under all their locks, after it saw that none has anything for it.
//   - A key that changed is looked at by its changer before the lock is released, so nobody gets in between.
//   - Replies travel to their clients only after the locks are released.
// Limits: a client waits for as many keys as a request can name. A request's lock set grows over at most kClosureRounds
//   rounds and kClosureShardsMax shards to cover the destinations of waiting moves; beyond, it takes the world lock.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/reply_buffer.h"
#include "server/blocking/blocked_client.h"
#include "server/blocking/deadline_heap.h"
#include "server/blocking/key_queues.h"
#include "server/key_events.h"
#include "server/session_listener.h"
#include "server/shard_lock_set.h"
#include "server/world_lock.h"
#include "storage/base/thread_annotations.h"

namespace cachenode {

class CommandContext;
struct ServerParts;

class WaitTable final : public KeyEventListener, public SessionListener {
 public:
  static constexpr int kClosureRounds = 3;
  static constexpr size_t kClosureShardsMax = 8;

  // `parts` outlives this and has keyspace, state and world.
  explicit WaitTable(const ServerParts& parts, uint32_t worker_count);
  ~WaitTable() override;
  WaitTable(const WaitTable&) = delete;
  WaitTable& operator=(const WaitTable&) = delete;

  // Before the worker runs. `set_alarm` is called on the worker's thread with the Unix milliseconds at which ExpireDue
  // wants to be called; `seat` is its place in the world lock, null without threads.
  void Attach(uint32_t worker_index, WorldLock::Seat* seat, std::function<void(int64_t due_ms)> set_alarm);

  // --- For handlers, under the locks of all keys ---------------------------------------------------------------------

  struct Request {
    Args args;
    Args keys = {};  // None: waits for time only.
    std::unique_ptr<KeyWait> wait = nullptr;
    int64_t deadline_ms = 0;  // Unix milliseconds; 0: none.
    TimeoutReply timeout_reply = TimeoutReply::kNullArray;
  };
  // Whether the client of `context` may wait at all: not inside EXEC or a script.
  [[nodiscard]] static bool MayBlock(CommandContext& context);
  // The client waits from now on; the handler returns Ok without a reply.
  static void Block(CommandContext& context, Request request);
  // The same, or a null array at once where the client may not block. Ok.
  [[nodiscard]] static Status BlockOrNullArray(CommandContext& context, Request request);

  // --- For the dispatcher --------------------------------------------------------------------------------------------

  // The shards of the request's keys are locked, which is `locks`. Finds the destinations of moves that changes of
  // those keys may serve, which must be locked as well before anything is changed; `served_max`: at most so many
  // clients of one key can be served. kGrown: these are `missing`.
  enum class Closure : uint8_t { kComplete, kGrown, kTooWide };
  [[nodiscard]] Closure CloseOver(std::span<const KeyHash> keys, size_t served_max, const ShardLockSet& locks,
                                  std::vector<KeyHash>& missing);
  [[nodiscard]] bool AnyMoves() const noexcept { return waiting_moves_.load(std::memory_order_relaxed) != 0; }

  // A client of this worker was just blocked by the request that took `ticks`.
  void NoteBlocked(CommandContext& context, Session& session, uint64_t ticks);
  // Whether anything is left to do after the request, with locks or without.
  [[nodiscard]] bool HasWork(uint32_t worker_index) const noexcept { return workers_[worker_index].has_work; }
  // Where HasWork is found; for the worker's own thread.
  [[nodiscard]] const bool* WorkFlag(uint32_t worker_index) const noexcept { return &workers_[worker_index].has_work; }
  // Under the request's locks, after its last change: serves who waits for the keys it touched. `held`: null when
  // everything is (world lock, one thread). `asker` is bound again afterwards.
  void Serve(CommandContext& context, Session* asker, const ShardLockSet* held);
  // Holding nothing: looks at keys Serve could not reach, and sends the replies on their way.
  void Deliver(CommandContext& context, Session* asker);

  // --- For the client's own worker -----------------------------------------------------------------------------------

  // Ends the waits whose time is up at `now_ms`.
  void ExpireDue(uint32_t worker_index, int64_t now_ms);
  // CLIENT UNBLOCK, under the world lock. False when the client does not wait.
  [[nodiscard]] bool Unblock(Session& session, bool with_error);

  // --- Figures; any thread -------------------------------------------------------------------------------------------

  [[nodiscard]] int64_t KeyCount() const noexcept { return queue_count_.load(std::memory_order_relaxed); }
  // Keys with a client that must hear when they go.
  [[nodiscard]] int64_t KeyCountOnNoKey() const noexcept { return no_key_count_.load(std::memory_order_relaxed); }
  [[nodiscard]] int64_t DeadlineCount() const noexcept { return deadline_count_.load(std::memory_order_relaxed); }

  // --- Listening -----------------------------------------------------------------------------------------------------

  void BeforeKeyChange(const KeyPlace& place) override;
  void BeforeDatabaseChange(DatabaseChange change, const KeyPlace& place, uint32_t other_db) override;
  void OnSessionEnd(Session& session) override;

 private:
  struct TouchedKey {
    uint32_t db = 0;
    std::string key;
    KeyHash hash;
  };
  struct ReadyReply {
    uint64_t client_id = 0;
    uint32_t worker_index = 0;
    std::string bytes;
    std::shared_ptr<DirectReply> direct;  // Null for clients of the same worker.
  };
  struct alignas(64) PerWorker {
    // Constant after Attach.
    WorldLock::Seat* seat = nullptr;
    std::function<void(int64_t)> set_alarm;
    // Own thread.
    bool has_work = false;
    std::vector<TouchedKey> touched;
    std::vector<TouchedKey> round;
    std::vector<TouchedKey> later;  // Keys whose shard, or a destination's, is not locked.
    std::vector<ReadyReply> outbox;
    DeadlineHeap deadlines;
    int64_t alarm_ms = INT64_MAX;
    std::unique_ptr<ChunkPool> chunks = std::make_unique<ChunkPool>();
    std::unique_ptr<ShardLockSet> locks;
  };

  void Enter(CommandContext& context, Request& request);
  void Touch(PerWorker& worker, uint32_t db, KeyHash hash, std::string_view key);
  void ServeKey(CommandContext& context, PerWorker& worker, const TouchedKey& key, const ShardLockSet* held);
  [[nodiscard]] bool ServePlace(CommandContext& context, PerWorker& worker, WaitPlace& place, const TouchedKey& key,
                                const ShardLockSet* held);
  void Answer(CommandContext& context, PerWorker& worker, BlockedClient& client, KeySlot& slot, bool is_lost);
  [[nodiscard]] KeyQueues& QueuesOf(KeyHash hash) noexcept;
  void Unlink(WaitPlace& place);
  void Count(const QueueChange& change) noexcept;
  void ServeLater(CommandContext& context, PerWorker& worker, Session* asker);
  void Arm(PerWorker& worker);
  // Takes the client out of everything here.
  void Leave(Session& session);
  // The first `sent` bytes of `reply` are with the client already.
  void Finish(Session& session, std::string_view reply, size_t sent = 0);
  void FinishTimedOut(Session& session, bool by_unblock);
  void FinishWithError(Session& session);

  // Constant after construction.
  const ServerParts& parts_;
  std::vector<PerWorker> workers_;
  // Guarded by the shards' locks.
  std::vector<KeyQueues> shards_;
  // Any thread; the first three are changed under the lock of the shard concerned.
  std::atomic<int64_t> queue_count_{0};
  std::atomic<int64_t> no_key_count_{0};
  std::atomic<int64_t> waiting_moves_{0};
  std::atomic<int64_t> deadline_count_{0};
};

}  // namespace cachenode
