// Brings the buckets, then the entries, of many keys into the cache, so that a request waits for memory once and not
// once a key.
//
// Thread-safety: inside the world flag; takes no lock.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "server/command_context.h"
#include "storage/keyspace.h"

namespace cachenode {

// Fewer keys than this are not worth a look at each.
inline constexpr size_t kPrefetchWorthKeys = 8;
// Two cache lines each: what lies further ahead would push out of the nearest caches what is needed first.
inline constexpr size_t kPrefetchAheadKeysMax = 2048;

// Nothing when there are few.
inline void PrefetchManyKeys(Keyspace& keyspace, uint32_t db, std::span<const CommandContext::HashedKey> keys) {
  if (keys.size() < kPrefetchWorthKeys) [[likely]]
    return;
  const auto near = keys.first(std::min(keys.size(), kPrefetchAheadKeysMax));
  for (const CommandContext::HashedKey& key : near) keyspace.ShardOf(key.hash).PrefetchBucket(db, key.hash);
  for (const CommandContext::HashedKey& key : near) keyspace.ShardOf(key.hash).PrefetchEntry(db, key.hash);
}

}  // namespace cachenode
