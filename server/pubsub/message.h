// Messages as they go over the wire, encoded once for all who get them.
//
// Thread-safety: pure functions. Errors: an empty block when there is no memory.
// Form: RESP2, "*3\r\n$7\r\nmessage...". RESP3 differs in the first byte alone, which is '>' there: whoever sends the
//   message to a RESP3 client puts it in front of the rest.
#pragma once

#include <string_view>

#include "storage/base/byte_block.h"

namespace cachenode {

enum class ChannelKind : uint8_t { kChannel, kPattern, kShard };

[[nodiscard]] ByteBlockRef EncodeMessage(ChannelKind kind, std::string_view channel, std::string_view payload);
[[nodiscard]] ByteBlockRef EncodePatternMessage(std::string_view pattern, std::string_view channel,
                                                std::string_view payload);

}  // namespace cachenode
