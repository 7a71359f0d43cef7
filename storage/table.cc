#include "storage/table.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <new>

#include "storage/expiry_hint.h"

namespace cachenode {

namespace {

// Fill is entries per slot of the first buckets, in percent.
constexpr uint64_t kGrowAbovePercent = 90;
constexpr uint64_t kShrinkBelowPercent = 40;
constexpr uint64_t kShrinkSmallBelowPercent = 20;
constexpr uint64_t kShrinkToPercent = 75;

}  // namespace

// Bucket arrays and their description, on their way out.
class Table::RetiredArrays final : public Retired {
 public:
  std::unique_ptr<const Generations> generations;
  std::unique_ptr<BucketArray> array;
};

Table::~Table() { delete generations_.load(std::memory_order_relaxed); }

// --- Chains ---------------------------------------------------------------------------------------------------------

bool Table::AddToChain(Bucket& head, uint8_t tag, uint32_t ref) noexcept {
  Bucket* bucket = &head;
  while (true) {
    const uint32_t free_slots = bucket->Match(0);
    if (free_slots != 0) {
      bucket->SetSlot(static_cast<uint32_t>(std::countr_zero(free_slots)), tag, ref);
      return true;
    }
    if (bucket->overflow == 0) break;
    bucket = Next(*bucket);
  }
  const SlabHeap::Ref added = heap_.Allocate(sizeof(Bucket));
  if (added == SlabHeap::kNull) return false;
  auto* fresh = new (heap_.Address(added)) Bucket{};
  fresh->SetSlot(0, tag, ref);
  bucket->SetOverflow(added);
  overflow_count_.Add(1);
  return true;
}

void Table::RemoveFromChain(Bucket& head, Bucket& bucket, uint32_t slot) noexcept {
  bucket.ClearSlot(slot);
  if (head.overflow == 0) [[likely]]
    return;
  Bucket* before = nullptr;
  Bucket* last = &head;
  while (last->overflow != 0) {
    before = last;
    last = Next(*last);
  }
  // The hole is filled from the last bucket, so that only that one can become empty.
  if (last != &bucket) {
    const auto from = static_cast<uint32_t>(std::countr_zero(last->UsedMask()));
    bucket.SetSlot(slot, last->tags[from], last->refs[from]);
    last->ClearSlot(from);
  }
  if (last->UsedMask() != 0) return;
  const SlabHeap::Ref gone = before->overflow;
  before->SetOverflow(0);
  heap_.Free(gone);
  overflow_count_.Add(-1);
}

void Table::ClearChain(Bucket& head) noexcept {
  SlabHeap::Ref next = head.overflow;
  while (next != SlabHeap::kNull) {
    const SlabHeap::Ref after = reinterpret_cast<Bucket*>(heap_.Address(next))->overflow;
    heap_.Free(next);
    overflow_count_.Add(-1);
    next = after;
  }
  for (uint32_t slot = 0; slot < Bucket::kSlots; ++slot) head.ClearSlot(slot);
  head.SetOverflow(0);
  head.SetHint(0);
}

uint32_t Table::DefragChain(Bucket& head) noexcept {
  uint32_t moved = 0;
  for (Bucket* bucket = &head; bucket->overflow != 0; bucket = Next(*bucket)) {
    const SlabHeap::Ref old = bucket->overflow;
    const SlabHeap::Ref target = heap_.AllocateForMove(old);
    if (target == SlabHeap::kNull) continue;
    std::memcpy(heap_.Address(target), heap_.Address(old), sizeof(Bucket));
    bucket->SetOverflow(target);
    heap_.Free(old);
    ++moved;
  }
  return moved;
}

void Table::PrefetchChain(const Bucket& head) const noexcept {
  for (uint32_t mask = head.UsedMask(); mask != 0; mask &= mask - 1) {
    __builtin_prefetch(heap_.Address(head.refs[std::countr_zero(mask)]));
  }
}

// --- Entries --------------------------------------------------------------------------------------------------------

bool Table::Insert(KeyHash hash, uint32_t ref, int64_t expire_at_ms, int64_t now_ms) noexcept {
  if (base_ == nullptr && !Reserve(1)) return false;
  Bucket* const head = Head(hash);
  owner_.BeforeInsert(*this, *head);
  if (!AddToChain(*head, hash.tag(), ref)) return false;
  entry_count_.Add(1);
  if (expire_at_ms >= 0) {
    volatile_count_.Add(1);
    NoteDeadline(*head, expire_at_ms, now_ms);
  }
  return true;
}

void Table::Erase(Bucket& head, Bucket& bucket, uint32_t slot, int64_t expire_at_ms) noexcept {
  RemoveFromChain(head, bucket, slot);
  entry_count_.Add(-1);
  may_shrink_ = true;
  if (expire_at_ms < 0) return;
  volatile_count_.Add(-1);
  --GroupOf(head).volatile_count;
}

void Table::ChangeExpiry(Bucket& head, int64_t before_ms, int64_t after_ms, int64_t now_ms) noexcept {
  if (before_ms >= 0) {
    volatile_count_.Add(-1);
    --GroupOf(head).volatile_count;
  }
  if (after_ms < 0) return;
  volatile_count_.Add(1);
  NoteDeadline(head, after_ms, now_ms);
}

void Table::NoteDeadline(Bucket& head, int64_t expire_at_ms, int64_t now_ms) noexcept {
  head.SetHint(expiry_hint::Earlier(head.ttl_hint, expire_at_ms, now_ms));
  BucketGroup& group = GroupOf(head);
  ++group.volatile_count;
  const int64_t bound_ms = expiry_hint::BoundMs(expire_at_ms, now_ms);
  group.earliest_ms = std::min(group.earliest_ms, bound_ms);
  if (bound_ms < earliest_ms()) earliest_ms_.store(bound_ms, std::memory_order_relaxed);
}

// --- Prefetching ----------------------------------------------------------------------------------------------------

// Of two fetches that every request makes: a call each would cost as much as the rest.
[[gnu::always_inline]] inline const Bucket* Table::PeekHead(KeyHash hash) const noexcept {
  const Generations* seen = generations_.load(std::memory_order_acquire);
  if (seen == nullptr) return nullptr;
  const uint64_t scaled = hash.scaled_position();
  if (seen->old_base != nullptr) {
    const uint64_t index = Scale(scaled, seen->old_count);
    if (index >= merge_index_seen_.load(std::memory_order_relaxed)) return seen->old_base + index;
  }
  return seen->base + Scale(scaled, seen->count);
}

void Table::PrefetchBucket(KeyHash hash) const noexcept {
  const Bucket* const head = PeekHead(hash);
  if (head != nullptr) __builtin_prefetch(head);
}

void Table::PrefetchEntry(KeyHash hash) const noexcept {
  const Bucket* const head = PeekHead(hash);
  if (head == nullptr) return;
  const uint32_t ref = head->PeekRef(hash.tag());
  if (ref != SlabHeap::kNull) __builtin_prefetch(heap_.Address(ref));
}

void Table::PrefetchEntries(KeyHash hash) const noexcept {
  const Bucket* const head = PeekHead(hash);
  if (head == nullptr) return;
  for (uint32_t slot = 0; slot < Bucket::kSlots; ++slot) {
    const uint32_t ref = head->PeekSlot(slot);
    if (ref != SlabHeap::kNull) __builtin_prefetch(heap_.Address(ref));
  }
}

// --- Walking --------------------------------------------------------------------------------------------------------

Table::Place Table::PlaceAt(uint64_t position) const noexcept {
  if (base_ == nullptr || position >= kPositionEnd) return {nullptr, kPositionEnd};
  const uint64_t scaled = position << (64 - kPositionBits);
  uint64_t line = kPositionEnd;
  if (old_base_ != nullptr) {
    const uint64_t index = Scale(scaled, old_count_);
    if (index >= merge_index_) return {old_base_ + index, FirstPosition(index + 1, old_count_)};
    line = FirstPosition(merge_index_, old_count_);
  }
  const uint64_t index = Scale(scaled, count_);
  return {base_ + index, std::min(line, FirstPosition(index + 1, count_))};
}

uint64_t Table::GroupCount() const noexcept {
  return (array_ != nullptr ? array_->group_count() : 0) + (old_array_ != nullptr ? old_array_->group_count() : 0);
}

Table::GroupRange Table::GroupAt(uint64_t index) const noexcept {
  const BucketArray* array = array_.get();
  if (index >= array->group_count()) {
    index -= array->group_count();
    array = old_array_.get();
  }
  const uint64_t first = index << kGroupBits;
  const uint64_t end = std::min(first + kGroupBuckets, array->count());
  return {array->groups() + index, array->buckets() + first, array->buckets() + end};
}

BucketGroup& Table::GroupOf(const Bucket& head) const noexcept {
  if (old_base_ != nullptr && &head >= old_base_ && &head < old_base_ + old_count_) {
    return old_array_->groups()[static_cast<uint64_t>(&head - old_base_) >> kGroupBits];
  }
  return array_->groups()[static_cast<uint64_t>(&head - base_) >> kGroupBits];
}

void Table::RecomputeEarliest() noexcept {
  int64_t earliest = INT64_MAX;
  for (uint64_t i = 0, count = GroupCount(); i < count; ++i) {
    const BucketGroup& group = *GroupAt(i).group;
    if (group.volatile_count != 0) earliest = std::min(earliest, group.earliest_ms);
  }
  earliest_ms_.store(earliest, std::memory_order_relaxed);
}

// --- Resizing -------------------------------------------------------------------------------------------------------

void Table::UpdateIndexBytes() noexcept {
  uint64_t total = 0;
  uint64_t mapped = 0;
  for (const BucketArray* array : {array_.get(), old_array_.get()}) {
    if (array == nullptr) continue;
    total += array->MemoryBytes();
    if (array->IsMapped()) mapped += array->MemoryBytes();
  }
  index_bytes_.Set(total);
  mapped_bytes_.Set(mapped);
}

// Shows the present arrays to prefetchers and retires what they saw before.
void Table::Publish(std::unique_ptr<BucketArray> retired) noexcept {
  auto garbage = std::make_unique<RetiredArrays>();
  auto present = std::make_unique<Generations>(Generations{base_, count_, old_base_, old_count_});
  garbage->generations.reset(generations_.exchange(present.release(), std::memory_order_acq_rel));
  garbage->array = std::move(retired);
  if (garbage->generations != nullptr) retire_list_.Retire(std::move(garbage));
  UpdateIndexBytes();
}

bool Table::Reserve(uint64_t entry_count) noexcept {
  const uint64_t wanted = std::max<uint64_t>(1, entry_count * 100 / (Bucket::kSlots * kShrinkToPercent));
  if (count_ >= wanted || IsResizing() || this->entry_count() != 0) return true;
  std::unique_ptr<BucketArray> array = BucketArray::Create(wanted);
  if (array == nullptr) return false;
  base_ = array->buckets();
  count_ = wanted;
  std::swap(array_, array);
  Publish(std::move(array));
  may_shrink_ = false;
  return true;
}

uint64_t Table::WantedCount() const noexcept {
  const uint64_t entries = entry_count();
  const uint64_t slots = count_ * Bucket::kSlots;
  if (entries * 100 > slots * kGrowAbovePercent) {
    return count_ < kSmallBucketsMax ? count_ * 2 : count_ + count_ / 3;
  }
  const uint64_t shrink_below = count_ < kSmallBucketsMax ? kShrinkSmallBelowPercent : kShrinkBelowPercent;
  if (entries * 100 < slots * shrink_below && count_ > 1 && may_shrink_) {
    return std::max<uint64_t>(1, entries * 100 / (Bucket::kSlots * kShrinkToPercent) + 1);
  }
  return count_;
}

bool Table::StartResize(uint64_t new_count) noexcept {
  std::unique_ptr<BucketArray> array = BucketArray::Create(new_count);
  if (array == nullptr) return false;
  old_array_ = std::move(array_);
  array_ = std::move(array);
  old_base_ = base_;
  old_count_ = count_;
  base_ = array_->buckets();
  count_ = new_count;
  merge_index_ = 0;
  merge_index_seen_.store(0, std::memory_order_relaxed);
  Publish(nullptr);
  return true;
}

void Table::FinishResize() noexcept {
  old_base_ = nullptr;
  old_count_ = 0;
  Publish(std::move(old_array_));
}

bool Table::ResizeStep(uint32_t buckets, int64_t now_ms) noexcept {
  if (base_ == nullptr) return false;
  if (old_base_ == nullptr) {
    const uint64_t wanted = WantedCount();
    if (wanted == count_ || !StartResize(wanted)) return false;
  }
  const uint64_t end = std::min<uint64_t>(merge_index_ + buckets, old_count_);
  while (merge_index_ < end) {
    if (!MergeBucket(old_base_[merge_index_], now_ms)) return true;
    ++merge_index_;
    merge_index_seen_.store(merge_index_, std::memory_order_relaxed);
  }
  old_array_->ReleaseBelow(merge_index_);
  if (merge_index_ == old_count_) {
    FinishResize();
    return false;
  }
  UpdateIndexBytes();
  // What the next step will hash.
  const uint64_t ahead = std::min<uint64_t>(merge_index_ + buckets, old_count_);
  for (uint64_t i = merge_index_; i < ahead; ++i) PrefetchChain(old_base_[i]);
  return true;
}

// Copies the chain's references into the new array, then empties it: a failure in the middle loses nothing.
bool Table::MergeBucket(Bucket& old_head, int64_t now_ms) noexcept {
  if (old_head.UsedMask() == 0) {
    old_head.SetHint(0);
    return true;
  }
  owner_.BeforeChange(*this, old_head);
  BucketGroup& old_group = GroupOf(old_head);
  const bool deadlines = old_group.volatile_count != 0;
  uint32_t moved = 0;
  bool fits = true;
  ForEachInChain(old_head, [&](const Bucket& bucket, uint32_t slot) {
    if (!fits) return;
    const TableOwner::Facts facts = owner_.FactsOf(heap_.Address(bucket.refs[slot]));
    Bucket& head = base_[Scale(facts.hash.scaled_position(), count_)];
    owner_.BeforeChange(*this, head);
    fits = AddToChain(head, bucket.tags[slot], bucket.refs[slot]);
    moved += fits;
  });
  if (!fits) {
    UndoMerge(old_head, moved);
    return false;
  }
  if (deadlines) {
    ForEachInChain(old_head, [&](const Bucket& bucket, uint32_t slot) {
      const TableOwner::Facts facts = owner_.FactsOf(heap_.Address(bucket.refs[slot]));
      if (facts.expire_at_ms < 0) return;
      --old_group.volatile_count;
      NoteDeadline(base_[Scale(facts.hash.scaled_position(), count_)], facts.expire_at_ms, now_ms);
    });
  }
  ClearChain(old_head);
  return true;
}

void Table::UndoMerge(Bucket& old_head, uint32_t moved) noexcept {
  ForEachInChain(old_head, [&](const Bucket& bucket, uint32_t slot) {
    if (moved == 0) return;
    --moved;
    const uint32_t ref = bucket.refs[slot];
    const TableOwner::Facts facts = owner_.FactsOf(heap_.Address(ref));
    Bucket& head = base_[Scale(facts.hash.scaled_position(), count_)];
    Bucket* found = nullptr;
    uint32_t found_slot = 0;
    ForEachInChain(head, [&](Bucket& candidate, uint32_t i) {
      if (candidate.refs[i] == ref) {
        found = &candidate;
        found_slot = i;
      }
    });
    RemoveFromChain(head, *found, found_slot);
  });
}

}  // namespace cachenode
