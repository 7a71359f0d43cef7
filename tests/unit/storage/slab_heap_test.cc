#include "storage/slab_heap.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <vector>

#include "storage/base/memory_pages.h"
#include "storage/base/random.h"

namespace cachenode {
namespace {

constexpr ArenaPlan kContiguous{uint64_t{64} << 20, true};
constexpr ArenaPlan kSegments{uint64_t{64} << 20, false};

TEST(SlabHeap, ClassesWasteLittle) {
  for (size_t size = 1; size <= SlabHeap::kBlockBytesMax; ++size) {
    const size_t slot = SlabHeap::SlotBytesFor(size);
    ASSERT_GE(slot, size);
    if (size <= 256) {
      ASSERT_LT(slot - size, 8U) << size;
    } else {
      ASSERT_LE(slot * 8, size * 9 + 8) << size;  // At most an eighth more.
    }
  }
}

bool IsPresent(char* page) {
  unsigned char present = 0;
  EXPECT_EQ(mincore(page, SlabHeap::kPageBytes, &present), 0);
  return (present & 1) != 0;
}

class SlabHeapModes : public ::testing::TestWithParam<ArenaPlan> {};

TEST_P(SlabHeapModes, KeepsBlocksApartAndCountsThem) {
  SlabHeap heap(GetParam());
  Random random(7);
  struct Block {
    size_t size;
    char fill;
  };
  std::map<SlabHeap::Ref, Block> blocks;
  uint64_t expected = 0;
  for (int i = 0; i < 60'000; ++i) {
    if (blocks.empty() || random.Below(5) < (i < 30'000 ? 3U : 2U)) {
      const size_t size = 1 + random.Below(random.Below(8) == 0 ? SlabHeap::kBlockBytesMax : 100);
      const SlabHeap::Ref ref = heap.Allocate(size);
      ASSERT_NE(ref, SlabHeap::kNull);
      const char fill = static_cast<char>(random.Next());
      std::memset(heap.Address(ref), fill, size);
      ASSERT_TRUE(blocks.emplace(ref, Block{size, fill}).second);
      expected += SlabHeap::SlotBytesFor(size);
      ASSERT_EQ(heap.SlotBytes(ref), SlabHeap::SlotBytesFor(size));
    } else {
      auto it = blocks.lower_bound(static_cast<SlabHeap::Ref>(random.Below(blocks.rbegin()->first + 1)));
      const SlabHeap::Ref ref = it->first;
      const Block block = it->second;
      const char* bytes = heap.Address(ref);
      ASSERT_TRUE(std::all_of(bytes, bytes + block.size, [&](char c) { return c == block.fill; }));
      expected -= SlabHeap::SlotBytesFor(block.size);
      heap.Free(ref);
      blocks.erase(it);
    }
    if (i % 1000 == 0) static_cast<void>(heap.ReleasePages(static_cast<uint32_t>(random.Below(50))));
    ASSERT_EQ(heap.used_bytes(), expected);
    ASSERT_GE(heap.page_bytes(), expected);
  }
  for (const auto& [ref, block] : blocks) heap.Free(ref);
  EXPECT_EQ(heap.used_bytes(), 0U);
  while (heap.ReleasePages(1000) != 0) {
  }
  EXPECT_EQ(heap.page_bytes(), 0U);
  EXPECT_EQ(heap.empty_pages(), 0U);
}

TEST_P(SlabHeapModes, FullArenaAnswersNullAndRecovers) {
  ArenaPlan plan = GetParam();
  plan.reserve_bytes = uint64_t{2} << 20;
  SlabHeap heap(plan);
  std::vector<SlabHeap::Ref> refs;
  while (const SlabHeap::Ref ref = heap.Allocate(1000)) refs.push_back(ref);
  EXPECT_GT(refs.size(), 1900U);
  EXPECT_EQ(heap.Allocate(1000), SlabHeap::kNull);
  for (const SlabHeap::Ref ref : refs) heap.Free(ref);
  EXPECT_NE(heap.Allocate(4096), SlabHeap::kNull);
}

TEST_P(SlabHeapModes, BucketsAreAligned) {
  SlabHeap heap(GetParam());
  for (int i = 0; i < 1000; ++i) {
    const SlabHeap::Ref ref = heap.Allocate(64);
    ASSERT_EQ(reinterpret_cast<uintptr_t>(heap.Address(ref)) % 64, 0U);
    static_cast<void>(heap.Allocate(8 + static_cast<size_t>(i)));
  }
}

TEST_P(SlabHeapModes, MovingEmptiesSparsePages) {
  SlabHeap heap(GetParam());
  std::vector<SlabHeap::Ref> refs;
  for (int i = 0; i < 50'000; ++i) refs.push_back(heap.Allocate(40));
  std::vector<SlabHeap::Ref> kept;
  for (size_t i = 0; i < refs.size(); ++i) {
    if (i % 10 == 0) {
      kept.push_back(refs[i]);
    } else {
      heap.Free(refs[i]);
    }
  }
  for (int round = 0; round < 8; ++round) {
    for (SlabHeap::Ref& ref : kept) {
      const SlabHeap::Ref target = heap.AllocateForMove(ref);
      if (target == SlabHeap::kNull) continue;
      heap.Free(ref);
      ref = target;
    }
  }
  while (heap.ReleasePages(1000) != 0) {
  }
  EXPECT_LE(heap.page_bytes(), heap.used_bytes() + 8 * SlabHeap::kPageBytes);
}

// Nobody writes to the blocks, so who is there was asked for.
TEST_P(SlabHeapModes, ALargeHeapAsksForPagesAhead) {
  SlabHeap heap(GetParam());
  constexpr size_t kPages = 3000;
  constexpr size_t kAskingFrom = 600;
  std::vector<char*> pages;
  size_t ahead = 0;
  for (size_t i = 0; i < kPages; ++i) {
    pages.push_back(heap.Address(heap.Allocate(SlabHeap::kPageBytes)));
    if (i >= kAskingFrom && IsPresent(pages.back() + SlabHeap::kPageBytes)) ++ahead;
  }
  if (madvise(pages[0], SlabHeap::kPageBytes, MADV_POPULATE_WRITE) != 0) {
    GTEST_SKIP() << "the kernel is older than 5.14";
  }
  EXPECT_FALSE(IsPresent(pages[100]));
  for (size_t i = kAskingFrom; i < kPages; ++i) ASSERT_TRUE(IsPresent(pages[i])) << i;
  EXPECT_GT(ahead, (kPages - kAskingFrom) / 2);
}

std::vector<SlabHeap::Ref> FillWithPages(SlabHeap& heap, size_t count) {
  std::vector<SlabHeap::Ref> pages;
  for (size_t i = 0; i < count; ++i) pages.push_back(heap.Allocate(SlabHeap::kPageBytes));
  return pages;
}

// All that the heap answers until it has nothing more for a while.
std::vector<char*> TakeExtents(SlabHeap& heap) {
  std::vector<char*> extents;
  for (int fruitless = 0; fruitless < 10;) {
    if (char* const extent = heap.TakeFullExtent(); extent != nullptr) {
      extents.push_back(extent);
    } else {
      ++fruitless;
    }
  }
  std::sort(extents.begin(), extents.end());
  return extents;
}

constexpr size_t kPagesPerExtent = kHugePageBytes / SlabHeap::kPageBytes;

TEST(SlabHeapExtents, AreAnsweredOnceWhenFull) {
  SlabHeap heap(kContiguous);
  EXPECT_EQ(heap.TakeFullExtent(), nullptr);
  const std::vector<SlabHeap::Ref> pages = FillWithPages(heap, 20 * kPagesPerExtent + 100);
  const std::vector<char*> extents = TakeExtents(heap);
  ASSERT_EQ(extents.size(), 20U);  // The last is not full yet.
  for (size_t i = 0; i < extents.size(); ++i) {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(extents[i]) % kHugePageBytes, 0U);
    EXPECT_EQ(extents[i], extents[0] + i * kHugePageBytes);
  }
  EXPECT_EQ(extents[0], heap.Address(pages[0]) - SlabHeap::kPageBytes);  // Page 0 is never used.
  EXPECT_TRUE(TakeExtents(heap).empty());
}

TEST(SlabHeapExtents, AreAnsweredAgainOnceWhatWasGivenBackIsFull) {
  SlabHeap heap(kContiguous);
  const std::vector<SlabHeap::Ref> pages = FillWithPages(heap, 4 * kPagesPerExtent);
  const std::vector<char*> extents = TakeExtents(heap);
  ASSERT_EQ(extents.size(), 4U);
  constexpr size_t kFreed = 20;  // More than may be missing in one that counts as full.
  for (size_t i = 0; i < kFreed; ++i) heap.Free(pages[2 * kPagesPerExtent + 2 * i]);
  EXPECT_TRUE(TakeExtents(heap).empty());  // Empty pages that are still there change nothing.
  EXPECT_EQ(heap.ReleasePages(1000), kFreed);
  EXPECT_TRUE(TakeExtents(heap).empty());  // Now it has holes.
  static_cast<void>(FillWithPages(heap, kFreed));
  EXPECT_EQ(TakeExtents(heap), std::vector<char*>{extents[2]});
}

TEST(SlabHeapExtents, OfRunsThatLeaveGapsAreFullToo) {
  SlabHeap heap(kContiguous);
  while (heap.page_bytes() < 3 * kHugePageBytes) {
    for (const size_t size : {24U, 200U, 1000U, 2500U, 3900U}) ASSERT_NE(heap.Allocate(size), SlabHeap::kNull);
  }
  EXPECT_GE(TakeExtents(heap).size(), 2U);
}

TEST(SlabHeapExtents, AreNotToBeHadInSegments) {
  SlabHeap heap(kSegments);
  static_cast<void>(FillWithPages(heap, 3 * kPagesPerExtent));
  EXPECT_EQ(heap.TakeFullExtent(), nullptr);
}

INSTANTIATE_TEST_SUITE_P(Modes, SlabHeapModes, ::testing::Values(kContiguous, kSegments));

TEST(SlabHeapDeathTest, SanitizersSeeAnOverflowAndAUseAfterFree) {
  if constexpr (!kAddressSanitizer) GTEST_SKIP() << "needs an address sanitizer build";
  SlabHeap heap(kSegments);
  const SlabHeap::Ref ref = heap.Allocate(37);
  volatile char* bytes = heap.Address(ref);
  bytes[36] = 1;
  EXPECT_DEATH(bytes[37] = 1, "use-after-poison");
  heap.Free(ref);
  EXPECT_DEATH(bytes[5] = 1, "use-after-poison");
}

TEST(PlanArena, HonoursOverrideAndBounds) {
  const ArenaPlan plan = PlanArena(uint64_t{1} << 40, 16, uint64_t{3} << 20);
  EXPECT_EQ(plan.reserve_bytes, uint64_t{3} << 20);
  EXPECT_LE(PlanArena(uint64_t{1} << 50, 16, 0).reserve_bytes, SlabHeap::kReserveBytesMax);
  EXPECT_GE(PlanArena(1, 16, 0).reserve_bytes, uint64_t{64} << 20);
}

}  // namespace
}  // namespace cachenode
