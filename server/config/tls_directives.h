// Options of encrypted connections.
//
// Thread-safety: plain values, see config.h.
#pragma once

#include <cstdint>
#include <string>

#include "server/config/option_types.h"

namespace cachenode {

struct TlsDirectives {
  int64_t tls_port = 0;  // 0: no encrypted connections.
  TlsAuthClients tls_auth_clients{};
  std::string tls_cert_file;
  std::string tls_key_file;
  std::string tls_key_file_pass;
  std::string tls_client_cert_file;  // For connections the node itself opens; empty: the server's.
  std::string tls_client_key_file;
  std::string tls_client_key_file_pass;
  std::string tls_ca_cert_file;
  std::string tls_ca_cert_dir;
  std::string tls_dh_params_file;
  std::string tls_protocols;  // Names separated by blanks; empty: TLSv1.2 and TLSv1.3.
  std::string tls_ciphers;
  std::string tls_ciphersuites;
  bool tls_prefer_server_ciphers = false;
  bool tls_session_caching = false;
  int64_t tls_session_cache_size = 0;     // 0: no limit.
  int64_t tls_session_cache_timeout = 0;  // Seconds.
  bool tls_replication = false;
  bool tls_cluster = false;  // MIGRATE connects by TLS.
  int64_t max_new_tls_connections_per_cycle = 0;
};

}  // namespace cachenode
