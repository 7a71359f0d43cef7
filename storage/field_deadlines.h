// The hashes of one shard that have fields with deadlines, by database, in the order of their earliest deadline: what
// active expiry of fields goes by, and what `subexpiry` counts.
//
// A hash is known by the hash of its key: 64 bits, so no key is copied; who looks an entry up checks what it found.
// KeySlot keeps this exact: it tells of every hash that comes, goes, or changes its earliest deadline.
// Thread-safety: guarded by the shard's lock, except the relaxed figures.
// Cost: a tree node of about 48 bytes for a hash with deadlines, nothing for others.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "storage/memory_account.h"
#include "storage/shard_router.h"

namespace cachenode {

class FieldDeadlines {
 public:
  explicit FieldDeadlines(uint32_t database_count);

  // The hash at `key` has its earliest field deadline then. Ignored when it is known.
  void Insert(uint32_t db, KeyHash key, int64_t earliest_ms);
  // It no longer does. Ignored when it is not known.
  void Erase(uint32_t db, KeyHash key, int64_t earliest_ms);

  struct Due {
    uint32_t db;
    KeyHash key;
    int64_t earliest_ms;
  };
  // The hash of any database with the earliest deadline, if that is at or before `now_ms`.
  [[nodiscard]] bool FindDue(int64_t now_ms, Due& due) const;

  void Swap(uint32_t first, uint32_t second) noexcept;
  void Clear(uint32_t db) noexcept;

  // Relaxed figures. No deadline is earlier; INT64_MAX without any.
  [[nodiscard]] int64_t earliest_ms() const noexcept { return earliest_ms_.load(std::memory_order_relaxed); }
  [[nodiscard]] uint64_t Count(uint32_t db) const noexcept { return counts_[db].Get(); }

 private:
  using Ordered = std::set<std::pair<int64_t, uint64_t>>;  // Deadline, hash of the key.

  void Changed(uint32_t db) noexcept;

  std::vector<Ordered> hashes_;  // By database; empty before the first insertion.
  std::unique_ptr<OwnedCounter[]> counts_;
  const uint32_t database_count_;
  std::atomic<int64_t> earliest_ms_{INT64_MAX};
};

}  // namespace cachenode
