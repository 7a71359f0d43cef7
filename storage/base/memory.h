// The one door to the heap: sized allocation with a byte count of our own, and the figures of the allocator built in.
//
// The allocator is chosen at build time by one of CACHENODE_ALLOCATOR_JEMALLOC, _MIMALLOC, _LIBC (none means libc).
// Thread-safety: every function may be called from any thread. Allocate and Free touch only a counter that the calling
//   thread owns; UsedBytes adds the counters up and is exact when no other thread allocates meanwhile.
// Errors: a request that cannot be met answers nullptr, however large it is; nothing here aborts except the functions
//   whose names say so.
// Units: bytes as requested by the caller; the rounding of the allocator shows in Stats() only. On jemalloc and on
//   mimalloc what containers take through operator new counts as well, with the size the allocator gave, and running
//   out of it stops the process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace cachenode::memory {

// Requests above this are refused without asking the allocator.
inline constexpr size_t kAllocationBytesMax = size_t{1} << 46;

// `size_bytes` of uninitialised memory aligned to 16, or nullptr. A size of 0 answers a unique pointer.
[[nodiscard]] void* Allocate(size_t size_bytes) noexcept;
// As Allocate; stops the process with a message when there is no memory. For small things the server cannot do without.
[[nodiscard]] void* AllocateOrAbort(size_t size_bytes) noexcept;
// `alignment` is a power of two. Freed by FreeAligned with the same figures.
[[nodiscard]] void* AllocateAligned(size_t alignment, size_t size_bytes) noexcept;
void FreeAligned(void* block, size_t alignment, size_t size_bytes) noexcept;
// Frees what Allocate gave; `size_bytes` is exactly the size asked for. A null block is ignored.
void Free(void* block, size_t size_bytes) noexcept;
// Moves `block` to a new size keeping the common prefix. nullptr leaves the old block as it was.
[[nodiscard]] void* Reallocate(void* block, size_t old_size_bytes, size_t new_size_bytes) noexcept;
// How many bytes a request of `size_bytes` really gets; at least `size_bytes`. Ask for that much and use all of it.
[[nodiscard]] size_t GoodSize(size_t size_bytes) noexcept;

// Bytes in use through this facade and operator new plus what AddExternalBytes told, all threads.
[[nodiscard]] size_t UsedBytes() noexcept;
// The calling thread's part of that: what it allocated less what it freed, whosever that was. One load. Differences
// between two calls are what counts; the figure itself may be negative.
[[nodiscard]] int64_t ThreadBytes() noexcept;
// Memory held outside the facade that belongs to used memory (mapped arenas). Negative takes away.
void AddExternalBytes(int64_t delta_bytes) noexcept;

// Name and version as INFO mem_allocator shows them, "jemalloc-5.3.0".
[[nodiscard]] std::string_view AllocatorName() noexcept;

// Figures of the allocator. Those it does not tell are estimated from UsedBytes and the process' resident set.
struct AllocatorStats {
  size_t allocated_bytes = 0;  // In live allocations.
  size_t active_bytes = 0;     // In pages that hold live allocations.
  size_t resident_bytes = 0;   // Physically mapped for the allocator.
  size_t retained_bytes = 0;   // Address space kept for reuse.
  size_t muzzy_bytes = 0;      // Lazily purged, still counted by the kernel.
};
// Asks the allocator; takes microseconds to milliseconds.
[[nodiscard]] AllocatorStats Stats() noexcept;
// Resident set of the process, read from the kernel. 0 when that fails.
[[nodiscard]] size_t ResidentSetBytes() noexcept;
// Gives unused pages back to the system. May take milliseconds.
void Purge() noexcept;
// Background purging threads, on or off; ignored where the allocator has none. Returns whether it took effect.
bool SetBackgroundThread(bool enabled) noexcept;

}  // namespace cachenode::memory
