// What workers and connections need to know of the configuration, in the form they use it.
//
// Thread-safety: every member is atomic and relaxed; CONFIG SET (under the exclusive world lock) writes, workers read at
//   their next use. `sockets` of ListenOptions change only before the listeners are (re)bound.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace cachenode {

// One class of client-output-buffer-limit; bytes and milliseconds, 0 is no limit.
struct AtomicOutputLimit {
  std::atomic<uint64_t> hard_bytes{0};
  std::atomic<uint64_t> soft_bytes{0};
  std::atomic<int64_t> soft_ms{0};
};

struct NetworkOptions {
  static constexpr size_t kOutputClasses = 3;  // Normal, replica, pub/sub.

  std::atomic<uint32_t> clients_max{10000};
  std::atomic<int64_t> idle_timeout_ms{0};           // timeout; 0 never closes.
  std::atomic<int32_t> keepalive_seconds{300};       // tcp-keepalive; 0 is off.
  std::atomic<uint64_t> query_buffer_bytes_max{uint64_t{1} << 30};
  std::atomic<int64_t> bulk_bytes_max{int64_t{512} << 20};
  std::array<AtomicOutputLimit, kOutputClasses> output_limits;
  std::atomic<int32_t> hz{10};
  std::atomic<bool> dynamic_hz{true};
  std::atomic<bool> protected_mode{true};
  std::atomic<bool> default_user_open{true};         // The default user needs no password.
  std::atomic<int64_t> clients_memory_max{0};        // maxmemory-clients; 0 is no limit.
};

struct ListenOptions {
  uint16_t port = 6379;                              // 0: no TCP.
  std::vector<std::string> addresses = {"*", "-::*"};  // bind; a leading '-' allows the address to be missing.
  int backlog = 511;
  std::string unix_path;                             // Empty: none.
  uint32_t unix_permissions = 0;                     // 0: what umask leaves.
  uint32_t mark_id = 0;                              // socket-mark-id (SO_MARK).
};

}  // namespace cachenode
