#include "storage/base/memory_ceiling.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "storage/base/numbers.h"

namespace cachenode {
namespace {

// The number in the first line of `path`; 0 for "max", for a file that is not there and for nonsense.
uint64_t ReadLimit(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  uint64_t value = 0;
  return TryParseUint64(line, value) ? value : 0;
}

// The smallest limit of `group` and the groups above it.
uint64_t SmallestUpwards(const std::string& root, std::string group, const std::string& file) {
  uint64_t smallest = 0;
  for (;;) {
    const uint64_t limit = ReadLimit(std::string(root).append(group).append("/").append(file));
    if (limit != 0 && (smallest == 0 || limit < smallest)) smallest = limit;
    if (group.empty() || group == "/") return smallest;
    group.erase(group.find_last_of('/'));
  }
}

uint64_t MachineBytes() {
  return static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace

uint64_t ReadGroupMemoryLimit(const std::string& group_file, const std::string& mount) {
  std::ifstream file(group_file);
  uint64_t smallest = 0;
  // Lines are "<id>:<controllers>:<group>"; version 2 has no controllers.
  for (std::string line; std::getline(file, line);) {
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const std::string group = line.substr(second + 1);
    uint64_t limit = 0;
    if (controllers == ",,") limit = SmallestUpwards(mount, group, "memory.max");
    if (controllers.find(",memory,") != std::string::npos) {
      limit = SmallestUpwards(mount + "/memory", group, "memory.limit_in_bytes");
    }
    if (limit != 0 && (smallest == 0 || limit < smallest)) smallest = limit;
  }
  return smallest < MachineBytes() ? smallest : 0;
}

uint64_t MachineMemoryForProcess() {
  const uint64_t limit = ReadGroupMemoryLimit("/proc/self/cgroup", "/sys/fs/cgroup");
  return limit != 0 ? limit : MachineBytes();
}

uint64_t MemoryCeilingFor(uint64_t limit_bytes) {
  constexpr uint64_t kSpare = uint64_t{16} << 20;
  if (limit_bytes == 0) return 0;
  return std::max(limit_bytes / 2, limit_bytes - limit_bytes / 8 - std::min(kSpare, limit_bytes / 4));
}

}  // namespace cachenode
