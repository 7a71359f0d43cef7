#include "storage/base/memory_pages.h"

#include <sys/mman.h>
#include <unistd.h>

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

}  // namespace cachenode
