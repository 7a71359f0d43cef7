// Who frees what is too large to free under a shard's lock. Implemented by the server over its background pool.
//
// Thread-safety: Reclaim is called under the shard's lock, on any thread; it takes leaf locks only and never blocks.
#pragma once

#include <cstring>

#include "storage/value/value.h"

namespace cachenode {

// A value taken out of its entry: its external memory, and what is needed to free it on any thread.
struct RemovedValue {
  ValueType type = ValueType::kString;
  Encoding encoding = 0;
  char value[sizeof(void*)] = {};  // The bytes that stood in the entry: one pointer.

  void Free() const noexcept {
    char bytes[sizeof(value)];
    std::memcpy(bytes, value, sizeof(bytes));
    OpsOf(type).free_external(encoding, bytes);
  }
};

class ValueReclaimer {
 public:
  virtual ~ValueReclaimer() = default;
  // Frees `removed` later, or at once when it cannot be taken.
  virtual void Reclaim(const RemovedValue& removed) noexcept = 0;
};

// A value of at least so many heap blocks is handed to the reclaimer.
inline constexpr size_t kReclaimBlocksMin = 64;
// And so is one of few but large blocks: a long string.
inline constexpr size_t kReclaimBytesMin = size_t{1} << 20;

}  // namespace cachenode
