#include "storage/bucket_array.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>

#include "storage/base/memory_pages.h"

namespace cachenode {
namespace {

TEST(BucketArray, AnswersTheExtentsOfItsBucketsInOrder) {
  constexpr uint64_t kBucketsPerExtent = kHugePageBytes / sizeof(Bucket);
  const std::unique_ptr<BucketArray> array = BucketArray::Create(2 * kBucketsPerExtent + 100);
  ASSERT_NE(array, nullptr);
  char* const first = reinterpret_cast<char*>(array->buckets());
  EXPECT_EQ(reinterpret_cast<uintptr_t>(first) % kHugePageBytes, 0U);
  EXPECT_EQ(array->TakeExtent(), first);
  EXPECT_EQ(array->TakeExtent(), first + kHugePageBytes);
  EXPECT_EQ(array->TakeExtent(), nullptr);
}

TEST(BucketArray, HasNoExtentsWhenSmall) {
  for (const uint64_t count : {uint64_t{8}, uint64_t{1000}, kHugePageBytes / sizeof(Bucket) - 1}) {
    const std::unique_ptr<BucketArray> array = BucketArray::Create(count);
    ASSERT_NE(array, nullptr);
    EXPECT_EQ(array->TakeExtent(), nullptr) << count;
  }
}

}  // namespace
}  // namespace cachenode
