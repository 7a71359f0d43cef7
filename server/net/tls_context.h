// What encrypted connections are made with: certificates, keys, protocols and ciphers, read from the tls-* options into
// two OpenSSL contexts, for clients that come and for connections the node opens itself.
//
// Thread-safety: immutable after Create, usable by any thread. A change of options makes a new one; connections that
//   exist keep the context they began with.
// Limits: TlsLimits, counted across reloads.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "server/config/tls_directives.h"
#include "storage/base/result.h"

struct ssl_ctx_st;

namespace cachenode {

struct TlsLimits {
  uint32_t handshakes_max = 1024;      // At once, in the whole node.
  uint64_t handshake_ms_max = 15'000;  // Of each.
};

class TlsContext {
 public:
  // Reads the files. `previous` hands on the count of open handshakes; null at the start. Error: kText, the line for
  // the log. Blocks on the disk.
  static Result<std::shared_ptr<const TlsContext>> Create(const TlsDirectives& options, const TlsContext* previous,
                                                          TlsLimits limits = {});
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  [[nodiscard]] ssl_ctx_st* server() const { return server_.get(); }
  [[nodiscard]] ssl_ctx_st* client() const { return client_ ? client_.get() : server_.get(); }

  [[nodiscard]] const TlsLimits& limits() const { return limits_; }
  [[nodiscard]] uint32_t handshake_count() const { return handshakes_->load(std::memory_order_relaxed); }
  [[nodiscard]] bool TakesHandshakes() const { return handshake_count() < limits_.handshakes_max; }

  // One handshake's place in the count, held until it ends.
  class HandshakePlace {
   public:
    explicit HandshakePlace(const TlsContext& context) : count_(context.handshakes_) { count_->fetch_add(1); }
    ~HandshakePlace() { count_->fetch_sub(1); }
    HandshakePlace(const HandshakePlace&) = delete;
    HandshakePlace& operator=(const HandshakePlace&) = delete;

   private:
    const std::shared_ptr<std::atomic<uint32_t>> count_;
  };

 private:
  struct FreeContext {
    void operator()(ssl_ctx_st* context) const;
  };
  using ContextPointer = std::unique_ptr<ssl_ctx_st, FreeContext>;
  struct CertificateFiles;

  explicit TlsContext(TlsLimits limits);
  static Result<ContextPointer> MakeContext(const TlsDirectives& options, const CertificateFiles& files);
  static Status LoadCertificate(ssl_ctx_st* context, const CertificateFiles& files);
  static Status LoadAuthorities(ssl_ctx_st* context, const TlsDirectives& options);
  static Status SetCiphers(ssl_ctx_st* context, const TlsDirectives& options);
  static Status SetParameters(ssl_ctx_st* context, const TlsDirectives& options);
  static void SetSessionCache(ssl_ctx_st* context, const TlsDirectives& options);

  const TlsLimits limits_;
  ContextPointer server_;
  ContextPointer client_;  // Null: as the server.
  // Shared with the contexts before and after, and with handshakes that outlive this one.
  std::shared_ptr<std::atomic<uint32_t>> handshakes_;
};

// The first error of this thread in OpenSSL's words, "no details" when there is none. Empties the thread's queue.
std::string TakeTlsErrorText();

}  // namespace cachenode
