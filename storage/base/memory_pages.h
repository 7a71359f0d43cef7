// Asks the system for pages before they are touched, and gives back those nobody needs.
//
// Why: a page fault costs far more than the page (16 us against 4.8 us in a run, measured in a virtual machine).
// Thread-safety: any thread, for memory the caller may write.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cachenode {

// Has the system bring the whole pages within `size_bytes` at `begin`, their content as it was. A wish: where it is
// refused (Linux before 5.14, a memory limit) the pages come when they are touched.
void MakePagesPresent(char* begin, size_t size_bytes) noexcept;

// Gives the whole pages within `size_bytes` at `begin` back to the system: they are zero when touched again.
void DropPages(char* begin, size_t size_bytes) noexcept;

// --- Huge pages -----------------------------------------------------------------------------------------------------
// One entry of the processor's address cache covers 2 MB instead of 4 KB: lookups in large tables miss it far less.

inline constexpr size_t kHugePageBytes = size_t{2} << 20;

// Maps zeroed memory that begins at a multiple of kHugePageBytes; munmap frees it. Null when there is none.
[[nodiscard]] char* MapForHugePages(size_t size_bytes, int protection) noexcept;

enum class Collapse : uint8_t {
  kDone,
  kNotNow,   // No huge page is free, or something holds these pages.
  kRefused,  // The system has none for this process (Linux before 6.1, or told not to).
};

// Moves the kHugePageBytes at `begin`, a multiple of that, into one huge page; what was not there becomes present.
// Takes about a millisecond, and threads that touch these bytes, or map memory, wait for a part of it. A range that
// was unmapped meanwhile does no harm.
[[nodiscard]] Collapse CollapseIntoHugePage(char* begin) noexcept;

}  // namespace cachenode
