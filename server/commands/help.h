// The reply of every "<CONTAINER> HELP".
//
// Thread-safety: the writer belongs to the caller's loop.
#pragma once

#include <span>
#include <string_view>

#include "protocol/resp_writer.h"

namespace cachenode {

// A heading that names `container`, the given lines, and the two lines that describe HELP itself, as status replies.
void WriteHelp(RespWriter& reply, std::string_view container, std::span<const std::string_view> lines);

}  // namespace cachenode
