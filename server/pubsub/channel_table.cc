#include "server/pubsub/channel_table.h"

#include <algorithm>

#include "storage/base/glob.h"

namespace cachenode {

ChannelSlotRef Channel::Join(uint32_t worker_index, std::string_view name) {
  ++subscriber_count;
  const auto found = std::find_if(slots.begin(), slots.end(), [worker_index](const ChannelSlotRef& slot) {
    return slot->worker_index == worker_index;
  });
  if (found != slots.end()) {
    ++(*found)->joined;
    return *found;
  }
  slots.push_back(std::make_shared<ChannelSlot>(worker_index, name));
  slots.back()->joined = 1;
  return slots.back();
}

void Channel::Leave(ChannelSlot& slot) {
  --subscriber_count;
  if (--slot.joined != 0) return;
  const auto found =
      std::find_if(slots.begin(), slots.end(), [&slot](const ChannelSlotRef& other) { return other.get() == &slot; });
  slots.erase(found);
}

void ChannelTable::ForEach(const Visitor& visit) {
  for (Bucket& bucket : buckets_) {
    const auto lock = Lock(bucket);
    for (const auto& [name, channel] : bucket.channels) visit(name, channel);
  }
}

bool PatternTable::Matches(std::string_view pattern, std::string_view channel) noexcept {
  return GlobMatch(pattern, channel);
}

}  // namespace cachenode
