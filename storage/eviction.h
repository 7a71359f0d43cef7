// Frees memory by erasing keys as maxmemory-policy says: sampled whole buckets, small pools of the best candidates.
//
// The S3-FIFO policies keep two pools, one for each queue (storage/fifo_queues.h). How many of the keys are in the
// small queue is estimated from the samples; while it is more than kSmallShare, the small queue gives a key.
// Thread-safety: an Evictor belongs to one worker, which holds no shard lock when it calls EvictOne.
// Invariants: a candidate is looked up again, and judged by what it is then, before it is erased.
#pragma once

#include <array>
#include <cstdint>

#include "storage/access_context.h"
#include "storage/base/random.h"
#include "storage/candidate_pool.h"
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
  // Erases the best candidate. `context` gives time, clocks and observer; its recency must fit the policy.
  // Tries the locks of random shards; when all are taken it waits for one. With `Locking::kWorldHeld` takes no locks.
  [[nodiscard]] Evicted EvictOne(Keyspace& keyspace, const EvictionOptions& options, const AccessContext& context,
                                 Random& random, Locking locking = Locking::kTakeShardLocks);
  // Forgets the candidates: after a flush, a swap or a change of policy.
  void Reset() noexcept;

  static constexpr uint32_t kShardTries = 8;
  // The part of the keys that the small queue of S3-FIFO may be.
  static constexpr double kSmallShare = 0.1;
  // Keys that one eviction lets come round again before it takes one although it was used.
  static constexpr uint32_t kSecondChancesMax = 64;

 private:
  // One call's arguments.
  struct Search {
    Keyspace& keyspace;
    const EvictionOptions& options;
    const AccessContext& context;
    Random& random;
    Locking locking;
    [[nodiscard]] bool volatile_only() const noexcept { return IsVolatileOnly(options.policy); }
  };
  // What became of a candidate.
  enum class Fate : uint8_t { kErased, kSpared, kPassedOver };

  [[nodiscard]] bool Gather(const Search& search);
  [[nodiscard]] KeyHash NextPlace(const Search& search);
  uint32_t Sample(const Search& search, Shard& shard, KeyHash from) CACHENODE_REQUIRES(shard);
  [[nodiscard]] Evicted EvictFromPool(const Search& search, bool any);
  [[nodiscard]] Evicted EvictFromQueues(const Search& search);
  [[nodiscard]] CandidatePool& NextQueue() noexcept;
  template <typename Judge>
  [[nodiscard]] Fate Settle(const Search& search, const CandidatePool::Candidate& candidate, Judge&& judge);

  CandidatePool pool_;        // Of the main queue under S3-FIFO.
  CandidatePool small_pool_;  // S3-FIFO only.
  double small_share_ = kSmallShare;
  std::array<KeyHash, 2> ahead_{};  // The next places to look at, in any shard.
  bool places_drawn_ = false;
  uint32_t last_db_ = 0;
  EvictionPolicy pool_policy_ = EvictionPolicy::kNoEviction;
};

}  // namespace cachenode
