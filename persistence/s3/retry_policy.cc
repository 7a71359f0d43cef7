#include "persistence/s3/retry_policy.h"

namespace cachenode {

int64_t RetryAfterMs(std::string_view header) {
  if (header.empty() || header.size() > 6) return 0;
  int64_t seconds = 0;
  for (const char c : header) {
    if (c < '0' || c > '9') return 0;
    seconds = seconds * 10 + (c - '0');
  }
  return seconds * 1000;
}

}  // namespace cachenode
