#include "server/cpu_queue_time.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <string_view>

namespace cachenode {

CpuQueueTime::~CpuQueueTime() {
  if (descriptor_ >= 0) close(descriptor_);
}

uint64_t CpuQueueTime::Us() {
  if (descriptor_ == kNotOpened) {
    const int opened = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
    descriptor_ = opened >= 0 ? opened : kUnknown;
  }
  if (descriptor_ < 0) return 0;
  std::array<char, 96> text;
  const ssize_t size = pread(descriptor_, text.data(), text.size(), 0);
  const std::string_view line(text.data(), size > 0 ? static_cast<size_t>(size) : 0);
  const size_t gap = line.find(' ');
  if (gap == std::string_view::npos) return 0;
  uint64_t nanoseconds = 0;
  std::from_chars(line.data() + gap + 1, line.data() + line.size(), nanoseconds);
  return nanoseconds / 1000;
}

}  // namespace cachenode
