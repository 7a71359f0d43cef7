// What a handler works with: its client, its reply, the keys it named, and the parts of the node.
//
// Thread-safety: belongs to one worker's dispatcher; valid for the handler's call. Handlers keep no reference to it.
// Invariants: the shards of the request's keys are locked (or the world is) while the handler runs; keys reached
//   otherwise need ForEachShardLocked, or a row marked kExclusive.
#pragma once

#include <cassert>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/resp_writer.h"
#include "server/key_events.h"
#include "server/key_spec.h"
#include "server/server_parts.h"
#include "server/session.h"
#include "server/stats/worker_stats.h"
#include "server/world_lock.h"
#include "storage/access_context.h"
#include "storage/base/random.h"
#include "storage/base/thread_annotations.h"
#include "storage/key_slot.h"
#include "storage/keyspace.h"

namespace cachenode {

class CommandTable;
class NestedRunner;
struct Command;
struct Config;

class CommandContext {
 public:
  CommandContext(const ServerParts& parts, WorkerStats& stats, uint32_t worker_index);
  CommandContext(const CommandContext&) = delete;
  CommandContext& operator=(const CommandContext&) = delete;

  // --- For handlers --------------------------------------------------------------------------------------------------

  [[nodiscard]] RespWriter& reply() { return *reply_; }
  [[nodiscard]] Session& session() { return *session_; }
  [[nodiscard]] const Config& config() const { return *config_; }
  [[nodiscard]] const ServerParts& parts() const { return parts_; }
  [[nodiscard]] const CommandTable& commands() const { return *parts_.commands; }
  [[nodiscard]] Keyspace& keyspace() { return *parts_.keyspace; }
  [[nodiscard]] const Command& command() const { return *command_; }
  [[nodiscard]] WorkerStats& stats() { return stats_; }
  [[nodiscard]] KeyEvents& events() { return events_; }
  [[nodiscard]] Random& random() { return random_; }
  [[nodiscard]] uint32_t worker_index() const { return worker_index_; }
  [[nodiscard]] uint32_t db() const { return session_->database; }
  // Unix milliseconds, the same for all of a request.
  [[nodiscard]] int64_t now_ms() const { return access_.now_ms; }
  // The worker's seat in the world lock; null in harnesses without threads.
  [[nodiscard]] WorldLock::Seat* seat() { return seat_; }
  // How walkers over shards must lock: the world is held by rows marked kExclusive.
  [[nodiscard]] Locking locking() const { return holds_world_ ? Locking::kWorldHeld : Locking::kTakeShardLocks; }
  // CLIENT PAUSE holds writes back: no command, and nothing else, changes the data set.
  [[nodiscard]] bool writes_are_paused() const { return access_.expired == ExpiredKeys::kHide; }
  // Clocks, policy and observer for direct calls into the keyspace.
  [[nodiscard]] const AccessContext& access() const { return access_; }

  // The key for a reading command: counts a hit or a miss and records the access.
  [[nodiscard]] KeySlot FindForRead(std::string_view key) {
    KeySlot slot = FindIn(db(), key, access_);
    CountLookup(slot);
    return slot;
  }
  // The key for a writing command: records the access, counts nothing.
  [[nodiscard]] KeySlot FindForWrite(std::string_view key) { return FindIn(db(), key, access_); }
  // The same without recording the access (TTL, TYPE, EXISTS, OBJECT).
  [[nodiscard]] KeySlot FindUntouched(std::string_view key) {
    KeySlot slot = Inspect(key);
    CountLookup(slot);
    return slot;
  }
  // The key, leaving no trace and counting nothing.
  [[nodiscard]] KeySlot Inspect(std::string_view key) { return FindIn(db(), key, inspect_access_); }
  // The key in another database (MOVE, COPY); its shard is the same for every database.
  [[nodiscard]] KeySlot FindInDatabase(uint32_t db, std::string_view key) { return FindIn(db, key, access_); }

  // CLIENT NO-TOUCH took effect, or RESET undid it.
  void SetTouch(bool touch) { access_.touch = touch; }

  // For a command that takes long: other clients are served, then the same request runs again from its beginning.
  // Return what this answers, having changed nothing but what going on from session().go_on_at needs; ask first.
  [[nodiscard]] Status GiveTurnBack() {
    turn_given_back_ = true;
    return Err::kCancelled;
  }
  // False where nobody would offer the request again: scripts, harnesses.
  [[nodiscard]] bool MayGiveTurnBack() const { return session_->connection != nullptr; }

  // Tells of `event` ("set") at `key` of the client's database. After the change, still under its lock.
  void Notify(NotifyFlag event_class, std::string_view event, std::string_view key) {
    events_.Happened(event_class, event, db(), key);
  }
  void NotifyIn(uint32_t db, NotifyFlag event_class, std::string_view event, std::string_view key) {
    events_.Happened(event_class, event, db, key);
  }

  // For commands that run others: EXEC, scripts.
  [[nodiscard]] NestedRunner& nested() { return *nested_; }
  // Whether the command runs inside such a one.
  [[nodiscard]] bool is_nested() const { return depth_ != 0; }

  // --- For the dispatcher --------------------------------------------------------------------------------------------

  void SetSeat(WorldLock::Seat* seat) { seat_ = seat; }
  void SetNestedRunner(NestedRunner* nested) { nested_ = nested; }
  void BeginTurn(int64_t now_ms);
  // Points the context at `session` until Unbind.
  void Bind(Session& session);
  // What happens to keys from now on, no client asked for.
  void Unbind() { events_.SetClient(nullptr); }
  void BeginCommand(const Command& command) {
    command_ = &command;
    key_cursor_ = 0;
  }
  // Whether the handler that just failed called GiveTurnBack; forgets it.
  [[nodiscard]] bool TakeTurnGivenBack() { return std::exchange(turn_given_back_, false); }
  void SetHoldsWorld(bool holds) { holds_world_ = holds; }
  // The request's keys with their hashes, so that handlers need not hash again.
  struct HashedKey {
    const char* data;
    KeyHash hash;
  };
  void SetKeys(std::span<const HashedKey> keys) { keys_ = keys; }
  // What a command knew while another one runs inside it.
  struct Suspended {
    Session* session;
    const Command* command;
    std::span<const HashedKey> keys;
    size_t key_cursor;
    RespWriter reply;
  };
  // Binds the context to `session`, the outer command's or another one, until Restore.
  [[nodiscard]] Suspended Suspend(Session& session);
  void Restore(const Suspended& outer);

 private:
  [[nodiscard]] KeyHash HashOf(std::string_view key);
  void CountLookup(const KeySlot& slot);
  // Without analysis: the dispatcher locked the shards of the request's keys, a set only known at run time.
  [[nodiscard]] KeySlot FindIn(uint32_t db, std::string_view key,
                               const AccessContext& access) CACHENODE_NO_THREAD_SAFETY_ANALYSIS {
    const KeyHash hash = HashOf(key);
    return parts_.keyspace->ShardOf(hash).Find(db, hash, key, access);
  }

  // Constant after construction.
  const ServerParts& parts_;
  WorkerStats& stats_;
  const uint32_t worker_index_;
  WorldLock::Seat* seat_ = nullptr;
  // Changed per turn, session and request.
  KeyEvents events_;
  Random random_;
  AccessContext access_;
  AccessContext inspect_access_;
  const Config* config_ = nullptr;
  Session* session_ = nullptr;
  const Command* command_ = nullptr;
  std::optional<RespWriter> reply_;
  NestedRunner* nested_ = nullptr;
  std::span<const HashedKey> keys_;
  size_t key_cursor_ = 0;
  uint32_t depth_ = 0;  // Commands around the one that runs.
  bool holds_world_ = false;
  bool turn_given_back_ = false;
};

inline KeyHash CommandContext::HashOf(std::string_view key) {
  // Handlers ask for keys in the order of the arguments, so the next one is nearly always right.
  if (key_cursor_ < keys_.size() && keys_[key_cursor_].data == key.data()) [[likely]] {
    assert(keys_[key_cursor_].hash.value() == KeyHash::Of(key).value());
    return keys_[key_cursor_++].hash;
  }
  for (size_t i = 0; i < keys_.size(); ++i) {
    if (keys_[i].data != key.data()) continue;
    key_cursor_ = i + 1;
    return keys_[i].hash;
  }
  return KeyHash::Of(key);
}

inline void CommandContext::CountLookup(const KeySlot& slot) {
  if (slot.Exists()) [[likely]] {
    stats_.keyspace_hits.Increment();
    return;
  }
  stats_.keyspace_misses.Increment();
  Notify(kNotifyKeyMiss, "keymiss", slot.key());
}

}  // namespace cachenode
