#include "server/commands/range_sort.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "storage/base/random.h"

namespace cachenode {
namespace {

using Element = std::pair<int, int>;  // What is compared, and what tells equal ones apart.

int CompareFirst(const Element& a, const Element& b) { return a.first < b.first ? -1 : a.first > b.first; }

TEST(RangeSort, PutsTheRangeInPlaceAndLosesNothing) {
  Random random(1);
  for (int round = 0; round < 500; ++round) {
    std::vector<Element> all(1 + random.Below(300));
    const uint64_t different = 1 + random.Below(400);
    for (size_t i = 0; i < all.size(); ++i) all[i] = {static_cast<int>(random.Below(different)), static_cast<int>(i)};
    std::vector<Element> sorted = all;
    std::sort(sorted.begin(), sorted.end());
    const size_t first = random.Below(all.size());
    const size_t last = first + random.Below(all.size() - first);
    RangeSort(std::span(all), first, last, CompareFirst).Run();
    for (size_t i = first; i <= last; ++i) ASSERT_EQ(all[i].first, sorted[i].first);
    std::sort(all.begin(), all.end());
    ASSERT_EQ(all, sorted);
  }
}

TEST(RangeSort, StaysQuickOnRunsAndOrganPipes) {
  size_t comparisons = 0;
  const auto counting = [&comparisons](const Element& a, const Element& b) {
    ++comparisons;
    return CompareFirst(a, b);
  };
  constexpr int kCount = 20'000;
  for (int shape = 0; shape < 4; ++shape) {
    std::vector<Element> all;
    for (int i = 0; i < kCount; ++i) {
      const int values[] = {i, kCount - i, 7, std::min(i, kCount - i)};
      all.emplace_back(values[shape], i);
    }
    comparisons = 0;
    RangeSort(std::span(all), 0, all.size() - 1, counting).Run();
    ASSERT_TRUE(
        std::is_sorted(all.begin(), all.end(), [](const Element& a, const Element& b) { return a.first < b.first; }));
    ASSERT_LT(comparisons, size_t{kCount} * 100);
  }
}

}  // namespace
}  // namespace cachenode
