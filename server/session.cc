#include "server/session.h"

#include "server/blocking/blocked_client.h"
#include "server/pubsub/subscriptions.h"
#include "server/tracking/tracking_state.h"
#include "server/transaction/transaction_state.h"

namespace cachenode {

Session::Session(uint64_t client_id, uint32_t owner, ChunkPool& pool)
    : id(client_id), worker_index(owner), replies(pool) {}

Session::~Session() = default;

}  // namespace cachenode
