// A stream in memory: its nodes of entries, its consumer groups, and what it remembers of its history.
//
// Thread-safety: as SharedRoot: read without a lock by who holds a reference; changed by StreamValue, under the shard's
//   lock, while unique.
// Invariants: nodes are in ascending order, each holds at least one live entry; length() is their sum. first_id() is
// the
//   first live entry's, 0-0 when there is none. last_id() is not below any entry's.
// Errors: Err::kOutOfMemory, with the stream as it was where a method does not say otherwise.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "storage/base/result.h"
#include "storage/value/counted_tree.h"
#include "storage/value/pointer_array.h"
#include "storage/value/shared_root.h"
#include "storage/value/stream_group.h"
#include "storage/value/stream_id.h"
#include "storage/value/stream_node.h"

namespace cachenode {

// What a stream remembers beside its entries.
struct StreamHistory {
  StreamId last_id;         // The highest id ever given, or set by XSETID.
  StreamId first_id;        // Of the first live entry.
  StreamId max_deleted_id;  // The highest id XDEL removed.
  uint64_t entries_added = 0;
};

class StreamRoot final : public SharedRoot {
 public:
  using Tree = CountedTree<StreamNodeTraits>;

  [[nodiscard]] static StreamRoot* Create() noexcept;
  [[nodiscard]] StreamRoot* CloneShallow() const noexcept;
  // Drops one reference; the last frees all, without recursion.
  static void Drop(StreamRoot* root) noexcept;

  [[nodiscard]] uint64_t length() const noexcept { return nodes_.element_count(); }
  [[nodiscard]] const StreamHistory& history() const noexcept { return history_; }
  [[nodiscard]] const Tree& nodes() const noexcept { return nodes_; }
  [[nodiscard]] uint32_t group_count() const noexcept { return groups_.count(); }
  [[nodiscard]] const StreamGroup& group(uint32_t index) const noexcept { return *groups_.at(index); }
  [[nodiscard]] const StreamGroup* FindGroup(std::string_view name) const noexcept;
  // About how many blocks Drop frees.
  [[nodiscard]] size_t block_count() const noexcept;

  // --- Changing; requires that the root is unique. Call SettleMemory at the end. ---

  [[nodiscard]] StreamHistory& history() noexcept { return history_; }
  [[nodiscard]] Tree& nodes() noexcept { return nodes_; }
  // Finds the first live entry again.
  void RefreshFirstId() noexcept;
  // Adds a group; its reference is the root's then. Requires that the name is free. False when there is no memory.
  [[nodiscard]] bool InsertGroup(StreamGroup* group) noexcept;
  [[nodiscard]] StreamGroupRef TakeGroup(uint32_t index) noexcept;
  [[nodiscard]] std::optional<uint32_t> IndexOfGroup(std::string_view name) const noexcept;
  // The group for changing it, made unique. Null when there is no memory.
  [[nodiscard]] StreamGroup* EditGroup(uint32_t index) noexcept;
  // A group that had `before_bytes` was changed.
  void GroupChanged(const StreamGroup& group, size_t before_bytes) noexcept {
    groups_bytes_ += group.memory_bytes() - before_bytes;
  }
  // Brings memory_bytes() up to date and answers by how much it changed. O(1).
  int64_t SettleMemory() noexcept;

 private:
  StreamRoot() noexcept = default;
  ~StreamRoot();

  Tree nodes_;
  StreamHistory history_;
  PointerArray<StreamGroup> groups_;  // In order of their names; one reference each.
  size_t groups_bytes_ = 0;
};

}  // namespace cachenode
