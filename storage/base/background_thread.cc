#include "storage/base/background_thread.h"

#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "storage/base/cycle_clock.h"

namespace cachenode {
namespace {

constexpr double kNanosecondsPerMicrosecond = 1000;
// Of the scheduler: what a step of the nice value changes the share by, and the shortest slice it takes.
constexpr double kSharePerNice = 1.25;
constexpr double kSliceNanosecondsMin = 100'000;

thread_local uint64_t next_tick = 0;

// As sched_setattr(2) describes it; the C library of Debian 12 has neither the call nor the structure.
struct SchedulingAttributes {
  uint32_t size;
  uint32_t policy;
  uint64_t flags;
  int32_t nice;
  uint32_t priority;
  uint64_t runtime_ns;  // For SCHED_OTHER: the slice.
  uint64_t deadline_ns;
  uint64_t period_ns;
};
static_assert(sizeof(SchedulingAttributes) == 48);

bool SetSliceAndNice(int nice) noexcept {
  SchedulingAttributes wanted = {};
  wanted.size = sizeof(wanted);
  wanted.policy = SCHED_OTHER;
  wanted.nice = nice;
  // A turn given back counts as one that was run, for longer the smaller the share is.
  const double slice_ns = kGivenUpUs * kNanosecondsPerMicrosecond / std::pow(kSharePerNice, nice);
  wanted.runtime_ns = static_cast<uint64_t>(std::max(slice_ns, kSliceNanosecondsMin));
  return syscall(SYS_sched_setattr, 0, &wanted, 0) == 0;
}

}  // namespace

void BecomeBackgroundThread(int nice) noexcept {
  detail::is_background_thread = true;
  // A policy the whole process was given stays, and so does a share that is smaller than what is asked for here.
  if (sched_getscheduler(0) != SCHED_OTHER) return;
  const int present = getpriority(PRIO_PROCESS, 0);
  const int wanted = nice > present ? nice : present;
  if (!SetSliceAndNice(wanted) && wanted != present) (void)setpriority(PRIO_PROCESS, 0, wanted);
}

void detail::GiveWayIfDue() noexcept {
  const uint64_t now = CycleClock::Ticks();
  if (now < next_tick) return;
  (void)sched_yield();
  next_tick = CycleClock::Ticks() + CycleClock::FromMicroseconds(kGiveWayUs);
}

}  // namespace cachenode
