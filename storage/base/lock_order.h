// Checks in builds with assertions that threads take locks in the one written order:
// script slot -> world -> shards ascending -> leaf locks.
//
// Thread-safety: every function concerns the calling thread only (thread-local state).
// Invariant: a violation is a bug and stops the process with the locks held, before the lock is waited for.
// Cost: nothing when NDEBUG is defined.
#pragma once

#include <cstdint>

namespace cachenode {

enum class LockRank : uint8_t {
  kScript,
  kWorld,  // Shared (a thread's flag) or exclusive.
  kShard,  // `order` is the shard number.
  kLeaf,   // Never held while another lock is waited for.
};

namespace lock_order {

// Locks one thread may hold at once: every shard, the world, the script slot and a leaf.
inline constexpr uint32_t kHeldMax = 1024;

#ifdef NDEBUG
inline void BeforeWait(LockRank, uint32_t = 0) noexcept {}
inline void Acquired(LockRank, uint32_t = 0) noexcept {}
inline void Released(LockRank, uint32_t = 0) noexcept {}
inline void AssertHoldsNone(LockRank) noexcept {}
inline void PausePoint() noexcept {}
inline void SetPausePoint(void (*)()) noexcept {}
#else
// Before a lock is waited for: nothing of a later rank, and no equal or later shard, may be held. A try-lock does
// not wait and skips this call.
void BeforeWait(LockRank rank, uint32_t order = 0) noexcept;
void Acquired(LockRank rank, uint32_t order = 0) noexcept;
void Released(LockRank rank, uint32_t order = 0) noexcept;
// Stops the process if this thread holds a lock of `rank`.
void AssertHoldsNone(LockRank rank) noexcept;
// Stands between the steps of lock code; calls what a concurrency test has set, to let other threads in there.
void PausePoint() noexcept;
void SetPausePoint(void (*pause)()) noexcept;
#endif

}  // namespace lock_order
}  // namespace cachenode
