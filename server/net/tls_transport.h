// The bytes of an encrypted connection: OpenSSL between the socket and the Transport interface.
//
// Thread-safety: the worker that owns the connection.
// Invariants: nothing blocks, the handshake included; what OpenSSL has read ahead or decrypted and nobody has taken is
//   announced in the next turn, as the descriptor itself stays silent about it. A connection that offers anything but
//   a handshake, or none in time, ends like one that was closed.
// Limits: TlsContext's for handshakes; kWriteBytesMax in one write. Memory: about 1 KB for an idle connection beside
//   OpenSSL's own state, since its record buffers are given back.
#pragma once

#include <memory>

#include "server/net/tls_context.h"
#include "server/net/transport.h"
#include "storage/base/log.h"

namespace cachenode {

// What one write hands to the kernel before other clients get their turn.
inline constexpr size_t kTlsWriteBytesMax = 256 * 1024;

// Owns `descriptor`, a connected non-blocking stream socket whose peer begins the handshake.
std::unique_ptr<Transport> MakeTlsTransport(int descriptor, std::shared_ptr<const TlsContext> context, Log& log);

}  // namespace cachenode
