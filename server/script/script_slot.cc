#include "server/script/script_slot.h"

#include <algorithm>

namespace cachenode {

bool ScriptSlot::TryEnter(uint64_t client_id) {
  const std::lock_guard<std::mutex> guard(mutex_);
  if (!taken_ && (waiting_.empty() || waiting_.front() == client_id)) {
    taken_ = true;
    if (!waiting_.empty()) waiting_.pop_front();
    waiting_count_.store(waiting_.size(), std::memory_order_relaxed);
    return true;
  }
  if (std::find(waiting_.begin(), waiting_.end(), client_id) == waiting_.end()) waiting_.push_back(client_id);
  waiting_count_.store(waiting_.size(), std::memory_order_relaxed);
  return false;
}

void ScriptSlot::Leave() {
  uint64_t next = 0;
  {
    const std::lock_guard<std::mutex> guard(mutex_);
    taken_ = false;
    if (!waiting_.empty()) next = waiting_.front();
  }
  if (next != 0) wake_(next);
}

void ScriptSlot::Forget(uint64_t client_id) {
  if (!HasWaiting()) return;
  uint64_t next = 0;
  {
    const std::lock_guard<std::mutex> guard(mutex_);
    const auto found = std::find(waiting_.begin(), waiting_.end(), client_id);
    if (found == waiting_.end()) return;
    const bool was_first = found == waiting_.begin();
    waiting_.erase(found);
    waiting_count_.store(waiting_.size(), std::memory_order_relaxed);
    if (was_first && !taken_ && !waiting_.empty()) next = waiting_.front();
  }
  if (next != 0) wake_(next);
}

}  // namespace cachenode
