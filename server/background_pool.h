// A few threads for work that must not stall a loop: freeing objects that own all their memory, fsync, file writing,
// transfers to an object store.
//
// Thread-safety: all methods from any thread. Jobs of a single-threaded lane run in the order of submission.
// Invariants: threads start with the first job of their lane, so an idle server has none. Jobs take no shard lock and
//   step into no world seat; what they touch was handed to them whole. (Upkeep only names memory to the system.)
// Limits: kJobsMax waiting jobs a lane; Submit refuses beyond, and the caller does the work itself or tries later.
#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace cachenode {

class BackgroundPool {
 public:
  // Lanes keep slow work from delaying quick work.
  enum class Lane : uint8_t { kLazyFree, kFile, kTransfer, kUpkeep };
  static constexpr size_t kLanes = 4;
  static constexpr size_t kJobsMax = 65536;
  static constexpr size_t kTransferThreads = 4;

  using Job = std::function<void()>;

  // `thread_setup` runs first on each new thread (CPU affinity of bio-cpulist); may be empty.
  explicit BackgroundPool(std::function<void()> thread_setup = {});
  // Waits for running and submitted jobs.
  ~BackgroundPool();
  BackgroundPool(const BackgroundPool&) = delete;
  BackgroundPool& operator=(const BackgroundPool&) = delete;

  // False when the lane is full or stopped, or has no thread and gets none; the job is dropped then.
  [[nodiscard]] bool Submit(Lane lane, Job job);
  // Jobs waiting or running.
  [[nodiscard]] size_t Pending(Lane lane) const;
  // Waits until the lane has nothing left to do.
  void Drain(Lane lane);

 private:
  struct Queue {
    mutable std::mutex mutex;
    // Guarded by mutex.
    std::condition_variable has_work;
    std::condition_variable is_empty;
    std::deque<Job> jobs;
    size_t running = 0;
    bool stopping = false;
    std::vector<std::thread> threads;
  };

  void RunThread(Lane lane);
  // The queue is locked.
  [[nodiscard]] bool StartThread(Lane lane);

  const std::function<void()> thread_setup_;
  std::array<Queue, kLanes> queues_;
};

}  // namespace cachenode
