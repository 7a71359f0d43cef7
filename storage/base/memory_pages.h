// Asks the system for pages before they are touched, and gives back those nobody needs.
//
// Why: a page fault costs far more than the page (16 us against 4.8 us in a run, measured in a virtual machine).
// Thread-safety: any thread, for memory the caller may write.
#pragma once

#include <cstddef>

namespace cachenode {

// Has the system bring the whole pages within `size_bytes` at `begin`, their content as it was. A wish: where it is
// refused (Linux before 5.14, a memory limit) the pages come when they are touched.
void MakePagesPresent(char* begin, size_t size_bytes) noexcept;

// Gives the whole pages within `size_bytes` at `begin` back to the system: they are zero when touched again.
void DropPages(char* begin, size_t size_bytes) noexcept;

}  // namespace cachenode
