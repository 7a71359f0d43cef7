// Spikes of named events over `latency-monitor-threshold` milliseconds: the newest samples of each event, one a second
// at most, and its worst (LATENCY LATEST, HISTORY, GRAPH, DOCTOR, RESET).
//
// Thread-safety: any thread; guarded by one leaf mutex, taken only for spikes and by LATENCY.
// Limits: kEventsMax events, kSamplesMax samples each.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cachenode {

struct LatencySample {
  int64_t time_s = 0;  // Unix seconds.
  uint32_t latency_ms = 0;
};

struct LatencyEvent {
  std::vector<LatencySample> samples;  // Oldest first.
  uint32_t latency_ms_max = 0;         // Since the last reset.
};

class LatencyMonitor {
 public:
  static constexpr size_t kEventsMax = 64;
  static constexpr size_t kSamplesMax = 160;

  // Adds a spike of `event`. Two spikes in one second become one sample, the worse. New events beyond kEventsMax are
  // dropped.
  void Add(std::string_view event, int64_t time_s, uint32_t latency_ms);
  // All events with their samples, by name.
  [[nodiscard]] std::map<std::string, LatencyEvent> Events() const;
  // Forgets the events named, all when `names` is empty; returns how many there were.
  size_t Reset(const std::vector<std::string_view>& names);

 private:
  mutable std::mutex mutex_;
  std::map<std::string, LatencyEvent, std::less<>> events_;
};

}  // namespace cachenode
