#include "server/net/tls_context.h"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "storage/base/bytes.h"

namespace cachenode {

namespace {

struct ProtocolName {
  std::string_view name;  // Lower case.
  int version;
  uint64_t off;  // The option that turns it off.
};

constexpr ProtocolName kProtocols[] = {
    {"tlsv1", TLS1_VERSION, SSL_OP_NO_TLSv1},
    {"tlsv1.1", TLS1_1_VERSION, SSL_OP_NO_TLSv1_1},
    {"tlsv1.2", TLS1_2_VERSION, SSL_OP_NO_TLSv1_2},
    {"tlsv1.3", TLS1_3_VERSION, SSL_OP_NO_TLSv1_3},
};
constexpr std::string_view kProtocolsByDefault = "TLSv1.2 TLSv1.3";
// A session of one node is never offered to another kind of server.
constexpr std::string_view kSessionContext = "cachenode";

Status Reason(std::string text) { return Status::Text(std::move(text)); }

// OpenSSL asks for the passphrase of a key. Without this it would ask on the terminal.
int GivePassphrase(char* into, int size, int, void* passphrase) noexcept {
  const auto* text = static_cast<const std::string*>(passphrase);
  if (text == nullptr || text->empty() || static_cast<int>(text->size()) > size) return -1;
  std::memcpy(into, text->data(), text->size());
  return static_cast<int>(text->size());
}

// The options that turn off what `text` does not name.
Result<uint64_t> ProtocolsOff(std::string_view text) {
  uint64_t off = SSL_OP_NO_SSLv3;
  for (const ProtocolName& protocol : kProtocols) off |= protocol.off;
  size_t at = 0;
  while ((at = text.find_first_not_of(' ', at)) != std::string_view::npos) {
    const size_t end = std::min(text.find(' ', at), text.size());
    const std::string word = LowerCased(text.substr(at, end - at));
    const auto* found = std::ranges::find(kProtocols, std::string_view(word), &ProtocolName::name);
    if (found == std::end(kProtocols))
      return Reason("Invalid tls-protocols specified. Use a combination of TLSv1 to TLSv1.3");
    off &= ~found->off;
    at = end;
  }
  return off;
}

}  // namespace

std::string TakeTlsErrorText() {
  const unsigned long code = ERR_peek_error();
  ERR_clear_error();
  if (code == 0) return "no details";
  std::string text(256, '\0');
  ERR_error_string_n(code, text.data(), text.size());
  text.resize(std::strlen(text.c_str()));
  return text;
}

struct TlsContext::CertificateFiles {
  const std::string& certificate;
  const std::string& key;
  const std::string& passphrase;
};

void TlsContext::FreeContext::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }

TlsContext::TlsContext(TlsLimits limits) : limits_(limits) {}
TlsContext::~TlsContext() = default;

Result<std::shared_ptr<const TlsContext>> TlsContext::Create(const TlsDirectives& options, const TlsContext* previous,
                                                             TlsLimits limits) {
  if (options.tls_cert_file.empty()) return Reason("No tls-cert-file configured!");
  if (options.tls_key_file.empty()) return Reason("No tls-key-file configured!");
  const bool verifies =
      options.tls_auth_clients != TlsAuthClients::kNo || options.tls_cluster || options.tls_replication;
  if (verifies && options.tls_ca_cert_file.empty() && options.tls_ca_cert_dir.empty()) {
    return Reason(
        "Either tls-ca-cert-file or tls-ca-cert-dir must be specified when tls-cluster, tls-replication or "
        "tls-auth-clients are enabled!");
  }
  std::shared_ptr<TlsContext> made(new TlsContext(limits));
  Result<ContextPointer> server =
      MakeContext(options, {options.tls_cert_file, options.tls_key_file, options.tls_key_file_pass});
  if (!server) return server.error();
  made->server_ = *std::move(server);
  if (!options.tls_client_cert_file.empty()) {
    Result<ContextPointer> client = MakeContext(
        options, {options.tls_client_cert_file, options.tls_client_key_file, options.tls_client_key_file_pass});
    if (!client) return client.error();
    made->client_ = *std::move(client);
  }
  made->handshakes_ = previous != nullptr ? previous->handshakes_ : std::make_shared<std::atomic<uint32_t>>(0);
  return std::shared_ptr<const TlsContext>(std::move(made));
}

Result<TlsContext::ContextPointer> TlsContext::MakeContext(const TlsDirectives& options,
                                                           const CertificateFiles& files) {
  ERR_clear_error();
  ContextPointer context(SSL_CTX_new(TLS_method()));
  if (context == nullptr) return Reason("Failed to make a TLS context: " + TakeTlsErrorText());
  Result<uint64_t> off =
      ProtocolsOff(options.tls_protocols.empty() ? kProtocolsByDefault : std::string_view(options.tls_protocols));
  if (!off) return off.error();
  // A record that is read ahead spares a system call; SSL_has_pending tells of it. Buffers of idle connections are
  // given back. A write ends after each record, so that a turn has its bound, and may go on from another address.
  SSL_CTX_set_options(context.get(), *off | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_SINGLE_DH_USE |
                                         SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(context.get(),
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(context.get(), 1);
  int verify = SSL_VERIFY_NONE;
  if (options.tls_auth_clients == TlsAuthClients::kOptional) verify = SSL_VERIFY_PEER;
  if (options.tls_auth_clients == TlsAuthClients::kYes) verify = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  SSL_CTX_set_verify(context.get(), verify, nullptr);
  SetSessionCache(context.get(), options);
  if (Status failed = LoadCertificate(context.get(), files); !failed.ok()) return failed;
  if (Status failed = LoadAuthorities(context.get(), options); !failed.ok()) return failed;
  if (Status failed = SetParameters(context.get(), options); !failed.ok()) return failed;
  if (Status failed = SetCiphers(context.get(), options); !failed.ok()) return failed;
  return context;
}

Status TlsContext::LoadCertificate(ssl_ctx_st* context, const CertificateFiles& files) {
  if (SSL_CTX_use_certificate_chain_file(context, files.certificate.c_str()) <= 0) {
    return Reason(fmt::format("Failed to load certificate: {}: {}", files.certificate, TakeTlsErrorText()));
  }
  SSL_CTX_set_default_passwd_cb(context, GivePassphrase);
  // tidy: allow(const-cast) OpenSSL hands the pointer back to the callback, which only reads.
  SSL_CTX_set_default_passwd_cb_userdata(context, const_cast<std::string*>(&files.passphrase));
  const int loaded = SSL_CTX_use_PrivateKey_file(context, files.key.c_str(), SSL_FILETYPE_PEM);
  SSL_CTX_set_default_passwd_cb_userdata(context, nullptr);
  if (loaded <= 0) return Reason(fmt::format("Failed to load private key: {}: {}", files.key, TakeTlsErrorText()));
  return Status::Ok();
}

Status TlsContext::LoadAuthorities(ssl_ctx_st* context, const TlsDirectives& options) {
  const char* file = options.tls_ca_cert_file.empty() ? nullptr : options.tls_ca_cert_file.c_str();
  const char* directory = options.tls_ca_cert_dir.empty() ? nullptr : options.tls_ca_cert_dir.c_str();
  if (file == nullptr && directory == nullptr) return Status::Ok();
  if (SSL_CTX_load_verify_locations(context, file, directory) <= 0) {
    return Reason("Failed to configure CA certificate(s) file/directory: " + TakeTlsErrorText());
  }
  return Status::Ok();
}

Status TlsContext::SetParameters(ssl_ctx_st* context, const TlsDirectives& options) {
  if (options.tls_dh_params_file.empty()) return Status::Ok();
  const std::unique_ptr<BIO, int (*)(BIO*)> file(BIO_new_file(options.tls_dh_params_file.c_str(), "r"), BIO_free);
  EVP_PKEY* parameters = file ? PEM_read_bio_Parameters(file.get(), nullptr) : nullptr;
  if (parameters != nullptr && SSL_CTX_set0_tmp_dh_pkey(context, parameters) == 1) return Status::Ok();
  EVP_PKEY_free(parameters);
  return Reason(fmt::format("Failed to load DH params file: {}: {}", options.tls_dh_params_file, TakeTlsErrorText()));
}

Status TlsContext::SetCiphers(ssl_ctx_st* context, const TlsDirectives& options) {
  if (!options.tls_ciphers.empty() && SSL_CTX_set_cipher_list(context, options.tls_ciphers.c_str()) != 1) {
    return Reason("Failed to configure ciphers: " + options.tls_ciphers);
  }
  if (!options.tls_ciphersuites.empty() && SSL_CTX_set_ciphersuites(context, options.tls_ciphersuites.c_str()) != 1) {
    return Reason("Failed to configure ciphersuites: " + options.tls_ciphersuites);
  }
  if (options.tls_prefer_server_ciphers) SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE);
  return Status::Ok();
}

// Without caching no session may come back by a ticket either.
void TlsContext::SetSessionCache(ssl_ctx_st* context, const TlsDirectives& options) {
  if (!options.tls_session_caching) {
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(context, 0);
    return;
  }
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_SERVER);
  SSL_CTX_sess_set_cache_size(context, options.tls_session_cache_size);
  SSL_CTX_set_timeout(context, options.tls_session_cache_timeout);
  SSL_CTX_set_session_id_context(context, reinterpret_cast<const unsigned char*>(kSessionContext.data()),
                                 static_cast<unsigned>(kSessionContext.size()));
}

}  // namespace cachenode
