// Listening sockets: binds what `bind`, `port` and `unixsocket` ask for and accepts; server/admission.h decides about
// each connection.
//
// Thread-safety: the thread of `loop`. RebindTcp may be called by another thread under the exclusive world lock: it
// only
//   makes sockets, and the loop's thread takes them over by `run_on_loop`.
// Limits: kAcceptsPerTurn connections a turn and socket.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "server/config/config.h"
#include "server/net/event_loop.h"
#include "storage/base/log.h"
#include "storage/base/result.h"

namespace cachenode {

// An accepted socket on its way to a worker. Closes the descriptor unless it is taken.
class IncomingConnection {
 public:
  IncomingConnection(int descriptor, bool is_unix, std::string peer_address, bool is_loopback);
  IncomingConnection(IncomingConnection&& other) noexcept;
  IncomingConnection& operator=(IncomingConnection&&) = delete;
  ~IncomingConnection();

  [[nodiscard]] int descriptor() const { return descriptor_; }
  [[nodiscard]] int TakeDescriptor();
  [[nodiscard]] bool is_unix() const { return is_unix_; }
  // The peer is this machine.
  [[nodiscard]] bool is_loopback() const { return is_loopback_; }
  // "10.0.0.7:52814", "[::1]:52814", "/path/of/the/socket:0".
  [[nodiscard]] const std::string& peer_address() const { return peer_address_; }
  [[nodiscard]] std::string LocalAddress() const;
  // Sends one line, as far as the socket takes it. The caller then lets the connection close.
  void Refuse(std::string_view line) const;

 private:
  int descriptor_;
  bool is_unix_;
  bool is_loopback_;
  std::string peer_address_;
};

class ListenerSet {
 public:
  static constexpr int kAcceptsPerTurn = 64;
  // How long a socket is left alone after the process ran out of descriptors.
  static constexpr uint64_t kExhaustedPauseMs = 100;

  using OnAccept = std::function<void(IncomingConnection)>;

  // Runs a function on the loop's thread soon; callable from any thread.
  using RunOnLoop = std::function<void(std::function<void()>)>;

  ListenerSet(EventLoop& loop, Log& log, OnAccept on_accept, RunOnLoop run_on_loop);
  ~ListenerSet();
  ListenerSet(const ListenerSet&) = delete;
  ListenerSet& operator=(const ListenerSet&) = delete;

  // Binds everything and starts accepting. On an error nothing stays bound that was not before; the text is the
  // reason, and the log has Redis' line for it.
  Status Open(const NetworkDirectives& options);
  // Replaces the TCP sockets; what `before` asked for comes back when the new ones cannot be bound. The Unix socket is
  // not touched.
  Status RebindTcp(const NetworkDirectives& before, const NetworkDirectives& after);
  // Stops accepting; connections waiting in the kernel are refused by closing. Removes the Unix socket's path.
  void Close();

  // The listening descriptors, for a thread of the loop that looks after them itself, and what to do when one is ready.
  [[nodiscard]] std::vector<int> Descriptors() const;
  void AcceptFrom(int descriptor);

  [[nodiscard]] size_t tcp_count() const { return tcp_.size(); }

 private:
  class Socket;
  using Sockets = std::vector<std::unique_ptr<Socket>>;

  Result<Sockets> BindTcp(const NetworkDirectives& options);
  void StartAll();
  Status BindUnix(const NetworkDirectives& options);
  void Accept(Socket& socket);
  void PauseAccepting();

  EventLoop& loop_;
  Log& log_;
  const OnAccept on_accept_;
  const RunOnLoop run_on_loop_;
  Timer exhausted_timer_;
  Sockets tcp_;
  Sockets replaced_;  // Closed by the loop's thread.
  std::unique_ptr<Socket> unix_;
  std::string unix_path_;
};

}  // namespace cachenode
