// The bytes of one connection, whatever carries them: TCP, a Unix socket, TLS (tls_transport.h).
//
// Thread-safety: the worker that owns the connection.
// Invariants: reading and writing never block. Readiness is level triggered: what was left unread is announced again.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "storage/base/result.h"

namespace cachenode {

class EventLoop;

// How one read or write ended.
struct TransferResult {
  enum class Outcome : uint8_t { kDone, kWouldBlock, kEndOfStream, kError };
  Outcome outcome = Outcome::kDone;
  size_t bytes = 0;      // Moved; may be less than asked for.
  int error_number = 0;  // errno with kError.
};

class Transport {
 public:
  class Listener {
   public:
    virtual ~Listener() = default;
    virtual void OnReadable() = 0;
    virtual void OnWritable() = 0;
    // The peer is gone; reported while reading is not watched.
    virtual void OnHangUp() = 0;
  };

  virtual ~Transport() = default;
  virtual Status Open(EventLoop& loop, Listener& listener) = 0;
  // One attempt: at most one system call, or with TLS one for each record.
  virtual TransferResult Read(std::span<char> into) = 0;
  virtual TransferResult Write(std::span<const iovec> pieces) = 0;
  // Which readiness is reported. Without `readable` a hang-up still is.
  virtual void Watch(bool readable, bool writable) = 0;
  // Closes the descriptor; nothing is reported afterwards.
  virtual void Close() = 0;
  [[nodiscard]] virtual int descriptor() const = 0;
  // Whether reading and writing are what recv and sendmsg do on the descriptor.
  [[nodiscard]] virtual bool IsPlain() const = 0;
};

// A connected stream socket, TCP or Unix. Owns `descriptor`, which must be non-blocking.
std::unique_ptr<Transport> MakeSocketTransport(int descriptor);

}  // namespace cachenode
