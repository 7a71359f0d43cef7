#include "storage/value/stream_node.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <new>

#include "storage/base/memory.h"

namespace cachenode {

namespace {

using Offset = ListpackView::Offset;

constexpr int64_t kFlagDeleted = 1;
constexpr int64_t kFlagMasterFields = 2;
constexpr int64_t kFlagsAll = kFlagDeleted | kFlagMasterFields;

constexpr int kMasterElements = 4;  // Beside the names: two counts, the number of names, the closing 0.
constexpr int kEntryElements = 4;   // Beside the fields: flags, two deltas, the closing count.

// Room a node gets ahead of need, within what one is meant to take.
constexpr size_t kNodeBytesMin = 96;
constexpr size_t kUsualNodeBytes = 4096;

int64_t Delta(uint64_t value, uint64_t base) noexcept { return static_cast<int64_t>(value - base); }
uint64_t Above(uint64_t base, int64_t delta) noexcept { return base + static_cast<uint64_t>(delta); }

StreamEntryPlan PlanEntry(StreamId master, StreamId id, StreamFields fields, bool has_master_fields) noexcept {
  const auto field_count = static_cast<int64_t>(fields.size() / 2);
  StreamEntryPlan plan{has_master_fields, has_master_fields ? field_count + 3 : 2 * field_count + 4, 0};
  plan.bytes = ListpackIntegerBytes(has_master_fields ? kFlagMasterFields : 0) +
               ListpackIntegerBytes(Delta(id.ms, master.ms)) + ListpackIntegerBytes(Delta(id.seq, master.seq)) +
               ListpackIntegerBytes(plan.elements);
  if (!has_master_fields) plan.bytes += ListpackIntegerBytes(field_count);
  for (size_t i = has_master_fields ? 1 : 0; i < fields.size(); i += has_master_fields ? 2 : 1) {
    plan.bytes += ListpackElementBytes(fields[i]);
  }
  return plan;
}

char* PutEntry(char* to, const StreamEntryPlan& plan, StreamId master, StreamId id, StreamFields fields) noexcept {
  to = PutListpackInteger(to, plan.has_master_fields ? kFlagMasterFields : 0);
  to = PutListpackInteger(to, Delta(id.ms, master.ms));
  to = PutListpackInteger(to, Delta(id.seq, master.seq));
  if (!plan.has_master_fields) to = PutListpackInteger(to, static_cast<int64_t>(fields.size() / 2));
  for (size_t i = plan.has_master_fields ? 1 : 0; i < fields.size(); i += plan.has_master_fields ? 2 : 1) {
    to = PutListpackElement(to, fields[i]);
  }
  return PutListpackInteger(to, plan.elements);
}

size_t MasterBytes(StreamFields fields) noexcept {
  size_t bytes = ListpackIntegerBytes(1) + 2 * ListpackIntegerBytes(0) +
                 ListpackIntegerBytes(static_cast<int64_t>(fields.size() / 2));
  for (size_t i = 0; i < fields.size(); i += 2) bytes += ListpackElementBytes(fields[i]);
  return bytes;
}

char* PutMaster(char* to, StreamFields fields) noexcept {
  to = PutListpackInteger(to, 1);
  to = PutListpackInteger(to, 0);
  to = PutListpackInteger(to, static_cast<int64_t>(fields.size() / 2));
  for (size_t i = 0; i < fields.size(); i += 2) to = PutListpackElement(to, fields[i]);
  return PutListpackInteger(to, 0);
}

// Reads the integers and the fields of hostile bytes that are a listpack.
class NodeChecker {
 public:
  NodeChecker(StreamId master, std::string_view bytes) noexcept
      : pack_(bytes), master_(master), at_(pack_.Begin()), end_(pack_.EndOffset()) {}

  bool Check(StreamNodeFacts& facts) noexcept {
    int64_t live = 0;
    int64_t deleted = 0;
    if (!Number(live) || !Number(deleted) || !Number(master_fields_) || !Skip(master_fields_)) return false;
    int64_t closing = 0;
    if (!Number(closing) || closing != 0 || at_ == end_) return false;
    while (at_ != end_) {
      if (!CheckEntry(facts)) return false;
    }
    facts.live_count = static_cast<uint64_t>(live_);
    return live == live_ && deleted == deleted_;
  }

 private:
  bool Number(int64_t& number) noexcept {
    if (at_ == end_) return false;
    const ListpackElement element = pack_.At(at_);
    const Offset next = pack_.Next(at_);
    number = element.number;
    // In the shortest form, as every writer does it: flags and counts are changed in place.
    const bool is_good = element.is_integer && next - at_ == ListpackIntegerBytes(number);
    at_ = next;
    ++elements_;
    return is_good;
  }
  bool Skip(int64_t count) noexcept {
    if (count < 0) return false;
    for (; count > 0; --count, ++elements_) {
      if (at_ == end_) return false;
      at_ = pack_.Next(at_);
    }
    return true;
  }
  bool CheckEntry(StreamNodeFacts& facts) noexcept {
    elements_ = 0;
    int64_t flags = 0;
    int64_t ms = 0;
    int64_t seq = 0;
    if (!Number(flags) || (flags & ~kFlagsAll) != 0 || !Number(ms) || !Number(seq)) return false;
    const StreamId id{Above(master_.ms, ms), Above(master_.seq, seq)};
    const bool is_first = live_ + deleted_ == 0;
    if (is_first ? id < master_ : id <= facts.last_id) return false;
    if (is_first) facts.first_id = id;
    facts.last_id = id;
    if ((flags & kFlagMasterFields) != 0) {
      if (!Skip(master_fields_)) return false;
    } else {
      int64_t field_count = 0;
      if (!Number(field_count) || field_count < 0 || field_count > INT64_MAX / 2 || !Skip(2 * field_count))
        return false;
    }
    ((flags & kFlagDeleted) != 0 ? deleted_ : live_) += 1;
    const int64_t before = elements_;
    int64_t closing = 0;
    return Number(closing) && closing == before;
  }

  ListpackView pack_;
  StreamId master_;
  Offset at_;
  Offset end_;
  int64_t elements_ = 0;  // Passed since the entry's start.
  int64_t master_fields_ = 0;
  int64_t live_ = 0;
  int64_t deleted_ = 0;
};

}  // namespace

bool StreamFieldCursor::Next(ListpackElement& field, ListpackElement& value) noexcept {
  if (left_ == 0) return false;
  --left_;
  if (has_master_fields_) {
    field = node_.At(field_at_);
    field_at_ = node_.Next(field_at_);
  } else {
    field = node_.At(at_);
    at_ = node_.Next(at_);
  }
  value = node_.At(at_);
  at_ = node_.Next(at_);
  return true;
}

StreamNodeView::StreamNodeView(StreamId master, std::string_view bytes) noexcept : pack_(bytes), master_(master) {
  if (bytes.empty()) return;
  Offset at = pack_.Next(pack_.Next(pack_.Begin()));
  field_count_ = static_cast<uint32_t>(pack_.At(at).number);
  first_field_ = pack_.Next(at);
  at = first_field_;
  for (uint32_t i = 0; i < field_count_; ++i) at = pack_.Next(at);
  begin_ = pack_.Next(at);  // Behind the closing 0.
}

int64_t StreamNodeView::live_count() const noexcept { return pack_.At(pack_.Begin()).number; }
int64_t StreamNodeView::deleted_count() const noexcept { return pack_.At(pack_.Next(pack_.Begin())).number; }

StreamEntry StreamNodeView::At(Offset at) const noexcept {
  StreamEntry entry;
  entry.node = pack_.bytes();
  entry.at = at;
  const int64_t flags = pack_.At(at).number;
  at = pack_.Next(at);
  entry.id.ms = Above(master_.ms, pack_.At(at).number);
  at = pack_.Next(at);
  entry.id.seq = Above(master_.seq, pack_.At(at).number);
  at = pack_.Next(at);
  entry.is_deleted = (flags & kFlagDeleted) != 0;
  entry.has_master_fields = (flags & kFlagMasterFields) != 0;
  entry.master_field = first_field_;
  if (entry.has_master_fields) {
    entry.field_count = field_count_;
  } else {
    entry.field_count = static_cast<uint32_t>(pack_.At(at).number);
    at = pack_.Next(at);
  }
  entry.first = at;
  return entry;
}

StreamNodeView::Offset StreamNodeView::Next(const StreamEntry& entry) const noexcept {
  Offset at = entry.first;
  const uint64_t count = entry.has_master_fields ? entry.field_count : 2 * uint64_t{entry.field_count};
  for (uint64_t i = 0; i < count; ++i) at = pack_.Next(at);
  return pack_.Next(at);
}

StreamNodeView::Offset StreamNodeView::Previous(Offset at) const noexcept {
  if (at <= begin_) return End();
  at = pack_.Previous(at);
  for (int64_t left = pack_.At(at).number; left > 0; --left) at = pack_.Previous(at);
  return at;
}

bool StreamNodeView::HasMasterFields(StreamFields fields) const noexcept {
  if (fields.size() / 2 != field_count_) return false;
  Offset at = first_field_;
  ListpackScratch scratch;
  for (size_t i = 0; i < fields.size(); i += 2) {
    if (pack_.At(at).Read(scratch) != fields[i]) return false;
    at = pack_.Next(at);
  }
  return true;
}

bool IsValidStreamNode(StreamId master, std::string_view bytes, StreamNodeFacts& facts) noexcept {
  size_t count = 0;
  if (!IsValidListpack(bytes, count) || count < kMasterElements + kEntryElements) return false;
  return NodeChecker(master, bytes).Check(facts);
}

// --- The node in memory ----------------------------------------------------------------------------------------------

StreamNode* StreamNode::Allocate(StreamId master, size_t capacity) noexcept {
  if (capacity > kListpackBytesMax + kUsualNodeBytes) return nullptr;
  const size_t bytes = memory::GoodSize(sizeof(StreamNode) + capacity);
  void* const raw = memory::Allocate(bytes);
  return raw == nullptr ? nullptr : new (raw) StreamNode(master, bytes - sizeof(StreamNode));
}

StreamNode* StreamNode::Create(StreamId id, StreamFields fields) noexcept {
  const StreamEntryPlan plan = PlanEntry(id, id, fields, true);
  const size_t master_bytes = MasterBytes(fields);
  const size_t bytes = kEmptyListpackBytes + master_bytes + plan.bytes;
  StreamNode* const node = Allocate(id, std::max(bytes, kNodeBytesMin));
  if (node == nullptr) return nullptr;
  InitListpack(node->data());
  const auto elements = static_cast<int>(fields.size() / 2) + kMasterElements + static_cast<int>(plan.elements) + 1;
  char* const gap =
      OpenListpackGap(node->data(), kEmptyListpackBytes, kListpackHeaderBytes, master_bytes + plan.bytes, elements);
  [[maybe_unused]] const char* const end = PutEntry(PutMaster(gap, fields), plan, id, id, fields);
  assert(end == gap + master_bytes + plan.bytes);
  node->size_bytes_ = static_cast<uint32_t>(bytes);
  node->live_count_ = 1;
  return node;
}

StreamNode* StreamNode::CreateFrom(StreamId master, std::string_view bytes) noexcept {
  StreamNode* const node = Allocate(master, bytes.size());
  if (node == nullptr) return nullptr;
  std::memcpy(node->data(), bytes.data(), bytes.size());
  node->size_bytes_ = static_cast<uint32_t>(bytes.size());
  node->live_count_ = static_cast<uint32_t>(StreamNodeView(master, bytes).live_count());
  return node;
}

StreamNode* StreamNode::CopyWithRoom(size_t capacity) const noexcept {
  // `capacity` of a node is what the allocator gives, so that a clone is exactly as large.
  StreamNode* const copy = Allocate(master_, capacity);
  if (copy == nullptr) return nullptr;
  std::memcpy(copy->data(), data(), size_bytes_);
  copy->size_bytes_ = size_bytes_;
  copy->live_count_ = live_count_;
  return copy;
}

void StreamNode::Destroy(StreamNode* node) noexcept {
  const size_t bytes = node->MemoryBytes();
  node->~StreamNode();
  memory::Free(node, bytes);
}

StreamEntryPlan StreamNode::Plan(StreamId id, StreamFields fields) const noexcept {
  return PlanEntry(master_, id, fields, view().HasMasterFields(fields));
}

void StreamNode::Append(const StreamEntryPlan& plan, StreamId id, StreamFields fields) noexcept {
  const StreamNodeView now = view();
  const int64_t live = now.live_count();
  const int64_t deleted = now.deleted_count();
  char* const gap = OpenListpackGap(data(), size_bytes_, now.End(), plan.bytes, static_cast<int>(plan.elements) + 1);
  [[maybe_unused]] const char* const end = PutEntry(gap, plan, master_, id, fields);
  assert(end == gap + plan.bytes);
  size_bytes_ += static_cast<uint32_t>(plan.bytes);
  SetCounts(live + 1, deleted);
}

void StreamNode::FlagDeleted(std::span<const Offset> entries) noexcept {
  const StreamNodeView now = view();
  const auto count = static_cast<int64_t>(entries.size());
  for (const Offset at : entries) {
    const bool has_master_fields = now.At(at).has_master_fields;
    PutListpackInteger(data() + at,
                       kFlagDeleted | (has_master_fields ? kFlagMasterFields : 0));  // One byte, as before.
  }
  SetCounts(now.live_count() - count, now.deleted_count() + count);
}

void StreamNode::SetCounts(int64_t live, int64_t deleted) noexcept {
  const StreamNodeView now = view();
  const size_t old_span = ListpackIntegerBytes(now.live_count()) + ListpackIntegerBytes(now.deleted_count());
  const size_t new_span = ListpackIntegerBytes(live) + ListpackIntegerBytes(deleted);
  char* to = data() + kListpackHeaderBytes;
  if (old_span != new_span) {
    to = ReplaceListpackSpan(data(), size_bytes_, kListpackHeaderBytes, old_span, new_span, 0);
    size_bytes_ = static_cast<uint32_t>(size_bytes_ + new_span - old_span);
  }
  PutListpackInteger(PutListpackInteger(to, live), deleted);
  live_count_ = static_cast<uint32_t>(live);
}

}  // namespace cachenode
