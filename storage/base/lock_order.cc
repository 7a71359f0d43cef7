#include "storage/base/lock_order.h"

#ifndef NDEBUG

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>

namespace cachenode::lock_order {

namespace {

struct Held {
  LockRank rank;
  uint32_t order;
};

struct HeldLocks {
  std::array<Held, kHeldMax> locks;
  uint32_t count = 0;
};

thread_local HeldLocks held;
std::atomic<void (*)()> pause_point{nullptr};

const char* NameOf(LockRank rank) {
  constexpr std::array<const char*, 4> kNames = {"script", "world", "shard", "leaf"};
  return kNames[static_cast<size_t>(rank)];
}

[[noreturn]] void Fail(const char* what, LockRank rank, uint32_t order) {
  std::fprintf(stderr, "lock order violated: %s %s %u; held:", what, NameOf(rank), order);
  for (uint32_t i = 0; i < held.count; ++i) {
    std::fprintf(stderr, " %s %u", NameOf(held.locks[i].rank), held.locks[i].order);
  }
  std::fputc('\n', stderr);
  std::abort();
}

}  // namespace

void BeforeWait(LockRank rank, uint32_t order) noexcept {
  for (uint32_t i = 0; i < held.count; ++i) {
    const Held& lock = held.locks[i];
    const bool later = lock.rank > rank || (lock.rank == rank && lock.order >= order);
    if (later) Fail("waiting for", rank, order);
  }
}

void Acquired(LockRank rank, uint32_t order) noexcept {
  if (held.count == kHeldMax) Fail("too many locks at", rank, order);
  held.locks[held.count++] = {rank, order};
}

void Released(LockRank rank, uint32_t order) noexcept {
  for (uint32_t i = held.count; i > 0; --i) {
    const Held lock = held.locks[i - 1];
    if (lock.rank != rank || lock.order != order) continue;
    held.locks[i - 1] = held.locks[--held.count];
    return;
  }
  Fail("releasing unheld", rank, order);
}

void AssertHoldsNone(LockRank rank) noexcept {
  for (uint32_t i = 0; i < held.count; ++i) {
    if (held.locks[i].rank == rank) Fail("must not hold", rank, held.locks[i].order);
  }
}

void PausePoint() noexcept {
  void (*pause)() = pause_point.load(std::memory_order_relaxed);
  if (pause != nullptr) pause();
}

void SetPausePoint(void (*pause)()) noexcept { pause_point.store(pause, std::memory_order_relaxed); }

}  // namespace cachenode::lock_order

#endif
