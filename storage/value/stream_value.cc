#include "storage/value/stream_value.h"

namespace cachenode {

namespace {

StreamRoot* RootOf(const char* value) noexcept { return static_cast<StreamRoot*>(LoadRoot(value)); }

StreamRoot::Tree::Path LeafOf(const StreamRoot::Tree& nodes, StreamId id) noexcept {
  return nodes.Seek([id](const StreamId& first_id, const auto&) { return first_id > id; });
}

}  // namespace

// --- Cursor ----------------------------------------------------------------------------------------------------------

StreamCursor::StreamCursor(const StreamRoot::Tree& nodes, StreamId start, StreamId end, Direction direction) noexcept
    : nodes_(&nodes),
      path_(LeafOf(nodes, direction == Direction::kForward ? start : end)),
      start_(start),
      end_(end),
      direction_(direction) {
  EnterNode();
}

void StreamCursor::EnterNode() noexcept {
  if (path_.IsEnd()) return;
  node_ = path_.leaf().view();
  at_ = direction_ == Direction::kForward ? node_.Begin() : node_.End();
}

bool StreamCursor::Next(StreamEntry& entry) noexcept {
  while (!path_.IsEnd()) {
    if (NextInNode(entry)) {
      if (start_ <= entry.id && entry.id <= end_) return true;
      path_ = {};  // Beyond the far end.
      return false;
    }
    if (direction_ == Direction::kForward) {
      nodes_->Next(path_);
    } else {
      nodes_->Previous(path_);
    }
    EnterNode();
  }
  return false;
}

// The next live entry of this node that is not before the near end of the range.
bool StreamCursor::NextInNode(StreamEntry& entry) noexcept {
  if (direction_ == Direction::kForward) {
    while (at_ != node_.End()) {
      entry = node_.At(at_);
      at_ = node_.Next(entry);
      if (!entry.is_deleted && entry.id >= start_) return true;
    }
    return false;
  }
  for (ListpackView::Offset at = node_.Previous(at_); at != node_.End(); at = node_.Previous(at_)) {
    at_ = at;
    entry = node_.At(at);
    if (!entry.is_deleted && entry.id <= end_) return true;
  }
  return false;
}

// --- View ------------------------------------------------------------------------------------------------------------

std::optional<StreamEntry> StreamView::Find(StreamId id) const noexcept {
  StreamEntry entry;
  if (!Range(id, id, StreamCursor::Direction::kForward).Next(entry)) return std::nullopt;
  return entry;
}

std::optional<StreamId> StreamView::LastEntryId() const noexcept {
  StreamEntry entry;
  if (!Range(kStreamIdMin, kStreamIdMax, StreamCursor::Direction::kBackward).Next(entry)) return std::nullopt;
  return entry.id;
}

bool StreamView::HasTombstoneFrom(StreamId id) const noexcept {
  // One before the first entry leaves no hole between entries.
  const StreamHistory& known = history();
  return length() > 0 && !known.max_deleted_id.IsZero() && known.first_id <= known.max_deleted_id &&
         id <= known.max_deleted_id;
}

std::optional<uint64_t> StreamView::EstimateEntriesRead(StreamId id) const noexcept {
  const StreamHistory& known = history();
  if (known.entries_added == 0) return 0;
  if (length() == 0 && id <= known.last_id) return known.entries_added;
  // Without a hole at or behind the first entry, what is missing was before it.
  const bool has_hole = !known.max_deleted_id.IsZero() && known.max_deleted_id >= known.first_id;
  if (has_hole && !id.IsZero() && id < known.max_deleted_id) return std::nullopt;
  if (id == known.last_id) return known.entries_added;
  if (id > known.last_id) return std::nullopt;
  if (!has_hole) {
    const uint64_t before_first = known.entries_added - length();
    if (id < known.first_id) return before_first;
    if (id == known.first_id) return before_first + 1;
  }
  return std::nullopt;
}

std::optional<uint64_t> StreamView::Lag(const StreamGroup& group) const noexcept {
  const uint64_t added = history().entries_added;
  if (added == 0) return 0;
  std::optional<uint64_t> read = group.entries_read();
  if (!read || HasTombstoneFrom(group.last_id())) read = EstimateEntriesRead(group.last_id());
  if (!read) return std::nullopt;
  return added - *read;
}

bool StreamView::IsReferenced(StreamId id) const noexcept {
  for (uint32_t i = 0; i < group_count(); ++i) {
    if (group(i).last_id() < id || group(i).pending().Find(id) != nullptr) return true;
  }
  return false;
}

// --- For the keyspace ------------------------------------------------------------------------------------------------

constexpr ValueOps kStreamOps = {
    [](Encoding, const char*) noexcept { return sizeof(SharedRoot*); },
    [](Encoding, const char* value) noexcept { return RootOf(value)->memory_bytes(); },
    [](Encoding, char* value) noexcept { StreamRoot::Drop(RootOf(value)); },
    [](Encoding, const char* value, char* out) noexcept {
      RootOf(value)->AddRef();
      StoreRoot(RootOf(value), out);
      return true;
    },
    [](Encoding, const char* value) noexcept { RootOf(value)->AddRef(); },
    [](Encoding, const char* value) noexcept { return RootOf(value)->block_count(); },
    [](Encoding, const char*) noexcept -> std::string_view { return "stream"; },
};

}  // namespace cachenode
