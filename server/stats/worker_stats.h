// What one worker counted: requests, bytes, key look-ups, and per command calls, time and latency distribution. INFO,
// LATENCY and CONFIG RESETSTAT add up or clear all workers'.
//
// Thread-safety: as Counter: written by the owning worker, read by any thread. The error map and the creation of
//   histograms are guarded by their own leaf mutexes. Reset only under the exclusive world lock.
// Units: times are cycle-clock ticks (storage/base/cycle_clock.h) unless named otherwise.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "server/stats/counters.h"

namespace cachenode {

// Log-linear latency distribution of one command: 8 sub-buckets for each power of two of nanoseconds.
class LatencyHistogram {
 public:
  static constexpr size_t kSubBucketBits = 3;
  static constexpr size_t kBucketCount = 64U << kSubBucketBits;
  static constexpr uint64_t kLinear = 1U << kSubBucketBits;  // Up to here each value has its own bucket.

  void Record(uint64_t nanoseconds) noexcept { buckets_[BucketOf(nanoseconds)].Increment(); }
  void AddTo(std::array<uint64_t, kBucketCount>& sums) const;
  void Reset();
  static size_t BucketOf(uint64_t nanoseconds) noexcept {
    // The position of the highest bit and those behind it, which together number the buckets without a gap.
    if (nanoseconds < kLinear) [[unlikely]]
      return static_cast<size_t>(nanoseconds);
    const size_t shift = static_cast<size_t>(std::bit_width(nanoseconds)) - kSubBucketBits - 1;
    return (shift << kSubBucketBits) + static_cast<size_t>(nanoseconds >> shift);
  }
  // Smallest value that no longer belongs to `bucket`, minus one.
  static uint64_t HighestOf(size_t bucket) noexcept;

 private:
  std::array<Counter, kBucketCount> buckets_;
};

struct CommandStats {
  Counter calls;
  Counter ticks;
  Counter rejected;
  Counter failed;
  std::atomic<LatencyHistogram*> histogram{nullptr};  // Created at the first call; owned by WorkerStats.
};

class WorkerStats {
 public:
  // Distinct error codes counted per worker; what comes after is counted under "ERRORSTATS_OVERFLOW".
  static constexpr size_t kErrorCodesMax = 128;

  explicit WorkerStats(size_t command_count);
  ~WorkerStats();
  WorkerStats(const WorkerStats&) = delete;
  WorkerStats& operator=(const WorkerStats&) = delete;

  [[nodiscard]] CommandStats& command(size_t id) { return commands_[id]; }
  [[nodiscard]] const CommandStats& command(size_t id) const { return commands_[id]; }
  [[nodiscard]] size_t command_count() const { return commands_.size(); }

  // Counts one error reply by its first word ("ERR", "WRONGTYPE").
  void CountError(std::string_view reply_text);
  void AddErrorsTo(std::map<std::string, uint64_t>& sums) const;
  // Records one call's duration in the command's histogram.
  void RecordLatency(CommandStats& stats, uint64_t nanoseconds) {
    LatencyHistogram* histogram = stats.histogram.load(std::memory_order_relaxed);
    if (histogram == nullptr) [[unlikely]]
      histogram = CreateHistogram(stats);
    histogram->Record(nanoseconds);
  }
  void Reset();
  void ResetErrors();

  Counter connections_received;
  Counter commands_processed;
  Counter input_bytes;
  Counter output_bytes;
  Counter reads_processed;
  Counter writes_processed;
  Counter keyspace_hits;
  Counter keyspace_misses;
  Counter expired_keys;
  Counter expired_fields;  // Of hashes.
  Counter evicted_keys;
  Counter expire_ticks;              // Spent looking for expired keys.
  Counter expire_time_caps_reached;  // Times that look ended before all due keys were erased.
  Counter stale_keys_ppm;            // Running average of the share of expired keys among those with a deadline.
  Counter denied_logins;             // Wrong passwords and unknown users.
  Counter error_replies;
  Counter unexpected_error_replies;
  Counter query_buffer_limit_disconnections;
  Counter output_buffer_limit_disconnections;
  Counter loop_iterations;
  Counter loop_cpu_us_max;          // Longest loop iteration in thread CPU time, microseconds.
  Counter input_buffer_bytes_max;   // Largest query buffer of late.
  Counter output_buffer_bytes_max;  // Largest reply buffer of late.
  Counter client_bytes;             // Memory of this worker's clients.
  Counter evictable_client_bytes;   // Of those among them that maxmemory-clients means.
  Counter io_uring_open;            // 1 while this worker has one.
  Counter loop_us_total;
  Counter command_us_total;

 private:
  LatencyHistogram* CreateHistogram(CommandStats& stats);

  std::vector<CommandStats> commands_;
  mutable std::mutex mutex_;  // Guards the two below.
  std::map<std::string, uint64_t, std::less<>> errors_;
  std::vector<std::unique_ptr<LatencyHistogram>> histograms_;
};

}  // namespace cachenode
