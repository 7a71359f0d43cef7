#include "storage/slab_heap.h"

#include <sanitizer/asan_interface.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cstdio>
#include <cstring>

namespace cachenode {

namespace {

void Poison(const char* at, size_t size_bytes) noexcept {
  if constexpr (kAddressSanitizer) ASAN_POISON_MEMORY_REGION(at, size_bytes);
}
void Unpoison(const char* at, size_t size_bytes) noexcept {
  if constexpr (kAddressSanitizer) ASAN_UNPOISON_MEMORY_REGION(at, size_bytes);
}

char* MapNone(uint64_t size_bytes) noexcept {
  void* at = mmap(nullptr, size_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return at == MAP_FAILED ? nullptr : static_cast<char*>(at);
}

char* MapReadWrite(uint64_t size_bytes) noexcept {
  void* at = mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return at == MAP_FAILED ? nullptr : static_cast<char*>(at);
}

constexpr uint64_t kReserveBytesMin = uint64_t{64} << 20;

uint64_t ReadLimitFile(const char* path) noexcept {
  std::FILE* file = std::fopen(path, "re");
  if (file == nullptr) return UINT64_MAX;
  unsigned long long value = 0;
  const int got = std::fscanf(file, "%llu", &value);  // "max" reads nothing.
  std::fclose(file);
  return got == 1 ? value : UINT64_MAX;
}

// Whether `total_bytes` of address space can be had now and leave half of a limit for everything else.
bool AddressSpaceAllows(uint64_t total_bytes) noexcept {
  rlimit limit{};
  if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && total_bytes > limit.rlim_cur / 2) {
    return false;
  }
  char* probe = MapNone(total_bytes);
  if (probe == nullptr) return false;
  munmap(probe, total_bytes);
  return true;
}

}  // namespace

uint64_t MachineMemoryBytes() noexcept {
  const long pages = sysconf(_SC_PHYS_PAGES);
  uint64_t bytes =
      pages > 0 ? static_cast<uint64_t>(pages) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE)) : uint64_t{4} << 30;
  bytes = std::min(bytes, ReadLimitFile("/sys/fs/cgroup/memory.max"));
  return std::min(bytes, ReadLimitFile("/sys/fs/cgroup/memory/memory.limit_in_bytes"));
}

ArenaPlan PlanArena(uint64_t memory_bytes, uint32_t shard_count, uint64_t override_bytes) noexcept {
  const uint64_t wanted = override_bytes != 0 ? override_bytes : memory_bytes / shard_count * 8;
  const uint64_t lowest = override_bytes != 0 ? uint64_t{1} << 20 : kReserveBytesMin;
  uint64_t reserve = std::clamp(wanted, lowest, SlabHeap::kReserveBytesMax) & ~((uint64_t{1} << 20) - 1);
  if (!kUnderSanitizer) {
    while (reserve >= kReserveBytesMin) {
      if (AddressSpaceAllows(reserve * shard_count)) return {reserve, true};
      reserve /= 2;
      reserve &= ~((uint64_t{1} << 20) - 1);
    }
  }
  // Segments cost nothing before they are used, so the limit is what a reference can span.
  return {override_bytes != 0 ? reserve : SlabHeap::kReserveBytesMax, false};
}

// --- Size classes ---------------------------------------------------------------------------------------------------

constexpr uint32_t SlabHeap::RunPages(unsigned size_class) noexcept {
  const size_t slot = ClassBytes(size_class);
  for (uint32_t pages = 1; pages <= kRunPagesMax; ++pages) {
    const size_t run = pages * kPageBytes;
    if (run % slot * 100 < run) return pages;
  }
  return kRunPagesMax;
}

constexpr uint16_t SlabHeap::RunSlots(unsigned size_class) noexcept {
  return static_cast<uint16_t>(RunPages(size_class) * kPageBytes / ClassBytes(size_class));
}

constexpr std::array<uint8_t, SlabHeap::kClasses> SlabHeap::kRunPages = [] {
  std::array<uint8_t, kClasses> table{};
  for (unsigned i = 0; i < kClasses; ++i) table[i] = static_cast<uint8_t>(RunPages(i));
  return table;
}();

constexpr std::array<uint16_t, SlabHeap::kClasses> SlabHeap::kRunSlots = [] {
  std::array<uint16_t, kClasses> table{};
  for (unsigned i = 0; i < kClasses; ++i) table[i] = RunSlots(i);
  return table;
}();

// --- The arena ------------------------------------------------------------------------------------------------------

SlabHeap::SlabHeap(const ArenaPlan& plan) noexcept : reserve_bytes_(plan.reserve_bytes) {
  page_limit_ = static_cast<uint32_t>(reserve_bytes_ / kPageBytes);
  if (plan.contiguous && MapArena()) return;
  void* table = MapReadWrite(reserve_bytes_ / kSegmentBytes * sizeof(std::atomic<char*>));
  segments_ = static_cast<std::atomic<char*>*>(table);
  if (segments_ == nullptr) page_limit_ = 0;  // Every Allocate answers kNull.
}

// All is one mapping, so that either everything or nothing is there.
bool SlabHeap::MapArena() noexcept {
  char* const mapped = MapForHugePages(MappedBytes(), PROT_NONE);
  if (mapped == nullptr) return false;
  char* const extents = mapped + MappedBytes() - page_limit_ / kExtentPages;
  char* const extents_page = extents - reinterpret_cast<uintptr_t>(extents) % kPageBytes;
  const auto extents_bytes = static_cast<size_t>(mapped + MappedBytes() - extents_page);
  if (mprotect(extents_page, extents_bytes, PROT_READ | PROT_WRITE) != 0) {
    munmap(mapped, MappedBytes());
    return false;
  }
  base_ = mapped;
  pages_ = reinterpret_cast<PageInfo*>(base_ + reserve_bytes_);
  extent_taken_ = reinterpret_cast<bool*>(extents);
  return true;
}

SlabHeap::~SlabHeap() {
  if (base_ != nullptr) {
    Unpoison(base_, uint64_t{committed_pages_} * kPageBytes);
    munmap(base_, MappedBytes());
    return;
  }
  if (segments_ == nullptr) return;
  for (uint32_t i = 0; i < committed_pages_ / kSegmentPages; ++i) {
    char* segment = segments_[i].load(std::memory_order_relaxed);
    Unpoison(segment, kSegmentBytes);
    munmap(segment, kSegmentBytes + kSegmentPages * sizeof(PageInfo));
  }
  munmap(segments_, reserve_bytes_ / kSegmentBytes * sizeof(std::atomic<char*>));
}

bool SlabHeap::Commit(uint32_t page_end) noexcept {
  while (committed_pages_ < page_end) {
    if (committed_pages_ + kSegmentPages > page_limit_) return false;
    if (base_ != nullptr) {
      char* at = base_ + uint64_t{committed_pages_} * kPageBytes;
      if (mprotect(at, kSegmentBytes, PROT_READ | PROT_WRITE) != 0) return false;
      if (mprotect(pages_ + committed_pages_, kSegmentPages * sizeof(PageInfo), PROT_READ | PROT_WRITE) != 0) {
        return false;
      }
    } else {
      char* segment = MapReadWrite(kSegmentBytes + kSegmentPages * sizeof(PageInfo));
      if (segment == nullptr) return false;
      segments_[committed_pages_ / kSegmentPages].store(segment, std::memory_order_relaxed);
    }
    committed_pages_ += kSegmentPages;
  }
  return true;
}

// Has the system bring the pages of a new run and some after it in one call, instead of one page fault each.
void SlabHeap::MakePresent(uint32_t first) noexcept {
  const uint32_t pages = std::min(page_top_ / kPresentShare, kPresentPagesMax);
  if (pages < kPresentPagesMin) return;
  const uint32_t segment_end = (first / kSegmentPages + 1) * kSegmentPages;
  const uint32_t begin = std::max(first, present_pages_);
  const uint32_t end = std::min(std::max(page_top_, begin + pages), segment_end);
  MakePagesPresent(Address(begin << kPageUnitBits), (end - begin) * kPageBytes);
  present_pages_ = end;
}

// Goes from run or free span to the next: none crosses the segments an extent is made of.
bool SlabHeap::ExtentIsFull(uint32_t extent) const noexcept {
  const uint32_t end = (extent + 1) * kExtentPages;
  uint32_t clean = 0;
  for (uint32_t page = std::max(extent * kExtentPages, 1U); page < end;) {
    const uint8_t state = Page(page).size_class;
    const bool is_free = state == kClean || state == kDirty;
    const uint32_t pages = is_free ? SpanPages(page) : kRunPages[state];
    if (state == kClean) clean += pages;
    if (clean > kExtentCleanPagesMax) return false;
    page += pages;
  }
  return true;
}

char* SlabHeap::TakeFullExtent() noexcept {
  const uint32_t count = base_ == nullptr ? 0 : page_top_ / kExtentPages;
  for (uint32_t looked = 0; looked < std::min(count, kExtentsPerLook); ++looked) {
    extent_cursor_ = extent_cursor_ + 1 < count ? extent_cursor_ + 1 : 0;
    if (extent_taken_[extent_cursor_] || !ExtentIsFull(extent_cursor_)) continue;
    extent_taken_[extent_cursor_] = true;
    return base_ + uint64_t{extent_cursor_} * kHugePageBytes;
  }
  return nullptr;
}

// --- Lists of pages -------------------------------------------------------------------------------------------------

void SlabHeap::PushFront(List& list, uint32_t page) noexcept {
  PageInfo& info = Page(page);
  info.prev = 0;
  info.next = list.head;
  (list.head != 0 ? Page(list.head).prev : list.tail) = page;
  list.head = page;
}

void SlabHeap::PushBack(List& list, uint32_t page) noexcept {
  PageInfo& info = Page(page);
  info.next = 0;
  info.prev = list.tail;
  (list.tail != 0 ? Page(list.tail).next : list.head) = page;
  list.tail = page;
}

void SlabHeap::Unlink(List& list, uint32_t page) noexcept {
  const PageInfo& info = Page(page);
  (info.prev != 0 ? Page(info.prev).next : list.head) = info.next;
  (info.next != 0 ? Page(info.next).prev : list.tail) = info.prev;
}

// --- Free spans of pages --------------------------------------------------------------------------------------------

SlabHeap::List& SlabHeap::SpanList(uint32_t first) noexcept {
  const uint32_t index = std::min(SpanPages(first), kRunPagesMax + 1) - 1;
  return Page(first).size_class == kDirty ? dirty_[index] : clean_[index];
}

void SlabHeap::RemoveSpan(uint32_t first) noexcept {
  Unlink(SpanList(first), first);
  if (Page(first).size_class == kDirty) dirty_pages_.Add(-static_cast<int64_t>(SpanPages(first)));
}

// Makes [first, first + pages) a free span, joined with neighbours in the same state. A span stays in its segment.
void SlabHeap::AddSpan(uint32_t first, uint32_t pages, uint8_t state) noexcept {
  uint32_t end = first + pages;
  if (end < page_top_ && end % kSegmentPages != 0 && Page(end).size_class == state && Page(end).offset == 0) {
    const uint32_t more = SpanPages(end);
    RemoveSpan(end);
    end += more;
  }
  if (first % kSegmentPages != 0 && first > 1 && Page(first - 1).size_class == state) {
    const uint32_t before = first - SpanPages(first - 1);
    RemoveSpan(before);
    first = before;
  }
  for (const uint32_t page : {first, end - 1}) {
    Page(page).size_class = state;
    Page(page).offset = 0;
    SetSpanPages(page, end - first);
  }
  PushFront(SpanList(first), first);
  if (state == kDirty) dirty_pages_.Add(end - first);
}

uint32_t SlabHeap::TakeFromLists(std::array<List, kRunPagesMax + 1>& lists, uint32_t pages) noexcept {
  for (uint32_t index = pages - 1; index <= kRunPagesMax; ++index) {
    const uint32_t first = lists[index].head;
    if (first == 0) continue;
    const uint32_t span = SpanPages(first);
    const uint8_t state = Page(first).size_class;
    RemoveSpan(first);
    if (state == kClean) held_pages_.Add(pages);
    if (span == pages) return first;
    Page(first + pages - 1).size_class = kTaken;  // So that the rest does not join what is being taken.
    AddSpan(first + pages, span - pages, state);
    return first;
  }
  return 0;
}

uint32_t SlabHeap::TakeSpan(uint32_t pages) noexcept {
  if (const uint32_t first = TakeFromLists(dirty_, pages); first != 0) return first;
  if (const uint32_t first = TakeFromLists(clean_, pages); first != 0) return first;
  // Carve new pages; a run does not cross segments.
  const uint32_t room = kSegmentPages - page_top_ % kSegmentPages;
  const uint32_t first = room < pages ? page_top_ + room : page_top_;
  if (first > page_limit_ || pages > page_limit_ - first || !Commit(first + pages)) return 0;
  const uint32_t skipped = page_top_;
  page_top_ = first + pages;
  if (page_top_ > present_pages_) MakePresent(first);
  if (skipped != first) AddSpan(skipped, first - skipped, kClean);
  held_pages_.Add(pages);
  return first;
}

uint32_t SlabHeap::ReleasePages(uint32_t pages_max) noexcept {
  uint32_t released = 0;
  for (uint32_t index = kRunPagesMax + 1; index-- > 0 && released < pages_max;) {
    while (dirty_[index].head != 0 && released < pages_max) {
      const uint32_t first = dirty_[index].head;
      const uint32_t pages = SpanPages(first);
      char* at = Address(first << kPageUnitBits);
      Unpoison(at, pages * kPageBytes);
      if (madvise(at, pages * kPageBytes, MADV_DONTNEED) != 0) return released;
      if (base_ != nullptr) extent_taken_[first / kExtentPages] = false;
      RemoveSpan(first);
      AddSpan(first, pages, kClean);
      held_pages_.Add(-static_cast<int64_t>(pages));
      released += pages;
    }
  }
  return released;
}

// --- Runs and slots -------------------------------------------------------------------------------------------------

uint32_t SlabHeap::CreateRun(unsigned size_class) noexcept {
  const uint32_t pages = kRunPages[size_class];
  const uint32_t run = TakeSpan(pages);
  if (run == 0) return 0;
  for (uint32_t i = 0; i < pages; ++i) {
    PageInfo& info = Page(run + i);
    info.size_class = static_cast<uint8_t>(size_class);
    info.offset = static_cast<uint8_t>(i);
  }
  PageInfo& info = Page(run);
  info.free_head = kNoSlot;
  info.used = 0;
  info.bump = 0;
  Poison(Address(run << kPageUnitBits), pages * kPageBytes);
  PushFront(partial_[size_class], run);
  return run;
}

void SlabHeap::FreeRun(uint32_t run) noexcept {
  const uint8_t size_class = Page(run).size_class;
  Unlink(partial_[size_class], run);
  AddSpan(run, kRunPages[size_class], kDirty);
}

SlabHeap::Ref SlabHeap::TakeSlot(uint32_t run) noexcept {
  PageInfo& info = Page(run);
  uint32_t unit = info.free_head;
  if (unit != kNoSlot) {
    const char* slot = Address((run << kPageUnitBits) + unit);
    Unpoison(slot, sizeof(info.free_head));
    std::memcpy(&info.free_head, slot, sizeof(info.free_head));
  } else {
    unit = info.bump;
    info.bump = static_cast<uint16_t>(unit + ClassBytes(info.size_class) / kUnitBytes);
  }
  if (++info.used == kRunSlots[info.size_class]) Unlink(partial_[info.size_class], run);
  used_bytes_.Add(static_cast<int64_t>(ClassBytes(info.size_class)));
  return (run << kPageUnitBits) + unit;
}

SlabHeap::Ref SlabHeap::Allocate(size_t size_bytes) noexcept {
  assert(size_bytes >= 1 && size_bytes <= kBlockBytesMax);
  const unsigned size_class = ClassOf(size_bytes);
  uint32_t run = partial_[size_class].head;
  if (run == 0) [[unlikely]] {
    run = CreateRun(size_class);
    if (run == 0) return kNull;
  }
  const Ref ref = TakeSlot(run);
  Resize(ref, size_bytes);
  return ref;
}

void SlabHeap::PoisonTail(Ref ref, size_t size_bytes) noexcept {
  const size_t slot_bytes = SlotBytes(ref);
  assert(size_bytes <= slot_bytes);
  Poison(Address(ref), slot_bytes);
  Unpoison(Address(ref), size_bytes);
}

void SlabHeap::Free(Ref ref) noexcept {
  const uint32_t run = RunOf(PageOf(ref));
  PageInfo& info = Page(run);
  assert(info.used > 0 && info.size_class < kClasses);
  char* slot = Address(ref);
  const size_t slot_bytes = ClassBytes(info.size_class);
  Unpoison(slot, sizeof(info.free_head));
  std::memcpy(slot, &info.free_head, sizeof(info.free_head));
  Poison(slot, slot_bytes);
  info.free_head = static_cast<uint16_t>(ref - (run << kPageUnitBits));
  used_bytes_.Add(-static_cast<int64_t>(slot_bytes));
  if (info.used-- == kRunSlots[info.size_class]) PushFront(partial_[info.size_class], run);
  if (info.used == 0) FreeRun(run);
}

SlabHeap::Ref SlabHeap::AllocateForMove(Ref ref) noexcept {
  constexpr int kRunsLookedAt = 8;
  const uint32_t source = RunOf(PageOf(ref));
  const PageInfo& info = Page(source);
  if (info.used == kRunSlots[info.size_class]) return kNull;
  List& list = partial_[info.size_class];
  uint32_t best = 0;
  uint32_t run = list.head;
  for (int i = 0; i < kRunsLookedAt && run != 0; ++i, run = Page(run).next) {
    if (run == source) continue;
    const uint16_t used = Page(run).used;
    // Among equals the lower address stays, so that two runs never trade entries for ever.
    if (used < info.used || (used == info.used && run > source)) continue;
    if (best == 0 || used > Page(best).used) best = run;
  }
  if (list.tail != source) {  // New blocks go elsewhere, so that this run can become empty.
    Unlink(list, source);
    PushBack(list, source);
  }
  if (best == 0) return kNull;
  const Ref target = TakeSlot(best);
  Resize(target, SlotBytes(target));
  return target;
}

}  // namespace cachenode
