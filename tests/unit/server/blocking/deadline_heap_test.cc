#include "server/blocking/deadline_heap.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <vector>

namespace cachenode {
namespace {

TEST(DeadlineHeap, GivesTheEarliestWhateverLeavesBefore) {
  std::mt19937 random(4711);
  DeadlineHeap heap;
  std::vector<std::unique_ptr<BlockedClient>> clients;
  std::vector<BlockedClient*> inside;
  for (int step = 0; step < 20000; ++step) {
    if (inside.empty() || random() % 5 < 3) {
      clients.push_back(std::make_unique<BlockedClient>(Args()));
      clients.back()->deadline_ms = static_cast<int64_t>(random() % 1000);
      heap.Add(*clients.back());
      inside.push_back(clients.back().get());
    } else {
      const size_t leaver = random() % inside.size();
      heap.Remove(*inside[leaver]);
      inside.erase(inside.begin() + static_cast<ptrdiff_t>(leaver));
    }
    ASSERT_EQ(heap.size(), inside.size());
    if (inside.empty()) {
      ASSERT_EQ(heap.First(), nullptr);
      continue;
    }
    const auto earliest = std::min_element(inside.begin(), inside.end(), [](const auto* left, const auto* right) {
      return left->deadline_ms < right->deadline_ms;
    });
    ASSERT_EQ(heap.First()->deadline_ms, (*earliest)->deadline_ms);
  }
}

}  // namespace
}  // namespace cachenode
