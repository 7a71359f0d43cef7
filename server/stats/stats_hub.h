// All workers' counters in one place, and the rates that are sampled from them.
//
// Thread-safety: workers register before they start; sums may be read by any thread; Sample by worker 0 only.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "server/stats/worker_stats.h"

namespace cachenode {

// A per-second rate over the last kSamples samples.
class RateSampler {
 public:
  static constexpr size_t kSamples = 16;
  // Owner: worker 0. `total` is the counter's value at `now_ms` (monotonic).
  void Sample(uint64_t total, int64_t now_ms);
  void Reset();
  // Any thread.
  [[nodiscard]] uint64_t PerSecond() const { return rate_.load(std::memory_order_relaxed); }

 private:
  std::array<uint64_t, kSamples> samples_{};
  size_t next_ = 0;
  uint64_t last_total_ = 0;
  int64_t last_ms_ = 0;
  std::atomic<uint64_t> rate_{0};
};

// How long, in all, a condition that begins and ends again and again has held. The condition is the node's as a whole.
//
// Thread-safety: any thread. Begin and End cost one load while nothing changes.
class ConditionTimer {
 public:
  // Times are monotonic microseconds, above 0.
  void Begin(int64_t now_us);
  void End(int64_t now_us);
  [[nodiscard]] bool Runs() const { return since_us_.load(std::memory_order_relaxed) != 0; }
  // Since the condition began, 0 when it does not hold.
  [[nodiscard]] uint64_t CurrentUs(int64_t now_us) const;
  // Of all times it held, the current one included.
  [[nodiscard]] uint64_t TotalUs(int64_t now_us) const;
  void Reset();

 private:
  std::atomic<int64_t> since_us_{0};  // 0: the condition does not hold.
  std::atomic<uint64_t> ended_us_{0};
};

class StatsHub {
 public:
  using CounterMember = Counter WorkerStats::*;

  // One WorkerStats per worker, each able to hold `command_count` commands.
  StatsHub(size_t worker_count, size_t command_count);

  [[nodiscard]] WorkerStats& worker(size_t index) { return *workers_[index]; }
  [[nodiscard]] size_t worker_count() const { return workers_.size(); }

  // The sum of one counter over all workers, and the largest.
  [[nodiscard]] uint64_t Sum(CounterMember member) const;
  [[nodiscard]] uint64_t Largest(CounterMember member) const;

  struct CommandTotals {
    uint64_t calls = 0;
    uint64_t microseconds = 0;
    uint64_t rejected = 0;
    uint64_t failed = 0;
  };
  [[nodiscard]] CommandTotals TotalsOf(size_t command_id) const;
  // The latency distribution of one command; all zero when it was never called.
  [[nodiscard]] std::array<uint64_t, LatencyHistogram::kBucketCount> HistogramOf(size_t command_id) const;
  [[nodiscard]] std::map<std::string, uint64_t> Errors() const;

  // Clears everything (CONFIG RESETSTAT). Requires the exclusive world lock.
  void Reset();

  // Called about ten times a second by worker 0. `now_ms`: monotonic.
  void Sample(int64_t now_ms);
  RateSampler operations_rate;
  RateSampler input_rate;
  RateSampler output_rate;

  // Node-wide counters that have no worker. Written by any thread.
  std::atomic<uint64_t> rejected_connections{0};
  std::atomic<uint64_t> rejected_by_allow_cidr{0};  // Of those, from outside of allow-cidr.
  std::atomic<uint64_t> evicted_clients{0};         // Closed because clients held more than maxmemory-clients.
  std::atomic<uint64_t> peak_memory_bytes{0};
  std::atomic<uint64_t> peak_clients{0};
  std::atomic<uint64_t> startup_memory_bytes{0};
  ConditionTimer over_limit;  // More memory in use than maxmemory allows, eviction or not.

 private:
  std::vector<std::unique_ptr<WorkerStats>> workers_;
};

}  // namespace cachenode
