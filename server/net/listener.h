// Listening sockets: binds what `bind`, `port` and `unixsocket` ask for, accepts, and hands each connection to the
// worker with the fewest clients.
//
// Thread-safety: worker 0, or another thread under the exclusive world lock for Rebind.
// Limits: kAcceptsPerTurn connections a turn and socket; `maxclients` over all workers, those still on their way to a
//   worker included. A refused connection gets its error line, at most one write, and is closed.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "server/net/event_loop.h"
#include "server/net/network_options.h"
#include "storage/base/log.h"
#include "storage/base/result.h"

namespace cachenode {

// An accepted socket on its way to a worker. Closes the descriptor unless it is taken.
class IncomingConnection {
 public:
  IncomingConnection(int descriptor, bool is_unix, std::string unix_path);
  IncomingConnection(IncomingConnection&& other) noexcept;
  IncomingConnection& operator=(IncomingConnection&&) = delete;
  ~IncomingConnection();

  [[nodiscard]] int descriptor() const { return descriptor_; }
  [[nodiscard]] int TakeDescriptor();
  [[nodiscard]] bool is_unix() const { return is_unix_; }
  [[nodiscard]] const std::string& unix_path() const { return unix_path_; }

 private:
  int descriptor_;
  bool is_unix_;
  std::string unix_path_;
};

class ListenerSet {
 public:
  static constexpr int kAcceptsPerTurn = 64;

  // Receives accepted sockets; decides about maxclients and chooses the worker.
  using OnAccept = std::function<void(IncomingConnection)>;

  ListenerSet(EventLoop& loop, Log& log, OnAccept on_accept);
  ~ListenerSet();
  ListenerSet(const ListenerSet&) = delete;
  ListenerSet& operator=(const ListenerSet&) = delete;

  // Binds everything and starts accepting. On an error nothing stays bound that was not before; the text is the
  // reason, and the log has Redis' line for it.
  Status Open(const ListenOptions& options);
  // Replaces the TCP sockets; the old ones stay when the new ones cannot be bound. The Unix socket is not touched.
  Status RebindTcp(const ListenOptions& options);
  // Stops accepting; connections waiting in the kernel are refused by closing. Removes the Unix socket's path.
  void Close();

  [[nodiscard]] size_t tcp_count() const { return tcp_.size(); }
  // The port really bound (tests ask for any).
  [[nodiscard]] uint16_t bound_port() const { return bound_port_; }

 private:
  class Socket;
  using Sockets = std::vector<std::unique_ptr<Socket>>;

  Result<Sockets> BindTcp(const ListenOptions& options);
  Status BindUnix(const ListenOptions& options);
  void Accept(Socket& socket);

  EventLoop& loop_;
  Log& log_;
  const OnAccept on_accept_;
  Sockets tcp_;
  std::unique_ptr<Socket> unix_;
  std::string unix_path_;
  uint16_t bound_port_ = 0;
};

}  // namespace cachenode
