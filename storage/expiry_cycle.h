// Active expiry: erases due keys in bounded slices, shard after shard.
//
// Thread-safety: one cycle per worker, each over its own part of the shards; takes one shard lock at a time, waits for
//   none. Redis' `hz` is how often the server calls Run, `active-expire-effort` scales the budget.
#pragma once

#include <cstdint>

#include "storage/access_context.h"
#include "storage/keyspace.h"

namespace cachenode {

class ExpiryCycle {
 public:
  // Looks after shards `first`, first + step, first + 2 * step, ...
  ExpiryCycle(Keyspace& keyspace, uint32_t first, uint32_t step) noexcept
      : keyspace_(keyspace), first_(first), step_(step), next_(first) {}

  struct Outcome {
    uint64_t expired = 0;
    bool more_due = false;     // Due keys are left: call again soon.
    bool out_of_time = false;  // The budget ended before all were looked at.
  };
  // Erases due keys until none is left or about `budget_us` went by. `context.now_ms` is the time that counts.
  Outcome Run(const AccessContext& context, int64_t budget_us);

  // Keys erased per lock hold: about 20 us.
  static constexpr uint32_t kKeysPerSlice = 64;

 private:
  Keyspace& keyspace_;
  const uint32_t first_;
  const uint32_t step_;
  uint32_t next_;
};

}  // namespace cachenode
