// A key's string as a reply.
//
// Thread-safety: under the key's shard lock.
#pragma once

#include <string_view>

#include "protocol/resp_writer.h"
#include "storage/key_slot.h"

namespace cachenode {

// The string of `slot`, nil when the key is missing. Large strings are sent from where they lie, pinned. Requires that
// an existing key is a string.
inline void WriteStringOrNull(RespWriter& reply, const KeySlot& slot) {
  if (!slot.Exists()) {
    reply.Null();
    return;
  }
  StringScratch scratch;
  const std::string_view bytes = slot.ReadString(scratch);
  if (bytes.size() < ReplyBuffer::kPinBytesMin) [[likely]] {
    reply.Bulk(bytes);
    return;
  }
  reply.BulkPinned(slot.PinString(), bytes);
}

}  // namespace cachenode
