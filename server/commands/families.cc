#include "server/commands/families.h"

#include <vector>

namespace cachenode {
namespace {

using Family = std::span<const CommandSpec> (*)();

constexpr Family kFamilies[] = {
    // One family a line, so that two new ones do not meet in a merge.
    // clang-format off
    AclCommands,
    BitfieldCommands,
    BitmapCommands,
    BitopCommands,
    BlockingListCommands,
    BlockingSortedSetCommands,
    ClientCommands,
    ClusterCommands,
    CommandCommands,
    CommandLogCommands,
    ConfigCommands,
    ConnectionCommands,
    DatabaseCommands,
    DebugCommands,
    DumpCommands,
    ExpireCommands,
    FunctionCommands,
    ScriptCommands,
    GeoCommands,
    GeoSearchCommands,
    HashCommands,
    HashExpireCommands,
    HashFieldCommands,
    HashReadCommands,
    HyperLogLogCommands,
    KeyCommands,
    KeyScanCommands,
    LatencyCommands,
    LcsCommands,
    ListCommands,
    ListMoveCommands,
    MemoryCommands,
    MigrateCommands,
    ModuleCommands,
    MonitorCommands,
    NodeCommands,
    PersistenceCommands,
    PubSubCommands,
    ReplicationCommands,
    ServerCommands,
    SetAlgebraCommands,
    SetCommands,
    SlowlogCommands,
    SnapshotCommands,
    SortCommands,
    SortedSetAlgebraCommands,
    SortedSetCommands,
    SortedSetRangeCommands,
    SortedSetRemovalCommands,
    StreamCommands,
    StreamDeleteCommands,
    StreamGroupCommands,
    StreamInfoCommands,
    StreamPendingCommands,
    StreamReadCommands,
    StringCommands,
    StringEditCommands,
    TransactionCommands,
    WaitCommands,
    // clang-format on
};

}  // namespace

std::span<const std::span<const CommandSpec>> AllFamilies() {
  static const std::vector<std::span<const CommandSpec>> kRows = [] {
    std::vector<std::span<const CommandSpec>> rows;
    for (const Family family : kFamilies) rows.push_back(family());
    return rows;
  }();
  return kRows;
}

}  // namespace cachenode
