#include "server/migrate/abandoned_migrates.h"

#include <string_view>
#include <vector>

#include "server/dispatcher.h"
#include "server/migrate/migrate_table.h"
#include "server/session.h"
#include "server/worker.h"

namespace cachenode {

// The request runs once more with the id of the client that went, which its own fences let pass, and finds its order
// carried out. One that must wait for a snapshot's buffers comes again with the next call.
void EndAbandonedMigrates(Worker& worker, const MigrateTable& table) {
  for (const MigrateTable::Abandoned& abandoned : table.TakeAbandoned()) {
    Session session(abandoned.client_id, worker.index(), worker.chunks());
    session.is_internal = true;
    session.authenticated = true;
    session.database = abandoned.order->source_database;
    const std::vector<std::string_view> words(abandoned.order->request.begin(), abandoned.order->request.end());
    worker.dispatcher().ExecuteOne(session, words);
  }
}

}  // namespace cachenode
