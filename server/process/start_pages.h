// Gives the pages of program and libraries that only the start needed back to the page cache, where they stay: what is
// used again comes back at a minor fault. The resident size then says what serving takes.
//
// Thread-safety: once, when the node is ready; other threads may run meanwhile.
// Invariant: only mappings that nobody can write are given back, so nothing is lost.
#pragma once

namespace cachenode {

void ReleaseStartPages() noexcept;

}  // namespace cachenode
