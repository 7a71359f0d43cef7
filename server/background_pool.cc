#include "server/background_pool.h"

#include <pthread.h>

#include <system_error>
#include <utility>

#include "storage/base/background_thread.h"

namespace cachenode {

namespace {

struct LaneTraits {
  const char* thread_name;  // Visible in top and gdb; the kernel keeps 15 characters.
  size_t threads_max;
  bool computes;  // For long, without entering the kernel: its thread gives way.
};

constexpr std::array<LaneTraits, BackgroundPool::kLanes> kLaneTraits = {{
    {"cn_lazy_free", 1, true},
    {"cn_file", 1, false},
    {"cn_transfer", BackgroundPool::kTransferThreads, true},
    {"cn_upkeep", 1, false},
}};

const LaneTraits& TraitsOf(BackgroundPool::Lane lane) { return kLaneTraits[static_cast<size_t>(lane)]; }

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
  if (all_busy && queue.threads.size() < TraitsOf(lane).threads_max && !StartThread(lane) && queue.threads.empty()) {
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
  const LaneTraits& traits = TraitsOf(lane);
  pthread_setname_np(pthread_self(), traits.thread_name);
  if (traits.computes) BecomeBackgroundThread(0);
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
