#include "storage/base/memory_pages.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <vector>

namespace cachenode {
namespace {

TEST(MemoryPages, BringsWholePagesOnlyAndKeepsTheirContent) {
  constexpr size_t kPages = 6;
  const auto page_bytes = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  void* mapped =
      mmap(nullptr, kPages * page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ASSERT_NE(mapped, MAP_FAILED);
  char* const at = static_cast<char*>(mapped);
  // A huge page would be there as a whole.
  ASSERT_EQ(madvise(at, kPages * page_bytes, MADV_NOHUGEPAGE), 0);
  if (madvise(at + 5 * page_bytes, page_bytes, MADV_POPULATE_WRITE) != 0) GTEST_SKIP() << "the kernel is older";
  at[2 * page_bytes] = 'x';

  MakePagesPresent(at + 1, page_bytes);      // No whole page.
  MakePagesPresent(at + 1, 3 * page_bytes);  // Pages 1 and 2.
  std::vector<unsigned char> present(kPages);
  ASSERT_EQ(mincore(at, kPages * page_bytes, present.data()), 0);
  EXPECT_EQ(present[0] & 1, 0);
  EXPECT_EQ(present[1] & 1, 1);
  EXPECT_EQ(present[2] & 1, 1);
  EXPECT_EQ(present[3] & 1, 0);
  EXPECT_EQ(at[2 * page_bytes], 'x');

  DropPages(at + page_bytes, 2 * page_bytes - 1);  // Page 1.
  ASSERT_EQ(mincore(at, kPages * page_bytes, present.data()), 0);
  EXPECT_EQ(present[1] & 1, 0);
  EXPECT_EQ(present[2] & 1, 1);
  EXPECT_EQ(at[2 * page_bytes], 'x');
  EXPECT_EQ(munmap(at, kPages * page_bytes), 0);
}

TEST(MemoryPages, CollapsesIntoAHugePageAndKeepsTheContent) {
  constexpr size_t kBytes = kHugePageBytes + 3 * 4096 + 1;
  char* const at = MapForHugePages(kBytes, PROT_READ | PROT_WRITE);
  ASSERT_NE(at, nullptr);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(at) % kHugePageBytes, 0U);
  for (size_t i = 0; i < kBytes; i += 4096) std::memcpy(at + i, &i, sizeof(i));
  at[kBytes - 1] = 'x';
  const Collapse result = CollapseIntoHugePage(at);
  for (size_t i = 0; i < kBytes - 1; i += 4096) ASSERT_EQ(std::memcmp(at + i, &i, sizeof(i)), 0) << i;
  EXPECT_EQ(at[kBytes - 1], 'x');
  EXPECT_EQ(munmap(at, kBytes), 0);
  EXPECT_NE(CollapseIntoHugePage(at), Collapse::kDone);  // Nothing is there any more.
  if (result != Collapse::kDone) GTEST_SKIP() << "no huge page to be had here";
}

}  // namespace
}  // namespace cachenode
