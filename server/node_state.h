// Conditions of the whole node that every request is judged by.
//
// Thread-safety: each field is written by the part named and read, relaxed, by any thread.
#pragma once

#include <atomic>
#include <cstdint>

namespace cachenode {

struct NodeState {
  std::atomic<bool> loading{false};            // A data set is being loaded. Written by the persistence service.
  std::atomic<bool> snapshots_failing{false};  // The last snapshot failed and writes must stop. The same.
  std::atomic<bool> active_expire{true};       // DEBUG SET-ACTIVE-EXPIRE.
  std::atomic<int64_t> clients_blocked{0};     // Clients that wait for a key. The blocking commands.
};

}  // namespace cachenode
