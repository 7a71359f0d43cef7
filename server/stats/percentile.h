// Percentiles of a latency distribution.
//
// Thread-safety: pure functions.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "server/stats/worker_stats.h"

namespace cachenode {

using LatencyCounts = std::array<uint64_t, LatencyHistogram::kBucketCount>;

// The nanoseconds that `percentile` per cent of the calls did not exceed: the upper end of their bucket. 0 when empty.
[[nodiscard]] uint64_t PercentileOf(const LatencyCounts& counts, double percentile);

// "99.9", "50": the number with as few decimals as it needs.
[[nodiscard]] std::string PercentileName(double percentile);

}  // namespace cachenode
