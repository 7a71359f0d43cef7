// The command families of this server, listed by hand: a family is one span of rows, defined at the end of its file.
// Self-registration is avoided on purpose: a linker drops objects nobody names, and commands would vanish silently.
#pragma once

#include <span>

#include "server/command_spec.h"

namespace cachenode {

std::span<const CommandSpec> AclCommands();
std::span<const CommandSpec> BitfieldCommands();
std::span<const CommandSpec> BitmapCommands();
std::span<const CommandSpec> BitopCommands();
std::span<const CommandSpec> BlockingListCommands();
std::span<const CommandSpec> BlockingSortedSetCommands();
std::span<const CommandSpec> ClientCommands();
std::span<const CommandSpec> ClusterCommands();
std::span<const CommandSpec> CommandCommands();
std::span<const CommandSpec> CommandLogCommands();
std::span<const CommandSpec> ConfigCommands();
std::span<const CommandSpec> ConnectionCommands();
std::span<const CommandSpec> DatabaseCommands();
std::span<const CommandSpec> DebugCommands();
std::span<const CommandSpec> DumpCommands();
std::span<const CommandSpec> ExpireCommands();
std::span<const CommandSpec> FunctionCommands();
std::span<const CommandSpec> GeoCommands();
std::span<const CommandSpec> GeoSearchCommands();
std::span<const CommandSpec> HashCommands();
std::span<const CommandSpec> HashExpireCommands();
std::span<const CommandSpec> HashFieldCommands();
std::span<const CommandSpec> HashReadCommands();
std::span<const CommandSpec> HyperLogLogCommands();
std::span<const CommandSpec> KeyCommands();
std::span<const CommandSpec> KeyScanCommands();
std::span<const CommandSpec> LatencyCommands();
std::span<const CommandSpec> LcsCommands();
std::span<const CommandSpec> ListCommands();
std::span<const CommandSpec> ListMoveCommands();
std::span<const CommandSpec> MemoryCommands();
std::span<const CommandSpec> MigrateCommands();
std::span<const CommandSpec> ModuleCommands();
std::span<const CommandSpec> MonitorCommands();
std::span<const CommandSpec> NodeCommands();
std::span<const CommandSpec> PersistenceCommands();
std::span<const CommandSpec> PubSubCommands();
std::span<const CommandSpec> ReplicationCommands();
std::span<const CommandSpec> ScriptCommands();
std::span<const CommandSpec> ServerCommands();
std::span<const CommandSpec> SetAlgebraCommands();
std::span<const CommandSpec> SetCommands();
std::span<const CommandSpec> SlowlogCommands();
std::span<const CommandSpec> SnapshotCommands();
std::span<const CommandSpec> SortCommands();
std::span<const CommandSpec> SortedSetAlgebraCommands();
std::span<const CommandSpec> SortedSetCommands();
std::span<const CommandSpec> SortedSetRangeCommands();
std::span<const CommandSpec> SortedSetRemovalCommands();
std::span<const CommandSpec> StreamCommands();
std::span<const CommandSpec> StreamDeleteCommands();
std::span<const CommandSpec> StreamGroupCommands();
std::span<const CommandSpec> StreamInfoCommands();
std::span<const CommandSpec> StreamPendingCommands();
std::span<const CommandSpec> StreamReadCommands();
std::span<const CommandSpec> StringCommands();
std::span<const CommandSpec> StringEditCommands();
std::span<const CommandSpec> TransactionCommands();
std::span<const CommandSpec> WaitCommands();

// Every family, in the order COMMAND lists them.
std::span<const std::span<const CommandSpec>> AllFamilies();

}  // namespace cachenode
