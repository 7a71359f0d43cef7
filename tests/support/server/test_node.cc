#include "tests/support/server/test_node.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <utility>

#include "server/commands/families.h"
#include "server/config/config.h"
#include "server/migrate/migrate_table.h"
#include "server/net/listener.h"
#include "server/quiescence.h"

namespace cachenode {

namespace {

ConfigStore::Start StartOf(const std::function<void(Config&)>& adjust, uint32_t worker_count) {
  Config config = DefaultConfig(DetectMachine());
  config.io_threads = worker_count;
  config.hz = 500;  // Periodic work soon after the fake clock moved.
  config.dynamic_hz = false;
  Config defaults = config;
  if (adjust) adjust(config);
  return {std::move(config), std::move(defaults), ""};
}

}  // namespace

bool TestClient::WaitFor(short events) const {
  pollfd wait{descriptor_, events, 0};
  return poll(&wait, 1, static_cast<int>(std::chrono::milliseconds(kPatience).count())) == 1;
}

bool TestClient::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    const size_t sent = SendSome(bytes);
    bytes.remove_prefix(sent);
    if (sent != 0) continue;
    if (errno != EAGAIN || !WaitFor(POLLOUT)) return false;
  }
  return true;
}

size_t TestClient::SendSome(std::string_view bytes) {
  size_t total = 0;
  while (total < bytes.size()) {
    const ssize_t sent = send(descriptor_, bytes.data() + total, bytes.size() - total, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent <= 0) break;
    total += static_cast<size_t>(sent);
  }
  return total;
}

std::string TestClient::Receive(size_t size) {
  std::string received;
  std::array<char, 65536> buffer;
  while (received.size() < size && WaitFor(POLLIN)) {
    const size_t wanted = std::min(buffer.size(), size - received.size());
    const ssize_t got = recv(descriptor_, buffer.data(), wanted, 0);
    if (got <= 0) break;
    received.append(buffer.data(), static_cast<size_t>(got));
  }
  return received;
}

std::string TestClient::ReceiveSome() {
  std::array<char, 65536> buffer;
  if (!WaitFor(POLLIN)) return {};
  const ssize_t got = recv(descriptor_, buffer.data(), buffer.size(), 0);
  return got <= 0 ? std::string() : std::string(buffer.data(), static_cast<size_t>(got));
}

std::string TestClient::ReceiveAll() { return Receive(SIZE_MAX); }

bool TestClient::HasReply() const {
  pollfd wait{descriptor_, POLLIN, 0};
  return poll(&wait, 1, 0) == 1;
}

void TestClient::Close() {
  if (descriptor_ >= 0) close(descriptor_);
  descriptor_ = -1;
}

TestNode::TestNode(const std::function<void(Config&)>& adjust, uint32_t worker_count)
    : clients(std::make_unique<ClientRegistry>(worker_count)), world(std::make_unique<WorldLock>(worker_count == 1)) {
  config_ = std::make_unique<ConfigStore>(StartOf(adjust, worker_count));
  commands_ = std::make_unique<CommandTable>(AllFamilies());
  acl_ = std::make_unique<AclStore>(*config_, *commands_, *clients, log_);
  stats = std::make_unique<StatsHub>(worker_count, commands_->count());
  KeyspaceOptions options;
  options.shard_count = ShardCountFor(worker_count);
  options.threaded = worker_count > 1;
  options.arena_reserve_bytes = uint64_t{8} << 20;
  keyspace_ = std::make_unique<Keyspace>(options);
  parts = {.state = &state_,
           .log = &log_,
           .clock = &clock,
           .config = config_.get(),
           .commands = commands_.get(),
           .keyspace = keyspace_.get(),
           .world = world.get(),
           .clients = clients.get(),
           .stats = stats.get(),
           .slowlog = &slowlog_,
           .latency = &latency_,
           .control = &control,
           .background = &background_};
  client_services_ = std::make_unique<ClientServices>(parts);
  parts.acl = acl_.get();
  parts.events = &events_;
  state_.migrations = std::make_shared<MigrateTable>([this] {
    for (auto& worker : workers_) {
      worker->mailbox().Post(MakeLetter([](Worker& there) { there.ResumeParked(); }));
    }
  });
  parts.session_listeners.push_back(state_.migrations.get());
  for (uint32_t i = 0; i < worker_count; ++i) {
    workers_.push_back(std::make_unique<Worker>(WorkerSetup{i, &log_, &clock}, parts, stats->worker(i)));
    if (!workers_.back()->Open().ok()) throw std::runtime_error("no event loop");
  }
  ControlHooks hooks;
  hooks.resume_parked = [this] {
    for (auto& worker : workers_) {
      worker->mailbox().Post(MakeLetter([](Worker& there) { there.ResumeParked(); }));
    }
  };
  control.SetHooks(std::move(hooks));
  for (auto& worker : workers_) threads_.emplace_back([&worker] { worker->Run(); });
}

TestNode::~TestNode() {
  for (auto& worker : workers_) worker->Stop();
  for (std::thread& thread : threads_) thread.join();
  state_.migrations->Stop();
  background_.Drain(BackgroundPool::Lane::kTransfer);
}

TestClient TestNode::Connect(uint32_t worker_index, const std::shared_ptr<const TlsContext>& tls,
                             std::string_view farewell) {
  std::array<int, 2> pair{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair.data()) != 0) {
    throw std::runtime_error("no socket pair");
  }
  TestClient client(pair[0]);
  clients->Reserve(worker_index);
  client.id = clients->NextId(worker_index);
  RunOn(worker_index, [&](Worker& worker) {
    IncomingConnection incoming(pair[1], true, "/test:0", true, tls);
    incoming.SetFarewell(farewell);
    worker.Adopt(std::move(incoming), client.id);
  });
  return client;
}

void TestNode::RunOn(uint32_t worker_index, const std::function<void(Worker&)>& action) {
  std::mutex mutex;
  std::condition_variable finished;
  bool done = false;
  workers_[worker_index]->mailbox().Post(MakeLetter([&](Worker& worker) {
    action(worker);
    const std::lock_guard lock(mutex);
    done = true;
    finished.notify_one();
  }));
  std::unique_lock lock(mutex);
  finished.wait(lock, [&done] { return done; });
}

bool TestNode::WithSession(uint64_t id, const std::function<void(Session&)>& action) {
  bool found = false;
  const uint32_t index = clients->WorkerOf(id);
  RunOn(index, [&](Worker&) {
    Session* session = clients->FindOwn(index, id);
    found = session != nullptr;
    if (found) action(*session);
  });
  return found;
}

bool TestNode::WaitUntil(uint64_t id, const std::function<bool(Session&)>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + TestClient::kPatience;
  bool holds = false;
  while (!holds && std::chrono::steady_clock::now() < deadline) {
    if (!WithSession(id, [&](Session& session) { holds = condition(session); })) return false;
    if (!holds) std::this_thread::yield();
  }
  return holds;
}

bool TestNode::WaitForClientCount(size_t count) {
  const auto deadline = std::chrono::steady_clock::now() + TestClient::kPatience;
  while (clients->Count() != count && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  return clients->Count() == count;
}

std::string Request(std::initializer_list<std::string_view> words) {
  std::string request = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string_view word : words) {
    request += "$" + std::to_string(word.size()) + "\r\n";
    request += word;
    request += "\r\n";
  }
  return request;
}

}  // namespace cachenode
