#include "server/script/script_slot.h"

#include <algorithm>

namespace cachenode {

bool ScriptSlot::TryEnter(Client client) {
  const std::lock_guard<std::mutex> guard(mutex_);
  if (IsTurnOf(client.worker)) {
    taken_ = true;
    static_cast<void>(Erase(client.id));
    return true;
  }
  if (const auto found = Find(client.id); found != waiting_.end()) {
    found->told = false;
    return false;
  }
  waiting_.push_back({client, false});
  waiting_count_.store(waiting_.size(), std::memory_order_relaxed);
  return false;
}

void ScriptSlot::Leave(With with) {
  had_world_.store(with == With::kWorld, std::memory_order_relaxed);
  std::vector<uint64_t> next;
  {
    const std::lock_guard<std::mutex> guard(mutex_);
    taken_ = false;
    next = TakeNext();
  }
  Wake(next);
}

void ScriptSlot::WaitForTurn(Client client) {
  std::unique_lock<std::mutex> guard(mutex_);
  const auto of_its_worker = std::count_if(
      waiting_.begin(), waiting_.end(), [&](const Waiting& waiting) { return waiting.client.worker == client.worker; });
  auto own = Find(client.id);
  if (own == waiting_.end() || of_its_worker != 1) return;
  own->sleeps = true;
  turns_[client.worker].wait_for(guard, patience_, [&] { return IsTurnOf(client.worker); });
  own = Find(client.id);
  if (own != waiting_.end()) own->sleeps = false;
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

std::deque<ScriptSlot::Waiting>::iterator ScriptSlot::Find(uint64_t client_id) {
  return std::find_if(waiting_.begin(), waiting_.end(),
                      [&](const Waiting& waiting) { return waiting.client.id == client_id; });
}

bool ScriptSlot::Erase(uint64_t client_id) {
  const auto found = Find(client_id);
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
    if (waiting.sleeps) {
      turns_[worker].notify_one();
      continue;
    }
    waiting.told = true;
    next.push_back(waiting.client.id);
  }
  return next;
}

}  // namespace cachenode
