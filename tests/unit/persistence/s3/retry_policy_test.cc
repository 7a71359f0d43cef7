#include "persistence/s3/retry_policy.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace cachenode {
namespace {

TEST(RetryPolicy, WaitsRandomlyUpToADoublingCeiling) {
  RetryPolicy policy(8, 1);
  for (int attempt = 1; attempt <= 40; ++attempt) {
    const int64_t ceiling = std::min<int64_t>(kRetryCapMs, kRetryBaseMs << std::min(attempt, 16));
    int64_t least = ceiling;
    int64_t most = 0;
    for (int i = 0; i < 2000; ++i) {
      const int64_t wait = policy.BackoffMs(attempt, 0);
      least = std::min(least, wait);
      most = std::max(most, wait);
    }
    EXPECT_GE(least, 0);
    EXPECT_LT(least, ceiling / 10);
    EXPECT_LE(most, ceiling);
    EXPECT_GT(most, ceiling * 9 / 10);
  }
}

TEST(RetryPolicy, HonoursWhatTheStoreAsksForWithinReason) {
  RetryPolicy policy(8, 1);
  EXPECT_GE(policy.BackoffMs(1, 3000), 3000);
  EXPECT_EQ(policy.BackoffMs(1, 3'600'000), kRetryCapMs);
}

TEST(RetryPolicy, DiffersBetweenSeeds) {
  RetryPolicy one(8, 1);
  RetryPolicy two(8, 2);
  EXPECT_NE(one.BackoffMs(10, 0), two.BackoffMs(10, 0));
}

TEST(RetryPolicy, ReadsRetryAfter) {
  EXPECT_EQ(RetryAfterMs("3"), 3000);
  EXPECT_EQ(RetryAfterMs(""), 0);
  EXPECT_EQ(RetryAfterMs("-1"), 0);
  EXPECT_EQ(RetryAfterMs("Wed, 21 Oct 2015 07:28:00 GMT"), 0);
  EXPECT_EQ(RetryAfterMs("99999999999999999999"), 0);
}

}  // namespace
}  // namespace cachenode
