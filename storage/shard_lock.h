// The lock of one shard: four bytes, a short spin, then the thread sleeps in the kernel.
//
// Thread-safety: any thread. Not recursive, not fair. Locks of several shards are taken in ascending shard order.
// Rule: a thread that must sleep while it holds other locks gives those up first (TryLockSpinning, then release
//   everything, WaitUntilFree, start again); Lock() sleeps and therefore asks that nothing is held. Shard checks
//   both in debug builds (storage/base/lock_order.h).
#pragma once

#include <atomic>
#include <cstdint>

#include "storage/base/thread_annotations.h"
#include "storage/base/thread_number.h"

namespace cachenode {

class CACHENODE_CAPABILITY("shard") ShardLock {
 public:
  ShardLock() = default;
  ShardLock(const ShardLock&) = delete;
  ShardLock& operator=(const ShardLock&) = delete;

  [[nodiscard]] bool TryLock() noexcept CACHENODE_TRY_ACQUIRE(true) {
    uint32_t expected = kFree;
    return word_.compare_exchange_strong(expected, ThreadNumber() << 1, std::memory_order_acquire,
                                         std::memory_order_relaxed);
  }
  // Spins about kSpins pauses. False when the lock was taken all that time.
  [[nodiscard]] bool TryLockSpinning() noexcept CACHENODE_TRY_ACQUIRE(true) {
    if (word_.load(std::memory_order_relaxed) == kFree && TryLock()) [[likely]]
      return true;
    return Spin();
  }
  // Spins, then sleeps until the lock is its own; around the sleep the thread's LockWaitHook is called.
  void Lock() noexcept CACHENODE_ACQUIRE();
  void Unlock() noexcept CACHENODE_RELEASE() {
    if ((word_.exchange(kFree, std::memory_order_release) & kContended) != 0) [[unlikely]]
      Wake();
  }
  // Sleeps until the lock was seen free, without taking it. May return early.
  void WaitUntilFree() noexcept;
  [[nodiscard]] bool IsHeld() const noexcept { return holder() != 0; }
  // The ThreadNumber of who holds it; 0 when it is free. It may have changed by now.
  [[nodiscard]] uint32_t holder() const noexcept { return word_.load(std::memory_order_relaxed) >> 1; }

  static constexpr int kSpins = 100;

 private:
  // Held: the holder's number, doubled, and kContended when somebody may sleep.
  static constexpr uint32_t kFree = 0;
  static constexpr uint32_t kContended = 1;

  [[nodiscard]] bool Spin() noexcept CACHENODE_TRY_ACQUIRE(true);
  void Wake() noexcept;
  // Sleeps while the word is `seen`, which is not free, having marked it as contended; `seen` may be stale.
  void SleepOn(uint32_t seen) noexcept;

  std::atomic<uint32_t> word_{kFree};
};

static_assert(sizeof(ShardLock) == 4);

}  // namespace cachenode
