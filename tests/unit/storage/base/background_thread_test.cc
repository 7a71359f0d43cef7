#include "storage/base/background_thread.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <ctime>
#include <semaphore>
#include <thread>
#include <vector>

namespace cachenode {
namespace {

int NiceOfThisThread() { return getpriority(PRIO_PROCESS, 0); }

TEST(BackgroundThread, TakesALowerPlaceAndNeverAHigherOne) {
  constexpr int kNiceMax = 19;
  const int usual = NiceOfThisThread();
  const int lower = std::min(usual + 3, kNiceMax);
  std::thread([&] {
    BecomeBackgroundThread(lower);
    EXPECT_EQ(NiceOfThisThread(), lower);
    BecomeBackgroundThread(usual);
    EXPECT_EQ(NiceOfThisThread(), lower);
  }).join();
  EXPECT_EQ(NiceOfThisThread(), usual);
}

TEST(BackgroundThread, KeepsThePolicyTheProcessWasGiven) {
  std::thread([] {
    const sched_param none = {};
    ASSERT_EQ(sched_setscheduler(0, SCHED_BATCH, &none), 0);
    BecomeBackgroundThread(5);
    EXPECT_EQ(sched_getscheduler(0), SCHED_BATCH);
  }).join();
}

int64_t CpuNanosecondsOf(clockid_t clock) {
  timespec time = {};
  EXPECT_EQ(clock_gettime(clock, &time), 0);
  return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

cpu_set_t FirstProcessor() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  EXPECT_EQ(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
  size_t first = 0;
  while (!CPU_ISSET(first, &allowed)) ++first;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(first, &one);
  return one;
}

// How much of a processor's time a background thread takes from a thread's being woken until that runs, on the same
// processor. By its own slices and ticks Linux 6.18 takes 3.5 ms.
TEST(BackgroundThread, LetsAWokenThreadRunAtOnce) {
  constexpr int kWakes = 51;
  constexpr int64_t kNanosecondsMax = 1'000'000;
  constexpr int64_t kWorkNanoseconds = 200'000;  // Of the woken one, so that it has no more due than the other.
  constexpr auto kPause = std::chrono::microseconds(200);
  const cpu_set_t here = FirstProcessor();
  std::atomic<bool> done{false};
  std::thread background([&] {
    ASSERT_EQ(pthread_setaffinity_np(pthread_self(), sizeof(here), &here), 0);
    BecomeBackgroundThread(0);
    while (!done.load(std::memory_order_relaxed)) GiveWay();
  });
  clockid_t cpu_clock = 0;
  ASSERT_EQ(pthread_getcpuclockid(background.native_handle(), &cpu_clock), 0);
  std::counting_semaphore<> wake(0);
  std::counting_semaphore<> awake(0);
  int64_t woken_at = 0;
  std::vector<int64_t> taken;
  std::thread sleeper([&] {
    ASSERT_EQ(pthread_setaffinity_np(pthread_self(), sizeof(here), &here), 0);
    for (int i = 0; i < kWakes; ++i) {
      wake.acquire();
      taken.push_back(CpuNanosecondsOf(cpu_clock) - woken_at);
      const int64_t end = CpuNanosecondsOf(CLOCK_THREAD_CPUTIME_ID) + kWorkNanoseconds;
      while (CpuNanosecondsOf(CLOCK_THREAD_CPUTIME_ID) < end) {
      }
      awake.release();
    }
  });
  for (int i = 0; i < kWakes; ++i) {
    std::this_thread::sleep_for(kPause);
    woken_at = CpuNanosecondsOf(cpu_clock);
    wake.release();
    awake.acquire();
  }
  sleeper.join();
  done.store(true, std::memory_order_relaxed);
  background.join();
  ASSERT_EQ(taken.size(), static_cast<size_t>(kWakes));
  std::nth_element(taken.begin(), taken.begin() + kWakes / 2, taken.end());
  EXPECT_LT(taken[kWakes / 2], kNanosecondsMax);
}

}  // namespace
}  // namespace cachenode
