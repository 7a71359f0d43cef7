#include "storage/shard.h"

#include "storage/base/lock_order.h"
#include "storage/base/random.h"
#include "storage/entry.h"
#include "storage/key_observer.h"
#include "storage/recency.h"

namespace cachenode {

Shard::Shard(uint32_t id, const ShardStoreOptions& options, bool threaded)
    : id_(id), threaded_(threaded), store_(std::make_unique<ShardStore>(id, options)) {}

Shard::~Shard() = default;

// --- The lock -------------------------------------------------------------------------------------------------------
// With one worker there is nobody to exclude; the analysis cannot follow that, hence its absence.

void Shard::Lock() noexcept CACHENODE_NO_THREAD_SAFETY_ANALYSIS {
  if (!threaded_) return;
  lock_order::AssertHoldsNone(LockRank::kShard);
  lock_order::BeforeWait(LockRank::kShard, id_);
  lock_.Lock();
  lock_order::Acquired(LockRank::kShard, id_);
}

bool Shard::TryLockSpinning() noexcept CACHENODE_NO_THREAD_SAFETY_ANALYSIS {
  if (!threaded_) return true;
  lock_order::BeforeWait(LockRank::kShard, id_);
  if (!lock_.TryLockSpinning()) return false;
  lock_order::Acquired(LockRank::kShard, id_);
  return true;
}

bool Shard::TryLock() noexcept CACHENODE_NO_THREAD_SAFETY_ANALYSIS {
  if (!threaded_) return true;
  if (!lock_.TryLock()) return false;
  lock_order::Acquired(LockRank::kShard, id_);
  return true;
}

void Shard::Unlock() noexcept CACHENODE_NO_THREAD_SAFETY_ANALYSIS {
  if (!threaded_) return;
  lock_order::Released(LockRank::kShard, id_);
  lock_.Unlock();
}

// --- Keys -----------------------------------------------------------------------------------------------------------

KeySlot Shard::Find(uint32_t db, KeyHash hash, std::string_view key, const AccessContext& context) noexcept {
  KeySlot slot(*this, layout_version_, db, hash, key, context);
  slot.Locate();
  char* const at = slot.entry_;
  if (at == nullptr) return slot;
  if (entry::HasTtl(at) && entry::ExpireAt(at) <= context.now_ms && context.expired != ExpiredKeys::kShow)
      [[unlikely]] {
    PassExpired(slot);
    return slot;
  }
  if (context.touch) entry::SetAccess(at, recency::Touched(entry::Access(at), context));
  return slot;
}

void Shard::PassExpired(KeySlot& slot) noexcept {
  const AccessContext& context = *slot.context_;
  const bool room = !store_->IsUnsaved(*slot.head_) || store_->CanSave();
  if (context.expired == ExpiredKeys::kErase && room) {
    EraseExpired(slot.db_, *slot.table_, *slot.head_, *slot.bucket_, slot.slot_, context);
    store_->ReportMapped();
    slot.Relocate();
  } else {
    slot.hidden_ = true;
    slot.entry_ = nullptr;
  }
}

void Shard::EraseExpired(uint32_t db, Table& table, Bucket& head, Bucket& bucket, uint32_t slot,
                         const AccessContext& context) noexcept {
  const uint32_t ref = bucket.refs[slot];
  const char* const at = store_->heap().Address(ref);
  if (context.observer != nullptr) context.observer->BeforeChange(db, entry::Key(at));
  store_->SaveBeforeChange(table, head);
  store_->ForgetFieldDeadline(db, KeyHash::Of(entry::Key(at)), at);
  table.Erase(head, bucket, slot, entry::ExpireAt(at));
  if (context.observer != nullptr) context.observer->OnExpired(db, entry::Key(at));
  store_->FreeEntry(ref);
  CountChange();
  ++layout_version_;
}

Status Shard::ReserveKeys(uint32_t db, uint64_t key_count) {
  ++layout_version_;
  return store_->ReserveKeys(db, key_count) ? Status::Ok() : Status(Err::kOutOfMemory);
}

uint64_t Shard::VisitBuckets(uint32_t db, uint64_t position, uint64_t buckets_max,
                             FunctionRef<bool(const EntryView&)> visit) const {
  const Table* const table = store_->FindTable(db);
  if (table == nullptr || table->entry_count() == 0) return kPositionEnd;
  bool go_on = true;
  while (position < kPositionEnd && go_on && buckets_max-- > 0) {
    const Table::Place place = table->PlaceAt(position);
    if (place.head == nullptr) return kPositionEnd;
    table->PrefetchPlace(table->PlaceAt(place.end));
    table->ForEachInChain(*place.head, [&](const Bucket& bucket, uint32_t slot) {
      go_on &= visit(entry::View(store_->heap().Address(bucket.refs[slot])));
    });
    position = place.end;
  }
  return position;
}

bool Shard::RandomKey(uint32_t db, Random& random, EntryView& view) const {
  constexpr uint64_t kDraws = 32;  // Every bucket shorter than this is drawn in proportion to its length.
  constexpr int kTries = 256;
  const Table* const table = store_->FindTable(db);
  if (table == nullptr || table->entry_count() == 0) return false;
  uint64_t wanted = UINT64_MAX;
  const auto pick = [&](const Table::Place& place) {
    bool found = false;
    table->ForEachInChain(*place.head, [&](const Bucket& bucket, uint32_t slot) {
      if (wanted-- != 0) return;
      view = entry::View(store_->heap().Address(bucket.refs[slot]));
      found = true;
    });
    return found;
  };
  if (table->entry_count() >= kDraws) {
    for (int i = 0; i < kTries; ++i) {
      wanted = random.Below(kDraws);
      if (pick(table->PlaceAt(random.Below(kPositionEnd)))) return true;
    }
  }
  // Few keys, or many but sparsely spread: count them off one by one.
  wanted = random.Below(table->entry_count());
  for (uint64_t position = 0; position < kPositionEnd;) {
    const Table::Place place = table->PlaceAt(position);
    if (pick(place)) return true;
    position = place.end;
  }
  return false;
}

bool Shard::IsUnsaved(uint32_t db, KeyHash hash) const noexcept {
  const Table* const table = store_->FindTable(db);
  if (table == nullptr) return false;
  const Bucket* const head = table->Head(hash);
  return head != nullptr && store_->IsUnsaved(*head);
}

bool Shard::MayErase(uint32_t db, KeyHash hash) const noexcept { return !IsUnsaved(db, hash) || store_->CanSave(); }

uint64_t Shard::WalkUnsaved(SnapshotCursor& cursor, uint64_t entries_max) {
  return store_->WalkUnsaved(cursor, entries_max);
}

}  // namespace cachenode
