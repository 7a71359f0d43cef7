#include "tests/support/server/test_certificates.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <functional>
#include <stdexcept>

namespace cachenode {

namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

constexpr long kDaySeconds = 24 * 3600;

Key MakeKey() { return {EVP_EC_gen("P-256"), EVP_PKEY_free}; }

// Signed by `issuer`, or by itself when that is null.
Certificate MakeCertificate(const std::string& name, EVP_PKEY* key, X509* issuer, EVP_PKEY* issuer_key) {
  Certificate made(X509_new(), X509_free);
  static long serial = 1;
  X509_set_version(made.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), serial++);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), -kDaySeconds);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), kDaySeconds);
  X509_set_pubkey(made.get(), key);
  X509_NAME* subject = X509_get_subject_name(made.get());
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1,
                             0);
  X509_set_issuer_name(made.get(), issuer != nullptr ? X509_get_subject_name(issuer) : subject);
  if (issuer == nullptr) {
    X509_EXTENSION* authority = X509V3_EXT_conf_nid(nullptr, nullptr, NID_basic_constraints, "critical,CA:TRUE");
    X509_add_ext(made.get(), authority, -1);
    X509_EXTENSION_free(authority);
  }
  X509_sign(made.get(), issuer_key != nullptr ? issuer_key : key, EVP_sha256());
  return made;
}

void WriteFile(const std::string& path, const std::function<int(std::FILE*)>& write) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "w"), std::fclose);
  if (file == nullptr || write(file.get()) != 1) throw std::runtime_error("cannot write " + path);
}

}  // namespace

TestCertificates::TestCertificates() {
  const Key authority_key = MakeKey();
  const Certificate authority = MakeCertificate("authority", authority_key.get(), nullptr, nullptr);
  WriteFile(Path("ca.crt"), [&](std::FILE* file) { return PEM_write_X509(file, authority.get()); });
  MakePair("server", authority.get(), authority_key.get());
  MakePair("client", authority.get(), authority_key.get());
  MakePair("stranger", nullptr, nullptr);
}

void TestCertificates::MakePair(const std::string& name, x509_st* issuer, evp_pkey_st* issuer_key) {
  const Key key = MakeKey();
  const Certificate certificate = MakeCertificate(name, key.get(), issuer, issuer_key);
  WriteFile(Path(name + ".crt"), [&](std::FILE* file) { return PEM_write_X509(file, certificate.get()); });
  WriteFile(Path(name + ".key"), [&](std::FILE* file) {
    return PEM_write_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
  if (name != "server") return;
  std::string password = "1234";
  WriteFile(Path("locked.key"), [&](std::FILE* file) {
    return PEM_write_PrivateKey(file, key.get(), EVP_aes_256_cbc(), nullptr, 0, nullptr, password.data());
  });
}

TlsDirectives TestCertificates::Options() const {
  TlsDirectives options;
  options.tls_cert_file = Path("server.crt");
  options.tls_key_file = Path("server.key");
  options.tls_ca_cert_file = Path("ca.crt");
  options.tls_auth_clients = TlsAuthClients::kNo;
  options.tls_session_caching = true;
  options.tls_session_cache_size = 100;
  options.tls_session_cache_timeout = 300;
  return options;
}

}  // namespace cachenode
