// Reading one stream for XREAD and XREADGROUP: the part that a client that waits for entries needs as well.
//
// Thread-safety: the shard of the stream's key is locked.
#pragma once

#include <cstdint>
#include <string_view>

#include "server/command_context.h"
#include "storage/base/result.h"
#include "storage/value/stream_value.h"

namespace cachenode {

// Which entries one stream is asked for.
struct StreamRequest {
  enum class Kind : uint8_t {
    kAfter,    // Those above `after`.
    kNew,      // XREADGROUP ">": those no consumer of the group got yet.
    kHistory,  // XREADGROUP with an id: what is pending for the consumer, above `after`.
  };
  std::string_view key;
  Kind kind = Kind::kAfter;
  StreamId after;
};

// Who reads, and how much.
struct StreamReader {
  std::string_view group;  // Empty data(): XREAD.
  std::string_view consumer;
  uint64_t count_max = UINT64_MAX;  // Per stream.
  bool acknowledges = false;        // NOACK: what is read does not become pending.
};

// Whether there is anything to answer `request` with now; history always is. False for a missing key.
[[nodiscard]] bool HasStreamAnswer(const KeySlot& slot, const StreamRequest& request, const StreamReader& reader);

// Writes the array of entries above request.after.
void WriteStreamAfter(CommandContext& context, const KeySlot& slot, const StreamRequest& request,
                      const StreamReader& reader);

// Notes that the consumer asked, creating it, and writes the array of entries it gets, which become pending. Writes
// nothing when HasStreamAnswer is false. Requires that the stream and the group exist. Err::kOutOfMemory leaves the
// stream valid and a reply that the caller takes back.
[[nodiscard]] Status WriteStreamForConsumer(CommandContext& context, KeySlot& slot, const StreamRequest& request,
                                            const StreamReader& reader);

}  // namespace cachenode
