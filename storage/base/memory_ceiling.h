// The memory this process may have before the kernel kills it: the limit of its control group.
//
// Thread-safety: reads files; call at the start.
// Source: the kernel's documentation of control groups: memory.max (version 2) and memory.limit_in_bytes (version 1);
//   a group is also bound by the groups above it.
#pragma once

#include <cstdint>
#include <string>

namespace cachenode {

// The smallest limit from `group_file` ("/proc/self/cgroup") on upwards, in bytes; 0 when there is none, or when it is
// no less than the machine's memory. `mount` is where control groups are mounted ("/sys/fs/cgroup").
[[nodiscard]] uint64_t ReadGroupMemoryLimit(const std::string& group_file, const std::string& mount);

// What this process can have at most: the machine's memory or less, as its control group allows. In bytes.
[[nodiscard]] uint64_t MachineMemoryForProcess();

// What keys and buffers may take under a limit of `limit_bytes`: an eighth and 16 MB are left for code, stacks and the
// allocator's slack. 0 for no limit.
[[nodiscard]] uint64_t MemoryCeilingFor(uint64_t limit_bytes);

}  // namespace cachenode
