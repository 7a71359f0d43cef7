#include "server/client_registry.h"

#include <algorithm>

#include "server/blocking/blocked_client.h"
#include "server/mailbox.h"
#include "server/session.h"
#include "server/worker.h"

namespace cachenode {

ClientRegistry::ClientRegistry(uint32_t worker_count) : workers_(worker_count) {}

uint64_t ClientRegistry::NextId(uint32_t worker_index) {
  // Rounded up to the next number that belongs to the worker. With one worker this is the sequence itself.
  const uint64_t sequence = next_sequence_.fetch_add(1, std::memory_order_relaxed);
  return (sequence * workers_.size()) + worker_index;
}

void ClientRegistry::Add(Session& session) { workers_[session.worker_index].sessions.emplace(session.id, &session); }

void ClientRegistry::Remove(const Session& session) {
  PerWorker& worker = workers_[session.worker_index];
  worker.sessions.erase(session.id);
  if (worker.killed.erase(session.id) == 0) worker.count.fetch_sub(1, std::memory_order_relaxed);
}

Session* ClientRegistry::FindOwn(uint32_t worker_index, uint64_t id) {
  PerWorker& worker = workers_[worker_index];
  const auto found = worker.sessions.find(id);
  return found == worker.sessions.end() ? nullptr : found->second;
}

Session* ClientRegistry::Find(uint64_t id) {
  Session* session = FindOwn(WorkerOf(id), id);
  return session != nullptr && session->closing != Closing::kNow ? session : nullptr;
}

void ClientRegistry::ForEach(const std::function<void(Session&)>& visit) {
  std::vector<Session*> all;
  all.reserve(Count());
  for (PerWorker& worker : workers_) {
    for (const auto& [id, session] : worker.sessions) {
      if (session->closing != Closing::kNow) all.push_back(session);
    }
  }
  std::sort(all.begin(), all.end(), [](const Session* a, const Session* b) { return a->id < b->id; });
  for (Session* session : all) visit(*session);
}

void ClientRegistry::Kill(Session& session) {
  session.closing = Closing::kNow;
  PerWorker& worker = workers_[session.worker_index];
  if (worker.killed.insert(session.id).second) worker.count.fetch_sub(1, std::memory_order_relaxed);
  // From now on no key serves it.
  if (session.blocked != nullptr) static_cast<void>(session.blocked->Claim());
  if (on_kill_) on_kill_(session);
  Post(session.id, [](Session& own) {
    if (own.connection != nullptr) own.connection->ScheduleClose();
  });
}

size_t ClientRegistry::Count() const {
  size_t total = 0;
  for (const PerWorker& worker : workers_) total += worker.count.load(std::memory_order_relaxed);
  return total;
}

size_t ClientRegistry::CountOf(uint32_t worker_index) const {
  return workers_[worker_index].count.load(std::memory_order_relaxed);
}

void ClientRegistry::Reserve(uint32_t worker_index) {
  workers_[worker_index].count.fetch_add(1, std::memory_order_relaxed);
}

void ClientRegistry::CancelReservation(uint32_t worker_index) {
  workers_[worker_index].count.fetch_sub(1, std::memory_order_relaxed);
}

bool ClientRegistry::Post(uint64_t id, std::function<void(Session&)> action) {
  Mailbox* mailbox = workers_[WorkerOf(id)].mailbox;
  if (mailbox == nullptr) return false;
  mailbox->Post(MakeLetter([this, id, action = std::move(action)](Worker& worker) {
    if (Session* session = FindOwn(worker.index(), id); session != nullptr) action(*session);
  }));
  return true;
}

}  // namespace cachenode
