// Frees retired memory once every thread that might still be reading it has left the world lock.
//
// Thread-safety: Retire from any thread inside the world lock; Collect from any thread, periodically.
// Limits: kWaitingMax objects; beyond them Retire collects by itself, so that a table that resizes again and again
//   cannot pile up garbage.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "server/world_lock.h"
#include "storage/retire_list.h"

namespace cachenode {

class QuiescentRetireList final : public RetireList {
 public:
  static constexpr size_t kWaitingMax = 4096;

  explicit QuiescentRetireList(WorldLock& world) : world_(world) {}

  using Garbage = std::vector<std::unique_ptr<Retired>>;

  void Retire(std::unique_ptr<Retired> garbage) override;
  // Frees what may go. Returns how many objects still wait.
  size_t Collect();
  // What may go, for the caller to free.
  [[nodiscard]] Garbage TakePassed();

 private:
  struct Waiting {
    uint64_t stamp;
    std::unique_ptr<Retired> garbage;
  };

  WorldLock& world_;
  std::mutex mutex_;
  std::deque<Waiting> waiting_;  // Guarded by mutex_. Oldest first.
};

}  // namespace cachenode
