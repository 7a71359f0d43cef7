#include "storage/keyspace.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <utility>

#include "storage/base/random.h"

namespace cachenode {

namespace {

// Locks a shard for a scope unless the caller keeps everybody else away.
class CACHENODE_SCOPED_CAPABILITY OptionalGuard {
 public:
  OptionalGuard(Shard& shard, Locking locking) noexcept CACHENODE_ACQUIRE(shard) CACHENODE_NO_THREAD_SAFETY_ANALYSIS
      : shard_(shard),
        locked_(locking == Locking::kTakeShardLocks) {
    if (locked_) shard_.Lock();
  }
  ~OptionalGuard() CACHENODE_RELEASE() CACHENODE_NO_THREAD_SAFETY_ANALYSIS {
    if (locked_) shard_.Unlock();
  }
  OptionalGuard(const OptionalGuard&) = delete;
  OptionalGuard& operator=(const OptionalGuard&) = delete;

 private:
  Shard& shard_;
  const bool locked_;
};

// Buckets looked at by one step of SCAN, empty ones included, so that a sparse table cannot stall the loop.
constexpr uint64_t kScanBucketsMax = 16384;
// Buckets looked at per lock.
constexpr uint64_t kScanBucketsPerVisit = 64;

}  // namespace

Keyspace::Keyspace(const KeyspaceOptions& options)
    : options_(options),
      arena_plan_(PlanArena(
          options.maxmemory_bytes != 0 ? std::max(options.maxmemory_bytes, MachineMemoryBytes()) : MachineMemoryBytes(),
          options.shard_count, options.arena_reserve_bytes)),
      shard_mask_(options.shard_count - 1),
      shard_bits_(static_cast<unsigned>(std::countr_zero(options.shard_count))) {
  assert(std::has_single_bit(options.shard_count) && options.shard_count <= kShardsMax);
  assert(options.database_count >= 1);
  const ShardStoreOptions store_options = StoreOptions();
  shards_.reserve(options.shard_count);
  for (uint32_t i = 0; i < options.shard_count; ++i) {
    shards_.push_back(std::make_unique<Shard>(i, store_options, options.threaded));
  }
}

Keyspace::~Keyspace() = default;

ShardStoreOptions Keyspace::StoreOptions() noexcept {
  ShardStoreOptions store;
  store.database_count = options_.database_count;
  store.arena = arena_plan_;
  store.snapshot = &snapshot_;
  store.retire_list = options_.retire_list != nullptr ? options_.retire_list : &immediate_retire_list_;
  store.reclaimer = options_.reclaimer;
  store.mapped_total = &mapped_total_;
  store.mapped_step_bytes = options_.threaded ? kMappedStepBytes : 1;
  return store;
}

KeySlot Keyspace::Locate(uint32_t db, std::string_view key, const AccessContext& context) noexcept {
  const KeyHash hash = Hash(key);
  Shard& shard = ShardOf(hash);
  shard.AssertHeld();
  return shard.Find(db, hash, key, context);
}

// --- Walking --------------------------------------------------------------------------------------------------------

uint64_t Keyspace::Scan(uint32_t db, uint64_t cursor, uint64_t count, int64_t now_ms, Locking locking,
                        FunctionRef<void(const EntryView&)> visit) {
  ScanCursor at = ScanCursor::Decode(cursor, shard_bits_);
  uint64_t seen = 0;
  uint64_t buckets_left = kScanBucketsMax;
  const auto show = [&](const EntryView& view) {
    ++seen;
    if (!view.IsExpired(now_ms)) visit(view);
    return seen < count;
  };
  while (at.shard < shard_count()) {
    Shard& shard = *shards_[at.shard];
    {
      const OptionalGuard guard(shard, locking);
      shard.AssertHeld();
      const uint64_t buckets = std::min(buckets_left, kScanBucketsPerVisit);
      at.position = shard.VisitBuckets(db, at.position, buckets, show);
      buckets_left -= buckets;
    }
    if (at.position >= kPositionEnd) {
      at = {at.shard + 1, 0};
      buckets_left = std::max<uint64_t>(buckets_left, 1);
    }
    if (seen >= count || buckets_left == 0) break;
  }
  if (at.shard >= shard_count()) return 0;
  return at.Encode(shard_bits_);
}

void Keyspace::ForEach(uint32_t db, FunctionRef<bool(const EntryView&)> visit) const {
  bool go_on = true;
  for (const std::unique_ptr<Shard>& shard : shards_) {
    shard->AssertHeld();
    for (uint64_t position = 0; go_on && position < kPositionEnd;) {
      position = shard->VisitBuckets(db, position, UINT64_MAX, [&](const EntryView& view) {
        if (go_on) go_on = visit(view);
        return go_on;
      });
    }
    if (!go_on) return;
  }
}

bool Keyspace::RandomKey(uint32_t db, int64_t now_ms, Random& random, Locking locking, std::string& key) {
  for (int i = 0; i < kRandomKeyTries; ++i) {
    const uint64_t total = KeyCount(db);
    if (total == 0) return false;
    // The shard in proportion to its keys.
    uint64_t number = random.Below(total);
    uint32_t index = 0;
    while (index < shard_mask_ && number >= shards_[index]->KeyCount(db)) number -= shards_[index++]->KeyCount(db);
    Shard& shard = *shards_[index];
    const OptionalGuard guard(shard, locking);
    shard.AssertHeld();
    EntryView view;
    if (!shard.RandomKey(db, random, view) || view.IsExpired(now_ms)) continue;
    key.assign(view.key);
    return true;
  }
  return false;
}

// --- Whole databases ------------------------------------------------------------------------------------------------

void Keyspace::SwapDatabases(uint32_t first, uint32_t second) noexcept {
  CountChange();
  if (first == second) return;
  for (const std::unique_ptr<Shard>& shard : shards_) {
    shard->store_->SwapTables(first, second);
    ++shard->layout_version_;
  }
}

// Replaces the shard's whole content by an empty one. A running snapshot that still needs the old one gets it.
std::unique_ptr<DetachedShard> Keyspace::DetachShard(Shard& shard) {
  std::unique_ptr<ShardStore> fresh = std::make_unique<ShardStore>(shard.id(), StoreOptions());
  std::swap(shard.store_, fresh);
  ++shard.layout_version_;
  shard.defrag_at_ = {};
  shard.age_at_ = {};
  const bool unsaved = fresh->HasUnsaved();
  fresh->LeaveTotals();
  auto detached = std::make_unique<DetachedShard>(std::move(fresh), snapshot_);
  if (!unsaved) return detached;
  snapshot_.observer->TakeDetached(shard.id(), std::move(detached));
  return nullptr;
}

std::vector<std::unique_ptr<DetachedShard>> Keyspace::FlushDatabase(uint32_t db) {
  std::vector<std::unique_ptr<DetachedShard>> detached;
  for (const std::unique_ptr<Shard>& shard : shards_) {
    if (shard->KeyCount(db) == 0) continue;
    shard->change_count_.Add(static_cast<int64_t>(shard->KeyCount(db)));
    if (shard->store_->HasOtherTables(db)) {
      shard->store_->DetachTable(db);
      ++shard->layout_version_;
      continue;
    }
    if (std::unique_ptr<DetachedShard> whole = DetachShard(*shard); whole != nullptr) {
      detached.push_back(std::move(whole));
    }
  }
  return detached;
}

std::vector<std::unique_ptr<DetachedShard>> Keyspace::FlushAll() {
  std::vector<std::unique_ptr<DetachedShard>> detached;
  for (const std::unique_ptr<Shard>& shard : shards_) {
    uint64_t keys = 0;
    for (uint32_t db = 0; db < database_count(); ++db) keys += shard->KeyCount(db);
    if (keys == 0) continue;
    shard->change_count_.Add(static_cast<int64_t>(keys));
    if (std::unique_ptr<DetachedShard> whole = DetachShard(*shard); whole != nullptr) {
      detached.push_back(std::move(whole));
    }
  }
  return detached;
}

void Keyspace::FreeDetached() {
  for (const std::unique_ptr<Shard>& shard : shards_) {
    while (shard->store_->FreeSlice(UINT32_MAX)) {
    }
    shard->store_->ReportMapped(true);
  }
}

// --- Snapshots ------------------------------------------------------------------------------------------------------

void Keyspace::BeginSnapshot(SnapshotObserver& observer) {
  assert(snapshot_.observer == nullptr);
  snapshot_.observer = &observer;
  snapshot_.epoch = snapshot_.epoch == Bucket::kEpochMax ? uint16_t{1} : static_cast<uint16_t>(snapshot_.epoch + 1);
  ++snapshot_.cuts;
  for (const std::unique_ptr<Shard>& shard : shards_) shard->store_->BeginSnapshot();
}

void Keyspace::EndSnapshot() noexcept {
  snapshot_.observer = nullptr;
  for (const std::unique_ptr<Shard>& shard : shards_) shard->store_->EndSnapshot();
}

// --- Figures --------------------------------------------------------------------------------------------------------

uint64_t Keyspace::KeyCount(uint32_t db) const noexcept {
  uint64_t total = 0;
  for (const std::unique_ptr<Shard>& shard : shards_) total += shard->KeyCount(db);
  return total;
}

uint64_t Keyspace::VolatileCount(uint32_t db) const noexcept {
  uint64_t total = 0;
  for (const std::unique_ptr<Shard>& shard : shards_) total += shard->VolatileCount(db);
  return total;
}

uint64_t Keyspace::FieldExpiryCount(uint32_t db) const noexcept {
  uint64_t total = 0;
  for (const std::unique_ptr<Shard>& shard : shards_) total += shard->FieldExpiryCount(db);
  return total;
}

uint64_t Keyspace::ChangeCount() const noexcept {
  uint64_t total = 0;
  for (const std::unique_ptr<Shard>& shard : shards_) total += shard->ChangeCount();
  return total;
}

MemoryFigures Keyspace::Memory() const noexcept {
  MemoryFigures total;
  for (const std::unique_ptr<Shard>& shard : shards_) total += shard->Memory();
  return total;
}

uint64_t Keyspace::AverageTtlMs(uint32_t db, int64_t now_ms, Random& random, Locking locking) {
  constexpr uint32_t kBucketsSampled = 16;
  int64_t sum_ms = 0;
  int64_t sampled = 0;
  for (uint32_t i = 0; i < kBucketsSampled; ++i) {
    Shard& shard = *shards_[random.Below(shard_count())];
    if (shard.VolatileCount(db) == 0) continue;
    const OptionalGuard guard(shard, locking);
    shard.AssertHeld();
    shard.SampleVolatile(db, random, [&](const EntryView& view) {
      sum_ms += std::max<int64_t>(0, view.expire_at_ms - now_ms);
      ++sampled;
    });
  }
  return sampled == 0 ? 0 : static_cast<uint64_t>(sum_ms / sampled);
}

}  // namespace cachenode
