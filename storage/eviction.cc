#include "storage/eviction.h"

#include <algorithm>
#include <utility>

#include "storage/key_observer.h"
#include "storage/recency.h"

namespace cachenode {

namespace {

// How much one sampled key moves the estimate of the small queue's share.
constexpr double kShareStep = 1.0 / 512;

bool IsRandom(EvictionPolicy policy) noexcept {
  return policy == EvictionPolicy::kAllKeysRandom || policy == EvictionPolicy::kVolatileRandom;
}

// The higher, the sooner it goes. Times are points in time, not spans: what one candidate was given an hour ago
// compares with what another one is given now.
uint64_t Score(EvictionPolicy policy, const EntryView& view, const AccessContext& context) noexcept {
  switch (policy) {
    case EvictionPolicy::kAllKeysLfu:
    case EvictionPolicy::kVolatileLfu:
      return 256 - recency::DecayedCounter(view.access, context.lfu_clock, context.lfu_options.decay_minutes);
    case EvictionPolicy::kVolatileTtl:
      return static_cast<uint64_t>(kExpireAtMsMax - view.expire_at_ms) + 1;
    default:
      return static_cast<uint64_t>(kExpireAtMsMax - context.now_ms) / recency::kEighthMs +
             recency::IdleEighths(context.now_ms, view.access);
  }
}

uint64_t Eligible(const Shard& shard, uint32_t db, bool volatile_only) noexcept {
  return volatile_only ? shard.VolatileCount(db) : shard.KeyCount(db);
}

bool HasEligible(const Keyspace& keyspace, const Shard& shard, bool volatile_only) noexcept {
  for (uint32_t db = 0; db < keyspace.database_count(); ++db) {
    if (Eligible(shard, db, volatile_only) != 0) return true;
  }
  return false;
}

}  // namespace

void Evictor::Reset() noexcept {
  pool_.Clear();
  small_pool_.Clear();
}

Evicted Evictor::EvictOne(Keyspace& keyspace, const EvictionOptions& options, const AccessContext& context,
                          Random& random, Locking locking) {
  if (options.policy == EvictionPolicy::kNoEviction) return Evicted::kNothing;
  if (pool_policy_ != options.policy) Reset();
  pool_policy_ = options.policy;
  if (IsRandom(options.policy)) Reset();  // Old candidates would only be less random.
  AccessContext quiet = context;
  quiet.touch = false;
  quiet.expired = ExpiredKeys::kShow;
  const Search search{keyspace, options, quiet, random, locking};
  if (RecencyOf(options.policy) == Recency::kFifo) return EvictFromQueues(search);
  return EvictFromPool(search, Gather(search));
}

// Looks at `samples` keys. False when no key qualifies. Whether a lock is taken depends on `locking`: beyond the
// analysis.
bool Evictor::Gather(const Search& search) CACHENODE_NO_THREAD_SAFETY_ANALYSIS {
  Keyspace& keyspace = search.keyspace;
  const bool takes_locks = search.locking == Locking::kTakeShardLocks;
  const uint32_t shards = keyspace.shard_count();
  uint32_t looked_at = 0;
  uint32_t locked = 0;
  bool any = false;
  // Random shards first; when the keys that qualify are few, one after the other until one has some.
  const auto first = static_cast<uint32_t>(search.random.Below(shards));
  for (uint32_t i = 0; i < kShardTries + shards && looked_at < search.options.samples; ++i) {
    const bool at_random = i < kShardTries;
    if (!at_random && looked_at > 0) break;
    const KeyHash from = NextPlace(search);
    Shard& shard = at_random ? keyspace.ShardOf(from) : keyspace.shard((first + i) % shards);
    if (!HasEligible(keyspace, shard, search.volatile_only())) continue;
    any = true;
    if (takes_locks && !shard.TryLock()) {
      // Every lock is taken: wait for this one.
      if (++locked < kShardTries) continue;
      shard.Lock();
    }
    looked_at += Sample(search, shard, from);
    if (takes_locks) shard.Unlock();
  }
  return any;
}

// The place drawn two calls ago: what is there was fetched meanwhile, the bucket first, then its entries.
KeyHash Evictor::NextPlace(const Search& search) {
  if (!places_drawn_) ahead_ = {KeyHash(search.random.Next()), KeyHash(search.random.Next())};
  places_drawn_ = true;
  const KeyHash place = ahead_[0];
  ahead_ = {ahead_[1], KeyHash(search.random.Next())};
  const bool looks_there = !search.volatile_only() && search.options.policy != EvictionPolicy::kAllKeysRandom;
  if (!looks_there) return place;
  search.keyspace.ShardOf(ahead_[1]).PrefetchBucket(last_db_, ahead_[1]);
  search.keyspace.ShardOf(ahead_[0]).PrefetchEntries(last_db_, ahead_[0]);
  return place;
}

// Looks at whole buckets of one database, chosen in proportion to its keys that qualify. Returns the entries seen.
uint32_t Evictor::Sample(const Search& search, Shard& shard, KeyHash from) {
  const bool volatile_only = search.volatile_only();
  uint64_t total = 0;
  for (uint32_t db = 0; db < search.keyspace.database_count(); ++db) total += Eligible(shard, db, volatile_only);
  if (total == 0) return 0;
  uint64_t number = search.random.Below(total);
  uint32_t db = 0;
  while (number >= Eligible(shard, db, volatile_only)) number -= Eligible(shard, db++, volatile_only);

  const EvictionPolicy policy = search.options.policy;
  if (policy == EvictionPolicy::kAllKeysRandom) {  // One is enough.
    EntryView view;
    if (!shard.RandomKey(db, search.random, view)) return 0;
    pool_.Offer(1, db, view.key);
    return search.options.samples;
  }
  const FifoQueues* const fifo = RecencyOf(policy) == Recency::kFifo ? &shard.fifo() : nullptr;
  uint32_t seen = 0;
  const auto look = [&](const EntryView& view) {
    ++seen;
    if (fifo != nullptr) {
      const bool in_main = FifoQueues::IsInMain(view.access);
      small_share_ += ((in_main ? 0.0 : 1.0) - small_share_) * kShareStep;
      (in_main ? pool_ : small_pool_).Offer(fifo->Age(view.access), db, view.key);
      return;
    }
    const uint64_t score = IsRandom(policy) ? search.random.Next() | 1 : Score(policy, view, search.context);
    pool_.Offer(score, db, view.key);
  };
  last_db_ = db;
  if (volatile_only) {
    shard.SampleVolatile(db, search.random, look);
  } else {
    shard.SampleEntries(db, from, look);
  }
  return seen;
}

// Looks the candidate up again and, unless `judge(shard, hash, slot)` spares it, erases it. As Gather for the analysis.
template <typename Judge>
Evictor::Fate Evictor::Settle(const Search& search, const CandidatePool::Candidate& candidate,
                              Judge&& judge) CACHENODE_NO_THREAD_SAFETY_ANALYSIS {
  const KeyHash hash = Keyspace::Hash(candidate.key);
  Shard& shard = search.keyspace.ShardOf(hash);
  const bool takes_locks = search.locking == Locking::kTakeShardLocks;
  if (takes_locks && !shard.TryLockSpinning()) return Fate::kPassedOver;
  Fate fate = Fate::kPassedOver;
  if (shard.MayErase(candidate.db, hash)) {
    KeySlot slot = shard.Find(candidate.db, hash, candidate.key, search.context);
    const bool qualifies = slot.Exists() && (!search.volatile_only() || slot.expire_at_ms() >= 0);
    if (qualifies) fate = judge(shard, hash, slot);
    if (fate == Fate::kErased) {
      slot.Erase();
      shard.PublishMappedBytes();  // Else small keys of many shards go, and nothing seems to be gained.
      if (search.context.observer != nullptr) search.context.observer->OnEvicted(candidate.db, candidate.key);
    }
  }
  if (takes_locks) shard.Unlock();
  return fate;
}

Evicted Evictor::EvictFromPool(const Search& search, bool any) {
  const EvictionPolicy policy = search.options.policy;
  while (!pool_.empty()) {
    const CandidatePool::Candidate& candidate = pool_.TakeBest();
    uint64_t score = candidate.score;
    const auto judge = [&](Shard&, KeyHash, KeySlot& slot) {
      if (!IsRandom(policy)) score = std::min(score, Score(policy, slot.View(), search.context));
      return score < candidate.score ? Fate::kSpared : Fate::kErased;
    };
    const Fate fate = Settle(search, candidate, judge);
    if (fate == Fate::kErased) return Evicted::kOne;
    if (fate == Fate::kSpared) pool_.PutBack(score);  // It was used meanwhile: others may be better now.
  }
  return any ? Evicted::kBusy : Evicted::kNothing;
}

// --- S3-FIFO --------------------------------------------------------------------------------------------------------

// The queue that is to give a key, of those that have candidates.
CandidatePool& Evictor::NextQueue() noexcept {
  if (small_pool_.empty()) return pool_;
  if (pool_.empty()) return small_pool_;
  return small_share_ > kSmallShare ? small_pool_ : pool_;
}

Evicted Evictor::EvictFromQueues(const Search& search) {
  uint32_t spared = 0;
  // What is neither erased nor spared left the pool meanwhile, or its shard is taken: rounds have a limit of their own.
  for (uint32_t round = 0; round < 2 * kSecondChancesMax; ++round) {
    if (!Gather(search)) return Evicted::kNothing;
    CandidatePool& queue = NextQueue();
    const bool is_main = &queue == &pool_;
    const auto judge = [&](Shard& shard, KeyHash hash, KeySlot& slot) CACHENODE_NO_THREAD_SAFETY_ANALYSIS {
      const uint32_t access = slot.access();
      const uint32_t uses = FifoQueues::Uses(access);
      if (FifoQueues::IsInMain(access) != is_main) return Fate::kPassedOver;
      if (uses >= (is_main ? 1 : FifoQueues::kUsesToStay) && spared < kSecondChancesMax) {
        slot.SetAccess(shard.fifo().EnterMain(is_main ? uses - 1 : 0));
        return Fate::kSpared;
      }
      if (!is_main) shard.fifo().Remember(hash, shard.KeyCount(slot.db()));
      return Fate::kErased;
    };
    while (!queue.empty()) {
      const Fate fate = Settle(search, queue.TakeBest(), judge);
      if (fate == Fate::kErased) return Evicted::kOne;
      if (fate == Fate::kSpared) ++spared;
    }
  }
  return Evicted::kBusy;
}

}  // namespace cachenode
