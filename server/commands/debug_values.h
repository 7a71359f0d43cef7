// DEBUG's subcommands about one value and how it is kept.
//
// Thread-safety: as commands; DEBUG runs alone.
#pragma once

#include "server/command_spec.h"

namespace cachenode {

// DEBUG DIGEST-VALUE key [key ...] -> digits for each value, zeros for a missing key.
Status DebugDigestValue(CommandContext& context, Args args);
// DEBUG OBJECT key -> one line about how the value is kept.
Status DebugObject(CommandContext& context, Args args);
// DEBUG SDSLEN key -> lengths of key and string as Redis would describe them.
Status DebugSdslen(CommandContext& context, Args args);
// DEBUG LISTPACK key, DEBUG QUICKLIST key [full] -> a status; the structure is in the log.
Status DebugListpack(CommandContext& context, Args args);
Status DebugQuicklist(CommandContext& context, Args args);
// DEBUG QUICKLIST-PACKED-THRESHOLD bytes -> OK; list elements of that size get a node of their own. 0: the default.
Status DebugPackedThreshold(CommandContext& context, Args args);

}  // namespace cachenode
