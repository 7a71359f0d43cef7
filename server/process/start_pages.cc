#include "server/process/start_pages.h"

#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

namespace cachenode {
namespace {

extern "C" int ReleaseSegments(dl_phdr_info* object, size_t /*size*/, void* /*unused*/) noexcept {
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = object->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) continue;
    const uintptr_t begin = (object->dlpi_addr + segment.p_vaddr) & ~(page - 1);
    const uintptr_t end = (object->dlpi_addr + segment.p_vaddr + segment.p_filesz) & ~(page - 1);
    // The vDSO is listed as well and refuses.
    // NOLINTNEXTLINE(performance-no-int-to-ptr): the loader gives its addresses as numbers.
    if (end > begin) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
  }
  return 0;
}

}  // namespace

void ReleaseStartPages() noexcept { dl_iterate_phdr(ReleaseSegments, nullptr); }

}  // namespace cachenode
