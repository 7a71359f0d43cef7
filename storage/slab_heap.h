// The heap of one shard: small blocks named by 32-bit references, page runs of one size class each, exact accounting.
//
// A reference counts units of 8 bytes from the start of the shard's arena, so an arena spans at most 32 GB; 0 is null.
// Size classes are every 8 bytes up to 256 and eight per doubling up to 4096. A run of pages holds slots of one class;
// its length keeps the unused tail below 1 %. Book-keeping is out of line, 16 bytes per 4 KB page.
// Thread-safety: guarded by the shard's lock, except Address, which prefetchers call inside the world flag, and the
//   relaxed figures.
// Invariants: blocks of the 64-byte class are aligned to 64. Sanitizer builds poison free slots and the bytes between
//   the size asked for and the slot's end.
// Errors: a full arena, or no memory from the system, is the null reference; nothing here stops the process.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "storage/base/memory_pages.h"
#include "storage/base/sanitizer.h"
#include "storage/memory_account.h"

namespace cachenode {

// Address space for the slab heap of each shard.
struct ArenaPlan {
  uint64_t reserve_bytes = 0;  // Reserved in one piece when contiguous, else the upper limit of segments.
  bool contiguous = true;      // False: grows in separate segments (ulimit -v, containers, sanitizers).
};

// The plan for `shard_count` shards on a machine with this much memory: override_bytes when not 0, else
// clamp(8 x memory / shards, 64 MB, 32 GB), halved until the system grants it for all shards, segments below 64 MB.
[[nodiscard]] ArenaPlan PlanArena(uint64_t memory_bytes, uint32_t shard_count, uint64_t override_bytes) noexcept;
// Physical memory of the machine or the control group, whichever is less.
[[nodiscard]] uint64_t MachineMemoryBytes() noexcept;

class SlabHeap {
 public:
  using Ref = uint32_t;
  static constexpr Ref kNull = 0;
  static constexpr size_t kBlockBytesMax = 4096;
  static constexpr size_t kUnitBytes = 8;
  static constexpr uint64_t kReserveBytesMax = uint64_t{32} << 30;

  explicit SlabHeap(const ArenaPlan& plan) noexcept;
  ~SlabHeap();
  SlabHeap(const SlabHeap&) = delete;
  SlabHeap& operator=(const SlabHeap&) = delete;

  // A block of at least `size_bytes`, 1 to kBlockBytesMax; kNull when there is no room. Contents undefined.
  [[nodiscard]] Ref Allocate(size_t size_bytes) noexcept;
  void Free(Ref ref) noexcept;
  [[nodiscard]] char* Address(Ref ref) const noexcept {
    if (base_ != nullptr) [[likely]]
      return base_ + uint64_t{ref} * kUnitBytes;
    char* segment = segments_[ref >> kSegmentUnitBits].load(std::memory_order_relaxed);
    return segment + (ref & (kSegmentUnits - 1)) * kUnitBytes;
  }
  // Bytes of the slot that holds the block; all of them may be used after Resize.
  [[nodiscard]] size_t SlotBytes(Ref ref) const noexcept { return ClassBytes(Page(PageOf(ref)).size_class); }
  // Tells that the block now uses `size_bytes`, which fits its slot.
  void Resize(Ref ref, size_t size_bytes) noexcept {
    if constexpr (kAddressSanitizer) PoisonTail(ref, size_bytes);
  }
  // The slot size a block of `size_bytes` gets.
  [[nodiscard]] static constexpr size_t SlotBytesFor(size_t size_bytes) noexcept {
    return ClassBytes(ClassOf(size_bytes));
  }

  // --- Defragmentation -------------------------------------------------------------------------------------------

  // A slot of the same class in a fuller run, for moving `ref` there; kNull when moving would not help. The caller
  // copies, changes the reference and frees the old block.
  [[nodiscard]] Ref AllocateForMove(Ref ref) noexcept;
  // Gives up to `pages_max` empty pages back to the system. Returns how many.
  uint32_t ReleasePages(uint32_t pages_max) noexcept;
  // kHugePageBytes of the arena, so aligned, that are in use nearly whole and were not answered since pages of them
  // were last given back; null when the next few extents have none such. In segments always null.
  [[nodiscard]] char* TakeFullExtent() noexcept;

  // --- Figures; relaxed ------------------------------------------------------------------------------------------

  [[nodiscard]] uint64_t used_bytes() const noexcept { return used_bytes_.Get(); }
  [[nodiscard]] uint64_t page_bytes() const noexcept { return held_pages_.Get() * kPageBytes; }
  // Empty pages that ReleasePages would give back.
  [[nodiscard]] uint64_t empty_pages() const noexcept { return dirty_pages_.Get(); }

  static constexpr size_t kPageBytes = 4096;

 private:
  static constexpr unsigned kClasses = 64;
  static constexpr uint32_t kRunPagesMax = 16;
  static constexpr uint32_t kPageUnits = kPageBytes / kUnitBytes;
  static constexpr unsigned kPageUnitBits = 9;
  static constexpr uint64_t kSegmentBytes = uint64_t{1} << 20;  // Also the step in which an arena is made accessible.
  static constexpr unsigned kSegmentUnitBits = 17;
  static constexpr uint32_t kSegmentUnits = 1U << kSegmentUnitBits;
  static constexpr uint32_t kSegmentPages = kSegmentBytes / kPageBytes;
  // Pages never used yet that are asked for ahead: a kPresentShare-th of the heap at most.
  static constexpr uint32_t kPresentShare = 128;
  static constexpr uint32_t kPresentPagesMin = 4;
  static constexpr uint32_t kPresentPagesMax = 16;
  static constexpr uint32_t kExtentPages = kHugePageBytes / kPageBytes;
  static constexpr uint32_t kExtentsPerLook = 8;
  static constexpr uint32_t kExtentCleanPagesMax = 8;  // Of a full one: what did not fit between runs.
  static constexpr uint16_t kNoSlot = 0xFFFF;
  static constexpr uint8_t kDirty = 0xFE;  // size_class of the first and last page of a free span.
  static constexpr uint8_t kClean = 0xFD;  // The same when its pages are with the system.
  static constexpr uint8_t kTaken = 0xFC;  // Neither a class nor a free span.

  // One per page. In a run the first page's counts; the others only say where the first is. A free span keeps its
  // length in free_head and used of its first and its last page.
  struct PageInfo {
    uint32_t next;  // Page numbers in the list of the class, or of free spans.
    uint32_t prev;
    uint16_t free_head;  // First free slot, in units from the run's start; kNoSlot: none.
    uint16_t used;       // Slots in use.
    uint16_t bump;       // Slots from here on were never used, in units.
    uint8_t size_class;
    uint8_t offset;  // Pages from the first page of the run.
  };
  static_assert(sizeof(PageInfo) == 16);
  struct List {
    uint32_t head = 0;
    uint32_t tail = 0;
  };

  static constexpr unsigned ClassOf(size_t size_bytes) noexcept {
    if (size_bytes <= 256) return static_cast<unsigned>((size_bytes - 1) / 8);
    const auto log2 = static_cast<unsigned>(std::bit_width(size_bytes - 1)) - 1;
    return 32 + (log2 - 8) * 8 + static_cast<unsigned>((size_bytes - 1) >> (log2 - 3)) - 8;
  }
  static constexpr size_t ClassBytes(unsigned size_class) noexcept {
    if (size_class < 32) return (size_class + 1) * size_t{8};
    return size_t{9 + (size_class - 32) % 8} << ((size_class - 32) / 8 + 5);
  }
  static constexpr uint32_t RunPages(unsigned size_class) noexcept;
  static constexpr uint16_t RunSlots(unsigned size_class) noexcept;
  static const std::array<uint8_t, kClasses> kRunPages;
  static const std::array<uint16_t, kClasses> kRunSlots;

  [[nodiscard]] static uint32_t PageOf(Ref ref) noexcept { return ref >> kPageUnitBits; }
  [[nodiscard]] PageInfo& Page(uint32_t page) const noexcept {
    if (base_ != nullptr) [[likely]]
      return pages_[page];
    char* segment = segments_[page / kSegmentPages].load(std::memory_order_relaxed);
    return *(reinterpret_cast<PageInfo*>(segment + kSegmentBytes) + page % kSegmentPages);
  }
  // The first page of the run that `page` is in.
  [[nodiscard]] uint32_t RunOf(uint32_t page) const noexcept { return page - Page(page).offset; }

  void PoisonTail(Ref ref, size_t size_bytes) noexcept;
  [[nodiscard]] Ref TakeSlot(uint32_t run) noexcept;
  [[nodiscard]] uint32_t CreateRun(unsigned size_class) noexcept;
  void FreeRun(uint32_t run) noexcept;
  [[nodiscard]] uint32_t TakeSpan(uint32_t pages) noexcept;
  [[nodiscard]] uint32_t TakeFromLists(std::array<List, kRunPagesMax + 1>& lists, uint32_t pages) noexcept;
  void AddSpan(uint32_t first, uint32_t pages, uint8_t state) noexcept;
  void RemoveSpan(uint32_t first) noexcept;
  [[nodiscard]] bool MapArena() noexcept;
  [[nodiscard]] bool Commit(uint32_t page_end) noexcept;
  void MakePresent(uint32_t first) noexcept;
  [[nodiscard]] uint64_t MappedBytes() const noexcept {
    return reserve_bytes_ + uint64_t{page_limit_} * sizeof(PageInfo) + page_limit_ / kExtentPages;
  }
  [[nodiscard]] bool ExtentIsFull(uint32_t extent) const noexcept;
  void PushFront(List& list, uint32_t page) noexcept;
  void PushBack(List& list, uint32_t page) noexcept;
  void Unlink(List& list, uint32_t page) noexcept;
  [[nodiscard]] uint32_t SpanPages(uint32_t page) const noexcept {
    return Page(page).free_head | uint32_t{Page(page).used} << 16;
  }
  void SetSpanPages(uint32_t page, uint32_t pages) noexcept {
    Page(page).free_head = static_cast<uint16_t>(pages);
    Page(page).used = static_cast<uint16_t>(pages >> 16);
  }
  [[nodiscard]] List& SpanList(uint32_t first) noexcept;

  // Constant after construction.
  char* base_ = nullptr;  // Contiguous arena, else null.
  PageInfo* pages_ = nullptr;
  bool* extent_taken_ = nullptr;            // Of each whole extent of a contiguous arena.
  std::atomic<char*>* segments_ = nullptr;  // Segments of kSegmentBytes and their PageInfo behind, else null.
  uint64_t reserve_bytes_ = 0;
  uint32_t page_limit_ = 0;
  // Guarded by the shard's lock.
  uint32_t page_top_ = 1;  // Pages from here on were never carved. Page 0 is never used: reference 0 is null.
  uint32_t committed_pages_ = 0;
  uint32_t extent_cursor_ = 0;                // TakeFullExtent looks from the next one on.
  uint32_t present_pages_ = 0;                // Never carved ones among these are there already, see MakePresent.
  std::array<List, kClasses> partial_;        // Runs with free slots.
  std::array<List, kRunPagesMax + 1> dirty_;  // Free spans by length; the last holds all longer ones.
  std::array<List, kRunPagesMax + 1> clean_;
  // Written under the lock, read relaxed.
  OwnedCounter used_bytes_;
  OwnedCounter held_pages_;
  OwnedCounter dirty_pages_;
};

}  // namespace cachenode
