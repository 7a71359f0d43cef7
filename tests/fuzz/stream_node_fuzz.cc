// Hostile bytes as a node of a stream: refused, or a node that reads the same from both ends and can be changed. The
// first 16 bytes are the master id.
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "storage/value/stream_node.h"

namespace cachenode {
namespace {

void Check(bool holds) {
  if (!holds) std::abort();
}

// Reads every field of every entry; answers the offsets of the live ones.
std::vector<ListpackView::Offset> ReadAll(StreamNodeView node, const StreamNodeFacts& facts) {
  std::vector<ListpackView::Offset> live;
  uint64_t deleted = 0;
  for (ListpackView::Offset at = node.Begin(); at != node.End();) {
    const StreamEntry entry = node.At(at);
    Check(entry.id >= facts.first_id && entry.id <= facts.last_id);
    StreamFieldCursor fields(entry);
    ListpackElement field;
    ListpackElement value;
    uint64_t count = 0;
    for (; fields.Next(field, value); ++count) Check(field.SizeBytes() + value.SizeBytes() < node.bytes().size());
    Check(count == entry.field_count);
    if (entry.is_deleted) {
      ++deleted;
    } else {
      live.push_back(at);
    }
    const ListpackView::Offset next = node.Next(entry);
    Check(next > at && node.Previous(next) == at);
    at = next;
  }
  Check(live.size() == facts.live_count && static_cast<uint64_t>(node.deleted_count()) == deleted);
  return live;
}

void Read(StreamId master, std::string_view bytes) {
  StreamNodeFacts facts;
  if (!IsValidStreamNode(master, bytes, facts)) return;
  const std::vector<ListpackView::Offset> live = ReadAll(StreamNodeView(master, bytes), facts);
  StreamNode* const stored = StreamNode::CreateFrom(master, bytes);
  Check(stored != nullptr && stored->bytes() == bytes && stored->live_count() == live.size());
  const std::string_view kFields[] = {"name", "value"};
  const std::optional<StreamId> next = NextStreamId(facts.last_id);
  const StreamEntryPlan plan = stored->Plan(facts.last_id, kFields);
  StreamNode* const node = stored->CopyWithRoom(stored->BytesWith(plan.bytes) + 64);
  Check(node != nullptr);
  node->FlagDeleted(live);
  if (next) node->Append(node->Plan(*next, kFields), *next, kFields);
  StreamNodeFacts changed;
  Check(IsValidStreamNode(master, node->bytes(), changed));
  Check(changed.live_count == (next ? 1U : 0U) && changed.last_id == next.value_or(facts.last_id));
  StreamNode::Destroy(node);
  StreamNode::Destroy(stored);
}

}  // namespace
}  // namespace cachenode

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < cachenode::kStreamIdBytes) return 0;
  const char* const bytes = reinterpret_cast<const char*>(data);
  cachenode::Read(cachenode::LoadStreamId(bytes),
                  {bytes + cachenode::kStreamIdBytes, size - cachenode::kStreamIdBytes});
  return 0;
}
