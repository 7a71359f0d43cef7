// What one client collects between MULTI and EXEC, and the keys it watches.
//
// Thread-safety: the client's own worker, but `watched_key_changed`, which whoever changes the key sets under the lock
//   of the key's shard.
// Limits: the commands queued and the client's unread input together stay below client-query-buffer-limit; see
//   Transactions::Queue.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/key_spec.h"

namespace cachenode {

struct Command;

// The requests queued, their arguments end to end in one buffer, a byte behind each.
class CommandQueue {
 public:
  void Append(const Command& command, Args args);
  void Clear();
  [[nodiscard]] size_t size() const { return commands_.size(); }
  [[nodiscard]] const Command& command(size_t index) const { return *commands_[index].command; }
  // The arguments of one; the views live until the queue changes, the span until `scratch` does.
  [[nodiscard]] Args ArgsOf(size_t index, std::vector<std::string_view>& scratch) const;
  // Bytes of all arguments and those between them.
  [[nodiscard]] size_t ArgumentBytes() const { return bytes_.size(); }
  [[nodiscard]] size_t MemoryBytes() const;
  // CommandFlag bits that any of the commands has, and those that all have (every bit for an empty queue).
  [[nodiscard]] uint32_t any_flags() const { return any_flags_; }
  [[nodiscard]] uint32_t all_flags() const { return all_flags_; }

 private:
  struct Queued {
    const Command* command;
    size_t first_end;  // Index into ends_ of its first argument.
    size_t begin;      // Its first byte in bytes_.
  };
  std::string bytes_;
  std::vector<size_t> ends_;
  std::vector<Queued> commands_;
  uint32_t any_flags_ = 0;
  uint32_t all_flags_ = UINT32_MAX;
};

struct WatchedKey {
  uint32_t db = 0;
  std::string key;
  bool existed = false;  // When WATCH came; its expiry since then is a change.
  // Watched while a script had the key's shard, so that nobody could look; see WatchTable::WatchAside.
  bool aside = false;
  int64_t since_ms = 0;  // Of one watched aside: Unix milliseconds.
};

struct TransactionState {
  bool queueing = false;  // Between MULTI and EXEC.
  bool failed = false;    // A request could not be queued: EXEC answers EXECABORT.
  CommandQueue queue;
  std::vector<WatchedKey> watched;
  size_t watched_bytes = 0;  // Held for the keys of `watched`, here and in the table.
  std::atomic<bool> watched_key_changed{false};

  // What one watched key holds beside its bytes, which stand here and in the table.
  static constexpr size_t kWatchBytes = sizeof(WatchedKey) + 96;
  [[nodiscard]] size_t MemoryBytes() const { return sizeof(*this) + queue.MemoryBytes() + watched_bytes; }
};

}  // namespace cachenode
