#include "server/background_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <vector>

namespace cachenode {
namespace {

using Lane = BackgroundPool::Lane;

TEST(BackgroundPool, RunsALanesJobsInOrder) {
  BackgroundPool pool;
  std::vector<int> done;
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(pool.Submit(Lane::kFile, [&done, i] { done.push_back(i); }));
  pool.Drain(Lane::kFile);
  ASSERT_EQ(done.size(), 100U);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(done[static_cast<size_t>(i)], i);
  EXPECT_EQ(pool.Pending(Lane::kFile), 0U);
}

TEST(BackgroundPool, ASlowLaneDoesNotDelayAnother) {
  BackgroundPool pool;
  std::promise<void> release;
  std::shared_future<void> released(release.get_future());
  ASSERT_TRUE(pool.Submit(Lane::kTransfer, [released] { released.wait(); }));
  std::atomic<bool> freed{false};
  ASSERT_TRUE(pool.Submit(Lane::kLazyFree, [&freed] { freed = true; }));
  pool.Drain(Lane::kLazyFree);
  EXPECT_TRUE(freed.load());
  EXPECT_EQ(pool.Pending(Lane::kTransfer), 1U);
  release.set_value();
}

TEST(BackgroundPool, RefusesBeyondItsLimit) {
  BackgroundPool pool;
  std::promise<void> release;
  std::shared_future<void> released(release.get_future());
  std::promise<void> started;
  ASSERT_TRUE(pool.Submit(Lane::kFile, [&started, released] {
    started.set_value();
    released.wait();
  }));
  started.get_future().wait();
  for (size_t i = 0; i < BackgroundPool::kJobsMax; ++i) ASSERT_TRUE(pool.Submit(Lane::kFile, [] {}));
  EXPECT_FALSE(pool.Submit(Lane::kFile, [] {}));
  release.set_value();
  pool.Drain(Lane::kFile);
  EXPECT_TRUE(pool.Submit(Lane::kFile, [] {}));
}

TEST(BackgroundPool, FinishesWhatWasSubmittedBeforeItEnds) {
  std::atomic<int> done{0};
  {
    BackgroundPool pool;
    for (int i = 0; i < 50; ++i) ASSERT_TRUE(pool.Submit(Lane::kLazyFree, [&done] { ++done; }));
  }
  EXPECT_EQ(done.load(), 50);
}

}  // namespace
}  // namespace cachenode
