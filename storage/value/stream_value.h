// The stream type: entries in ascending order of their ids, and consumer groups that read them.
//
// StreamView reads a stream wherever it is held, StreamValue changes the stream of a key, StreamCursor walks over
// entries. A stream is always a large value (StreamRoot); OBJECT ENCODING says "stream".
// Thread-safety: a view is used under the shard's lock, or on any thread that holds a reference to the root
// (snapshots).
//   A StreamValue lives under the lock.
// Lifetime: entries and cursors borrow the nodes: they die with the next change of the entries, not of the groups.
// Errors: Err::kOutOfMemory, with the stream valid and, where a method does not say otherwise, as it was.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "storage/base/result.h"
#include "storage/entry_view.h"
#include "storage/key_slot.h"
#include "storage/value/stream_group.h"
#include "storage/value/stream_id.h"
#include "storage/value/stream_node.h"
#include "storage/value/stream_root.h"

namespace cachenode {

// A walk over the live entries of a range, both ends included, in either direction.
class StreamCursor {
 public:
  enum class Direction : uint8_t { kForward, kBackward };

  StreamCursor(const StreamRoot::Tree& nodes, StreamId start, StreamId end, Direction direction) noexcept;
  // False at the end of the range.
  [[nodiscard]] bool Next(StreamEntry& entry) noexcept;

 private:
  [[nodiscard]] bool NextInNode(StreamEntry& entry) noexcept;
  void EnterNode() noexcept;

  const StreamRoot::Tree* nodes_;
  StreamRoot::Tree::Path path_;
  StreamNodeView node_;
  ListpackView::Offset at_ = 0;  // Forward: the next entry. Backward: behind it.
  StreamId start_;
  StreamId end_;
  Direction direction_;
};

class StreamView {
 public:
  explicit StreamView(const StreamRoot& root) noexcept : root_(&root) {}
  StreamView([[maybe_unused]] Encoding encoding, const char* value) noexcept
      : root_(static_cast<const StreamRoot*>(LoadRoot(value))) {}
  [[nodiscard]] static StreamView Of(const EntryView& entry) noexcept { return {entry.encoding, entry.value}; }
  // Requires that the key exists and is a stream.
  [[nodiscard]] static StreamView Of(const KeySlot& slot) noexcept {
    return StreamView(static_cast<const StreamRoot&>(*slot.ReadRoot()));
  }

  [[nodiscard]] uint64_t length() const noexcept { return root_->length(); }
  [[nodiscard]] const StreamHistory& history() const noexcept { return root_->history(); }
  [[nodiscard]] StreamId last_id() const noexcept { return history().last_id; }
  [[nodiscard]] uint64_t node_count() const noexcept { return root_->nodes().leaf_count(); }

  // Calls visit(StreamId master, std::string_view listpack) for each node, ascending: what RDB stores.
  template <typename Visit>
  void ForEachNode(const Visit& visit) const {
    for (StreamRoot::Tree::Path path = root_->nodes().First(); !path.IsEnd(); root_->nodes().Next(path)) {
      visit(path.leaf().master(), path.leaf().bytes());
    }
  }
  [[nodiscard]] StreamCursor Range(StreamId start, StreamId end, StreamCursor::Direction direction) const noexcept {
    return {root_->nodes(), start, end, direction};
  }
  // The live entry of this id.
  [[nodiscard]] std::optional<StreamEntry> Find(StreamId id) const noexcept;
  // The id of the last live entry; empty when there is none.
  [[nodiscard]] std::optional<StreamId> LastEntryId() const noexcept;

  [[nodiscard]] uint32_t group_count() const noexcept { return root_->group_count(); }
  // In order of their names. Borrowed until the stream changes.
  [[nodiscard]] const StreamGroup& group(uint32_t index) const noexcept { return root_->group(index); }
  [[nodiscard]] const StreamGroup* FindGroup(std::string_view name) const noexcept { return root_->FindGroup(name); }
  // How many entries were ever added up to and including `id`, when it is known.
  [[nodiscard]] std::optional<uint64_t> EstimateEntriesRead(StreamId id) const noexcept;
  // How many entries `group` has not read yet, when it is known.
  [[nodiscard]] std::optional<uint64_t> Lag(const StreamGroup& group) const noexcept;
  // Whether XDEL removed an entry at or above `id` that leaves a hole among the entries.
  [[nodiscard]] bool HasTombstoneFrom(StreamId id) const noexcept;
  // Whether a group has yet to read `id`, or has it pending.
  [[nodiscard]] bool IsReferenced(StreamId id) const noexcept;

 private:
  const StreamRoot* root_;
};

// What happens to pending entries when an entry is deleted or trimmed.
enum class StreamReferences : uint8_t {
  kKeep,              // They stay, without their entry.
  kDelete,            // They go as well.
  kOnlyAcknowledged,  // An entry that some group has not read and acknowledged is not deleted.
};

// What XTRIM and XADD remove from the start.
struct StreamTrim {
  enum class By : uint8_t { kNothing, kLength, kId };
  By by = By::kNothing;
  uint64_t length = 0;       // Entries to keep.
  StreamId id;               // The lowest to keep.
  bool whole_nodes = false;  // "~": only what costs little.
  uint64_t limit = 0;        // Entries to remove at most, roughly; 0: any number.
  StreamReferences references = StreamReferences::kKeep;
};

// The stream of a key, being changed. Accounts its memory to the key when it dies.
class StreamValue {
 public:
  explicit StreamValue(KeySlot& slot) noexcept : slot_(&slot) {}
  StreamValue(const StreamValue&) = delete;
  StreamValue& operator=(const StreamValue&) = delete;
  ~StreamValue();

  // Announces a change. Creates the key when it is missing; a key that exists must be a stream. Call it first; views
  // taken before are of the old root.
  [[nodiscard]] Status Open();
  [[nodiscard]] StreamView view() const noexcept { return StreamView(*root_); }

  // Adds an entry. Requires that `id` is above last_id(), and at least one field and value.
  [[nodiscard]] Status Append(StreamId id, StreamFields fields);
  // Removes one entry, which XDEL then remembers; false when it is not there. first_id is right after FinishDeleting.
  [[nodiscard]] Result<bool> Delete(StreamId id);
  void FinishDeleting() noexcept { root_->RefreshFirstId(); }
  // Removes entries from the start and answers how many. On failure some are gone.
  [[nodiscard]] Result<uint64_t> Trim(const StreamTrim& trim);
  // Takes `id` out of every group's pending entries.
  [[nodiscard]] Status DropReferences(StreamId id);
  [[nodiscard]] StreamHistory& history() noexcept { return root_->history(); }

  // Requires that the name is free.
  [[nodiscard]] Status CreateGroup(std::string_view name, StreamId last_id, std::optional<uint64_t> entries_read);
  // Takes the group out of the stream, with all that is pending for it; empty when there is none. It may be large.
  [[nodiscard]] StreamGroupRef TakeGroup(std::string_view name) noexcept;
  // The group for changing it; valid until another is asked for. Requires that it exists. Null: no memory.
  [[nodiscard]] StreamGroup* EditGroup(std::string_view name);

 private:
  [[nodiscard]] Status AppendToLast(StreamRoot::Tree::Path& path, StreamId id, StreamFields fields);
  // Removes these live entries of one node, whose offsets ascend.
  [[nodiscard]] Status RemoveFromNode(StreamRoot::Tree::Path& path, std::span<const ListpackView::Offset> entries);
  [[nodiscard]] Result<uint64_t> TrimNode(StreamRoot::Tree::Path& path, const StreamTrim& trim);
  [[nodiscard]] Result<uint64_t> TrimUnreferenced(const StreamTrim& trim);
  [[nodiscard]] Result<bool> Remove(StreamId id);
  void ShrinkLast(StreamRoot::Tree::Path& path) noexcept;
  void LeaveGroup() noexcept;
  [[nodiscard]] Status Undo(Status error);

  KeySlot* slot_;
  StreamRoot* root_ = nullptr;
  bool is_new_ = false;           // Open created the key.
  StreamGroup* group_ = nullptr;  // Being changed, with the bytes it had.
  size_t group_bytes_ = 0;
};

extern const ValueOps kStreamOps;

}  // namespace cachenode
