// One key with its value as walkers see it: SCAN, KEYS, snapshots, digests.
//
// Thread-safety: borrowed bytes; valid under the shard's lock (or inside a detached shard) until the next change.
#pragma once

#include <cstdint>
#include <string_view>

#include "storage/value/string_value.h"
#include "storage/value/value.h"

namespace cachenode {

struct EntryView {
  std::string_view key;
  ValueType type = ValueType::kString;
  Encoding encoding = 0;
  int64_t expire_at_ms = -1;    // Unix milliseconds; -1: none.
  uint32_t access = 0;          // 24 bits: the LRU clock in seconds, or LFU minutes << 8 | counter.
  const char* value = nullptr;  // The value's bytes in the entry, in the layout of type and encoding.

  [[nodiscard]] bool IsExpired(int64_t now_ms) const noexcept { return expire_at_ms >= 0 && expire_at_ms <= now_ms; }
  // Requires type == kString. To keep a block beyond the lock: ByteBlockRef::Share(String().block()).
  [[nodiscard]] StringView String() const noexcept { return {encoding, value}; }
};

// A value of a SharedRoot and its nodes.
[[nodiscard]] inline bool IsLargeAggregate(const EntryView& entry) noexcept {
  return entry.type != ValueType::kString && IsLarge(entry.encoding);
}

}  // namespace cachenode
