// Many receives and sends in one system call.
//
// Why: each system call costs as much as executing a short request, and a send that wakes its receiver may cost this
//   thread the CPU before the next send.
// Source: io_uring of Linux 5.6 and newer, through liburing. Operations ask not to wait, so that all are done when the
//   call returns.
// Thread-safety: the thread that made it.
// Invariants: a descriptor that has nothing to give or takes nothing ends as kWouldBlock, as with Transport. What the
//   kernel could not take on for reasons of its own ends as kWouldBlock too, with nothing moved, and is_broken() says
//   that the object is of no more use.
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <memory>
#include <span>

#include "server/net/transport.h"

namespace cachenode {

class SocketBatch {
 public:
  // Between two calls of Perform.
  static constexpr size_t kOperationsMax = 64;

  // Null where the kernel has nothing of the kind, or refuses it to this process.
  static std::unique_ptr<SocketBatch> Create();
  virtual ~SocketBatch() = default;

  // What is handed over stays where it is until Perform returns.
  virtual void AddReceive(int descriptor, std::span<char> into) = 0;
  virtual void AddSend(int descriptor, std::span<const iovec> pieces) = 0;
  [[nodiscard]] virtual size_t size() const = 0;
  // Does what was added, in that order; result i belongs to operation i. Valid until the next Perform.
  virtual std::span<const TransferResult> Perform() = 0;
  [[nodiscard]] virtual bool is_broken() const = 0;
};

}  // namespace cachenode
