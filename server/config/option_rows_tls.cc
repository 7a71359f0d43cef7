// Rows of the option table: encrypted connections.
#include "server/config/option_enums.h"
#include "server/config/option_row.h"

namespace cachenode {
namespace {

constexpr OptionSpec kRows[] = {
    Enum<&Config::tls_auth_clients>("tls-auth-clients", "yes", kTlsAuthNames).Applies(ApplyGroup::kTls),
    Text<&Config::tls_ca_cert_dir>("tls-ca-cert-dir", "").Flags(kOptionVolatile).Applies(ApplyGroup::kTls),
    Text<&Config::tls_ca_cert_file>("tls-ca-cert-file", "").Flags(kOptionVolatile).Applies(ApplyGroup::kTls),
    Text<&Config::tls_cert_file>("tls-cert-file", "").Flags(kOptionVolatile).Applies(ApplyGroup::kTls),
    Text<&Config::tls_ciphers>("tls-ciphers", "").Applies(ApplyGroup::kTls),
    Text<&Config::tls_ciphersuites>("tls-ciphersuites", "").Applies(ApplyGroup::kTls),
    Text<&Config::tls_client_cert_file>("tls-client-cert-file", "").Flags(kOptionVolatile).Applies(ApplyGroup::kTls),
    Text<&Config::tls_client_key_file>("tls-client-key-file", "").Flags(kOptionVolatile).Applies(ApplyGroup::kTls),
    Text<&Config::tls_client_key_file_pass>("tls-client-key-file-pass", "")
        .Flags(kOptionSensitive)
        .Applies(ApplyGroup::kTls),
    Bool<&Config::tls_cluster>("tls-cluster", "no").Applies(ApplyGroup::kTls),
    Text<&Config::tls_dh_params_file>("tls-dh-params-file", "").Flags(kOptionVolatile).Applies(ApplyGroup::kTls),
    Text<&Config::tls_key_file>("tls-key-file", "").Flags(kOptionVolatile).Applies(ApplyGroup::kTls),
    Text<&Config::tls_key_file_pass>("tls-key-file-pass", "").Flags(kOptionSensitive).Applies(ApplyGroup::kTls),
    // A port like any other: the listeners take it, and need a TLS configuration for it.
    Integer<&Config::tls_port>("tls-port", "0", {0, 65535}).Applies(ApplyGroup::kListeners),
    Bool<&Config::tls_prefer_server_ciphers>("tls-prefer-server-ciphers", "no").Applies(ApplyGroup::kTls),
    Text<&Config::tls_protocols>("tls-protocols", "").Applies(ApplyGroup::kTls),
    Bool<&Config::tls_replication>("tls-replication", "no").Applies(ApplyGroup::kTls),
    Integer<&Config::tls_session_cache_size>("tls-session-cache-size", "20480", {0, kInt32Max})
        .In(Unit::kItems)
        .Applies(ApplyGroup::kTls),
    Integer<&Config::tls_session_cache_timeout>("tls-session-cache-timeout", "300", {0, kInt32Max})
        .In(Unit::kSeconds)
        .Applies(ApplyGroup::kTls),
    Bool<&Config::tls_session_caching>("tls-session-caching", "yes").Applies(ApplyGroup::kTls),
    Integer<&Config::max_new_tls_connections_per_cycle>("max-new-tls-connections-per-cycle", "1", {1, 1000})
        .Flags(kOptionOurs)
        .Applies(ApplyGroup::kListeners),
};

}  // namespace

std::span<const OptionSpec> TlsOptionRows() { return kRows; }

}  // namespace cachenode
