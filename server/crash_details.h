// The part of a crash report that only the server can write: INFO, clients, the current client, a test of memory.
//
// Thread-safety: runs on the thread that crashed, in its signal handler, without a lock: everything it reads may be
// half
//   changed. It may crash itself, which ends the process with what the log has by then; hence the order, from what is
//   surely there to what is least.
// Limits: kClientsMax clients; kMemoryTestMegabytes tested. CrashReport bounds the time.
#pragma once

#include <cstddef>
#include <cstdint>

#include "server/server_parts.h"

namespace cachenode {

struct CrashDetails {
  static constexpr size_t kClientsMax = 1000;
  static constexpr int64_t kMemoryTestMegabytes = 16;

  const ServerParts& parts;
  bool tests_memory = false;

  void Write() const;

 private:
  void WriteCurrentClient() const;
  void WriteInfo() const;
  void WriteClients() const;
  void WriteOptions() const;
  void TestSomeMemory() const;
};

}  // namespace cachenode
