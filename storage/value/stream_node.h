// One run of a stream's entries: the listpack that RDB stores, and the block of memory it lies in as a leaf of the
// stream's tree.
//
// Layout of the listpack (persistence/README.md names the source): a master entry, then entries in ascending order.
//   master: live count | deleted count | number of fields n | n field names | 0
//   entry:  flags | ms - master ms | seq - master seq | same fields: n values; else: number, (field, value) pairs |
//           number of elements of this entry before this one, so that one can walk backwards
// All are integers but names and values. A deleted entry stays with its flag until every entry of the node is deleted.
// Thread-safety: StreamNodeView and its parts read bytes that nobody changes meanwhile. StreamNode as NodeRefs.
// Invariants: views and edits take bytes that IsValidStreamNode accepted or that were made here.
// Errors: memory only, as null or false; hostile bytes are looked at by IsValidStreamNode alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "storage/value/counted_tree_node.h"
#include "storage/value/listpack.h"
#include "storage/value/shared_root.h"
#include "storage/value/stream_id.h"

namespace cachenode {

// Fields and values in turn, as XADD gives them.
using StreamFields = std::span<const std::string_view>;

// One entry, borrowed from its node.
struct StreamEntry {
  StreamId id;
  ListpackView::Offset at = 0;     // Of the flags.
  ListpackView::Offset first = 0;  // Of the first field, or of the first value when the fields are the master's.
  ListpackView::Offset master_field = 0;
  uint32_t field_count = 0;
  bool is_deleted = false;
  bool has_master_fields = false;
  std::string_view node;  // The bytes all offsets refer to.
};

// Walks over the fields of an entry.
class StreamFieldCursor {
 public:
  explicit StreamFieldCursor(const StreamEntry& entry) noexcept
      : node_(entry.node),
        at_(entry.first),
        field_at_(entry.master_field),
        left_(entry.field_count),
        has_master_fields_(entry.has_master_fields) {}
  // False at the end.
  [[nodiscard]] bool Next(ListpackElement& field, ListpackElement& value) noexcept;

 private:
  ListpackView node_;
  ListpackView::Offset at_;
  ListpackView::Offset field_at_;
  uint32_t left_;
  bool has_master_fields_;
};

class StreamNodeView {
 public:
  using Offset = ListpackView::Offset;

  StreamNodeView() noexcept : StreamNodeView({}, {}) {}
  StreamNodeView(StreamId master, std::string_view bytes) noexcept;

  [[nodiscard]] std::string_view bytes() const noexcept { return pack_.bytes(); }
  [[nodiscard]] StreamId master() const noexcept { return master_; }
  // Entries that are there, and those that are only flagged.
  [[nodiscard]] int64_t live_count() const noexcept;
  [[nodiscard]] int64_t deleted_count() const noexcept;

  // Offset of the first entry, deleted or not; End() when there is none.
  [[nodiscard]] Offset Begin() const noexcept { return begin_; }
  [[nodiscard]] Offset End() const noexcept { return pack_.EndOffset(); }
  [[nodiscard]] StreamEntry At(Offset at) const noexcept;
  [[nodiscard]] Offset Next(const StreamEntry& entry) const noexcept;
  // The entry before `at`, which is an entry's or End(); End() when there is none.
  [[nodiscard]] Offset Previous(Offset at) const noexcept;
  // The id of the last entry, deleted or not. Requires one.
  [[nodiscard]] StreamId LastId() const noexcept { return At(Previous(End())).id; }
  // Whether the names in `fields` are the master's in the master's order.
  [[nodiscard]] bool HasMasterFields(StreamFields fields) const noexcept;

 private:
  ListpackView pack_;
  StreamId master_;
  Offset first_field_ = 0;  // Of the master entry.
  uint32_t field_count_ = 0;
  Offset begin_ = 0;
};

// What IsValidStreamNode found out.
struct StreamNodeFacts {
  uint64_t live_count = 0;
  StreamId first_id;  // Of all entries, deleted ones included.
  StreamId last_id;
};

// Whether hostile bytes are a node: a listpack, its structure as above, ids ascending and not below `master`, counts
// as flagged, at least one entry. O(bytes).
[[nodiscard]] bool IsValidStreamNode(StreamId master, std::string_view bytes, StreamNodeFacts& facts) noexcept;

// How an entry is written into a node, worked out once.
struct StreamEntryPlan {
  bool has_master_fields = false;
  int64_t elements = 0;  // Of the entry, its closing count not counted.
  size_t bytes = 0;      // It takes.
};

// A node in memory.
class StreamNode : public NodeRefs {
 public:
  // A node whose master and only entry is this. Null when there is no memory.
  [[nodiscard]] static StreamNode* Create(StreamId id, StreamFields fields) noexcept;
  // A copy of bytes that IsValidStreamNode accepted.
  [[nodiscard]] static StreamNode* CreateFrom(StreamId master, std::string_view bytes) noexcept;
  // A unique copy with room for at least `capacity` bytes of listpack.
  [[nodiscard]] StreamNode* CopyWithRoom(size_t capacity) const noexcept;
  static void Destroy(StreamNode* node) noexcept;

  [[nodiscard]] StreamId master() const noexcept { return master_; }
  [[nodiscard]] std::string_view bytes() const noexcept { return {data(), size_bytes_}; }
  [[nodiscard]] StreamNodeView view() const noexcept { return {master_, bytes()}; }
  [[nodiscard]] uint32_t live_count() const noexcept { return live_count_; }
  [[nodiscard]] size_t capacity() const noexcept { return capacity_; }
  [[nodiscard]] size_t MemoryBytes() const noexcept { return sizeof(StreamNode) + capacity_; }
  [[nodiscard]] StreamEntryPlan Plan(StreamId id, StreamFields fields) const noexcept;
  // Bytes the listpack may need for a change that adds `added_bytes`: its two counts may grow.
  [[nodiscard]] size_t BytesWith(size_t added_bytes) const noexcept {
    return size_bytes_ + added_bytes + kCountsGrowth;
  }
  [[nodiscard]] bool HasRoomFor(size_t added_bytes) const noexcept { return BytesWith(added_bytes) <= capacity_; }

  // --- Changing; each requires that the node is unique ---

  // Adds an entry, whose id is above all others, in place. Requires HasRoomFor(plan.bytes).
  void Append(const StreamEntryPlan& plan, StreamId id, StreamFields fields) noexcept;
  // Flags the live entries at these ascending offsets. Requires HasRoomFor(0).
  void FlagDeleted(std::span<const ListpackView::Offset> entries) noexcept;

 private:
  static constexpr size_t kCountsGrowth = 16;

  StreamNode(StreamId master, size_t capacity) noexcept : capacity_(static_cast<uint32_t>(capacity)), master_(master) {}
  ~StreamNode() = default;

  [[nodiscard]] static StreamNode* Allocate(StreamId master, size_t capacity) noexcept;
  [[nodiscard]] const char* data() const noexcept { return reinterpret_cast<const char*>(this) + sizeof(StreamNode); }
  [[nodiscard]] char* data() noexcept { return reinterpret_cast<char*>(this) + sizeof(StreamNode); }
  void SetCounts(int64_t live, int64_t deleted) noexcept;

  uint32_t live_count_ = 0;
  uint32_t size_bytes_ = 0;
  uint32_t capacity_;
  StreamId master_;
};
static_assert(sizeof(StreamNode) == 32);

// What CountedTree asks of its leaves. Elements are live entries.
struct StreamNodeTraits {
  using Heap = NodeHeap;
  using Leaf = StreamNode;
  using Key = StreamId;
  static uint64_t Count(const Leaf& leaf) noexcept { return leaf.live_count(); }
  static Key FirstKey(const Leaf& leaf) noexcept { return leaf.master(); }
  static size_t MemoryBytes(const Leaf& leaf) noexcept { return leaf.MemoryBytes(); }
  static Leaf* Clone(const Leaf& leaf) noexcept { return leaf.CopyWithRoom(leaf.capacity()); }
  static void Destroy(Leaf* leaf) noexcept { Leaf::Destroy(leaf); }
};

}  // namespace cachenode
