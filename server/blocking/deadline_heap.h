// The waiting clients of one worker that have a deadline, the earliest first.
//
// Thread-safety: its worker's thread.
// Invariants: each client knows its own place (BlockedClient::heap_index), so that leaving early costs O(log n) and
//   leaves nothing behind.
#pragma once

#include <cstddef>
#include <vector>

#include "server/blocking/blocked_client.h"

namespace cachenode {

class DeadlineHeap {
 public:
  void Add(BlockedClient& client);
  // `client` is in the heap.
  void Remove(BlockedClient& client);
  // The client whose time is up first, null when there is none.
  [[nodiscard]] BlockedClient* First() const { return clients_.empty() ? nullptr : clients_.front(); }
  [[nodiscard]] size_t size() const { return clients_.size(); }

 private:
  void Put(size_t index, BlockedClient* client);
  void SiftUp(size_t index);
  void SiftDown(size_t index);

  std::vector<BlockedClient*> clients_;
};

}  // namespace cachenode
