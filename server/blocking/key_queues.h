// Who waits for the keys of one shard, in the order of arrival.
//
// Thread-safety: guarded by the lock of the shard (or the world lock).
// Invariants: a queue exists exactly while a place is linked in it. Dead places (their client was served elsewhere, or
//   left) may stay linked until their owner or whoever walks past them takes them out.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "server/blocking/blocked_client.h"
#include "storage/shard_router.h"

namespace cachenode {

struct KeyQueue {
  uint32_t db = 0;
  std::string key;
  KeyHash hash;
  WaitPlace* first = nullptr;
  WaitPlace* last = nullptr;
  uint32_t lists = 0;  // Places of clients that wait for a list; the same for the two below.
  uint32_t sorted_sets = 0;
  uint32_t streams = 0;
  uint32_t moves = 0;         // Of clients that move what they get.
  uint32_t end_with_key = 0;  // Of clients that must hear when the key goes.

  // Whether the key's present state can mean anything to anybody here.
  [[nodiscard]] bool Concerns(const KeySlot& slot) const;
};

// What linking or unlinking a place did to the counts of all shards together.
struct QueueChange {
  int queues = 0;
  int queues_ending_with_key = 0;  // Those with a client that must hear when the key goes.
  int moves = 0;
};

class KeyQueues {
 public:
  // Null when nobody waits for the key.
  [[nodiscard]] KeyQueue* Find(uint32_t db, KeyHash hash, std::string_view key);
  // Appends `place`, whose client has its wait, to the queue of the key.
  QueueChange Append(WaitPlace& place, uint32_t db, KeyHash hash, std::string_view key);
  // Takes a linked place out; the queue goes with its last place. The client may be freed by its owner from then on.
  QueueChange Remove(WaitPlace& place);
  [[nodiscard]] bool empty() const { return queues_.empty(); }

  template <typename Visit>
  void ForEach(Visit visit) {
    for (auto& [hash, queue] : queues_) visit(queue);
  }
  // All queues of keys with this hash, whatever their database.
  template <typename Visit>
  void ForEachOf(KeyHash hash, Visit visit) {
    const auto [begin, end] = queues_.equal_range(hash.value());
    for (auto at = begin; at != end; ++at) visit(at->second);
  }

 private:
  std::unordered_multimap<uint64_t, KeyQueue> queues_;
};

}  // namespace cachenode
