// Asks for a cache line that will be written.
//
// Source: PREFETCHW of AMD64, which takes the line away from other cores; the compiler's builtin is a read on machines
//   it was not told to have it. Those that do not, ignore it: it is decoded as a no-operation on all of 64 bits.
#pragma once

namespace cachenode {

// `address` need not be readable.
inline void PrefetchForWriting(const void* address) noexcept {
#if defined(__x86_64__)
  asm volatile("prefetchw %0" : : "m"(*static_cast<const char*>(address)));
#else
  __builtin_prefetch(address, 1);
#endif
}

}  // namespace cachenode
