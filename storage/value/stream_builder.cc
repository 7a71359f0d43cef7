#include "storage/value/stream_builder.h"

#include "storage/value/stream_node.h"
#include "storage/value/stream_value.h"

namespace cachenode {

namespace {

Status Corrupt(const char* text) { return Status::WithText(Err::kCorrupt, text); }

}  // namespace

StreamBuilder::~StreamBuilder() {
  if (root_ != nullptr) StreamRoot::Drop(root_);
}

Status StreamBuilder::Prepare() {
  if (root_ == nullptr) root_ = StreamRoot::Create();
  return root_ == nullptr ? Status(Err::kOutOfMemory) : Status::Ok();
}

Status StreamBuilder::AddNode(StreamId master, std::string_view listpack) {
  if (Status error = Prepare(); !error.ok()) return error;
  StreamNodeFacts facts;
  if (!IsValidStreamNode(master, listpack, facts)) return Corrupt("Stream listpack integrity check failed.");
  if (!root_->nodes().IsEmpty() && facts.first_id <= last_node_id_) return Corrupt("Stream nodes are out of order.");
  // What a later change of the first entries asks for: an empty node would stand for nothing.
  if (facts.live_count == 0) return Corrupt("Stream node without an entry.");
  StreamNode* const node = StreamNode::CreateFrom(master, listpack);
  if (node == nullptr) return Err::kOutOfMemory;
  last_node_id_ = facts.last_id;
  if (root_->nodes().Append(node)) return Status::Ok();
  StreamNode::Destroy(node);
  return Err::kOutOfMemory;
}

Status StreamBuilder::SetHistory(uint64_t length, const StreamHistory& history) {
  if (Status error = Prepare(); !error.ok()) return error;
  if (length != root_->length()) return Corrupt("Stream length does not match its nodes.");
  if (length > 0 && history.last_id < last_node_id_) return Corrupt("Stream's last id is below its last entry.");
  root_->history() = history;
  root_->RefreshFirstId();
  return Status::Ok();
}

Status StreamBuilder::SetHistory(uint64_t length, StreamId last_id) {
  return SetHistory(length,
                    StreamHistory{.last_id = last_id, .first_id = {}, .max_deleted_id = {}, .entries_added = length});
}

Status StreamBuilder::AddGroup(std::string_view name, StreamId last_id, std::optional<uint64_t> entries_read) {
  if (Status error = FinishGroup(); !error.ok()) return error;
  if (root_->FindGroup(name) != nullptr) return Corrupt("Duplicated consumer group name.");
  StreamGroup* const group = StreamGroup::Create(name, last_id, entries_read);
  if (group == nullptr) return Err::kOutOfMemory;
  if (!root_->InsertGroup(group)) {
    StreamGroup::Drop(group);
    return Err::kOutOfMemory;
  }
  group_ = group;
  group_bytes_ = group->memory_bytes();
  return Status::Ok();
}

Status StreamBuilder::AddGroup(std::string_view name, StreamId last_id) {
  return AddGroup(name, last_id, StreamView(*root_).EstimateEntriesRead(last_id));
}

Status StreamBuilder::AddPending(StreamId id, int64_t delivered_at_ms, uint64_t deliveries) {
  Result<bool> added = group_->AddUnowned(
      {.id = id, .delivered_at_ms = delivered_at_ms, .deliveries = deliveries, .consumer = kNoConsumer});
  if (!added) return added.error();
  if (!*added) return Corrupt("Duplicated global PEL entry loading stream consumer group.");
  ++unowned_count_;
  return Status::Ok();
}

Status StreamBuilder::AddConsumer(std::string_view name, int64_t seen_at_ms, int64_t active_at_ms) {
  if (group_->FindConsumer(name) != nullptr) return Corrupt("Duplicate stream consumer detected.");
  Result<ConsumerNumber> number = group_->AddConsumer(name, seen_at_ms);
  if (!number) return number.error();
  consumer_ = *number;
  return group_->SetTimes(consumer_, std::nullopt, active_at_ms);
}

Status StreamBuilder::AddConsumerPending(StreamId id) {
  Result<bool> given = group_->GiveUnowned(id, consumer_);
  if (!given) return given.error();
  if (!*given && group_->pending().Find(id) == nullptr) {
    return Corrupt("Consumer entry not found in group global PEL.");
  }
  if (!*given) return Corrupt("Stream consumer PEL entry already has a consumer assigned.");
  --unowned_count_;
  return Status::Ok();
}

Status StreamBuilder::FinishGroup() {
  if (Status error = Prepare(); !error.ok()) return error;
  if (unowned_count_ != 0) return Corrupt("NACK entry without consumer.");
  if (group_ != nullptr) root_->GroupChanged(*group_, group_bytes_);
  group_ = nullptr;
  return Status::Ok();
}

Status StreamBuilder::Finish(KeySlot& slot, Expiry expiry) {
  if (Status error = FinishGroup(); !error.ok()) return error;
  root_->SettleMemory();
  Status status = slot.WriteRoot(ValueType::kStream, root_, expiry);
  if (status.ok()) root_ = nullptr;  // The key's.
  return status;
}

}  // namespace cachenode
