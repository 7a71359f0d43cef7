// Ends the MIGRATEs whose clients went before the target answered, as if those clients had waited: the keys that the
// target has taken are erased here, so that none is on both servers.
//
// Thread-safety: a worker's thread, inside the world and holding no shard lock. Periodic work: one load when there is
//   nothing to do.
#pragma once

namespace cachenode {

class MigrateTable;
class Worker;

void EndAbandonedMigrates(Worker& worker, const MigrateTable& table);

}  // namespace cachenode
