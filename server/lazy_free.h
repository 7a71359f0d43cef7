// Erasing keys and whole databases without stalling the loop: what is large and owns all its memory is freed by the
// background pool.
//
// Thread-safety: EraseKey under the key's shard lock; the rest on any thread that owns what it hands over.
// Limits: values from kBackgroundBytesMin on go to the pool; when its queue is full they are freed on the spot.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "server/server_parts.h"
#include "storage/key_slot.h"
#include "storage/shard_store.h"

namespace cachenode {

enum class FreeWhere : uint8_t { kHere, kBackground };

inline constexpr size_t kBackgroundBytesMin = 64 * 1024;

// Erases the key of `slot`, which exists.
void EraseKey(const ServerParts& parts, KeySlot& slot, FreeWhere where);

// Frees what a flush took away.
void FreeDetached(const ServerParts& parts, std::vector<std::unique_ptr<DetachedShard>> detached, FreeWhere where);

}  // namespace cachenode
