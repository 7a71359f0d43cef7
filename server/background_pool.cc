#include "server/background_pool.h"

#include <pthread.h>

#include <system_error>
#include <utility>

namespace cachenode {

namespace {

// Visible in top and gdb; the kernel keeps 15 characters.
constexpr std::array<const char*, BackgroundPool::kLanes> kThreadNames = {"cn_lazy_free", "cn_file", "cn_transfer",
                                                                          "cn_upkeep"};

size_t ThreadsMax(BackgroundPool::Lane lane) {
  return lane == BackgroundPool::Lane::kTransfer ? BackgroundPool::kTransferThreads : 1;
}

}  // namespace

BackgroundPool::BackgroundPool(std::function<void()> thread_setup) : thread_setup_(std::move(thread_setup)) {}

BackgroundPool::~BackgroundPool() {
  for (Queue& queue : queues_) {
    const std::lock_guard lock(queue.mutex);
    queue.stopping = true;
    queue.has_work.notify_all();
  }
  for (Queue& queue : queues_) {
    for (std::thread& thread : queue.threads) thread.join();
  }
}

bool BackgroundPool::Submit(Lane lane, Job job) {
  Queue& queue = queues_[static_cast<size_t>(lane)];
  const std::lock_guard lock(queue.mutex);
  if (queue.stopping || queue.jobs.size() >= kJobsMax) return false;
  queue.jobs.push_back(std::move(job));
  const bool all_busy = queue.jobs.size() + queue.running > queue.threads.size();
  if (all_busy && queue.threads.size() < ThreadsMax(lane) && !StartThread(lane) && queue.threads.empty()) {
    queue.jobs.pop_back();
    return false;
  }
  queue.has_work.notify_one();
  return true;
}

// False when the system has no thread to give, as with an address space that is full.
bool BackgroundPool::StartThread(Lane lane) {
  try {
    queues_[static_cast<size_t>(lane)].threads.emplace_back([this, lane] { RunThread(lane); });
  } catch (const std::system_error&) {
    return false;
  }
  return true;
}

size_t BackgroundPool::Pending(Lane lane) const {
  const Queue& queue = queues_[static_cast<size_t>(lane)];
  const std::lock_guard lock(queue.mutex);
  return queue.jobs.size() + queue.running;
}

void BackgroundPool::Drain(Lane lane) {
  Queue& queue = queues_[static_cast<size_t>(lane)];
  std::unique_lock lock(queue.mutex);
  queue.is_empty.wait(lock, [&queue] { return queue.jobs.empty() && queue.running == 0; });
}

void BackgroundPool::RunThread(Lane lane) {
  pthread_setname_np(pthread_self(), kThreadNames[static_cast<size_t>(lane)]);
  if (thread_setup_) thread_setup_();
  Queue& queue = queues_[static_cast<size_t>(lane)];
  std::unique_lock lock(queue.mutex);
  while (true) {
    queue.has_work.wait(lock, [&queue] { return queue.stopping || !queue.jobs.empty(); });
    if (queue.jobs.empty()) return;
    Job job = std::move(queue.jobs.front());
    queue.jobs.pop_front();
    ++queue.running;
    lock.unlock();
    job();
    job = nullptr;  // What the job holds is freed before it counts as done.
    lock.lock();
    --queue.running;
    if (queue.jobs.empty() && queue.running == 0) queue.is_empty.notify_all();
  }
}

}  // namespace cachenode
