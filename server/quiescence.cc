#include "server/quiescence.h"

#include <utility>
#include <vector>

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
  std::vector<Waiting> passed;
  size_t left = 0;
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.empty()) return 0;
    const uint64_t stamp = world_.PassedStamp();
    while (!waiting_.empty() && waiting_.front().stamp <= stamp) {
      passed.push_back(std::move(waiting_.front()));
      waiting_.pop_front();
    }
    left = waiting_.size();
  }
  return left;  // `passed` is freed outside the mutex.
}

}  // namespace cachenode
