// The MIGRATEs that are under way: their orders, the fences around their keys, and open connections to targets.
//
// Thread-safety: any thread; one mutex, a leaf lock, held for lookups only. Fence is called with the shards of the keys
//   locked, and every writer asks Blocks under the same locks: nobody slips in between.
// Invariants: a key is fenced from its serialisation until its client's command ended. When that client went, somebody
//   ends the command for it (TakeAbandoned), so that a key the target has taken goes here as well. A fence blocks
//   writers, never readers.
// Limits: kTargetsMax connections are kept, kTargetIdleMs each.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "server/migrate/migrate_order.h"
#include "server/migrate/migrate_target.h"
#include "server/session_listener.h"
#include "storage/shard_router.h"

namespace cachenode {

class MigrateTable final : public SessionListener {
 public:
  static constexpr size_t kTargetsMax = 64;
  static constexpr int64_t kTargetIdleMs = 10'000;

  struct FencedKey {
    uint32_t database;
    KeyHash hash;
  };
  enum class Progress : uint8_t { kNone, kRunning, kDone };

  // `resume_parked`: clients that wait for a fence are offered again. Any thread.
  explicit MigrateTable(std::function<void()> resume_parked) : resume_parked_(std::move(resume_parked)) {}

  // Whether any key is fenced: one load.
  [[nodiscard]] bool HasFences() const { return fence_count_.load(std::memory_order_relaxed) != 0; }
  // Whether a write of `client_id` to the key has to wait. Without a database: to the key of any.
  [[nodiscard]] bool Blocks(uint64_t client_id, std::optional<uint32_t> database, KeyHash hash) const;

  // Fences the keys of the client's order. The order is shared by the one who carries it out and this table: either may
  // be the last to let go of it.
  [[nodiscard]] std::shared_ptr<MigrateOrder> Begin(uint64_t client_id, MigrateOrder order,
                                                    std::vector<FencedKey> keys);
  [[nodiscard]] Progress ProgressOf(uint64_t client_id) const;
  // The order was carried out. False when its client has gone: nobody is to be told then.
  bool NoteDone(uint64_t client_id);
  // Orders that were carried out and whose clients have gone, with their clients' ids: `request` is to be run for each
  // as if by that client. Those not ended by that are given again. From time to time; any thread.
  struct Abandoned {
    uint64_t client_id;
    std::shared_ptr<MigrateOrder> order;
  };
  [[nodiscard]] std::vector<Abandoned> TakeAbandoned() const;
  // Ends a done order: the fences go, who waited for them is resumed.
  [[nodiscard]] std::shared_ptr<MigrateOrder> End(uint64_t client_id);

  // Talks to the target. Blocks; fills `accepted` and `error`. Any thread, no lock held.
  void CarryOut(MigrateOrder& order);
  [[nodiscard]] size_t kept_target_count() const;
  // Closes connections that nobody has used for kTargetIdleMs. From time to time; any thread.
  void CloseIdleTargets();
  // Orders that are carried out fail soon: the node is about to end.
  void Stop() { stopping_.store(true, std::memory_order_relaxed); }

  void OnSessionEnd(Session& session) override;
  void OnSessionReset(Session&) override {}  // A client that waits for its MIGRATE sends nothing.

 private:
  // With mutex_ held.
  void DropIdleTargets();
  struct Entry {
    std::shared_ptr<MigrateOrder> order;
    std::vector<FencedKey> keys;
    bool done = false;
    bool abandoned = false;  // The client has gone.
  };

  // With mutex_ held. Whether nobody needs the entry any more: its client has gone, and nothing is to be erased here.
  [[nodiscard]] static bool IsOver(const Entry& entry);
  void Remove(uint64_t client_id);
  [[nodiscard]] MigrateTarget TakeTarget(const std::string& name);
  void KeepTarget(const std::string& name, MigrateTarget target);

  const std::function<void()> resume_parked_;
  std::atomic<size_t> fence_count_{0};
  std::atomic<size_t> abandoned_count_{0};
  std::atomic<bool> stopping_{false};
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::map<uint64_t, Entry> entries_;             // By client id.
  std::map<std::string, MigrateTarget> targets_;  // By "host:port".
};

// One conversation with `target`, already open. False when the connection failed; `is_writing` tells in which half.
// Public for tests of peers that behave badly.
bool TransferItems(MigrateTarget& target, MigrateOrder& order, bool& is_writing);

}  // namespace cachenode
