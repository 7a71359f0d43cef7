#include "server/quiescence.h"

#include <utility>

namespace cachenode {

void QuiescentRetireList::Retire(std::unique_ptr<Retired> garbage) {
  bool is_full = false;
  {
    const std::lock_guard lock(mutex_);
    // Stamped under the mutex, so that the queue is ordered.
    waiting_.push_back({world_.RetireStamp(), std::move(garbage)});
    is_full = waiting_.size() > kWaitingMax;
  }
  if (is_full) Collect();
}

size_t QuiescentRetireList::Collect() {
  TakePassed().clear();  // Outside the mutex.
  const std::lock_guard lock(mutex_);
  return waiting_.size();
}

QuiescentRetireList::Garbage QuiescentRetireList::TakePassed() {
  Garbage passed;
  const std::lock_guard lock(mutex_);
  if (waiting_.empty()) return passed;
  const uint64_t stamp = world_.PassedStamp();
  while (!waiting_.empty() && waiting_.front().stamp <= stamp) {
    passed.push_back(std::move(waiting_.front().garbage));
    waiting_.pop_front();
  }
  return passed;
}

}  // namespace cachenode
