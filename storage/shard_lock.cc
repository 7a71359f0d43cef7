#include "storage/shard_lock.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "storage/base/cpu_pause.h"
#include "storage/base/lock_wait.h"

namespace cachenode {

bool ShardLock::Spin() noexcept {
  for (int i = 0; i < kSpins; ++i) {
    CpuPause();
    if (word_.load(std::memory_order_relaxed) == kFree && TryLock()) return true;
  }
  return false;
}

void ShardLock::Lock() noexcept {
  if (TryLockSpinning()) return;
  if (LockWaitHook* const hook = ThreadLockWaitHook()) {
    do {
      hook->BeforeSleep();
      WaitUntilFree();
      hook->AfterSleep();
    } while (!TryLockSpinning());
    return;
  }
  // Whoever slept takes the lock as contended, since others may sleep too.
  const uint32_t mine = ThreadNumber() << 1 | kContended;
  uint32_t seen = kFree;
  while (!word_.compare_exchange_weak(seen, mine, std::memory_order_acquire, std::memory_order_relaxed)) {
    if (seen != kFree) SleepOn(seen);
    seen = kFree;
  }
}

void ShardLock::WaitUntilFree() noexcept {
  const uint32_t seen = word_.load(std::memory_order_relaxed);
  if (seen == kFree) return;
  SleepOn(seen);
  if (LockWaitHook* const hook = ThreadLockWaitHook()) hook->WhileWaiting();
}

// With a hook for some milliseconds at most, as whoever has it looks after other things meanwhile.
void ShardLock::SleepOn(uint32_t seen) noexcept {
  const uint32_t marked = seen | kContended;
  if (seen != marked && !word_.compare_exchange_strong(seen, marked, std::memory_order_relaxed)) return;
  const timespec limit{0, 5'000'000};
  const timespec* const at_most = ThreadLockWaitHook() == nullptr ? nullptr : &limit;
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(&word_), FUTEX_WAIT_PRIVATE, marked, at_most, nullptr, 0);
}

// All of them: one may only wait for the lock to be free and not take it, and its wake-up would be lost on it.
void ShardLock::Wake() noexcept {
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(&word_), FUTEX_WAKE_PRIVATE, INT32_MAX, nullptr, nullptr, 0);
}

}  // namespace cachenode
