// Conditions of the whole node that every request is judged by.
//
// Thread-safety: each field is written by the part named and read, relaxed, by any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "server/key_interest.h"
#include "server/node/node_status.h"

namespace cachenode {

class MigrateTable;

// What this process is. Constant once the node serves.
struct NodeIdentity {
  std::string run_id;          // 40 random hexadecimal digits.
  std::string replication_id;  // The same, for replicas to come.
  std::string executable;      // Absolute path of the program.
  int64_t started_ms = 0;      // Unix milliseconds.
};

struct NodeState {
  NodeStatus status;  // Creating, available, ...; says itself who may change it.
  // Beyond it the kernel may end the process (control group); 0: no such limit. Constant once the node serves.
  uint64_t memory_ceiling_bytes = 0;
  KeyInterest key_interest;  // Watchers, waiters, trackers and notifications.
  // Keys on their way to other servers; null in harnesses. Shared only because its type is not known here.
  std::shared_ptr<MigrateTable> migrations;
  NodeIdentity identity;                          // Filled before the workers start.
  std::atomic<bool> loading{false};               // A data set is being loaded. Written by the persistence service.
  std::atomic<bool> snapshots_failing{false};     // The last snapshot failed and writes must stop. The same.
  std::atomic<bool> active_expire{true};          // DEBUG SET-ACTIVE-EXPIRE.
  std::atomic<bool> skip_checksums{false};        // DEBUG SET-SKIP-CHECKSUM-VALIDATION.
  std::atomic<bool> defrag_running{false};        // The keyspace maintenance.
  std::atomic<uint64_t> defrag_moved{0};          // Entries moved so far. The same.
  std::atomic<uint64_t> defrag_us{0};             // Time spent on it. The same.
  std::atomic<uint64_t> lazily_freed{0};          // Objects freed in the background. The background pool's jobs.
  std::atomic<uint64_t> lazily_pending_bytes{0};  // In objects that wait to be freed so. The same, and who submits.
  std::atomic<uint64_t> huge_pages_made{0};       // So far. The background pool's jobs.
  std::atomic<uint32_t> huge_pages_refused{0};    // In a row, by the system. The same.
  std::atomic<int64_t> clients_blocked{0};        // Clients that wait for a key. The blocking commands.
};

// A fresh identity for the process that calls.
[[nodiscard]] NodeIdentity MakeIdentity(int64_t now_ms);

}  // namespace cachenode
