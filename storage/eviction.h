// Frees memory by erasing keys as maxmemory-policy says: sampled whole buckets, a small pool of the best candidates.
//
// Thread-safety: an Evictor belongs to one worker, which holds no shard lock when it calls EvictOne.
// Invariants: the pool keeps copies of keys, never references; a candidate is looked up again before it is erased.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "storage/access_context.h"
#include "storage/base/random.h"
#include "storage/keyspace.h"

namespace cachenode {

struct EvictionOptions {
  EvictionPolicy policy = EvictionPolicy::kNoEviction;
  uint32_t samples =
      5;  // maxmemory-samples: entries looked at for each key evicted, at least; whole buckets are taken.
};

enum class Evicted : uint8_t {
  kOne,      // A key was erased; the observer was told.
  kNothing,  // No key qualifies (noeviction, or no volatile key under a volatile policy).
  kBusy,     // Every shard tried was locked or must not be written to now; try again later.
};

class Evictor {
 public:
  // Erases the best candidate. `context` gives time, clocks and observer; its policy flag `lfu` must fit the options.
  // Tries the locks of random shards; when all are taken it waits for one. With `Locking::kWorldHeld` takes no locks.
  [[nodiscard]] Evicted EvictOne(Keyspace& keyspace, const EvictionOptions& options, const AccessContext& context,
                                 Random& random, Locking locking = Locking::kTakeShardLocks);
  // Forgets the candidates: after a flush, a swap or a change of policy.
  void Reset() noexcept { pool_size_ = 0; }

  static constexpr uint32_t kPoolSize = 16;
  static constexpr uint32_t kShardTries = 8;

 private:
  struct Candidate {
    uint64_t score = 0;  // Higher is evicted first.
    uint32_t db = 0;
    std::string key;
  };

  [[nodiscard]] static bool HasEligible(const Keyspace& keyspace, const Shard& shard, bool volatile_only) noexcept;
  uint32_t Sample(const Keyspace& keyspace, Shard& shard, const EvictionOptions& options, const AccessContext& context,
                  Random& random) CACHENODE_REQUIRES(shard);
  void Offer(uint64_t score, uint32_t db, std::string_view key);
  [[nodiscard]] Evicted EraseBest(Keyspace& keyspace, const AccessContext& context, Locking locking);

  std::array<Candidate, kPoolSize> pool_;  // Ascending by score.
  uint32_t pool_size_ = 0;
  EvictionPolicy pool_policy_ = EvictionPolicy::kNoEviction;
};

}  // namespace cachenode
