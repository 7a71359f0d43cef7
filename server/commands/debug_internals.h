// DEBUG subcommands about the inside of the process: hash tables, the allocator's knobs, reply buffers, identities.
#pragma once

#include "server/command_spec.h"

namespace cachenode {

// DEBUG HTSTATS db -> how the tables of a database are filled.
Status DebugHtstats(CommandContext& context, Args args);
// DEBUG HTSTATS-KEY key -> the same for a value that is a hash table.
Status DebugHtstatsKey(CommandContext& context, Args args);
// DEBUG MALLCTL name [value] -> the value of a number among the allocator's knobs.
Status DebugMallctl(CommandContext& context, Args args);
// DEBUG MALLCTL-STR name [value] -> the same for a text; "VOID" runs what takes no value.
Status DebugMallctlStr(CommandContext& context, Args args);
// DEBUG REPLYBUFFER PEAK-RESET-TIME never|reset|ms, RESIZING 0|1 -> OK.
Status DebugReplybuffer(CommandContext& context, Args args);
// DEBUG CLIENT-EVICTION -> what the clients hold that maxmemory-clients may close, by classes of size.
Status DebugClientEviction(CommandContext& context, Args args);
// DEBUG CHANGE-REPL-ID -> OK; the node has another replication id.
Status DebugChangeReplId(CommandContext& context, Args args);

}  // namespace cachenode
