#include "server/stats/percentile.h"

#include <cmath>

#include "storage/base/numbers.h"

namespace cachenode {

uint64_t PercentileOf(const LatencyCounts& counts, double percentile) {
  uint64_t total = 0;
  for (const uint64_t count : counts) total += count;
  if (total == 0) return 0;
  const double wanted = std::ceil(static_cast<double>(total) * percentile / 100.0);
  const uint64_t rank = wanted < 1 ? 1 : static_cast<uint64_t>(wanted);
  uint64_t seen = 0;
  for (size_t bucket = 0; bucket < counts.size(); ++bucket) {
    seen += counts[bucket];
    if (seen >= rank) return LatencyHistogram::HighestOf(bucket);
  }
  return LatencyHistogram::HighestOf(counts.size() - 1);
}

std::string PercentileName(double percentile) {
  std::string text;
  AppendDouble(text, percentile, DoubleRule::kShortest);
  return text;
}

}  // namespace cachenode
