#include "server/stats/stats_hub.h"

#include <algorithm>

#include "storage/base/cycle_clock.h"

namespace cachenode {

void RateSampler::Sample(uint64_t total, int64_t now_ms) {
  const int64_t elapsed_ms = now_ms - last_ms_;
  if (elapsed_ms <= 0) return;
  const uint64_t grown = total >= last_total_ ? total - last_total_ : 0;
  samples_[next_] = grown * 1000 / static_cast<uint64_t>(elapsed_ms);
  next_ = (next_ + 1) % kSamples;
  last_total_ = total;
  last_ms_ = now_ms;
  uint64_t sum = 0;
  for (const uint64_t sample : samples_) sum += sample;
  rate_.store(sum / kSamples, std::memory_order_relaxed);
}

void RateSampler::Reset() {
  samples_.fill(0);
  last_total_ = 0;
  rate_.store(0, std::memory_order_relaxed);
}

void ConditionTimer::Begin(int64_t now_us) {
  if (Runs()) return;
  int64_t none = 0;
  since_us_.compare_exchange_strong(none, now_us, std::memory_order_relaxed);
}

void ConditionTimer::End(int64_t now_us) {
  if (!Runs()) return;
  const int64_t since_us = since_us_.exchange(0, std::memory_order_relaxed);
  if (since_us == 0 || now_us <= since_us) return;
  ended_us_.fetch_add(static_cast<uint64_t>(now_us - since_us), std::memory_order_relaxed);
}

uint64_t ConditionTimer::CurrentUs(int64_t now_us) const {
  const int64_t since_us = since_us_.load(std::memory_order_relaxed);
  return since_us == 0 || now_us <= since_us ? 0 : static_cast<uint64_t>(now_us - since_us);
}

uint64_t ConditionTimer::TotalUs(int64_t now_us) const {
  return ended_us_.load(std::memory_order_relaxed) + CurrentUs(now_us);
}

void ConditionTimer::Reset() {
  since_us_.store(0, std::memory_order_relaxed);
  ended_us_.store(0, std::memory_order_relaxed);
}

StatsHub::StatsHub(size_t worker_count, size_t command_count) {
  for (size_t i = 0; i < worker_count; ++i) workers_.push_back(std::make_unique<WorkerStats>(command_count));
}

uint64_t StatsHub::Sum(CounterMember member) const {
  uint64_t sum = 0;
  for (const auto& worker : workers_) sum += (worker.get()->*member).Load();
  return sum;
}

uint64_t StatsHub::Largest(CounterMember member) const {
  uint64_t largest = 0;
  for (const auto& worker : workers_) largest = std::max(largest, (worker.get()->*member).Load());
  return largest;
}

StatsHub::CommandTotals StatsHub::TotalsOf(size_t command_id) const {
  CommandTotals totals;
  uint64_t ticks = 0;
  for (const auto& worker : workers_) {
    const CommandStats& stats = worker->command(command_id);
    totals.calls += stats.calls.Load();
    totals.rejected += stats.rejected.Load();
    totals.failed += stats.failed.Load();
    ticks += stats.ticks.Load();
  }
  totals.microseconds = CycleClock::ToNanoseconds(ticks) / 1000;
  return totals;
}

std::array<uint64_t, LatencyHistogram::kBucketCount> StatsHub::HistogramOf(size_t command_id) const {
  std::array<uint64_t, LatencyHistogram::kBucketCount> sums{};
  for (const auto& worker : workers_) {
    const LatencyHistogram* histogram = worker->command(command_id).histogram.load(std::memory_order_acquire);
    if (histogram != nullptr) histogram->AddTo(sums);
  }
  return sums;
}

std::map<std::string, uint64_t> StatsHub::Errors() const {
  std::map<std::string, uint64_t> sums;
  for (const auto& worker : workers_) worker->AddErrorsTo(sums);
  return sums;
}

void StatsHub::Reset() {
  for (const auto& worker : workers_) worker->Reset();
  rejected_connections.store(0, std::memory_order_relaxed);
  rejected_by_allow_cidr.store(0, std::memory_order_relaxed);
  evicted_clients.store(0, std::memory_order_relaxed);
  over_limit.Reset();
  operations_rate.Reset();
  input_rate.Reset();
  output_rate.Reset();
}

void StatsHub::Sample(int64_t now_ms) {
  operations_rate.Sample(Sum(&WorkerStats::commands_processed), now_ms);
  input_rate.Sample(Sum(&WorkerStats::input_bytes), now_ms);
  output_rate.Sample(Sum(&WorkerStats::output_bytes), now_ms);
}

}  // namespace cachenode
