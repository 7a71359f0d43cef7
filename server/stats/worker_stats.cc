#include "server/stats/worker_stats.h"

namespace cachenode {

uint64_t LatencyHistogram::HighestOf(size_t bucket) noexcept {
  if (bucket < kLinear) return bucket;
  const size_t shift = (bucket >> kSubBucketBits) - 1;
  const uint64_t sub = bucket & (kLinear - 1);
  return ((kLinear + sub + 1) << shift) - 1;
}

void LatencyHistogram::AddTo(std::array<uint64_t, kBucketCount>& sums) const {
  for (size_t i = 0; i < kBucketCount; ++i) sums[i] += buckets_[i].Load();
}

void LatencyHistogram::Reset() {
  for (Counter& bucket : buckets_) bucket.Set(0);
}

WorkerStats::WorkerStats(size_t command_count) : commands_(command_count) {}

WorkerStats::~WorkerStats() = default;

void WorkerStats::CountError(std::string_view reply_text) {
  error_replies.Increment();
  const std::string_view code = reply_text.substr(0, reply_text.find(' '));
  const std::lock_guard<std::mutex> guard(mutex_);
  auto found = errors_.find(code);
  if (found == errors_.end()) {
    const bool full = errors_.size() >= kErrorCodesMax;
    found = errors_.try_emplace(full ? std::string("ERRORSTATS_OVERFLOW") : std::string(code), 0).first;
  }
  ++found->second;
}

void WorkerStats::AddErrorsTo(std::map<std::string, uint64_t>& sums) const {
  const std::lock_guard<std::mutex> guard(mutex_);
  for (const auto& [code, count] : errors_) sums[code] += count;
}

LatencyHistogram* WorkerStats::CreateHistogram(CommandStats& stats) {
  auto created = std::make_unique<LatencyHistogram>();
  LatencyHistogram* histogram = created.get();
  const std::lock_guard<std::mutex> guard(mutex_);
  histograms_.push_back(std::move(created));
  stats.histogram.store(histogram, std::memory_order_release);
  return histogram;
}

void WorkerStats::ResetErrors() {
  error_replies.Set(0);
  const std::lock_guard<std::mutex> guard(mutex_);
  errors_.clear();
}

void WorkerStats::Reset() {
  for (CommandStats& stats : commands_) {
    stats.calls.Set(0);
    stats.ticks.Set(0);
    stats.rejected.Set(0);
    stats.failed.Set(0);
    LatencyHistogram* histogram = stats.histogram.load(std::memory_order_relaxed);
    if (histogram != nullptr) histogram->Reset();
  }
  for (Counter* counter : {&connections_received,
                           &commands_processed,
                           &input_bytes,
                           &output_bytes,
                           &reads_processed,
                           &writes_processed,
                           &keyspace_hits,
                           &keyspace_misses,
                           &expired_keys,
                           &expired_fields,
                           &evicted_keys,
                           &expire_ticks,
                           &expire_time_caps_reached,
                           &stale_keys_ppm,
                           &denied_logins,
                           &unexpected_error_replies,
                           &query_buffer_limit_disconnections,
                           &output_buffer_limit_disconnections,
                           &loop_iterations,
                           &loop_cpu_us_max,
                           &loop_us_total,
                           &command_us_total}) {
    counter->Set(0);
  }
  ResetErrors();
}

}  // namespace cachenode
