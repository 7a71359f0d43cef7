#include "server/blocking/deadline_heap.h"

namespace cachenode {

void DeadlineHeap::Put(size_t index, BlockedClient* client) {
  clients_[index] = client;
  client->heap_index = index;
}

void DeadlineHeap::Add(BlockedClient& client) {
  clients_.push_back(&client);
  client.heap_index = clients_.size() - 1;
  SiftUp(client.heap_index);
}

void DeadlineHeap::Remove(BlockedClient& client) {
  const size_t index = client.heap_index;
  BlockedClient* const last = clients_.back();
  clients_.pop_back();
  if (last == &client) return;
  Put(index, last);
  SiftUp(index);
  SiftDown(last->heap_index);
}

void DeadlineHeap::SiftUp(size_t index) {
  BlockedClient* const client = clients_[index];
  while (index > 0) {
    const size_t parent = (index - 1) / 2;
    if (clients_[parent]->deadline_ms <= client->deadline_ms) break;
    Put(index, clients_[parent]);
    index = parent;
  }
  Put(index, client);
}

void DeadlineHeap::SiftDown(size_t index) {
  BlockedClient* const client = clients_[index];
  for (;;) {
    size_t child = 2 * index + 1;
    if (child >= clients_.size()) break;
    if (child + 1 < clients_.size() && clients_[child + 1]->deadline_ms < clients_[child]->deadline_ms) ++child;
    if (client->deadline_ms <= clients_[child]->deadline_ms) break;
    Put(index, clients_[child]);
    index = child;
  }
  Put(index, client);
}

}  // namespace cachenode
