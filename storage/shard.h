// One slice of all databases: a lock and everything it guards.
//
// Thread-safety: the functions that require the lock say so; under the world lock nobody else runs and the lock need
//   not be taken. Counters marked relaxed may be read by any thread at any time. With one worker the lock is elided.
// Invariants: a key lives in the shard its hash names, in one table per database; everything a shard owns is in its
//   ShardStore, which FLUSHALL replaces as a whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "storage/access_context.h"
#include "storage/base/function_ref.h"
#include "storage/base/prefetch.h"
#include "storage/entry_view.h"
#include "storage/key_slot.h"
#include "storage/shard_lock.h"
#include "storage/shard_router.h"
#include "storage/shard_store.h"
#include "storage/snapshot_observer.h"

namespace cachenode {

class CACHENODE_CAPABILITY("shard") alignas(64) Shard {
 public:
  Shard(uint32_t id, const ShardStoreOptions& options, bool threaded);
  ~Shard();
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  [[nodiscard]] uint32_t id() const noexcept { return id_; }

  // --- The lock --------------------------------------------------------------------------------------------------

  // Sleeps if it must: nothing else may be held.
  void Lock() noexcept CACHENODE_ACQUIRE();
  // Spins only. For sets of locks, background work and eviction.
  [[nodiscard]] bool TryLockSpinning() noexcept CACHENODE_TRY_ACQUIRE(true);
  [[nodiscard]] bool TryLock() noexcept CACHENODE_TRY_ACQUIRE(true);
  void Unlock() noexcept CACHENODE_RELEASE();
  // After a failed TryLockSpinning, with nothing held: sleeps until the lock was seen free.
  void WaitUntilFree() noexcept { lock_.WaitUntilFree(); }
  // ShardLock::holder: the thread that has the lock now. Always 0 with one worker.
  [[nodiscard]] uint32_t lock_holder() const noexcept { return lock_.holder(); }
  // Tells the analysis that the caller holds this lock or the world lock.
  void AssertHeld() const noexcept CACHENODE_ASSERT_HELD(this) {}

  // --- Keys; all under the lock ----------------------------------------------------------------------------------

  // The key's slot, existing or not. Erases an expired key on the way (see ExpiredKeys) and records the access.
  // Requires that `hash` is KeyHash::Of(key), names this shard, and db < database_count.
  [[nodiscard]] KeySlot Find(uint32_t db, KeyHash hash, std::string_view key, const AccessContext& context) noexcept
      CACHENODE_REQUIRES(this);

  // Makes room for `key_count` keys at once; for loading. Ignored when the table is larger already.
  [[nodiscard]] Status ReserveKeys(uint32_t db, uint64_t key_count) CACHENODE_REQUIRES(this);

  // Calls `visit` for every key of the buckets from `position` on until `visit` answered false at a bucket's end or
  // `buckets_max` were looked at. Returns the position to go on from; kPositionEnd at the end. Expired keys included.
  [[nodiscard]] uint64_t VisitBuckets(uint32_t db, uint64_t position, uint64_t buckets_max,
                                      FunctionRef<bool(const EntryView&)> visit) const CACHENODE_REQUIRES(this);
  // A key drawn fairly, expired or not; false when the database has none here. The view dies with the next change.
  [[nodiscard]] bool RandomKey(uint32_t db, Random& random, EntryView& view) const CACHENODE_REQUIRES(this);
  // Shows the entries of the buckets that end within a span of hash positions from `from` on, so wide that it holds
  // kSampleEntries on average. Each entry is as likely as any other for a random `from`; now and then there is none.
  static constexpr uint64_t kSampleEntries = 6;
  void SampleEntries(uint32_t db, KeyHash from, FunctionRef<void(const EntryView&)> visit) const
      CACHENODE_REQUIRES(this);
  // Shows the volatile entries of a random bucket that has some. Nothing when there are none.
  void SampleVolatile(uint32_t db, Random& random, FunctionRef<void(const EntryView&)> visit) const
      CACHENODE_REQUIRES(this);

  // The queues of the S3-FIFO policies.
  [[nodiscard]] FifoQueues& fifo() noexcept CACHENODE_REQUIRES(this) { return store_->fifo(); }

  // --- Prefetching; no lock, but inside the world flag --------------------------------------------------------------

  // Stage 1: the lock, which another thread had last, and the key's bucket. Stage 2, a few hundred cycles later: the
  // entry its tag points at.
  void PrefetchBucket(uint32_t db, KeyHash hash) const noexcept {
    PrefetchForWriting(&lock_);
    store_->PrefetchBucket(db, hash);
  }
  void PrefetchEntry(uint32_t db, KeyHash hash) const noexcept { store_->PrefetchEntry(db, hash); }
  // What SampleEntries from there will look at, mostly.
  void PrefetchEntries(uint32_t db, KeyHash from) const noexcept { store_->PrefetchEntries(db, from); }

  // --- Background slices; all under the lock. Each does a bounded piece of work ------------------------------------

  // Erases keys and hash fields whose deadline is at or before context.now_ms, at most `keys_max` of each. Returns how
  // many. More are due while EarliestExpiryMs() <= now; 0 then means that a snapshot has no room and the slice should
  // come again later.
  uint32_t ExpireSlice(const AccessContext& context, uint32_t keys_max) CACHENODE_REQUIRES(this);
  // A lower bound of the earliest deadline of a key or a hash field in this shard, any database; INT64_MAX without any.
  // Relaxed.
  [[nodiscard]] int64_t EarliestExpiryMs() const noexcept { return store_->EarliestExpiryMs(); }
  // Goes on with resizes, frees detached tables, gives empty pages back: about `units` buckets or pages of work.
  // True while more waits.
  bool MaintainSlice(uint32_t units, int64_t now_ms) CACHENODE_REQUIRES(this);
  // The resizes alone. False when none is under way, or none can go on now.
  bool ResizeSlice(uint32_t buckets, int64_t now_ms) CACHENODE_REQUIRES(this);
  // Moves entries out of sparsely used pages, looking at about `buckets_max` buckets from where it last stopped.
  // Returns the entries moved; `wrapped` is set when a round over all databases ended.
  uint64_t DefragSlice(uint32_t buckets_max, bool& wrapped) CACHENODE_REQUIRES(this);
  // Keeps the times of the last access from coming round (access_time.h), looking at about `buckets_max` buckets from
  // where it last stopped. True when a round over all databases ended. For Recency::kTime.
  bool AgeSlice(uint32_t buckets_max, int64_t now_ms) CACHENODE_REQUIRES(this);
  // kHugePageBytes of this shard's memory that are worth a huge page (see SlabHeap::TakeFullExtent), each once; null
  // when none was found. They may be unmapped as soon as the lock is free.
  [[nodiscard]] char* TakeFullExtent() noexcept CACHENODE_REQUIRES(this);
  // Hands unsaved buckets to the running snapshot until about `entries_max` entries went or `cursor.done`. Returns the
  // entries handed over. No snapshot running: sets done.
  uint64_t WalkUnsaved(SnapshotCursor& cursor, uint64_t entries_max) CACHENODE_REQUIRES(this);
  // Whether writing to the key would have to save a bucket for the running snapshot first.
  [[nodiscard]] bool IsUnsaved(uint32_t db, KeyHash hash) const noexcept CACHENODE_REQUIRES(this);
  // Whether background work may erase the key now: not if that needs room the snapshot does not have.
  [[nodiscard]] bool MayErase(uint32_t db, KeyHash hash) const noexcept CACHENODE_REQUIRES(this);

  // --- Figures; relaxed ---------------------------------------------------------------------------------------------

  [[nodiscard]] uint64_t KeyCount(uint32_t db) const noexcept { return store_->KeyCount(db); }
  [[nodiscard]] uint64_t VolatileCount(uint32_t db) const noexcept { return store_->VolatileCount(db); }
  // Hashes with fields that have a deadline.
  [[nodiscard]] uint64_t FieldExpiryCount(uint32_t db) const noexcept { return store_->field_deadlines().Count(db); }
  [[nodiscard]] MemoryFigures Memory() const noexcept { return store_->Memory(); }
  // Brings Keyspace::MappedBytes up to date with this shard, for those who wait for it to fall.
  void PublishMappedBytes() noexcept CACHENODE_REQUIRES(this) { store_->ReportMapped(true); }
  // Changes made to keys here since the start: "dirty" for save points.
  [[nodiscard]] uint64_t ChangeCount() const noexcept { return change_count_.Get(); }

 private:
  friend class KeySlot;
  friend class Keyspace;

  uint32_t ExpireKeys(const AccessContext& context, uint32_t keys_max) CACHENODE_REQUIRES(this);
  uint32_t ExpireFields(const AccessContext& context, uint32_t fields_max) CACHENODE_REQUIRES(this);
  // The key of a hash the index names; empty when the index is wrong.
  [[nodiscard]] std::string FindDueHash(const FieldDeadlines::Due& due) const;
  void CountChange() noexcept { change_count_.Add(1); }
  // Makes the slot of a key whose deadline has passed one of a missing key.
  void PassExpired(KeySlot& slot) noexcept;
  void EraseExpired(uint32_t db, Table& table, Bucket& head, Bucket& bucket, uint32_t slot,
                    const AccessContext& context) noexcept;
  // Erases what is due in a chain, at most `keys_left`; answers the earliest deadline that stays.
  int64_t ExpireChain(uint32_t db, Table& table, Bucket& head, const AccessContext& context,
                      uint32_t& keys_left) noexcept;
  // False when `keys_left` ran out first.
  bool ExpireGroup(uint32_t db, Table& table, const Table::GroupRange& range, const AccessContext& context,
                   uint32_t& keys_left) noexcept;
  // Where a round over the chains of all databases goes on.
  struct RoundPlace {
    uint32_t db = 0;
    uint64_t position = 0;
  };
  // Calls `visit(table, head)` for up to `buckets_max` chains. True when the round ended.
  template <typename Visit>
  bool GoRound(RoundPlace& at, uint32_t buckets_max, Visit&& visit);
  uint64_t DefragChain(Table& table, Bucket& head) noexcept;
  // Shows the entries of a chain that have a deadline, or all. False when there was none.
  bool ShowChain(const Table& table, Bucket& head, bool volatile_only, FunctionRef<void(const EntryView&)> visit) const;

  // Hardly ever changed, and apart from what is: who prefetches reads it without waiting for another thread's line.
  const uint32_t id_;
  const bool threaded_;
  std::unique_ptr<ShardStore> store_;
  alignas(64) ShardLock lock_;
  // Advanced whenever an entry or a bucket may have moved: slots then look for their entry again.
  uint64_t layout_version_ = 0;
  OwnedCounter change_count_;
  RoundPlace defrag_at_;
  RoundPlace age_at_;
};

inline void KeySlot::Locate() const noexcept {
  ShardStore& own = *shard_->store_;
  version_ = shard_->layout_version_;
  head_ = nullptr;
  bucket_ = nullptr;
  entry_ = nullptr;
  table_ = own.FindTable(db_);
  if (table_ == nullptr) [[unlikely]]
    return;
  const Table::Found found = table_->Find(hash_, [this](const char* at) { return entry::KeyEquals(at, key_); });
  head_ = found.head;
  if (found.bucket == nullptr) return;
  bucket_ = found.bucket;
  slot_ = found.slot;
  if (!hidden_) entry_ = own.heap().Address(found.bucket->refs[found.slot]);
}

// Holds one shard's lock for a scope; the thread holds no other.
class CACHENODE_SCOPED_CAPABILITY ShardGuard {
 public:
  explicit ShardGuard(Shard& shard) noexcept CACHENODE_ACQUIRE(shard) : shard_(shard) { shard_.Lock(); }
  ~ShardGuard() CACHENODE_RELEASE() { shard_.Unlock(); }
  ShardGuard(const ShardGuard&) = delete;
  ShardGuard& operator=(const ShardGuard&) = delete;

 private:
  Shard& shard_;
};

}  // namespace cachenode
