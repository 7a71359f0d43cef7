#include "server/net/listener.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

#include "server/net/socket_address.h"
#include "server/net/tls_transport.h"
#include "storage/base/system_error.h"

namespace cachenode {

namespace {

// Errors that mean "this machine has no such address or family"; those alone do not stop the start.
bool IsMissingFamily(int error_number) {
  return error_number == ENOPROTOOPT || error_number == EPROTONOSUPPORT || error_number == ESOCKTNOSUPPORT ||
         error_number == EPFNOSUPPORT || error_number == EAFNOSUPPORT;
}

Status SystemError(const char* what) { return Status::Text(fmt::format("{}: {}", what, SystemErrorText(errno))); }

void SetOption(int descriptor, int level, int name, int value) {
  setsockopt(descriptor, level, name, &value, sizeof(value));
}

// A listening socket at `address`, or -1 with errno and a text for the log.
int Listen(const SocketAddress& address, const Config& options, std::string& reason) {
  const int family = address.storage.ss_family;
  const int descriptor = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) {
    reason = fmt::format("socket: {}", SystemErrorText(errno));
    return -1;
  }
  if (family == AF_INET6) SetOption(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  if (family != AF_UNIX) SetOption(descriptor, SOL_SOCKET, SO_REUSEADDR, 1);
  if (options.socket_mark_id != 0) {
    SetOption(descriptor, SOL_SOCKET, SO_MARK, static_cast<int>(options.socket_mark_id));
  }
  const char* step = "bind";
  int failed = bind(descriptor, address.raw(), address.size);
  if (failed == 0) {
    step = "listen";
    failed = listen(descriptor, static_cast<int>(options.tcp_backlog));
  }
  if (failed == 0) return descriptor;
  const int error_number = errno;
  reason = fmt::format("{}: {}", step, SystemErrorText(error_number));
  close(descriptor);
  errno = error_number;
  return -1;
}

}  // namespace

IncomingConnection::IncomingConnection(int descriptor, bool is_unix, std::string peer_address, bool is_loopback,
                                       std::shared_ptr<const TlsContext> tls)
    : descriptor_(descriptor),
      is_unix_(is_unix),
      is_loopback_(is_loopback),
      peer_address_(std::move(peer_address)),
      tls_(std::move(tls)) {}

IncomingConnection::IncomingConnection(IncomingConnection&& other) noexcept
    : descriptor_(other.TakeDescriptor()),
      is_unix_(other.is_unix_),
      is_loopback_(other.is_loopback_),
      peer_address_(std::move(other.peer_address_)),
      farewell_(other.farewell_),
      tls_(std::move(other.tls_)) {}

IncomingConnection::~IncomingConnection() {
  if (descriptor_ >= 0) close(descriptor_);
}

int IncomingConnection::TakeDescriptor() { return std::exchange(descriptor_, -1); }

std::unique_ptr<Transport> IncomingConnection::TakeTransport(Log& log) {
  if (tls_ == nullptr) return MakeSocketTransport(TakeDescriptor());
  return MakeTlsTransport(TakeDescriptor(), std::move(tls_), log);
}

std::string IncomingConnection::LocalAddress() const {
  if (is_unix_) return peer_address_;
  SocketAddress address;
  address.size = sizeof(address.storage);
  if (getsockname(descriptor_, address.raw(), &address.size) != 0) return "?:0";
  return AddressText(address);
}

void IncomingConnection::Refuse(std::string_view line) const {
  if (is_tls()) return;
  // What the client sent already is read, as closing over unread input would reset the connection before the client
  // sees the line.
  char unread[1024];
  [[maybe_unused]] const ssize_t read = recv(descriptor_, unread, sizeof(unread), MSG_DONTWAIT);
  [[maybe_unused]] const ssize_t sent = send(descriptor_, line.data(), line.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

// One listening descriptor.
class ListenerSet::Socket final : private Poller::Listener {
 public:
  Socket(ListenerSet& set, int descriptor, Kind kind) : set_(set), descriptor_(descriptor), kind_(kind) {}
  ~Socket() override {
    poller_.Close();
    close(descriptor_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  // Nothing when started before.
  Status Start() {
    if (started_) return Status::Ok();
    started_ = true;
    if (Status failed = poller_.Open(set_.loop_, descriptor_, *this); !failed.ok()) return failed;
    Watch(true);
    return Status::Ok();
  }
  // Stops listening; any thread.
  void Silence() { shutdown(descriptor_, SHUT_RDWR); }
  void Watch(bool accepting) { poller_.Watch(accepting ? Poller::kReadable : Poller::kNone); }
  [[nodiscard]] int descriptor() const { return descriptor_; }
  [[nodiscard]] Kind kind() const { return kind_; }

 private:
  void OnReady(uint8_t) override { set_.Accept(*this); }

  ListenerSet& set_;
  const int descriptor_;
  const Kind kind_;
  bool started_ = false;
  Poller poller_;
};

ListenerSet::ListenerSet(EventLoop& loop, Log& log, OnAccept on_accept, RunOnLoop run_on_loop)
    : loop_(loop),
      log_(log),
      on_accept_(std::move(on_accept)),
      run_on_loop_(std::move(run_on_loop)),
      exhausted_timer_(loop,
                       [this] {
                         for (auto& socket : tcp_) socket->Watch(true);
                         for (auto& socket : tls_) socket->Watch(true);
                         if (unix_) unix_->Watch(true);
                       }),
      handshakes_timer_(loop, [this] {
        for (auto& socket : tls_) socket->Watch(true);
      }) {}

ListenerSet::~ListenerSet() { Close(); }

Status ListenerSet::Open(const Config& options) {
  Status failed;
  for (const Kind kind : {Kind::kTcp, Kind::kTls}) {
    Result<Sockets> bound = Bind(kind, options);
    if (bound) {
      OfKind(kind) = *std::move(bound);
      continue;
    }
    CN_LOG(log_, kWarning, "Failed listening on port {} ({}), aborting.", PortOf(kind, options),
           kind == Kind::kTls ? "TLS" : "TCP");
    failed = bound.error();
    break;
  }
  if (failed.ok()) {
    failed = BindUnix(options);
    if (!failed.ok()) CN_LOG(log_, kWarning, "Failed opening Unix socket: {}", failed.text());
  }
  if (failed.ok()) {
    tls_accepts_per_turn_ = static_cast<int>(options.max_new_tls_connections_per_cycle);
    StartAll();
    return failed;
  }
  tcp_.clear();
  tls_.clear();
  return failed;
}

Status ListenerSet::Rebind(const Config& before, const Config& after) {
  tls_accepts_per_turn_ = static_cast<int>(after.max_new_tls_connections_per_cycle);
  // A port that one kind gives up may be the other's next.
  const Kind first = after.tls_port == 0 ? Kind::kTls : Kind::kTcp;
  const Kind second = first == Kind::kTls ? Kind::kTcp : Kind::kTls;
  Status failed = RebindKind(first, before, after);
  if (!failed.ok()) return failed;
  failed = RebindKind(second, before, after);
  if (failed.ok()) return failed;
  const Status undone = RebindKind(first, after, before);
  if (!undone.ok()) CN_LOG(log_, kWarning, "The former listening sockets are lost: {}", undone.text());
  return failed;
}

int64_t ListenerSet::PortOf(Kind kind, const Config& options) {
  return kind == Kind::kTls ? options.tls_port : options.port;
}

Status ListenerSet::RebindKind(Kind kind, const Config& before, const Config& after) {
  const bool same_port = PortOf(kind, before) == PortOf(kind, after);
  if (same_port && before.bind == after.bind) return Status::Ok();
  // One address cannot be bound twice, so on the same port the old sockets stop listening first. They are closed
  // later: their handles belong to the loop's thread.
  Sockets& sockets = OfKind(kind);
  if (same_port) {
    for (auto& socket : sockets) socket->Silence();
  }
  Result<Sockets> bound = Bind(kind, after);
  Status failed = bound ? Status::Ok() : bound.error();
  if (!failed.ok()) {
    if (!same_port) return failed;
    bound = Bind(kind, before);
    if (!bound) CN_LOG(log_, kWarning, "The former listening sockets are lost: {}", bound.status().text());
  }
  // Silent at once, as the port may be wanted by the sockets of the other kind.
  for (auto& socket : sockets) {
    socket->Silence();
    replaced_.push_back(std::move(socket));
  }
  sockets.clear();
  if (bound) sockets = *std::move(bound);
  run_on_loop_([this] {
    replaced_.clear();
    StartAll();
  });
  return failed;
}

void ListenerSet::StartAll() {
  for (Sockets* sockets : {&tcp_, &tls_}) {
    for (auto& socket : *sockets) {
      const Status failed = socket->Start();
      if (!failed.ok()) CN_LOG(log_, kWarning, "Cannot watch a listening socket: {}", failed.text());
    }
  }
}

Result<ListenerSet::Sockets> ListenerSet::Bind(Kind kind, const Config& options) {
  Sockets sockets;
  const int64_t port = PortOf(kind, options);
  if (port == 0) return sockets;
  for (const std::string& entry : options.bind) {
    const bool optional = entry.starts_with('-');
    const std::string host = optional ? entry.substr(1) : entry;
    std::string reason;
    int descriptor = -1;
    Result<std::vector<SocketAddress>> addresses = ResolveToBind(host, static_cast<uint16_t>(port));
    if (addresses) {
      descriptor = addresses->empty() ? -1 : Listen(addresses->front(), options, reason);
    } else {
      reason = addresses.error().text();
      errno = EADDRNOTAVAIL;
    }
    if (descriptor >= 0) {
      sockets.push_back(std::make_unique<Socket>(*this, descriptor, kind));
      continue;
    }
    const int error_number = errno;
    CN_LOG(log_, kWarning, "Warning: Could not create server TCP listening socket {}:{}: {}", host, port, reason);
    if (error_number == EADDRNOTAVAIL && optional) continue;
    if (IsMissingFamily(error_number)) continue;
    return Status::WithText(Err::kIo, reason);
  }
  if (sockets.empty() && !options.bind.empty()) return Status::WithText(Err::kIo, "no address could be bound");
  return sockets;
}

Status ListenerSet::BindUnix(const Config& options) {
  if (options.unixsocket.empty()) return Status::Ok();
  SocketAddress address;
  auto* name = reinterpret_cast<sockaddr_un*>(&address.storage);
  if (options.unixsocket.size() >= sizeof(name->sun_path)) return Status::Text("the path is too long");
  name->sun_family = AF_UNIX;
  std::memcpy(name->sun_path, options.unixsocket.c_str(), options.unixsocket.size() + 1);
  address.size = sizeof(sockaddr_un);
  unlink(options.unixsocket.c_str());
  std::string reason;
  const int descriptor = Listen(address, options, reason);
  if (descriptor < 0) return Status::Text(std::move(reason));
  auto socket = std::make_unique<Socket>(*this, descriptor, Kind::kUnix);
  if (options.unixsocketperm != 0 && chmod(name->sun_path, static_cast<mode_t>(options.unixsocketperm)) != 0) {
    return SystemError("chmod");
  }
  if (Status failed = socket->Start(); !failed.ok()) return failed;
  unix_ = std::move(socket);
  unix_path_ = options.unixsocket;
  return Status::Ok();
}

int ListenerSet::AcceptsPerTurn(Kind kind) const {
  if (kind != Kind::kTls) return kAcceptsPerTurn;
  return tls_context_ != nullptr && tls_context_->TakesHandshakes() ? tls_accepts_per_turn_ : 0;
}

void ListenerSet::Accept(Socket& socket) {
  const bool is_unix = socket.kind() == Kind::kUnix;
  const bool is_tls = socket.kind() == Kind::kTls;
  const int accepts_max = AcceptsPerTurn(socket.kind());
  if (accepts_max == 0) {  // The socket stays readable, and looking again at once would only spin.
    socket.Watch(false);
    handshakes_timer_.Start(kHandshakesPauseMs);
    return;
  }
  for (int i = 0; i < accepts_max; ++i) {
    SocketAddress peer;
    peer.size = sizeof(peer.storage);
    const int descriptor = accept4(socket.descriptor(), peer.raw(), &peer.size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor >= 0) {
      const std::string_view unix_path = is_unix ? std::string_view(unix_path_) : std::string_view();
      on_accept_(IncomingConnection(descriptor, is_unix, AddressText(peer, unix_path), is_unix || IsLoopback(peer),
                                    is_tls ? tls_context_ : nullptr));
      continue;
    }
    if (errno == EINTR || errno == ECONNABORTED) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return;
    if (errno == EINVAL) {  // Silenced, and about to be closed.
      socket.Watch(false);
      return;
    }
    const int reason = errno;  // Writing the line may change it.
    CN_LOG(log_, kWarning, "Accepting client connection: accept: {}", SystemErrorText(reason));
    if (reason == EMFILE || reason == ENFILE || reason == ENOBUFS || reason == ENOMEM) PauseAccepting();
    return;
  }
}

std::vector<int> ListenerSet::Descriptors() const {
  std::vector<int> descriptors;
  for (const auto& socket : tcp_) descriptors.push_back(socket->descriptor());
  for (const auto& socket : tls_) descriptors.push_back(socket->descriptor());
  if (unix_) descriptors.push_back(unix_->descriptor());
  return descriptors;
}

void ListenerSet::Refuse() const {
  for (const int descriptor : Descriptors()) ::shutdown(descriptor, SHUT_RDWR);
}

void ListenerSet::AcceptFrom(int descriptor) {
  for (auto& socket : tcp_) {
    if (socket->descriptor() == descriptor) return Accept(*socket);
  }
  for (auto& socket : tls_) {
    if (socket->descriptor() == descriptor) return Accept(*socket);
  }
  if (unix_ && unix_->descriptor() == descriptor) Accept(*unix_);
}

// Out of descriptors or memory: the socket stays readable, and looking again at once would only spin.
void ListenerSet::PauseAccepting() {
  for (auto& socket : tcp_) socket->Watch(false);
  for (auto& socket : tls_) socket->Watch(false);
  if (unix_) unix_->Watch(false);
  exhausted_timer_.Start(kExhaustedPauseMs);
}

void ListenerSet::Close() {
  exhausted_timer_.Stop();
  handshakes_timer_.Stop();
  tcp_.clear();
  tls_.clear();
  if (!unix_) return;
  unix_.reset();
  CN_LOG(log_, kNotice, "Removing the unix socket file.");
  unlink(unix_path_.c_str());
}

}  // namespace cachenode
