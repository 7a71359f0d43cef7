// RequestRunner's short way: what it asks of a request beyond the calm, and the way with threads.
#include "server/blocking/wait_table.h"
#include "server/migrate/migrate_table.h"
#include "server/monitor/monitor_feed.h"
#include "server/node_state.h"
#include "server/persistence_service.h"
#include "server/request_runner.h"

namespace cachenode {

// Whether a fence or a snapshot may hold a write back.
bool RequestRunner::WritesNeedALook() const {
  const MigrateTable* table = parts_.state->migrations.get();
  const bool is_fenced = table != nullptr && table->HasFences();
  return is_fenced || (parts_.persistence != nullptr && parts_.persistence->SnapshotRunning());
}

// Whether it has to wait for the snapshot, or may have to for a key on its way to another server. The locks of its keys
// are held.
bool RequestRunner::WriteMayWait(const Command& command, std::span<const HashedKey> keys) const {
  const MigrateTable* table = parts_.state->migrations.get();
  return (table != nullptr && table->HasFences()) || MustWaitForSnapshot(command.flags, keys);
}

// Whether somebody wants to hear of the request or, with threads, it may need more locks than its keys'.
bool RequestRunner::NeedsTheOtherWay(const Command& command) const {
  const bool is_watched = parts_.monitors != nullptr && parts_.monitors->Any();
  const bool may_serve_moves = parts_.waits != nullptr && parts_.waits->AnyMoves() && (command.flags & kWrite) != 0;
  return is_watched || may_serve_moves;
}

namespace {

bool TryLockKeys(ShardLockSet& locks, std::span<const RequestRunner::HashedKey> keys) {
  if (keys.size() == 1) [[likely]]
    return locks.TryAcquireOne(keys.front().hash);
  locks.Clear();
  for (const RequestRunner::HashedKey& key : keys) locks.Add(key.hash);
  return locks.TryAcquireSpinning();
}

}  // namespace

// The locks of the keys, when all that can hold for a request allows the short way; none otherwise. Other threads may
// change at any time what is asked here, but not while the keys are locked. It does not sleep: the calm would be over.
bool RequestRunner::LockForPlain(const Command& command, std::span<const HashedKey> keys) {
  if (command.Is(kSelfLocking)) return false;
  if (!TryLockKeys(*locks_, keys)) [[unlikely]]
    return false;
  if (!NeedsTheOtherWay(command) && !MustWaitToWrite(command, keys)) [[likely]]
    return true;
  locks_->Release();
  return false;
}

}  // namespace cachenode
