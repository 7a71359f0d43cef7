// One client that waits for keys, for time, or for other nodes: the token that stands in the queues of its keys.
//
// Thread-safety: owned by the client's session. Constant fields are read by whoever finds the token in a queue, under
//   that shard's lock. `claimed` and `places_linked` are atomic; a place's links are guarded by the lock of its shard;
//   the rest is the owner worker's.
// Invariants: who claims the token ends the wait, and nobody else does. It is freed only when no place is linked, so
//   that a token found in a queue is alive as long as the queue's lock is held.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "server/blocking/argument_copy.h"
#include "server/blocking/direct_reply.h"
#include "server/blocking/key_wait.h"
#include "storage/shard_router.h"

namespace cachenode {

struct BlockedClient;
struct Command;
struct KeyQueue;
struct Session;

// Where a client stands in the queue of one key.
struct WaitPlace {
  BlockedClient* client = nullptr;
  KeyHash hash;
  KeyQueue* queue = nullptr;  // Null: not linked (any more).
  WaitPlace* before = nullptr;
  WaitPlace* after = nullptr;
};

// What the client gets when its time is up.
enum class TimeoutReply : uint8_t {
  kNullArray,
  kZero,      // WAIT: no replica has acknowledged anything.
  kTwoZeros,  // WAITAOF: nor has a local file.
};

struct BlockedClient {
  // False when somebody else was quicker.
  [[nodiscard]] bool Claim() noexcept { return !claimed.exchange(true, std::memory_order_acq_rel); }
  [[nodiscard]] bool IsClaimed() const noexcept { return claimed.load(std::memory_order_acquire); }

  // Without what `wait` holds beyond the arguments' bytes, which it copies in part.
  [[nodiscard]] size_t MemoryBytes() const {
    return sizeof(*this) + arguments.MemoryBytes() + places.capacity() * sizeof(WaitPlace);
  }

  // Constant while the client waits.
  // Alive while a place is linked. What only requests of the client change (name, user) may be read then; the owner
  // worker may do with it what it likes.
  Session* session = nullptr;
  uint64_t id = 0;
  uint32_t worker_index = 0;
  uint32_t database = 0;
  uint8_t resp_version = 2;
  bool no_touch = false;
  TimeoutReply timeout_reply = TimeoutReply::kNullArray;
  const Command* command = nullptr;
  ArgumentCopy arguments;
  std::unique_ptr<KeyWait> wait;  // Null: waits for time only.
  // Shared with who serves the client. Null: other threads never do.
  std::shared_ptr<DirectReply> direct_reply;

  // Any thread.
  std::atomic<bool> claimed{false};
  std::atomic<uint32_t> places_linked{0};
  std::atomic<uint64_t> ticks_spent{0};  // On the attempt that did not find anything.

  // Guarded by the shards' locks; the vector itself is constant.
  std::vector<WaitPlace> places;

  // Owner worker.
  int64_t deadline_ms = 0;  // Unix milliseconds; 0: none.
  size_t heap_index = 0;    // In the deadlines of its worker.

  explicit BlockedClient(Args args) : arguments(args) {}
};

}  // namespace cachenode
