#include "storage/base/memory.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <new>
#include <string>

#include "storage/base/numbers.h"
#include "storage/base/sanitizer.h"

#if defined(CACHENODE_ALLOCATOR_JEMALLOC)
#include <jemalloc/jemalloc.h>
#elif defined(CACHENODE_ALLOCATOR_MIMALLOC)
#include <mimalloc.h>
#else
#include <malloc.h>
#endif

namespace cachenode::memory {

namespace {

// One counter per thread, written by its owner only: a load, an addition and a store, no locked instruction. Threads
// beyond kOwnedSlots share the last one and do lock. A slot keeps its sum when its thread ends and goes to the next.
constexpr size_t kOwnedSlots = 127;

struct alignas(64) CounterSlot {
  std::atomic<int64_t> bytes{0};
};

struct Counters {
  std::array<CounterSlot, kOwnedSlots + 1> slots;
  std::mutex mutex;  // Guards the two below.
  std::array<bool, kOwnedSlots> taken{};
};
constinit Counters counters;

constinit thread_local CounterSlot* own_slot = nullptr;

// Gives the thread's slot back when the thread ends; what is freed later counts in the shared slot.
struct SlotLease {
  size_t index = kOwnedSlots;
  SlotLease() noexcept {
    const std::lock_guard<std::mutex> guard(counters.mutex);
    for (size_t i = 0; i < kOwnedSlots; ++i) {
      if (counters.taken[i]) continue;
      counters.taken[i] = true;
      index = i;
      break;
    }
  }
  ~SlotLease() {
    own_slot = &counters.slots[kOwnedSlots];
    if (index == kOwnedSlots) return;
    const std::lock_guard<std::mutex> guard(counters.mutex);
    counters.taken[index] = false;
  }
};

[[gnu::noinline]] CounterSlot* LeaseSlot() noexcept {
  static thread_local SlotLease lease;
  own_slot = &counters.slots[lease.index];
  return own_slot;
}

inline void Count(int64_t delta_bytes) noexcept {
  CounterSlot* slot = own_slot;
  if (slot == nullptr) [[unlikely]]
    slot = LeaseSlot();
  if (slot == &counters.slots[kOwnedSlots]) [[unlikely]] {
    slot->bytes.fetch_add(delta_bytes, std::memory_order_relaxed);
    return;
  }
  slot->bytes.store(slot->bytes.load(std::memory_order_relaxed) + delta_bytes, std::memory_order_relaxed);
}

// The allocator's own entry points, one set per build.
#if defined(CACHENODE_ALLOCATOR_JEMALLOC)
inline void* RawAllocate(size_t size) noexcept { return ::malloc(size); }
inline void RawFree(void* block, size_t size) noexcept { ::sdallocx(block, size, 0); }
inline void* RawReallocate(void* block, size_t size) noexcept { return ::rallocx(block, size, 0); }
inline void* RawAllocateAligned(size_t alignment, size_t size) noexcept {
  return ::mallocx(size, MALLOCX_ALIGN(alignment));
}
inline void RawFreeAligned(void* block, size_t alignment, size_t size) noexcept {
  ::sdallocx(block, size, MALLOCX_ALIGN(alignment));
}
inline size_t RawGoodSize(size_t size) noexcept { return ::nallocx(size, 0); }
inline size_t RawBlockSize(void* block) noexcept { return ::malloc_usable_size(block); }
inline void RawFreeUnsized(void* block) noexcept { ::free(block); }
#elif defined(CACHENODE_ALLOCATOR_MIMALLOC)
inline void* RawAllocate(size_t size) noexcept { return ::mi_malloc(size); }
inline void RawFree(void* block, size_t size) noexcept { ::mi_free_size(block, size); }
inline void* RawReallocate(void* block, size_t size) noexcept { return ::mi_realloc(block, size); }
inline void* RawAllocateAligned(size_t alignment, size_t size) noexcept { return ::mi_malloc_aligned(size, alignment); }
inline void RawFreeAligned(void* block, size_t alignment, size_t size) noexcept {
  ::mi_free_size_aligned(block, size, alignment);
}
inline size_t RawGoodSize(size_t size) noexcept { return ::mi_good_size(size); }
inline size_t RawBlockSize(void* block) noexcept { return ::mi_usable_size(block); }
inline void RawFreeUnsized(void* block) noexcept { ::mi_free(block); }
#else
inline void* RawAllocate(size_t size) noexcept { return std::malloc(size); }
inline void RawFree(void* block, size_t) noexcept { std::free(block); }
inline void* RawReallocate(void* block, size_t size) noexcept { return std::realloc(block, size); }
inline void* RawAllocateAligned(size_t alignment, size_t size) noexcept {
  void* block = nullptr;
  return ::posix_memalign(&block, alignment < sizeof(void*) ? sizeof(void*) : alignment, size) == 0 ? block : nullptr;
}
inline void RawFreeAligned(void* block, size_t, size_t) noexcept { std::free(block); }
// glibc keeps 8 bytes before each block and rounds the whole to 16.
inline size_t RawGoodSize(size_t size) noexcept { return ((size + 8 + 15) & ~size_t{15}) - 8; }
#endif

#if defined(CACHENODE_ALLOCATOR_JEMALLOC)
size_t ReadStatistic(const char* name) noexcept {
  size_t value = 0;
  size_t size = sizeof value;
  return ::mallctl(name, &value, &size, nullptr, 0) == 0 ? value : 0;
}
// Runs a control of all arenas, "purge" or "decay".
void ControlAllArenas(const char* verb) noexcept {
  char name[64];
  static_cast<void>(std::snprintf(name, sizeof name, "arena.%d.%s", MALLCTL_ARENAS_ALL, verb));
  static_cast<void>(::mallctl(name, nullptr, nullptr, nullptr, 0));
}
#endif

#if defined(CACHENODE_ALLOCATOR_JEMALLOC) || defined(CACHENODE_ALLOCATOR_MIMALLOC)
// What containers take through new. Some of them free without telling the size, so these blocks count with the size
// the allocator gave.
void* CountBlock(void* block) noexcept {
  if (block != nullptr) [[likely]]
    Count(static_cast<int64_t>(RawBlockSize(block)));
  return block;
}
void* NewBlock(size_t size_bytes) noexcept { return CountBlock(RawAllocate(size_bytes != 0 ? size_bytes : 1)); }
void* NewAlignedBlock(size_t size_bytes, std::align_val_t alignment) noexcept {
  return CountBlock(RawAllocateAligned(static_cast<size_t>(alignment), size_bytes != 0 ? size_bytes : 1));
}
void DeleteBlock(void* block) noexcept {
  if (block == nullptr) return;
  Count(-static_cast<int64_t>(RawBlockSize(block)));
  RawFreeUnsized(block);
}
#endif

[[noreturn]] void AbortOutOfMemory(size_t size_bytes) noexcept {
  static_cast<void>(std::fprintf(stderr, "Out Of Memory allocating %zu bytes!\n", size_bytes));
  std::abort();
}

}  // namespace

void* Allocate(size_t size_bytes) noexcept {
  if (size_bytes > kAllocationBytesMax) [[unlikely]]
    return nullptr;
  void* block = RawAllocate(size_bytes != 0 ? size_bytes : 1);
  if (block == nullptr) [[unlikely]]
    return nullptr;
  Count(static_cast<int64_t>(size_bytes));
  return block;
}

void* AllocateOrAbort(size_t size_bytes) noexcept {
  void* block = Allocate(size_bytes);
  if (block != nullptr) [[likely]]
    return block;
  AbortOutOfMemory(size_bytes);
}

void* AllocateAligned(size_t alignment, size_t size_bytes) noexcept {
  if (size_bytes > kAllocationBytesMax || size_bytes == 0) return nullptr;
  void* block = RawAllocateAligned(alignment, size_bytes);
  if (block != nullptr) Count(static_cast<int64_t>(size_bytes));
  return block;
}

void FreeAligned(void* block, size_t alignment, size_t size_bytes) noexcept {
  if (block == nullptr) return;
  Count(-static_cast<int64_t>(size_bytes));
  RawFreeAligned(block, alignment, size_bytes);
}

void Free(void* block, size_t size_bytes) noexcept {
  if (block == nullptr) return;
  Count(-static_cast<int64_t>(size_bytes));
  RawFree(block, size_bytes != 0 ? size_bytes : 1);
}

void* Reallocate(void* block, size_t old_size_bytes, size_t new_size_bytes) noexcept {
  if (block == nullptr) return Allocate(new_size_bytes);
  if (new_size_bytes > kAllocationBytesMax) return nullptr;
  void* moved = RawReallocate(block, new_size_bytes != 0 ? new_size_bytes : 1);
  if (moved == nullptr) return nullptr;
  Count(static_cast<int64_t>(new_size_bytes) - static_cast<int64_t>(old_size_bytes));
  return moved;
}

size_t GoodSize(size_t size_bytes) noexcept {
  if (size_bytes == 0 || size_bytes > kAllocationBytesMax) return size_bytes;
  const size_t good = RawGoodSize(size_bytes);
  return good < size_bytes ? size_bytes : good;
}

size_t UsedBytes() noexcept {
  int64_t sum = 0;
  for (const CounterSlot& slot : counters.slots) sum += slot.bytes.load(std::memory_order_relaxed);
  return sum > 0 ? static_cast<size_t>(sum) : 0;
}

int64_t ThreadBytes() noexcept {
  const CounterSlot* slot = own_slot;
  return (slot == nullptr ? LeaseSlot() : slot)->bytes.load(std::memory_order_relaxed);
}

void AddExternalBytes(int64_t delta_bytes) noexcept { Count(delta_bytes); }

std::string_view AllocatorName() noexcept {
#if defined(CACHENODE_ALLOCATOR_JEMALLOC)
  // "5.3.0-0-g54eaed1d8b..." up to the first dash.
  static const std::string name = [] {
    const char* version = "";
    size_t size = sizeof version;
    static_cast<void>(::mallctl("version", &version, &size, nullptr, 0));
    const std::string_view full(version);
    return std::string("jemalloc-").append(full.substr(0, full.find('-')));
  }();
#elif defined(CACHENODE_ALLOCATOR_MIMALLOC)
  // 209 stands for 2.0.9.
  static const std::string name = [] {
    std::string text("mimalloc-");
    const auto version = static_cast<uint64_t>(::mi_version());
    AppendUint64(text, version / 100);
    AppendUint64(text.append("."), version / 10 % 10);
    AppendUint64(text.append("."), version % 10);
    return text;
  }();
#else
  static constexpr std::string_view name = "libc";
#endif
  return name;
}

AllocatorStats Stats() noexcept {
  AllocatorStats stats;
#if defined(CACHENODE_ALLOCATOR_JEMALLOC)
  // Figures are as of the last epoch; advancing it refreshes them.
  uint64_t epoch = 1;
  size_t size = sizeof epoch;
  static_cast<void>(::mallctl("epoch", &epoch, &size, &epoch, size));
  stats.allocated_bytes = ReadStatistic("stats.allocated");
  stats.active_bytes = ReadStatistic("stats.active");
  stats.resident_bytes = ReadStatistic("stats.resident");
  stats.retained_bytes = ReadStatistic("stats.retained");
  char name[64];
  static_cast<void>(std::snprintf(name, sizeof name, "stats.arenas.%d.pmuzzy", MALLCTL_ARENAS_ALL));
  stats.muzzy_bytes = ReadStatistic(name) * static_cast<size_t>(::sysconf(_SC_PAGESIZE));
#elif defined(CACHENODE_ALLOCATOR_MIMALLOC)
  size_t resident = 0;
  size_t committed = 0;
  ::mi_process_info(nullptr, nullptr, nullptr, &resident, nullptr, &committed, nullptr, nullptr);
  stats.allocated_bytes = UsedBytes();
  stats.resident_bytes = ResidentSetBytes();
  stats.active_bytes = committed < stats.resident_bytes ? committed : stats.resident_bytes;
  stats.retained_bytes = committed - stats.active_bytes;
#elif defined(__GLIBC__)
  stats.resident_bytes = ResidentSetBytes();
  if constexpr (kUnderSanitizer) {  // Its allocator keeps no such figures.
    stats.allocated_bytes = UsedBytes();
    stats.active_bytes = UsedBytes();
  } else {
    const struct mallinfo2 info = ::mallinfo2();
    stats.allocated_bytes = info.uordblks + info.hblkhd;
    stats.active_bytes = info.arena + info.hblkhd;
    stats.retained_bytes = info.fordblks;
  }
#else
  stats.allocated_bytes = UsedBytes();
  stats.active_bytes = UsedBytes();
  stats.resident_bytes = ResidentSetBytes();
#endif
  return stats;
}

size_t ResidentSetBytes() noexcept {
  const int file = ::open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  char text[128];
  const ssize_t size = ::read(file, text, sizeof text);
  static_cast<void>(::close(file));
  if (size <= 0) return 0;
  // "total resident shared ...", in pages.
  std::string_view line(text, static_cast<size_t>(size));
  line.remove_prefix(line.find(' ') + 1);
  uint64_t pages = 0;
  if (!TryParseUint64(line.substr(0, line.find(' ')), pages)) return 0;
  return pages * static_cast<size_t>(::sysconf(_SC_PAGESIZE));
}

void Purge() noexcept {
#if defined(CACHENODE_ALLOCATOR_JEMALLOC)
  ControlAllArenas("purge");
#elif defined(CACHENODE_ALLOCATOR_MIMALLOC)
  ::mi_collect(true);
#else
  static_cast<void>(::malloc_trim(0));
#endif
}

bool SetBackgroundThread(bool enabled) noexcept {
#if defined(CACHENODE_ALLOCATOR_JEMALLOC)
  return ::mallctl("background_thread", nullptr, nullptr, &enabled, sizeof enabled) == 0;
#else
  static_cast<void>(enabled);
  return false;
#endif
}

}  // namespace cachenode::memory

// Containers count too. Their memory is part of what the server needs to go on, so running out of it stops the process;
// nothing here throws. All forms are here, lest the allocator's library brings its own. Sanitizers have theirs.
#if defined(CACHENODE_ALLOCATOR_JEMALLOC) || defined(CACHENODE_ALLOCATOR_MIMALLOC)

using cachenode::memory::AbortOutOfMemory;
using cachenode::memory::DeleteBlock;
using cachenode::memory::NewAlignedBlock;
using cachenode::memory::NewBlock;
using std::align_val_t;
using std::nothrow_t;

void* operator new(size_t size_bytes) {
  void* block = NewBlock(size_bytes);
  if (block == nullptr) [[unlikely]]
    AbortOutOfMemory(size_bytes);
  return block;
}
void* operator new(size_t size_bytes, align_val_t alignment) {
  void* block = NewAlignedBlock(size_bytes, alignment);
  if (block == nullptr) [[unlikely]]
    AbortOutOfMemory(size_bytes);
  return block;
}
void* operator new[](size_t size_bytes) { return operator new(size_bytes); }
void* operator new[](size_t size_bytes, align_val_t alignment) { return operator new(size_bytes, alignment); }
void* operator new(size_t size_bytes, const nothrow_t&) noexcept { return NewBlock(size_bytes); }
void* operator new[](size_t size_bytes, const nothrow_t&) noexcept { return NewBlock(size_bytes); }
void* operator new(size_t size_bytes, align_val_t alignment, const nothrow_t&) noexcept {
  return NewAlignedBlock(size_bytes, alignment);
}
void* operator new[](size_t size_bytes, align_val_t alignment, const nothrow_t&) noexcept {
  return NewAlignedBlock(size_bytes, alignment);
}
void operator delete(void* block) noexcept { DeleteBlock(block); }
void operator delete[](void* block) noexcept { DeleteBlock(block); }
void operator delete(void* block, size_t) noexcept { DeleteBlock(block); }
void operator delete[](void* block, size_t) noexcept { DeleteBlock(block); }
void operator delete(void* block, align_val_t) noexcept { DeleteBlock(block); }
void operator delete[](void* block, align_val_t) noexcept { DeleteBlock(block); }
void operator delete(void* block, size_t, align_val_t) noexcept { DeleteBlock(block); }
void operator delete[](void* block, size_t, align_val_t) noexcept { DeleteBlock(block); }
void operator delete(void* block, const nothrow_t&) noexcept { DeleteBlock(block); }
void operator delete[](void* block, const nothrow_t&) noexcept { DeleteBlock(block); }
void operator delete(void* block, align_val_t, const nothrow_t&) noexcept { DeleteBlock(block); }
void operator delete[](void* block, align_val_t, const nothrow_t&) noexcept { DeleteBlock(block); }

#endif
