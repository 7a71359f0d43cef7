// The memory of one generation of a table: buckets in hash order, and a summary per 256 of them.
//
// Thread-safety: as the table that owns it.
// Invariants: new buckets are all zero. Large arrays are mapped and can give a prefix back to the system; small ones
//   come from the heap.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "storage/bucket.h"

namespace cachenode {

// What is known about 256 neighbouring buckets.
struct BucketGroup {
  int64_t earliest_ms = INT64_MAX;  // No deadline or hint in these buckets is earlier.
  uint32_t volatile_count = 0;      // Entries with a deadline.
};

inline constexpr unsigned kGroupBits = 8;
inline constexpr uint64_t kGroupBuckets = uint64_t{1} << kGroupBits;

class BucketArray {
 public:
  // Null when there is no memory.
  [[nodiscard]] static std::unique_ptr<BucketArray> Create(uint64_t count) noexcept;
  ~BucketArray();
  BucketArray(const BucketArray&) = delete;
  BucketArray& operator=(const BucketArray&) = delete;

  [[nodiscard]] uint64_t count() const noexcept { return count_; }
  [[nodiscard]] Bucket* buckets() const noexcept { return buckets_; }
  [[nodiscard]] BucketGroup* groups() const noexcept { return groups_; }
  [[nodiscard]] uint64_t group_count() const noexcept { return (count_ + kGroupBuckets - 1) >> kGroupBits; }
  // Bytes of buckets and groups that are not given back.
  [[nodiscard]] uint64_t MemoryBytes() const noexcept { return total_bytes_ - released_bytes_; }
  // True when the memory is outside of the memory facade's count.
  [[nodiscard]] bool IsMapped() const noexcept { return total_bytes_ >= kMapBytesMin; }

  // Gives the pages that lie wholly below bucket `end` back to the system. They read as zero afterwards. Cheap when
  // little is new.
  void ReleaseBelow(uint64_t end) noexcept;
  // The next kHugePageBytes of the buckets, so aligned, from the first on; null after the last. For arrays whose
  // buckets are all in use.
  [[nodiscard]] char* TakeExtent() noexcept;

 private:
  static constexpr uint64_t kMapBytesMin = 32 * 1024;
  static constexpr uint64_t kReleaseStepBytes = 64 * 1024;

  BucketArray() = default;

  Bucket* buckets_ = nullptr;
  BucketGroup* groups_ = nullptr;
  uint64_t count_ = 0;
  uint64_t total_bytes_ = 0;
  uint64_t released_bytes_ = 0;
  uint64_t extents_end_bytes_ = 0;  // TakeExtent goes on here.
};

}  // namespace cachenode
