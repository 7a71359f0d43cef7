#include "server/blocking/key_queues.h"

namespace cachenode {
namespace {

uint32_t& CountOf(KeyQueue& queue, ValueType type) {
  if (type == ValueType::kList) return queue.lists;
  return type == ValueType::kSortedSet ? queue.sorted_sets : queue.streams;
}

}  // namespace

bool KeyQueue::Concerns(const KeySlot& slot) const {
  if (end_with_key != 0) return true;
  if (!slot.Exists()) return false;
  switch (slot.type()) {
    case ValueType::kList:
      return lists != 0;
    case ValueType::kSortedSet:
      return sorted_sets != 0;
    case ValueType::kStream:
      return streams != 0;
    default:
      return false;
  }
}

KeyQueue* KeyQueues::Find(uint32_t db, KeyHash hash, std::string_view key) {
  const auto [begin, end] = queues_.equal_range(hash.value());
  for (auto at = begin; at != end; ++at) {
    if (at->second.db == db && at->second.key == key) return &at->second;
  }
  return nullptr;
}

QueueChange KeyQueues::Append(WaitPlace& place, uint32_t db, KeyHash hash, std::string_view key) {
  KeyQueue* queue = Find(db, hash, key);
  QueueChange change;
  if (queue == nullptr) {
    change.queues = 1;
    queue = &queues_.emplace(hash.value(), KeyQueue{})->second;
    queue->db = db;
    queue->key = key;
    queue->hash = hash;
  }
  place.queue = queue;
  place.before = queue->last;
  place.after = nullptr;
  (queue->last != nullptr ? queue->last->after : queue->first) = &place;
  queue->last = &place;
  const KeyWait& wait = *place.client->wait;
  ++CountOf(*queue, wait.type());
  if (wait.destination() != nullptr) {
    ++queue->moves;
    change.moves = 1;
  }
  if (wait.EndsWithKey() && queue->end_with_key++ == 0) change.queues_ending_with_key = 1;
  place.client->places_linked.fetch_add(1, std::memory_order_relaxed);
  return change;
}

QueueChange KeyQueues::Remove(WaitPlace& place) {
  KeyQueue& queue = *place.queue;
  (place.before != nullptr ? place.before->after : queue.first) = place.after;
  (place.after != nullptr ? place.after->before : queue.last) = place.before;
  place.queue = nullptr;
  const KeyWait& wait = *place.client->wait;
  --CountOf(queue, wait.type());
  QueueChange change;
  if (wait.destination() != nullptr) {
    --queue.moves;
    change.moves = -1;
  }
  if (wait.EndsWithKey() && --queue.end_with_key == 0) change.queues_ending_with_key = -1;
  place.client->places_linked.fetch_sub(1, std::memory_order_release);  // The last look at the client.
  if (queue.first != nullptr) return change;
  const auto [begin, end] = queues_.equal_range(queue.hash.value());
  for (auto at = begin; at != end; ++at) {
    if (&at->second != &queue) continue;
    queues_.erase(at);
    break;
  }
  change.queues = -1;
  return change;
}

}  // namespace cachenode
