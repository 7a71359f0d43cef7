#include "server/stats/latency_monitor.h"

#include <algorithm>

namespace cachenode {

void LatencyMonitor::Add(std::string_view event, int64_t time_s, uint32_t latency_ms) {
  const std::lock_guard<std::mutex> guard(mutex_);
  auto found = events_.find(event);
  if (found == events_.end()) {
    if (events_.size() >= kEventsMax) return;
    found = events_.try_emplace(std::string(event)).first;
  }
  LatencyEvent& kept = found->second;
  kept.latency_ms_max = std::max(kept.latency_ms_max, latency_ms);
  if (!kept.samples.empty() && kept.samples.back().time_s == time_s) {
    LatencySample& last = kept.samples.back();
    last.latency_ms = std::max(last.latency_ms, latency_ms);
    return;
  }
  if (kept.samples.size() >= kSamplesMax) kept.samples.erase(kept.samples.begin());
  kept.samples.push_back({time_s, latency_ms});
}

std::map<std::string, LatencyEvent> LatencyMonitor::Events() const {
  const std::lock_guard<std::mutex> guard(mutex_);
  return {events_.begin(), events_.end()};
}

size_t LatencyMonitor::Reset(const std::vector<std::string_view>& names) {
  const std::lock_guard<std::mutex> guard(mutex_);
  if (names.empty()) {
    const size_t count = events_.size();
    events_.clear();
    return count;
  }
  size_t count = 0;
  for (const std::string_view name : names) {
    const auto found = events_.find(name);
    if (found == events_.end()) continue;
    events_.erase(found);
    ++count;
  }
  return count;
}

}  // namespace cachenode
