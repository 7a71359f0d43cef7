#include "server/script/script_slot.h"

#include <algorithm>

namespace cachenode {

bool ScriptSlot::TryEnter(Client client) {
  const std::lock_guard<std::mutex> guard(mutex_);
  const bool is_its_turn = !taken_ && (waiting_.empty() || waiting_.front().client.worker == client.worker);
  if (is_its_turn) {
    taken_ = true;
    static_cast<void>(Erase(client.id));
    return true;
  }
  const auto found = std::find_if(waiting_.begin(), waiting_.end(),
                                  [&](const Waiting& waiting) { return waiting.client.id == client.id; });
  if (found != waiting_.end()) {
    found->told = false;
    return false;
  }
  waiting_.push_back({client, false});
  waiting_count_.store(waiting_.size(), std::memory_order_relaxed);
  return false;
}

void ScriptSlot::Leave() {
  std::vector<uint64_t> next;
  {
    const std::lock_guard<std::mutex> guard(mutex_);
    taken_ = false;
    next = TakeNext();
  }
  Wake(next);
}

void ScriptSlot::Forget(uint64_t client_id) {
  if (!HasWaiting()) return;
  std::vector<uint64_t> next;
  {
    const std::lock_guard<std::mutex> guard(mutex_);
    if (Erase(client_id)) next = TakeNext();
  }
  Wake(next);
}

bool ScriptSlot::Erase(uint64_t client_id) {
  const auto found = std::find_if(waiting_.begin(), waiting_.end(),
                                  [&](const Waiting& waiting) { return waiting.client.id == client_id; });
  if (found == waiting_.end()) return false;
  waiting_.erase(found);
  waiting_count_.store(waiting_.size(), std::memory_order_relaxed);
  return true;
}

std::vector<uint64_t> ScriptSlot::TakeNext() {
  std::vector<uint64_t> next;
  if (taken_ || waiting_.empty()) return next;
  const uint32_t worker = waiting_.front().client.worker;
  for (Waiting& waiting : waiting_) {
    if (waiting.client.worker != worker || waiting.told) continue;
    waiting.told = true;
    next.push_back(waiting.client.id);
  }
  return next;
}

}  // namespace cachenode
