// The locks of one request's shards: collected, taken together in order and released together.
//
// Thread-safety: one object per worker, used by its thread. Locks are taken in ascending order; before the thread
//   sleeps for one it releases those it has and steps out of the world lock, then starts again.
// Limits: as many shards as the keyspace has, one bit each.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "server/world_lock.h"
#include "storage/keyspace.h"

namespace cachenode {

// Which locks a set has depends on the request, beyond the static analysis; the debug lock-order checker watches
// instead.
class ShardLockSet {
 public:
  ShardLockSet(Keyspace& keyspace, WorldLock& world)
      : keyspace_(keyspace), world_(world), word_count_((keyspace.shard_count() + kWordBits - 1) / kWordBits) {}

  void Clear() {
    words_.fill(0);
    only_ = nullptr;
  }
  void Add(KeyHash hash) {
    const uint32_t index = keyspace_.ShardIndexOf(hash);
    words_[index / kWordBits] |= uint64_t{1} << index % kWordBits;
  }

  // Takes the locks of all shards added, holding none before. `seat` is inside the world lock, and again afterwards.
  void Acquire(WorldLock::Seat& seat);
  // The same without any wait. False when somebody has one of them, be it this thread for another request; none is held
  // by this set then.
  [[nodiscard]] bool TryAcquire() CACHENODE_NO_THREAD_SAFETY_ANALYSIS;
  // The same, spinning for each a while; it never sleeps.
  [[nodiscard]] bool TryAcquireSpinning() CACHENODE_NO_THREAD_SAFETY_ANALYSIS {
    return TakeAll([](Shard& shard) CACHENODE_NO_THREAD_SAFETY_ANALYSIS { return shard.TryLockSpinning(); }) == nullptr;
  }
  // Clear, Add and TryAcquireSpinning for one key, as most requests have.
  [[nodiscard]] bool TryAcquireOne(KeyHash hash) CACHENODE_NO_THREAD_SAFETY_ANALYSIS {
    Clear();
    Shard& shard = keyspace_.ShardOf(hash);
    if (!shard.TryLockSpinning()) [[unlikely]]
      return false;
    only_ = &shard;
    Add(hash);
    return true;
  }
  void Release() CACHENODE_NO_THREAD_SAFETY_ANALYSIS {
    if (only_ == nullptr) [[unlikely]]
      return ReleaseAll();
    only_->Unlock();
  }
  // Whether the set, once acquired, has the lock of the key's shard.
  [[nodiscard]] bool Holds(KeyHash hash) const {
    const uint32_t index = keyspace_.ShardIndexOf(hash);
    return (words_[index / kWordBits] >> index % kWordBits & 1) != 0;
  }
  // In shards.
  [[nodiscard]] size_t size() const;

 private:
  static constexpr uint32_t kWordBits = 64;

  // The first shard, in ascending order, that `goes_on` says false for; null when there is none.
  template <typename GoesOn>
  [[nodiscard]] Shard* FirstThatStops(GoesOn goes_on) {
    for (uint32_t word = 0; word < word_count_; ++word) {
      for (uint64_t left = words_[word]; left != 0; left &= left - 1) {
        Shard& shard = keyspace_.shard(word * kWordBits + static_cast<uint32_t>(std::countr_zero(left)));
        if (!goes_on(shard)) [[unlikely]]
          return &shard;
      }
    }
    return nullptr;
  }
  // The first shard whose lock `take` did not get, with none held; null when all are held.
  template <typename Take>
  [[nodiscard]] Shard* TakeAll(Take take) CACHENODE_NO_THREAD_SAFETY_ANALYSIS {
    Shard* const taken_elsewhere = FirstThatStops(take);
    if (taken_elsewhere != nullptr) [[unlikely]]
      GiveBackBelow(taken_elsewhere->id());
    return taken_elsewhere;
  }
  void ReleaseAll();
  // Releases the locks of the shards below `end`.
  void GiveBackBelow(uint32_t end);

  Keyspace& keyspace_;
  WorldLock& world_;
  const uint32_t word_count_;
  Shard* only_ = nullptr;                                 // Of TryAcquireOne.
  std::array<uint64_t, kShardsMax / kWordBits> words_{};  // Bit i: shard i.
};

}  // namespace cachenode
