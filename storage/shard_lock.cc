#include "storage/shard_lock.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "storage/base/lock_wait.h"

namespace cachenode {

namespace {

void Pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

bool ShardLock::TryLockSpinning() noexcept {
  for (int i = 0; i < kSpins; ++i) {
    if (word_.load(std::memory_order_relaxed) == kFree && TryLock()) return true;
    Pause();
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
  while (word_.exchange(kContended, std::memory_order_acquire) != kFree) Sleep(kContended);
}

void ShardLock::WaitUntilFree() noexcept {
  uint32_t seen = word_.load(std::memory_order_relaxed);
  while (seen != kFree) {
    if (seen == kContended || word_.compare_exchange_weak(seen, kContended, std::memory_order_relaxed)) {
      Sleep(kContended);
      if (LockWaitHook* const hook = ThreadLockWaitHook()) hook->WhileWaiting();
      return;
    }
  }
}

// With a hook for some milliseconds at most, as whoever has it looks after other things meanwhile.
void ShardLock::Sleep(uint32_t seen) noexcept {
  const timespec limit{0, 5'000'000};
  const timespec* const at_most = ThreadLockWaitHook() == nullptr ? nullptr : &limit;
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(&word_), FUTEX_WAIT_PRIVATE, seen, at_most, nullptr, 0);
}

// All of them: one may only wait for the lock to be free and not take it, and its wake-up would be lost on it.
void ShardLock::Wake() noexcept {
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(&word_), FUTEX_WAKE_PRIVATE, INT32_MAX, nullptr, nullptr, 0);
}

}  // namespace cachenode
