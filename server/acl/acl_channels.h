// Which arguments of a request are channels that its user must be allowed to use.
//
// Thread-safety: pure functions.
#pragma once

#include <cstddef>

namespace cachenode {

struct Command;

struct AclChannelArguments {
  size_t begin = 0;
  size_t end = 0;  // Past the last; may lie beyond the request.
  bool are_patterns = false;
};

// PUBLISH, SPUBLISH: the first argument; SUBSCRIBE, SSUBSCRIBE: all, and PSUBSCRIBE's are patterns. Leaving a channel
// needs no permission.
[[nodiscard]] AclChannelArguments ChannelArgumentsOf(const Command& command);

}  // namespace cachenode
