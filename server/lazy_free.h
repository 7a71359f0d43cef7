// Erasing keys and whole databases without stalling the loop: what is large and owns all its memory is freed by the
// background pool.
//
// Aggregates of many heap blocks and very long strings come here whatever removed them and whatever the options say:
// the keyspace hands them to BackgroundReclaimer, as no option of Redis' is a reason to stall a loop. The options
// lazyfree-lazy-* decide on what lies between: strings from kBackgroundBytesMin on, and whole databases.
// Thread-safety: EraseKey and Reclaim under the key's shard lock; the rest on any thread that owns what it hands over.
// Limits: strings, groups and consumers from kBackgroundBytesMin on go to the pool; when its queue is full they are
//   freed on the spot.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "server/server_parts.h"
#include "storage/key_slot.h"
#include "storage/shard_store.h"
#include "storage/value/stream_group.h"
#include "storage/value/value_reclaimer.h"

namespace cachenode {

class BackgroundPool;
struct NodeState;

enum class FreeWhere : uint8_t { kHere, kBackground };

inline constexpr size_t kBackgroundBytesMin = 64 * 1024;

// Erases the key of `slot`, which exists.
void EraseKey(const ServerParts& parts, KeySlot& slot, FreeWhere where);

// Frees a consumer group taken out of its stream, with what was pending for it.
void FreeGroup(const ServerParts& parts, StreamGroupRef group);
// The same for a consumer taken out of its group.
void FreeConsumer(const ServerParts& parts, RemovedConsumer removed);

// Frees what a flush took away, `keys` of them. In the background each counts as an object freed so.
void FreeDetached(const ServerParts& parts, std::vector<std::unique_ptr<DetachedShard>> detached, uint64_t keys,
                  FreeWhere where);

class BackgroundReclaimer final : public ValueReclaimer {
 public:
  // Neither is owned; both outlive the keyspace that uses this.
  BackgroundReclaimer(BackgroundPool& pool, NodeState& state) noexcept : pool_(pool), state_(state) {}
  void Reclaim(const RemovedValue& removed) noexcept override;

 private:
  BackgroundPool& pool_;
  NodeState& state_;
};

}  // namespace cachenode
