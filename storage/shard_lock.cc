#include "storage/shard_lock.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>

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
  // Whoever slept takes the lock as contended, since others may sleep too.
  while (word_.exchange(kContended, std::memory_order_acquire) != kFree) Sleep(kContended);
}

void ShardLock::WaitUntilFree() noexcept {
  uint32_t seen = word_.load(std::memory_order_relaxed);
  while (seen != kFree) {
    if (seen == kContended || word_.compare_exchange_weak(seen, kContended, std::memory_order_relaxed)) {
      Sleep(kContended);
      return;
    }
  }
}

void ShardLock::Sleep(uint32_t seen) noexcept {
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(&word_), FUTEX_WAIT_PRIVATE, seen, nullptr, nullptr, 0);
}

// All of them: one may only wait for the lock to be free and not take it, and its wake-up would be lost on it.
void ShardLock::Wake() noexcept {
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(&word_), FUTEX_WAKE_PRIVATE, INT32_MAX, nullptr, nullptr, 0);
}

namespace lock_order {

#ifdef NDEBUG

void BeforeLock(uint32_t, bool) noexcept {}
void Locked(uint32_t) noexcept {}
void Unlocked(uint32_t) noexcept {}
uint32_t HeldCount() noexcept { return 0; }

#else

namespace {

// One bit per shard the thread holds.
constexpr uint32_t kWords = 8;
thread_local std::array<uint64_t, kWords> held{};
thread_local uint32_t held_count = 0;

uint32_t HighestHeld() noexcept {
  for (uint32_t word = kWords; word-- > 0;) {
    if (held[word] != 0) return word * 64 + 63 - static_cast<uint32_t>(__builtin_clzll(held[word]));
  }
  return 0;
}

[[noreturn]] void Violation(const char* rule, uint32_t shard) noexcept {
  std::fprintf(stderr, "cachenode: lock order broken: %s (shard %u, highest held %u of %u)\n", rule, shard,
               HighestHeld(), held_count);
  std::abort();
}

}  // namespace

void BeforeLock(uint32_t shard, bool will_sleep) noexcept {
  if (held_count == 0) return;
  if (will_sleep) Violation("a thread that may sleep for a shard holds another", shard);
  if (HighestHeld() >= shard) Violation("shards are locked in ascending order", shard);
}

void Locked(uint32_t shard) noexcept {
  const uint64_t bit = uint64_t{1} << shard % 64;
  if ((held[shard / 64] & bit) != 0) Violation("a shard is locked twice", shard);
  held[shard / 64] |= bit;
  ++held_count;
}

void Unlocked(uint32_t shard) noexcept {
  const uint64_t bit = uint64_t{1} << shard % 64;
  if ((held[shard / 64] & bit) == 0) Violation("a shard is unlocked that is not held", shard);
  held[shard / 64] &= ~bit;
  --held_count;
}

uint32_t HeldCount() noexcept { return held_count; }

#endif

}  // namespace lock_order

}  // namespace cachenode
