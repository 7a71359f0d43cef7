#include "server/cpu_queue_time.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <fstream>
#include <thread>

#include "storage/base/cycle_clock.h"

namespace cachenode {
namespace {

// Spins for so long, by the wall clock.
void SpinFor(uint64_t microseconds) {
  const uint64_t end = CycleClock::Ticks() + CycleClock::FromMicroseconds(microseconds);
  while (CycleClock::Ticks() < end) {
  }
}

// Where the kernel does not count, the thread's own running time is missing too.
bool KernelCounts() {
  uint64_t ran_ns = 0;
  return static_cast<bool>(std::ifstream("/proc/thread-self/schedstat") >> ran_ns) && ran_ns != 0;
}

TEST(CpuQueueTime, GrowsByWhatTheThreadWaitsForItsCpu) {
  if (!KernelCounts()) GTEST_SKIP() << "this kernel does not count it";
  const auto cpu = static_cast<size_t>(sched_getcpu());
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(cpu, &one);
  cpu_set_t before;
  ASSERT_EQ(sched_getaffinity(0, sizeof(before), &before), 0);
  ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
  CpuQueueTime queue_time;
  const uint64_t begin_us = queue_time.Us();
  // Two threads on one CPU for 400 ms: each waits for about half of it.
  std::thread other([] { SpinFor(400'000); });
  SpinFor(400'000);
  const uint64_t waited_us = queue_time.Us() - begin_us;
  other.join();
  sched_setaffinity(0, sizeof(before), &before);
  EXPECT_GT(waited_us, 100'000U);
  EXPECT_LT(waited_us, 1'000'000U);
}

}  // namespace
}  // namespace cachenode
