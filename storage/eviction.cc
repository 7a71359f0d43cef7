#include "storage/eviction.h"

#include <utility>

#include "storage/key_observer.h"
#include "storage/recency.h"

namespace cachenode {

namespace {

bool IsRandom(EvictionPolicy policy) noexcept {
  return policy == EvictionPolicy::kAllKeysRandom || policy == EvictionPolicy::kVolatileRandom;
}

// The higher, the sooner it goes. Never 0.
uint64_t Score(EvictionPolicy policy, const EntryView& view, const AccessContext& context) noexcept {
  switch (policy) {
    case EvictionPolicy::kAllKeysLfu:
    case EvictionPolicy::kVolatileLfu:
      return 256 - recency::DecayedCounter(view.access, context.lfu_clock, context.lfu_options.decay_minutes);
    case EvictionPolicy::kVolatileTtl:
      return static_cast<uint64_t>(kExpireAtMsMax - view.expire_at_ms) + 1;
    default:
      return uint64_t{IdleSeconds(context.lru_clock, view.access)} + 1;
  }
}

uint64_t Eligible(const Shard& shard, uint32_t db, bool volatile_only) noexcept {
  return volatile_only ? shard.VolatileCount(db) : shard.KeyCount(db);
}

}  // namespace

// Whether a lock is taken depends on `locking`: beyond the analysis.
Evicted Evictor::EvictOne(Keyspace& keyspace, const EvictionOptions& options, const AccessContext& context,
                          Random& random, Locking locking) CACHENODE_NO_THREAD_SAFETY_ANALYSIS {
  if (options.policy == EvictionPolicy::kNoEviction) return Evicted::kNothing;
  if (pool_policy_ != options.policy) Reset();
  pool_policy_ = options.policy;
  if (IsRandom(options.policy)) Reset();  // Old candidates would only be less random.

  const bool volatile_only = IsVolatileOnly(options.policy);
  const uint32_t shards = keyspace.shard_count();
  uint32_t looked_at = 0;
  uint32_t locked = 0;
  bool any = false;
  // Random shards first; when the keys that qualify are few, one after the other until one has some.
  const auto first = static_cast<uint32_t>(random.Below(shards));
  for (uint32_t i = 0; i < kShardTries + shards && looked_at < options.samples; ++i) {
    const bool at_random = i < kShardTries;
    if (!at_random && any) break;
    Shard& shard = keyspace.shard(at_random ? static_cast<uint32_t>(random.Below(shards)) : (first + i) % shards);
    if (!HasEligible(keyspace, shard, volatile_only)) continue;
    any = true;
    if (locking == Locking::kTakeShardLocks && !shard.TryLock()) {
      // Every lock is taken: wait for this one.
      if (++locked < kShardTries) continue;
      shard.Lock();
    }
    looked_at += Sample(keyspace, shard, options, context, random);
    if (locking == Locking::kTakeShardLocks) shard.Unlock();
  }
  if (pool_size_ == 0) return any ? Evicted::kBusy : Evicted::kNothing;
  return EraseBest(keyspace, context, locking);
}

bool Evictor::HasEligible(const Keyspace& keyspace, const Shard& shard, bool volatile_only) noexcept {
  for (uint32_t db = 0; db < keyspace.database_count(); ++db) {
    if (Eligible(shard, db, volatile_only) != 0) return true;
  }
  return false;
}

// Looks at whole buckets of one database, chosen in proportion to its keys that qualify. Returns the entries seen.
uint32_t Evictor::Sample(const Keyspace& keyspace, Shard& shard, const EvictionOptions& options,
                         const AccessContext& context, Random& random) {
  const bool volatile_only = IsVolatileOnly(options.policy);
  uint64_t total = 0;
  for (uint32_t db = 0; db < keyspace.database_count(); ++db) total += Eligible(shard, db, volatile_only);
  if (total == 0) return 0;
  uint64_t number = random.Below(total);
  uint32_t db = 0;
  while (number >= Eligible(shard, db, volatile_only)) number -= Eligible(shard, db++, volatile_only);

  uint32_t seen = 0;
  shard.SampleBucket(db, volatile_only, random, [&](const EntryView& view) {
    ++seen;
    const uint64_t score = IsRandom(options.policy) ? random.Next() | 1 : Score(options.policy, view, context);
    Offer(score, db, view.key);
  });
  return seen;
}

void Evictor::Offer(uint64_t score, uint32_t db, std::string_view key) {
  uint32_t at = 0;
  while (at < pool_size_ && (pool_[at].db != db || pool_[at].key != key)) ++at;
  if (at == pool_size_) {  // New: takes the next free place, or the weakest one's when it is better.
    if (pool_size_ == kPoolSize) {
      if (score <= pool_[0].score) return;
      at = 0;
    } else {
      ++pool_size_;
    }
    pool_[at].db = db;
    pool_[at].key.assign(key);
  }
  pool_[at].score = score;
  for (; at + 1 < pool_size_ && pool_[at].score > pool_[at + 1].score; ++at) std::swap(pool_[at], pool_[at + 1]);
  for (; at > 0 && pool_[at].score < pool_[at - 1].score; --at) std::swap(pool_[at], pool_[at - 1]);
}

// As EvictOne for the analysis.
Evicted Evictor::EraseBest(Keyspace& keyspace, const AccessContext& context,
                           Locking locking) CACHENODE_NO_THREAD_SAFETY_ANALYSIS {
  AccessContext quiet = context;
  quiet.touch = false;
  quiet.expired = ExpiredKeys::kShow;
  while (pool_size_ > 0) {
    const Candidate& best = pool_[--pool_size_];
    const KeyHash hash = Keyspace::Hash(best.key);
    Shard& shard = keyspace.ShardOf(hash);
    if (locking == Locking::kTakeShardLocks && !shard.TryLockSpinning()) continue;
    bool erased = false;
    if (shard.MayErase(best.db, hash)) {
      KeySlot slot = shard.Find(best.db, hash, best.key, quiet);
      if (slot.Exists()) {
        slot.Erase();
        if (context.observer != nullptr) context.observer->OnEvicted(best.db, best.key);
        erased = true;
      }
    }
    if (locking == Locking::kTakeShardLocks) shard.Unlock();
    if (erased) return Evicted::kOne;
  }
  return Evicted::kBusy;
}

}  // namespace cachenode
