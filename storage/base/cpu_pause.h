// One step of a short wait that does not sleep: tells the processor that this thread only looks for a change.
#pragma once

namespace cachenode {

inline void CpuPause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace cachenode
