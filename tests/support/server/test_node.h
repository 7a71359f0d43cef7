// Workers on threads of their own with everything below them, reached over socket pairs: no port, no process.
//
// Thread-safety: one test thread. The clock is shared with the workers and may be moved while they run.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "server/acl/acl_store.h"
#include "server/background_pool.h"
#include "server/client_registry.h"
#include "server/client_services.h"
#include "server/command_table.h"
#include "server/config/config_store.h"
#include "server/net/tls_context.h"
#include "server/node/node_events.h"
#include "server/node_state.h"
#include "server/server_control.h"
#include "server/server_parts.h"
#include "server/session.h"
#include "server/stats/latency_monitor.h"
#include "server/stats/slowlog.h"
#include "server/stats/stats_hub.h"
#include "server/worker.h"
#include "server/world_lock.h"
#include "storage/base/clock.h"
#include "storage/base/log.h"
#include "storage/keyspace.h"

namespace cachenode {

// A clock that tests move while threads read it.
class SharedFakeClock final : public Clock {
 public:
  [[nodiscard]] int64_t NowUs() const noexcept override { return now_us_.load(); }
  [[nodiscard]] int64_t MonotonicUs() const noexcept override { return now_us_.load(); }
  void Advance(std::chrono::milliseconds by) { now_us_ += by.count() * 1000; }

 private:
  std::atomic<int64_t> now_us_{1'700'000'000'000'000};
};

// The client's end of a connection. Every wait gives up after kPatience and fails what it returns.
class TestClient {
 public:
  static constexpr std::chrono::seconds kPatience{20};

  explicit TestClient(int descriptor) : descriptor_(descriptor) {}
  ~TestClient() { Close(); }
  TestClient(TestClient&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)), id(other.id) {}
  TestClient& operator=(TestClient&&) = delete;

  // Sends everything, or says false when the node is gone.
  bool Send(std::string_view bytes);
  // As much as fits into the socket's buffer; returns how much.
  size_t SendSome(std::string_view bytes);
  // Exactly `size` bytes; fewer when the node closed first.
  std::string Receive(size_t size);
  // What is there, waiting until there is something; empty when the node closed.
  std::string ReceiveSome();
  // All bytes until the node closes.
  std::string ReceiveAll();
  // Whether bytes wait to be received now.
  [[nodiscard]] bool HasReply() const;
  void Close();

 private:
  [[nodiscard]] bool WaitFor(short events) const;

  int descriptor_;

 public:
  [[nodiscard]] int descriptor() const { return descriptor_; }
  uint64_t id = 0;
};

class TestNode {
 public:
  explicit TestNode(const std::function<void(Config&)>& adjust = {}, uint32_t worker_count = 1);
  ~TestNode();
  TestNode(const TestNode&) = delete;
  TestNode& operator=(const TestNode&) = delete;

  // With `tls`, the client has to begin a handshake. With `farewell`, it is told that and let go.
  TestClient Connect(uint32_t worker_index = 0, const std::shared_ptr<const TlsContext>& tls = nullptr,
                     std::string_view farewell = {});
  // Runs `action` on the worker's thread and waits for its end.
  void RunOn(uint32_t worker_index, const std::function<void(Worker&)>& action);
  // Asks about the client's session, on its worker. False when the client is gone.
  bool WithSession(uint64_t id, const std::function<void(Session&)>& action);
  // Waits until `condition`, asked on the client's worker, holds. False after TestClient::kPatience.
  bool WaitUntil(uint64_t id, const std::function<bool(Session&)>& condition);
  // Waits until so many clients are left.
  bool WaitForClientCount(size_t count);

  SharedFakeClock clock;
  ServerParts parts;
  std::unique_ptr<ClientRegistry> clients;
  std::unique_ptr<StatsHub> stats;
  std::unique_ptr<WorldLock> world;
  ServerControl control;

 private:
  NullLogSink sink_;
  Log log_{sink_};
  NodeEvents events_{log_, clock, "a-node"};
  NodeState state_;
  SlowLog slowlog_;
  LatencyMonitor latency_;
  BackgroundPool background_;
  std::unique_ptr<ConfigStore> config_;
  std::unique_ptr<CommandTable> commands_;
  std::unique_ptr<AclStore> acl_;
  std::unique_ptr<Keyspace> keyspace_;
  std::unique_ptr<ClientServices> client_services_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::thread> threads_;
};

// "PING" "ECHO" "x" as a RESP array.
std::string Request(std::initializer_list<std::string_view> words);

}  // namespace cachenode
