// A hash table of 32-bit references in buckets of one cache line, in hash order: databases, and later the elements of
// large hashes, sets and sorted sets.
//
// Bucket index = position (top 44 bits of the hash) scaled by the bucket count, so the order of buckets is the order of
// hashes whatever the count, and a place in it survives resizes. A resize is a linear merge of the old array into the
// new one, a few buckets per write: old buckets below `merge_index_` are empty and their positions live in the new
// array, all others are still in the old one. A full bucket grows a chain of buckets in the heap.
// Thread-safety: guarded by the owner's lock, except the Prefetch functions (no lock, inside the world flag) and the
//   relaxed counts.
// Invariants: every entry is in the chain its hash names. volatile counts and earliest_ms of groups cover all entries;
//   hints are never late. A chain has no empty bucket but its first.
// Errors: Insert answers false without memory; a resize that cannot get memory is put off, the table then just fills.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "storage/base/function_ref.h"
#include "storage/bucket.h"
#include "storage/bucket_array.h"
#include "storage/memory_account.h"
#include "storage/retire_list.h"
#include "storage/shard_router.h"
#include "storage/slab_heap.h"

namespace cachenode {

// What a table asks of its owner, off the hot path.
class TableOwner {
 public:
  struct Facts {
    KeyHash hash;
    int64_t expire_at_ms;  // -1: none.
  };
  // Hash and deadline of an entry.
  [[nodiscard]] virtual Facts FactsOf(const char* entry) const noexcept = 0;
  // The entries of a chain are about to change place or content: save them if a snapshot wants them.
  virtual void BeforeChange(class Table& table, Bucket& head) noexcept = 0;
  // An entry is about to be added to the chain: to the first free slot of `head`, or behind it.
  virtual void BeforeInsert(class Table& table, Bucket& head) noexcept = 0;

 protected:
  ~TableOwner() = default;
};

class Table {
 public:
  struct Found {
    Bucket* head;    // First bucket of the chain for the hash.
    Bucket* bucket;  // The one with the entry; null when there is none.
    uint32_t slot;
  };

  Table(TableOwner& owner, SlabHeap& heap, RetireList& retire_list) noexcept
      : owner_(owner), heap_(heap), retire_list_(retire_list) {}
  // Frees arrays; entries and chains are the heap's and must be gone, or go with it.
  ~Table();
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  // --- Hot path --------------------------------------------------------------------------------------------------

  // The first entry with the hash's tag for which `match(entry address)` is true.
  template <typename Match>
  [[nodiscard]] Found Find(KeyHash hash, Match&& match) const noexcept {
    Bucket* const head = Head(hash);
    if (head == nullptr) return {nullptr, nullptr, 0};
    for (Bucket* bucket = head;;) {
      for (uint32_t mask = bucket->Match(hash.tag()); mask != 0; mask &= mask - 1) {
        const auto slot = static_cast<uint32_t>(std::countr_zero(mask));
        if (match(heap_.Address(bucket->refs[slot]))) [[likely]]
          return {head, bucket, slot};
      }
      if (bucket->overflow == 0) [[likely]]
        return {head, nullptr, 0};
      bucket = Next(*bucket);
    }
  }
  // Adds an entry that is not there; calls BeforeInsert itself. Resizing is left to ResizeStep.
  [[nodiscard]] bool Insert(KeyHash hash, uint32_t ref, int64_t expire_at_ms, int64_t now_ms) noexcept;
  // Removes an entry; the block stays the caller's. The caller has called BeforeChange.
  void Erase(Bucket& head, Bucket& bucket, uint32_t slot, int64_t expire_at_ms) noexcept;
  // An entry of the chain changed its deadline; -1 means none.
  void ChangeExpiry(Bucket& head, int64_t before_ms, int64_t after_ms, int64_t now_ms) noexcept;
  // First bucket of the chain for `hash`; null before the first insertion.
  [[nodiscard]] Bucket* Head(KeyHash hash) const noexcept {
    const uint64_t scaled = hash.scaled_position();
    if (old_base_ != nullptr) [[unlikely]] {
      const uint64_t index = Scale(scaled, old_count_);
      if (index >= merge_index_) return old_base_ + index;
    }
    return base_ == nullptr ? nullptr : base_ + Scale(scaled, count_);
  }
  [[nodiscard]] Bucket* Next(const Bucket& bucket) const noexcept {
    return bucket.overflow == 0 ? nullptr : reinterpret_cast<Bucket*>(heap_.Address(bucket.overflow));
  }
  void PrefetchBucket(KeyHash hash) const noexcept;
  void PrefetchEntry(KeyHash hash) const noexcept;
  // All entries of the first bucket of the chain.
  void PrefetchEntries(KeyHash hash) const noexcept;

  // --- Walking in hash order ---------------------------------------------------------------------------------------

  struct Place {
    Bucket* head;  // Null in an empty table, and at the end.
    uint64_t end;  // First position after those this visit covers.
  };
  // The chain that holds `position`; entries of positions before it may be among them. None at kPositionEnd.
  [[nodiscard]] Place PlaceAt(uint64_t position) const noexcept;
  // Fetches the entries of a place that will be copied, each from end to end unless it is long: processors see for
  // themselves how those go on.
  void PrefetchPlace(const Place& place) const noexcept {
    constexpr size_t kLineBytes = sizeof(Bucket);
    constexpr size_t kBytesMax = 4 * kLineBytes;
    if (place.head == nullptr) return;
    for (uint32_t mask = place.head->UsedMask(); mask != 0; mask &= mask - 1) {
      const uint32_t ref = place.head->refs[std::countr_zero(mask)];
      const char* const at = heap_.Address(ref);
      const char* const end = at + std::min(heap_.SlotBytes(ref), kBytesMax);
      for (const char* line = at; line < end; line += kLineBytes) __builtin_prefetch(line);
      __builtin_prefetch(end - 1);
    }
  }
  // Calls `visit(bucket, slot)` for each entry of a chain; `visit` must not change the chain.
  template <typename Visit>
  void ForEachInChain(Bucket& head, Visit&& visit) const noexcept {
    for (Bucket* bucket = &head; bucket != nullptr; bucket = Next(*bucket)) {
      for (uint32_t mask = bucket->UsedMask(); mask != 0; mask &= mask - 1) {
        visit(*bucket, static_cast<uint32_t>(std::countr_zero(mask)));
      }
    }
  }
  // A group to look for deadlines in, with the buckets it covers.
  struct GroupRange {
    BucketGroup* group;
    Bucket* first;
    Bucket* end;
  };
  // Groups of both generations, numbered through.
  [[nodiscard]] uint64_t GroupCount() const noexcept;
  [[nodiscard]] GroupRange GroupAt(uint64_t index) const noexcept;
  [[nodiscard]] BucketGroup& GroupOf(const Bucket& head) const noexcept;
  // Sets earliest_ms() to what the groups say.
  void RecomputeEarliest() noexcept;

  // --- Resizing ----------------------------------------------------------------------------------------------------

  // Merges up to `buckets` old buckets, and starts a resize when the fill asks for one. True while one is under way.
  bool ResizeStep(uint32_t buckets, int64_t now_ms) noexcept;
  [[nodiscard]] bool IsResizing() const noexcept { return old_base_ != nullptr; }
  // See BucketArray::TakeExtent; null while a resize fills the array.
  [[nodiscard]] char* TakeExtent() noexcept {
    return array_ == nullptr || IsResizing() ? nullptr : array_->TakeExtent();
  }
  // Makes an empty table large enough for `entry_count`; ignored when it has entries or is resizing. It does not shrink
  // before an entry was erased.
  [[nodiscard]] bool Reserve(uint64_t entry_count) noexcept;
  // Frees the overflow buckets behind `head` after its entries were taken out by hand, and empties it.
  void ClearChain(Bucket& head) noexcept;
  // Moves overflow buckets of the chain to fuller pages. Returns how many moved.
  uint32_t DefragChain(Bucket& head) noexcept;

  // --- Figures; relaxed ------------------------------------------------------------------------------------------

  [[nodiscard]] uint64_t entry_count() const noexcept { return entry_count_.Get(); }
  [[nodiscard]] uint64_t volatile_count() const noexcept { return volatile_count_.Get(); }
  [[nodiscard]] uint64_t bucket_count() const noexcept { return count_; }
  [[nodiscard]] uint64_t overflow_count() const noexcept { return overflow_count_.Get(); }
  // No deadline is earlier; INT64_MAX without any.
  [[nodiscard]] int64_t earliest_ms() const noexcept { return earliest_ms_.load(std::memory_order_relaxed); }
  // Bytes of the arrays: all, and those mapped outside of the memory facade.
  [[nodiscard]] uint64_t index_bytes() const noexcept { return index_bytes_.Get(); }
  [[nodiscard]] uint64_t mapped_bytes() const noexcept { return mapped_bytes_.Get(); }

  // The database's number at the last snapshot cut.
  uint32_t cut_db() const noexcept { return cut_db_; }
  void set_cut_db(uint32_t db) noexcept { cut_db_ = db; }

  static constexpr uint64_t kSmallBucketsMax = 400;  // Below, tables double.
  static constexpr uint32_t kMergePerWrite = 2;      // Old buckets merged by an insertion or erasure.

 private:
  // What prefetchers see: both generations as one immutable snapshot.
  struct Generations {
    Bucket* base;
    uint64_t count;
    Bucket* old_base;
    uint64_t old_count;
  };
  class RetiredArrays;

  __extension__ using Wide = unsigned __int128;
  [[nodiscard]] static uint64_t Scale(uint64_t scaled_position, uint64_t count) noexcept {
    return static_cast<uint64_t>((static_cast<Wide>(scaled_position) * count) >> 64);
  }
  // The first position of bucket `index` of `count`.
  [[nodiscard]] static uint64_t FirstPosition(uint64_t index, uint64_t count) noexcept {
    return static_cast<uint64_t>(((static_cast<Wide>(index) << kPositionBits) + count - 1) / count);
  }

  [[nodiscard]] bool StartResize(uint64_t new_count) noexcept;
  [[nodiscard]] uint64_t WantedCount() const noexcept;
  [[nodiscard]] bool MergeBucket(Bucket& old_head, int64_t now_ms) noexcept;
  void FinishResize() noexcept;
  void Publish(std::unique_ptr<BucketArray> retired) noexcept;
  [[nodiscard]] bool AddToChain(Bucket& head, uint8_t tag, uint32_t ref) noexcept;
  void RemoveFromChain(Bucket& head, Bucket& bucket, uint32_t slot) noexcept;
  // Enters a deadline into hint and group of its chain, not into the table's count.
  void NoteDeadline(Bucket& head, int64_t expire_at_ms, int64_t now_ms) noexcept;
  void UndoMerge(Bucket& old_head, uint32_t moved) noexcept;
  void PrefetchChain(const Bucket& head) const noexcept;
  // For prefetchers: Head as it was a moment ago.
  [[nodiscard]] const Bucket* PeekHead(KeyHash hash) const noexcept;
  void UpdateIndexBytes() noexcept;

  TableOwner& owner_;
  SlabHeap& heap_;
  RetireList& retire_list_;
  // The current generation, and while a resize runs the one it replaces.
  Bucket* base_ = nullptr;
  uint64_t count_ = 0;
  Bucket* old_base_ = nullptr;
  uint64_t old_count_ = 0;
  uint64_t merge_index_ = 0;
  std::unique_ptr<BucketArray> array_;
  std::unique_ptr<BucketArray> old_array_;
  uint32_t cut_db_ = 0;
  bool may_shrink_ = true;
  // Written under the lock, read by prefetchers and figures.
  std::atomic<const Generations*> generations_{nullptr};
  std::atomic<uint64_t> merge_index_seen_{0};
  std::atomic<int64_t> earliest_ms_{INT64_MAX};
  OwnedCounter entry_count_;
  OwnedCounter volatile_count_;
  OwnedCounter overflow_count_;
  OwnedCounter index_bytes_;
  OwnedCounter mapped_bytes_;
};

}  // namespace cachenode
