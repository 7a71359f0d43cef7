#include "storage/bucket_array.h"

#include <sys/mman.h>

#include <cstring>
#include <new>

#include "storage/base/memory.h"
#include "storage/base/memory_pages.h"

namespace cachenode {

std::unique_ptr<BucketArray> BucketArray::Create(uint64_t count) noexcept {
  std::unique_ptr<BucketArray> array(new (std::nothrow) BucketArray);
  if (array == nullptr) return nullptr;
  const uint64_t bucket_bytes = count * sizeof(Bucket);
  const uint64_t group_count = (count + kGroupBuckets - 1) >> kGroupBits;
  const uint64_t total_bytes = bucket_bytes + group_count * sizeof(BucketGroup);
  void* at = nullptr;
  if (total_bytes >= kHugePageBytes) {
    at = MapForHugePages(total_bytes, PROT_READ | PROT_WRITE);
    if (at == nullptr) return nullptr;
  } else if (total_bytes >= kMapBytesMin) {
    at = mmap(nullptr, total_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) return nullptr;
  } else {
    at = memory::AllocateAligned(alignof(Bucket), total_bytes);
    if (at == nullptr) return nullptr;
    std::memset(at, 0, bucket_bytes);
  }
  array->buckets_ = static_cast<Bucket*>(at);
  array->groups_ = reinterpret_cast<BucketGroup*>(static_cast<char*>(at) + bucket_bytes);
  for (uint64_t i = 0; i < group_count; ++i) new (&array->groups_[i]) BucketGroup;
  array->count_ = count;
  array->total_bytes_ = total_bytes;
  return array;
}

BucketArray::~BucketArray() {
  if (buckets_ == nullptr) return;
  if (IsMapped()) {
    munmap(buckets_, total_bytes_);
  } else {
    // The next array is larger: the heap would keep these pages for a while, and use them for nothing.
    DropPages(reinterpret_cast<char*>(buckets_), total_bytes_);
    memory::FreeAligned(buckets_, alignof(Bucket), total_bytes_);
  }
}

char* BucketArray::TakeExtent() noexcept {
  if (extents_end_bytes_ + kHugePageBytes > count_ * sizeof(Bucket)) return nullptr;
  char* const extent = reinterpret_cast<char*>(buckets_) + extents_end_bytes_;
  extents_end_bytes_ += kHugePageBytes;
  return extent;
}

void BucketArray::ReleaseBelow(uint64_t end) noexcept {
  if (!IsMapped()) return;
  const uint64_t bytes = (end * sizeof(Bucket)) & ~(kReleaseStepBytes - 1);
  if (bytes <= released_bytes_) return;
  if (madvise(reinterpret_cast<char*>(buckets_) + released_bytes_, bytes - released_bytes_, MADV_DONTNEED) == 0) {
    released_bytes_ = bytes;
  }
}

}  // namespace cachenode
