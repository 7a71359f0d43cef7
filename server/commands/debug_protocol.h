// DEBUG PROTOCOL: one reply of each protocol type, for testing clients.
#pragma once

#include "server/command_spec.h"

namespace cachenode {

// DEBUG PROTOCOL type -> a value of that type.
Status DebugProtocol(CommandContext& context, Args args);

}  // namespace cachenode
