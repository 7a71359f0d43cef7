// What every large aggregate's root begins with: a count of references, so that a snapshot, a copy or the background
// pool can hold a value that its key goes on changing.
//
// A large aggregate is a tree of nodes that live in the memory facade, each with a count of its own. A node with more
// than one reference is immutable; who wants to change one copies it first, takes a reference to each child, and drops
// its own to the old one. So holding a root keeps the whole value as it is now, for the price of the nodes touched
// later, and any thread may read what it holds without a lock.
// Thread-safety: counts are atomic. A node is changed only under the shard's lock by the holder of its one reference,
//   and IsUnique is asked on the path from the root downwards: below a shared node nothing is unique.
// Invariants: children are counted once per parent. The last reference frees the node, on whatever thread that is.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "storage/value/value.h"

namespace cachenode {

class NodeRefs {
 public:
  NodeRefs() noexcept = default;
  NodeRefs(const NodeRefs&) = delete;
  NodeRefs& operator=(const NodeRefs&) = delete;

  [[nodiscard]] bool IsUnique() const noexcept { return refs_.load(std::memory_order_acquire) == 1; }
  void AddRef() noexcept { refs_.fetch_add(1, std::memory_order_relaxed); }
  // True when that was the last one: the caller frees the node, and drops its references to the children.
  [[nodiscard]] bool DropRef() noexcept {
    // Most nodes have one owner: no locked instruction for them.
    return IsUnique() || refs_.fetch_sub(1, std::memory_order_acq_rel) == 1;
  }

 private:
  std::atomic<uint32_t> refs_{1};
};

// The base of LargeList, LargeSet and so on. What an entry holds is the address of this base.
class SharedRoot : public NodeRefs {
 public:
  // Bytes of this value, root and nodes, as if it shared none: what the key is charged. O(1).
  [[nodiscard]] size_t memory_bytes() const noexcept { return memory_bytes_; }
  void AddMemory(int64_t delta_bytes) noexcept { memory_bytes_ += static_cast<size_t>(delta_bytes); }

 private:
  size_t memory_bytes_ = 0;
};

// The address an entry holds as the value of a large aggregate.
[[nodiscard]] inline SharedRoot* LoadRoot(const char* value) noexcept {
  SharedRoot* root;
  std::memcpy(&root, value, sizeof(root));
  return root;
}
inline void StoreRoot(SharedRoot* root, char* value) noexcept { std::memcpy(value, &root, sizeof(root)); }

}  // namespace cachenode
