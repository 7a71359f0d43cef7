// StreamValue: what changes a stream.
#include <algorithm>
#include <array>
#include <utility>

#include "storage/base/memory.h"
#include "storage/value/stream_value.h"
#include "storage/value/value_limits.h"

namespace cachenode {

namespace {

using Offset = ListpackView::Offset;
using Path = StreamRoot::Tree::Path;

// Entries of a node that are flagged in one go.
constexpr size_t kFlagBatch = 128;

size_t NodeBytesLimit() noexcept {
  const size_t limit = value_limits.stream_node_max_bytes;
  return limit == 0 ? kListpackBytesMax : std::min(limit, kListpackBytesMax);
}

// Whether another entry of `field_bytes` of fields and values belongs into this node.
bool NodeTakes(const StreamNode& node, size_t field_bytes) noexcept {
  if (node.bytes().size() + field_bytes >= NodeBytesLimit()) return false;
  if (value_limits.stream_node_max_entries == 0) return true;
  const StreamNodeView view = node.view();
  return static_cast<uint64_t>(view.live_count() + view.deleted_count()) < value_limits.stream_node_max_entries;
}

size_t BytesOf(StreamFields fields) noexcept {
  size_t bytes = 0;
  for (const std::string_view part : fields) bytes += part.size();
  return bytes;
}

// A node that is written on grows by doubling, up to the block of the limit's size that holds it.
size_t GrownCapacity(const StreamNode& node, size_t needed) noexcept {
  return std::max(needed, std::min(2 * node.capacity(), NodeBytesLimit() - sizeof(StreamNode)));
}

// Whether all of a node goes.
bool TrimsWholeNode(const StreamRoot& root, const StreamNode& node, const StreamTrim& trim) noexcept {
  if (trim.by == StreamTrim::By::kLength) return root.length() - node.live_count() >= trim.length;
  return node.view().LastId() < trim.id;
}

bool TrimIsDone(const StreamRoot& root, StreamId next, const StreamTrim& trim) noexcept {
  return trim.by == StreamTrim::By::kLength ? root.length() <= trim.length : next >= trim.id;
}

}  // namespace

StreamValue::~StreamValue() {
  if (root_ == nullptr) return;
  LeaveGroup();
  slot_->AdjustExternal(root_->SettleMemory());
}

Status StreamValue::Open() {
  if (slot_->Exists()) {
    root_ = slot_->EditRoot<StreamRoot>();
    return root_ == nullptr ? Status(Err::kOutOfMemory) : Status::Ok();
  }
  StreamRoot* const root = StreamRoot::Create();
  if (root == nullptr) return Err::kOutOfMemory;
  Status status = slot_->WriteRoot(ValueType::kStream, root, Expiry::kClear);
  if (!status.ok()) {
    StreamRoot::Drop(root);
    return status;
  }
  root_ = root;
  is_new_ = true;
  return Status::Ok();
}

// A key that was created for what failed goes again.
Status StreamValue::Undo(Status error) {
  if (is_new_) {
    root_ = nullptr;
    slot_->Erase();
  }
  return error;
}

// --- Entries ---------------------------------------------------------------------------------------------------------

// The last node is full: it gets the block it needs and no more. Without memory it stays as it is.
void StreamValue::ShrinkLast(Path& path) noexcept {
  const StreamNode& node = path.leaf();
  if (memory::GoodSize(sizeof(StreamNode) + node.bytes().size()) >= node.MemoryBytes()) return;
  StreamNode* const fitted = node.CopyWithRoom(node.bytes().size());
  if (fitted != nullptr && !root_->nodes().ReplaceLeaf(path, fitted)) StreamNode::Destroy(fitted);
}

Status StreamValue::AppendToLast(Path& path, StreamId id, StreamFields fields) {
  const StreamNode& node = path.leaf();
  const StreamEntryPlan plan = node.Plan(id, fields);
  StreamRoot::Tree& nodes = root_->nodes();
  if (node.HasRoomFor(plan.bytes)) {
    StreamNode* const leaf = nodes.EditLeaf(path);
    if (leaf == nullptr) return Err::kOutOfMemory;
    leaf->Append(plan, id, fields);
    nodes.LeafChanged(path);
    return Status::Ok();
  }
  StreamNode* const grown = node.CopyWithRoom(GrownCapacity(node, node.BytesWith(plan.bytes)));
  if (grown == nullptr) return Err::kOutOfMemory;
  grown->Append(plan, id, fields);
  if (nodes.ReplaceLeaf(path, grown)) return Status::Ok();
  StreamNode::Destroy(grown);
  return Err::kOutOfMemory;
}

Status StreamValue::Append(StreamId id, StreamFields fields) {
  StreamRoot::Tree& nodes = root_->nodes();
  Path path = nodes.Last();
  if (!path.IsEnd() && NodeTakes(path.leaf(), BytesOf(fields))) {
    if (Status error = AppendToLast(path, id, fields); !error.ok()) return error;
  } else {
    if (!path.IsEnd()) ShrinkLast(path);
    StreamNode* const node = StreamNode::Create(id, fields);
    if (node == nullptr) return Undo(Err::kOutOfMemory);
    if (!nodes.InsertAfter(path, node)) {
      StreamNode::Destroy(node);
      return Undo(Err::kOutOfMemory);
    }
  }
  StreamHistory& known = history();
  known.last_id = id;
  if (root_->length() == 1) known.first_id = id;
  ++known.entries_added;
  return Status::Ok();
}

Status StreamValue::RemoveFromNode(Path& path, std::span<const Offset> entries) {
  StreamRoot::Tree& nodes = root_->nodes();
  if (path.leaf().live_count() == entries.size()) {
    return nodes.RemoveLeaf(path) ? Status::Ok() : Status(Err::kOutOfMemory);
  }
  if (!path.leaf().HasRoomFor(0)) {
    StreamNode* const copy = path.leaf().CopyWithRoom(path.leaf().BytesWith(0));
    if (copy == nullptr) return Err::kOutOfMemory;
    copy->FlagDeleted(entries);
    if (nodes.ReplaceLeaf(path, copy)) return Status::Ok();
    StreamNode::Destroy(copy);
    return Err::kOutOfMemory;
  }
  StreamNode* const leaf = nodes.EditLeaf(path);
  if (leaf == nullptr) return Err::kOutOfMemory;
  leaf->FlagDeleted(entries);
  nodes.LeafChanged(path);
  return Status::Ok();
}

Result<bool> StreamValue::Remove(StreamId id) {
  Path path = root_->nodes().Seek([id](const StreamId& first_id, const auto&) { return first_id > id; });
  if (path.IsEnd()) return false;
  const StreamNodeView node = path.leaf().view();
  for (Offset at = node.Begin(); at != node.End();) {
    const StreamEntry entry = node.At(at);
    if (entry.id >= id) {
      if (entry.id != id || entry.is_deleted) return false;
      if (Status error = RemoveFromNode(path, {&at, 1}); !error.ok()) return error;
      return true;
    }
    at = node.Next(entry);
  }
  return false;
}

Result<bool> StreamValue::Delete(StreamId id) {
  Result<bool> removed = Remove(id);
  if (removed && *removed) history().max_deleted_id = std::max(history().max_deleted_id, id);
  return removed;
}

// --- Trimming --------------------------------------------------------------------------------------------------------

Result<uint64_t> StreamValue::Trim(const StreamTrim& trim) {
  if (trim.by == StreamTrim::By::kNothing) return uint64_t{0};
  if (trim.references != StreamReferences::kKeep) return TrimUnreferenced(trim);
  uint64_t removed = 0;
  for (Path path = root_->nodes().First(); !path.IsEnd(); path = root_->nodes().First()) {
    if (trim.by == StreamTrim::By::kLength && root_->length() <= trim.length) break;
    const uint64_t live = path.leaf().live_count();
    if (trim.limit != 0 && removed + live > trim.limit) break;
    if (TrimsWholeNode(*root_, path.leaf(), trim)) {
      if (!root_->nodes().RemoveLeaf(path)) return Err::kOutOfMemory;
      removed += live;
      continue;
    }
    if (trim.whole_nodes) break;
    Result<uint64_t> partly = TrimNode(path, trim);
    if (!partly) return partly;
    removed += *partly;
    break;
  }
  if (removed > 0) root_->RefreshFirstId();
  return removed;
}

// Removes from the first node, of which something stays.
Result<uint64_t> StreamValue::TrimNode(Path& path, const StreamTrim& trim) {
  uint64_t removed = 0;
  for (;;) {
    std::array<Offset, kFlagBatch> batch;
    size_t count = 0;
    const StreamNodeView node = path.leaf().view();
    const uint64_t excess = trim.by == StreamTrim::By::kLength ? root_->length() - trim.length : UINT64_MAX;
    for (Offset at = node.Begin(); at != node.End() && count < kFlagBatch && count < excess;) {
      const StreamEntry entry = node.At(at);
      if (trim.by == StreamTrim::By::kId && entry.id >= trim.id) break;
      if (!entry.is_deleted) batch[count++] = at;
      at = node.Next(entry);
    }
    if (count == 0) return removed;
    if (Status error = RemoveFromNode(path, {batch.data(), count}); !error.ok()) return error;
    removed += count;
    if (count < kFlagBatch) return removed;
  }
}

// Entry by entry, since each one's references are looked at.
Result<uint64_t> StreamValue::TrimUnreferenced(const StreamTrim& trim) {
  const bool spares = trim.references == StreamReferences::kOnlyAcknowledged;
  uint64_t removed = 0;
  StreamId from = kStreamIdMin;
  StreamEntry entry;
  while (view().Range(from, kStreamIdMax, StreamCursor::Direction::kForward).Next(entry)) {
    const StreamId id = entry.id;
    if (TrimIsDone(*root_, id, trim)) break;
    if (trim.limit != 0 && removed >= trim.limit) break;
    const bool stays = spares && view().IsReferenced(id);
    if (!stays) {
      Result<bool> gone = Remove(id);
      if (!gone) return gone.error();
      if (!spares) {
        if (Status error = DropReferences(id); !error.ok()) return error;
      }
      ++removed;
    }
    const std::optional<StreamId> next = NextStreamId(id);
    if (!next) break;
    from = *next;
  }
  if (removed > 0) root_->RefreshFirstId();
  return removed;
}

// --- Groups ----------------------------------------------------------------------------------------------------------

Status StreamValue::DropReferences(StreamId id) {
  for (uint32_t i = 0; i < root_->group_count(); ++i) {
    if (root_->group(i).pending().Find(id) == nullptr) continue;
    StreamGroup* const group = EditGroup(root_->group(i).name());
    if (group == nullptr) return Err::kOutOfMemory;
    if (Result<bool> done = group->Acknowledge(id); !done) return done.error();
  }
  return Status::Ok();
}

Status StreamValue::CreateGroup(std::string_view name, StreamId last_id, std::optional<uint64_t> entries_read) {
  StreamGroup* const group = StreamGroup::Create(name, last_id, entries_read);
  if (group == nullptr) return Undo(Err::kOutOfMemory);
  if (root_->InsertGroup(group)) return Status::Ok();
  StreamGroup::Drop(group);
  return Undo(Err::kOutOfMemory);
}

StreamGroupRef StreamValue::TakeGroup(std::string_view name) noexcept {
  LeaveGroup();
  const std::optional<uint32_t> index = root_->IndexOfGroup(name);
  return index ? root_->TakeGroup(*index) : nullptr;
}

StreamGroup* StreamValue::EditGroup(std::string_view name) {
  LeaveGroup();
  StreamGroup* const group = root_->EditGroup(*root_->IndexOfGroup(name));
  if (group == nullptr) return nullptr;
  group_ = group;
  group_bytes_ = group->memory_bytes();
  return group;
}

void StreamValue::LeaveGroup() noexcept {
  if (group_ != nullptr) root_->GroupChanged(*group_, group_bytes_);
  group_ = nullptr;
}

}  // namespace cachenode
