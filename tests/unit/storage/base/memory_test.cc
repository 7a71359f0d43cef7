#include "storage/base/memory.h"

#include <gtest/gtest.h>

#include <cstring>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "storage/base/byte_block.h"

namespace cachenode {
namespace {

TEST(Memory, CountsWhatIsInUse) {
  const size_t before = memory::UsedBytes();
  void* block = memory::Allocate(1000);
  ASSERT_NE(block, nullptr);
  EXPECT_EQ(memory::UsedBytes(), before + 1000);
  block = memory::Reallocate(block, 1000, 5000);
  ASSERT_NE(block, nullptr);
  EXPECT_EQ(memory::UsedBytes(), before + 5000);
  memory::Free(block, 5000);
  EXPECT_EQ(memory::UsedBytes(), before);
  memory::Free(memory::Allocate(0), 0);
  memory::Free(nullptr, 10);
  EXPECT_EQ(memory::UsedBytes(), before);
}

#if defined(CACHENODE_ALLOCATOR_JEMALLOC) || defined(CACHENODE_ALLOCATOR_MIMALLOC)
// A compiler may leave out an allocation nobody looks at; Clang does.
void Keep(const void* block) { asm volatile("" : : "r"(block) : "memory"); }

TEST(Memory, CountsContainers) {
  const size_t before = memory::UsedBytes();
  {
    const std::vector<char> bytes(100'000, 'x');
    Keep(bytes.data());
    EXPECT_GE(memory::UsedBytes(), before + bytes.size());
    struct alignas(256) Wide {
      char bytes[256];
    };
    const std::vector<Wide> wide(100);
    Keep(wide.data());
    EXPECT_EQ(reinterpret_cast<uintptr_t>(wide.data()) % 256, 0U);
    EXPECT_GE(memory::UsedBytes(), before + bytes.size() + 100 * sizeof(Wide));
    EXPECT_EQ(operator new(memory::kAllocationBytesMax * 2, std::nothrow), nullptr);
  }
  EXPECT_EQ(memory::UsedBytes(), before);
}
#endif

TEST(Memory, AnswersNullToWhatCannotBe) {
  const size_t before = memory::UsedBytes();
  EXPECT_EQ(memory::Allocate(SIZE_MAX), nullptr);
  EXPECT_EQ(memory::Allocate(memory::kAllocationBytesMax + 1), nullptr);
  void* block = memory::Allocate(10);
  std::memcpy(block, "0123456789", 10);
  EXPECT_EQ(memory::Reallocate(block, 10, SIZE_MAX / 2), nullptr);
  EXPECT_EQ(std::memcmp(block, "0123456789", 10), 0);
  memory::Free(block, 10);
  EXPECT_EQ(memory::UsedBytes(), before);
}

TEST(Memory, AlignsWhenAsked) {
  for (const size_t alignment : {size_t{64}, size_t{4096}, size_t{1} << 21}) {
    void* block = memory::AllocateAligned(alignment, 3 * alignment);
    ASSERT_NE(block, nullptr);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(block) % alignment, 0U);
    memory::FreeAligned(block, alignment, 3 * alignment);
  }
}

// Runs `work(index)` on 150 threads at once, more than there are counters.
template <typename Work>
void RunOnThreads(Work work) {
  std::vector<std::thread> threads;
  for (size_t i = 0; i < 150; ++i) threads.emplace_back([&work, i] { work(i); });
  for (std::thread& thread : threads) thread.join();
}

TEST(Memory, CountsAcrossThreadsThatComeAndGo) {
  std::vector<void*> blocks(150);
  const size_t before = memory::UsedBytes();
  RunOnThreads([&](size_t i) { blocks[i] = memory::Allocate(100 + i); });
  EXPECT_EQ(memory::UsedBytes(), before + 150 * 100 + 149 * 150 / 2);
  RunOnThreads([&](size_t i) { memory::Free(blocks[149 - i], 100 + 149 - i); });
  EXPECT_EQ(memory::UsedBytes(), before);
}

TEST(Memory, TellsAboutTheAllocator) {
  EXPECT_FALSE(memory::AllocatorName().empty());
  EXPECT_GT(memory::ResidentSetBytes(), 100'000U);
  void* block = memory::Allocate(size_t{8} << 20);
  ASSERT_NE(block, nullptr);
  std::memset(block, 1, size_t{8} << 20);
  const memory::AllocatorStats stats = memory::Stats();
  EXPECT_GE(stats.allocated_bytes, size_t{8} << 20);
  EXPECT_GE(stats.resident_bytes, size_t{8} << 20);
  memory::Free(block, size_t{8} << 20);
  memory::Purge();
}

TEST(Memory, GoodSizeIsNeverLess) {
  for (size_t size = 1; size < 100'000; size += 7) EXPECT_GE(memory::GoodSize(size), size);
  EXPECT_GE(memory::GoodSize(SIZE_MAX), SIZE_MAX);
}

TEST(ByteBlock, IsSharedAndFreedByTheLast) {
  const size_t before = memory::UsedBytes();
  {
    ByteBlockRef first = ByteBlockRef::Copy("hello", 100);
    EXPECT_GE(first->capacity(), 100U);
    EXPECT_TRUE(first->IsUnique());
    {
      const ByteBlockRef second = first;
      EXPECT_FALSE(first->IsUnique());
      EXPECT_EQ(second->view(), "hello");
    }
    EXPECT_TRUE(first->IsUnique());
    ByteBlock* bare = first.Release();
    EXPECT_FALSE(first);
    ByteBlockRef shared = ByteBlockRef::Share(bare);
    EXPECT_FALSE(shared->IsUnique());
    bare->DropRef();
    EXPECT_TRUE(shared->IsUnique());
    EXPECT_EQ(memory::UsedBytes(), before + shared->MemoryBytes());
  }
  EXPECT_EQ(memory::UsedBytes(), before);
}

TEST(ByteBlock, GrowsAndKeepsItsBytes) {
  ByteBlockRef block = ByteBlockRef::Copy("0123456789");
  ASSERT_TRUE(block.Reserve(100'000));
  EXPECT_EQ(block->view(), "0123456789");
  EXPECT_GE(block->capacity(), 100'000U);
  block->SetSize(100'000);
  block->mutable_data()[99'999] = 'x';
  EXPECT_FALSE(block.Reserve(SIZE_MAX / 2));
  EXPECT_EQ(block->view().back(), 'x');
  block->SetSize(3);
  ASSERT_TRUE(block.Reserve(3));
  EXPECT_EQ(block->view(), "012");
  EXPECT_LT(block->capacity(), 1000U);
  EXPECT_FALSE(ByteBlockRef::Create(SIZE_MAX));
}

}  // namespace
}  // namespace cachenode
