// Where the process' memory is, in the terms of INFO memory and MEMORY STATS.
//
// Thread-safety: Gather may be called by any thread; figures of several moments stand side by side.
// Cost: asks the allocator and the kernel: tens of microseconds.
#pragma once

#include <cstdint>

#include "server/server_parts.h"
#include "storage/base/memory.h"
#include "storage/memory_account.h"

namespace cachenode {

struct MemoryReport {
  uint64_t used = 0;          // What counts against maxmemory, plus buffers.
  uint64_t resident = 0;      // Of the process.
  uint64_t peak = 0;          // Largest `used` ever seen.
  uint64_t startup = 0;       // `used` when the node was ready.
  uint64_t overhead = 0;      // Of `used`, what is not keys and values.
  uint64_t dataset = 0;       // The rest.
  uint64_t system_total = 0;  // Memory of the machine.
  uint64_t key_count = 0;
  uint64_t snapshot_buffers = 0;
  uint64_t uncounted = 0;     // Of `used`, what does not count against maxmemory.
  uint64_t client_bytes = 0;  // Buffers and state of the clients.
  MemoryFigures keyspace;
  memory::AllocatorStats allocator;

  [[nodiscard]] double DatasetPercent() const;
  [[nodiscard]] double PeakPercent() const { return peak == 0 ? 100.0 : 100.0 * Ratio(used, peak); }
  [[nodiscard]] static double Ratio(uint64_t a, uint64_t b) {
    return b == 0 ? 0.0 : static_cast<double>(a) / static_cast<double>(b);
  }
  [[nodiscard]] static int64_t Difference(uint64_t a, uint64_t b) {
    return static_cast<int64_t>(a) - static_cast<int64_t>(b);
  }
};

[[nodiscard]] MemoryReport GatherMemory(const ServerParts& parts);
// Notes `used` as the peak if it is. Called by worker 0 a few times a second.
void NotePeakMemory(const ServerParts& parts);
// Notes what the empty node uses, once, before it serves.
void NoteStartupMemory(const ServerParts& parts);

}  // namespace cachenode
