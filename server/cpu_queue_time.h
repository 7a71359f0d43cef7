// How long a thread has waited for a CPU while it could have run: what tells a machine with CPUs to spare from one
// where others wait for whatever this thread does too much.
//
// Source: the second number of Linux' /proc/<pid>/task/<tid>/schedstat, in nanoseconds.
// Thread-safety: one object per thread, used by it only.
// Cost: a read of a file in memory, 1 to 2 microseconds.
#pragma once

#include <cstdint>

namespace cachenode {

class CpuQueueTime {
 public:
  CpuQueueTime() = default;
  ~CpuQueueTime();
  CpuQueueTime(const CpuQueueTime&) = delete;
  CpuQueueTime& operator=(const CpuQueueTime&) = delete;

  // Since the thread began. Always 0 where the kernel does not tell. The first call opens the file.
  [[nodiscard]] uint64_t Us();

 private:
  static constexpr int kNotOpened = -1, kUnknown = -2;

  int descriptor_ = kNotOpened;
};

}  // namespace cachenode
