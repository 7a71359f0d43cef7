// Listening sockets: binds what `bind`, `port`, `tls-port` and `unixsocket` ask for and accepts; server/admission.h
// decides about each connection.
//
// Thread-safety: the thread of `loop`. Rebind and SetTls may be called by another thread under the exclusive world
//   lock: Rebind only makes sockets, and the loop's thread takes them over by `run_on_loop`.
// Limits: kAcceptsPerTurn connections a turn and socket; of TLS max-new-tls-connections-per-cycle, as a handshake costs
//   a hundred times an accept, and none while TlsLimits::handshakes_max are open: they wait in the kernel.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "server/config/config.h"
#include "server/net/event_loop.h"
#include "server/net/tls_context.h"
#include "server/net/transport.h"
#include "storage/base/log.h"
#include "storage/base/result.h"

namespace cachenode {

// An accepted socket on its way to a worker. Closes the descriptor unless it is taken.
class IncomingConnection {
 public:
  // `tls`: what the connection is to be encrypted with; null: not at all.
  IncomingConnection(int descriptor, bool is_unix, std::string peer_address, bool is_loopback,
                     std::shared_ptr<const TlsContext> tls = nullptr);
  IncomingConnection(IncomingConnection&& other) noexcept;
  IncomingConnection& operator=(IncomingConnection&&) = delete;
  ~IncomingConnection();

  [[nodiscard]] int descriptor() const { return descriptor_; }
  // The descriptor with what carries its bytes.
  [[nodiscard]] std::unique_ptr<Transport> TakeTransport(Log& log);
  [[nodiscard]] bool is_unix() const { return is_unix_; }
  [[nodiscard]] bool is_tls() const { return tls_ != nullptr; }
  // The peer is this machine.
  [[nodiscard]] bool is_loopback() const { return is_loopback_; }
  // "10.0.0.7:52814", "[::1]:52814", "/path/of/the/socket:0".
  [[nodiscard]] const std::string& peer_address() const { return peer_address_; }
  [[nodiscard]] std::string LocalAddress() const;
  // What the connection is told, encrypted, before it is closed: such a peer hears nothing before the handshake.
  // `line` is constant text. Empty: the connection is let in.
  void SetFarewell(std::string_view line) { farewell_ = line; }
  [[nodiscard]] std::string_view farewell() const { return farewell_; }
  // Sends one line, as far as the socket takes it. The caller then lets the connection close. Nothing is sent to a peer
  // that expects a handshake.
  void Refuse(std::string_view line) const;

 private:
  [[nodiscard]] int TakeDescriptor();

  int descriptor_;
  bool is_unix_;
  bool is_loopback_;
  std::string peer_address_;
  std::string_view farewell_;
  // Shared with everything that was accepted under the same options.
  std::shared_ptr<const TlsContext> tls_;
};

class ListenerSet {
 public:
  static constexpr int kAcceptsPerTurn = 64;
  // How long a socket is left alone after the process ran out of descriptors.
  static constexpr uint64_t kExhaustedPauseMs = 100;
  // How long TLS clients wait while too many shake hands.
  static constexpr uint64_t kHandshakesPauseMs = 10;

  using OnAccept = std::function<void(IncomingConnection)>;

  // Runs a function on the loop's thread soon; callable from any thread.
  using RunOnLoop = std::function<void(std::function<void()>)>;

  ListenerSet(EventLoop& loop, Log& log, OnAccept on_accept, RunOnLoop run_on_loop);
  ~ListenerSet();
  ListenerSet(const ListenerSet&) = delete;
  ListenerSet& operator=(const ListenerSet&) = delete;

  // Before Open when `tls-port` is set; later, connections to come use `context`.
  void SetTls(std::shared_ptr<const TlsContext> context) { tls_context_ = std::move(context); }
  // Binds everything and starts accepting. On an error nothing stays bound that was not before; the text is the
  // reason, and the log has Redis' line for it.
  Status Open(const Config& options);
  // Replaces the sockets whose port or addresses changed; what `before` asked for comes back when the new ones cannot
  // be bound. The Unix socket is not touched.
  Status Rebind(const Config& before, const Config& after);
  // Stops accepting; connections waiting in the kernel are refused by closing. Removes the Unix socket's path.
  void Close();

  // From now on the kernel refuses connections, and nothing is accepted; Close follows. Any thread while no socket is
  // bound or closed: the exclusive world lock is held, or the loops have not begun.
  void Refuse() const;

  // The listening descriptors, for a thread of the loop that looks after them itself, and what to do when one is ready.
  [[nodiscard]] std::vector<int> Descriptors() const;
  void AcceptFrom(int descriptor);

  // Sockets that are not the Unix socket.
  [[nodiscard]] size_t port_count() const { return tcp_.size() + tls_.size(); }

 private:
  class Socket;
  using Sockets = std::vector<std::unique_ptr<Socket>>;
  enum class Kind : uint8_t { kTcp, kTls, kUnix };

  [[nodiscard]] static int64_t PortOf(Kind kind, const Config& options);
  Result<Sockets> Bind(Kind kind, const Config& options);
  Status RebindKind(Kind kind, const Config& before, const Config& after);
  void StartAll();
  Status BindUnix(const Config& options);
  void Accept(Socket& socket);
  [[nodiscard]] int AcceptsPerTurn(Kind kind) const;
  void PauseAccepting();
  [[nodiscard]] Sockets& OfKind(Kind kind) { return kind == Kind::kTls ? tls_ : tcp_; }

  EventLoop& loop_;
  Log& log_;
  const OnAccept on_accept_;
  const RunOnLoop run_on_loop_;
  Timer exhausted_timer_;
  Timer handshakes_timer_;
  std::shared_ptr<const TlsContext> tls_context_;
  int tls_accepts_per_turn_ = 1;
  Sockets tcp_;
  Sockets tls_;
  Sockets replaced_;  // Closed by the loop's thread.
  std::unique_ptr<Socket> unix_;
  std::string unix_path_;
};

}  // namespace cachenode
