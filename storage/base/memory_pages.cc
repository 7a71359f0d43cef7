#include "storage/base/memory_pages.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

namespace cachenode {
namespace {

void AdviseWholePages(char* begin, size_t size_bytes, int advice) noexcept {
  static const auto page_bytes = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const uintptr_t into_page = reinterpret_cast<uintptr_t>(begin) % page_bytes;
  const uintptr_t skipped = into_page == 0 ? 0 : page_bytes - into_page;
  if (size_bytes < skipped + page_bytes) return;
  static_cast<void>(madvise(begin + skipped, (size_bytes - skipped) / page_bytes * page_bytes, advice));
}

}  // namespace

void MakePagesPresent(char* begin, size_t size_bytes) noexcept {
  AdviseWholePages(begin, size_bytes, MADV_POPULATE_WRITE);
}

void DropPages(char* begin, size_t size_bytes) noexcept { AdviseWholePages(begin, size_bytes, MADV_DONTNEED); }

char* MapForHugePages(size_t size_bytes, int protection) noexcept {
  const auto page_bytes = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t wanted = (size_bytes + page_bytes - 1) / page_bytes * page_bytes;
  void* at = mmap(nullptr, wanted + kHugePageBytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) return nullptr;
  char* const mapped = static_cast<char*>(at);
  const size_t before = (kHugePageBytes - reinterpret_cast<uintptr_t>(mapped) % kHugePageBytes) % kHugePageBytes;
  if (before != 0) munmap(mapped, before);
  munmap(mapped + before + wanted, kHugePageBytes - before);
  return mapped + before;
}

Collapse CollapseIntoHugePage(char* begin) noexcept {
#ifdef MADV_COLLAPSE
  constexpr int kAdvice = MADV_COLLAPSE;
#else
  constexpr int kAdvice = 25;  // Headers before Linux 6.1 do not name it.
#endif
  if (madvise(begin, kHugePageBytes, kAdvice) == 0) return Collapse::kDone;
  return errno == EINVAL ? Collapse::kRefused : Collapse::kNotNow;
}

}  // namespace cachenode
