#include "storage/expiry_hint.h"

#include <gtest/gtest.h>

#include "storage/base/random.h"

namespace cachenode {
namespace {

// A bucket that is looked at whenever its hint is due, at random steps through a hundred years: a key is never found
// later than the first look after its deadline, and never needs more looks than the horizon explains.
TEST(ExpiryHint, IsNeverLateInAHundredYears) {
  Random random(42);
  constexpr int64_t kYearMs = int64_t{365} * 24 * 3600 * 1000;
  int64_t now = 1'700'000'000'000;
  const int64_t end = now + 100 * kYearMs;
  while (now < end) {
    const int64_t deadline = now + static_cast<int64_t>(random.Below(uint64_t{1} << (8 + random.Below(34))));
    uint16_t hint = expiry_hint::Encode(deadline, now);
    ASSERT_NE(hint, 0);
    const int64_t horizons = (deadline - now) / (expiry_hint::kHorizonSeconds * 1000) + 3;
    int64_t looks = 0;
    while (true) {
      ASSERT_LE(expiry_hint::DecodeMs(hint, now), deadline) << "late";
      if (deadline <= now) {
        ASSERT_TRUE(expiry_hint::IsDue(hint, now));
        break;
      }
      if (expiry_hint::IsDue(hint, now) && deadline / 1000 > now / 1000) {
        ASSERT_LE(++looks, horizons);
        hint = expiry_hint::Encode(deadline, now);
      }
      // Steps of up to 8 hours: within what a hint can be overdue.
      const int64_t step = static_cast<int64_t>(random.Below(8 * 3600 * 1000));
      now = deadline - now < step && random.Below(2) == 0 ? deadline : now + step;
    }
  }
}

TEST(ExpiryHint, EarlierKeepsTheMinimum) {
  Random random(3);
  for (int i = 0; i < 100'000; ++i) {
    const auto now = static_cast<int64_t>(random.Below(int64_t{1} << 42));
    uint16_t hint = 0;
    int64_t least = INT64_MAX;
    for (int k = 0; k < 5; ++k) {
      const int64_t deadline = now + static_cast<int64_t>(random.Below(30'000'000));
      least = std::min(least, deadline);
      hint = expiry_hint::Earlier(hint, deadline, now);
    }
    ASSERT_EQ(expiry_hint::DecodeMs(hint, now), least / 1000 * 1000);
  }
}

}  // namespace
}  // namespace cachenode
