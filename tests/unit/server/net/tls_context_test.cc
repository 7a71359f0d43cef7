#include "server/net/tls_context.h"

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include "tests/support/server/test_certificates.h"

namespace cachenode {
namespace {

class TlsContextTest : public ::testing::Test {
 protected:
  std::string Failure() {
    Result<std::shared_ptr<const TlsContext>> made = TlsContext::Create(options_, nullptr);
    return made ? "" : std::string(made.error().text());
  }
  bool Fails(std::string_view beginning) {
    const std::string text = Failure();
    EXPECT_TRUE(text.starts_with(beginning)) << text;
    return !text.empty();
  }

  TestCertificates files_;
  TlsDirectives options_ = files_.Options();
};

TEST_F(TlsContextTest, TakesACertificateWithItsKey) { EXPECT_EQ(Failure(), ""); }

TEST_F(TlsContextTest, NamesTheOptionThatIsMissing) {
  options_.tls_cert_file.clear();
  EXPECT_EQ(Failure(), "No tls-cert-file configured!");
  options_ = files_.Options();
  options_.tls_key_file.clear();
  EXPECT_EQ(Failure(), "No tls-key-file configured!");
}

TEST_F(TlsContextTest, NeedsAnAuthorityOnceItVerifiesAnybody) {
  options_.tls_ca_cert_file.clear();
  EXPECT_EQ(Failure(), "");
  options_.tls_auth_clients = TlsAuthClients::kOptional;
  EXPECT_TRUE(Fails("Either tls-ca-cert-file or tls-ca-cert-dir must be specified"));
  options_.tls_auth_clients = TlsAuthClients::kNo;
  options_.tls_cluster = true;
  EXPECT_TRUE(Fails("Either tls-ca-cert-file or tls-ca-cert-dir must be specified"));
}

TEST_F(TlsContextTest, NamesTheFileItCannotUse) {
  options_.tls_cert_file = files_.Path("nothing");
  EXPECT_TRUE(Fails("Failed to load certificate: " + files_.Path("nothing") + ": error:"));
  options_ = files_.Options();
  options_.tls_key_file = files_.Path("client.key");  // Not the certificate's.
  EXPECT_TRUE(Fails("Failed to load private key: " + files_.Path("client.key")));
  options_ = files_.Options();
  options_.tls_ca_cert_file = files_.Path("server.key");
  EXPECT_TRUE(Fails("Failed to configure CA certificate(s) file/directory: "));
  options_ = files_.Options();
  options_.tls_dh_params_file = files_.Path("server.key");
  EXPECT_TRUE(Fails("Failed to load DH params file: "));
  options_ = files_.Options();
  options_.tls_client_cert_file = files_.Path("client.crt");
  EXPECT_TRUE(Fails("Failed to load private key: "));
}

TEST_F(TlsContextTest, OpensALockedKeyWithItsPassphraseOnly) {
  options_.tls_key_file = files_.Path("locked.key");
  EXPECT_TRUE(Fails("Failed to load private key: "));
  options_.tls_key_file_pass = "4321";
  EXPECT_TRUE(Fails("Failed to load private key: "));
  options_.tls_key_file_pass = "1234";
  EXPECT_EQ(Failure(), "");
}

TEST_F(TlsContextTest, RefusesProtocolsAndCiphersThatDoNotExist) {
  for (const char* protocols : {"TLSv1.4", "TLSv1.2,TLSv1.3", "SSLv3"}) {
    options_.tls_protocols = protocols;
    EXPECT_TRUE(Fails("Invalid tls-protocols specified.")) << protocols;
  }
  options_.tls_protocols = " tlsv1.2  TLSv1.3 ";
  EXPECT_EQ(Failure(), "");
  options_.tls_ciphers = "NONE-SUCH";
  EXPECT_EQ(Failure(), "Failed to configure ciphers: NONE-SUCH");
  options_.tls_ciphers.clear();
  options_.tls_ciphersuites = "NONE-SUCH";
  EXPECT_EQ(Failure(), "Failed to configure ciphersuites: NONE-SUCH");
}

TEST_F(TlsContextTest, OffersTwelveAndThirteenByDefault) {
  Result<std::shared_ptr<const TlsContext>> made = TlsContext::Create(options_, nullptr);
  ASSERT_TRUE(made);
  const uint64_t off = SSL_CTX_get_options((*made)->server());
  EXPECT_NE(off & SSL_OP_NO_TLSv1, 0U);
  EXPECT_NE(off & SSL_OP_NO_TLSv1_1, 0U);
  EXPECT_EQ(off & (SSL_OP_NO_TLSv1_2 | SSL_OP_NO_TLSv1_3), 0U);
  EXPECT_NE(off & SSL_OP_NO_RENEGOTIATION, 0U);
}

TEST_F(TlsContextTest, OpensOwnConnectionsWithTheClientsCertificateIfThereIsOne) {
  Result<std::shared_ptr<const TlsContext>> plain = TlsContext::Create(options_, nullptr);
  ASSERT_TRUE(plain);
  EXPECT_EQ((*plain)->client(), (*plain)->server());
  options_.tls_client_cert_file = files_.Path("client.crt");
  options_.tls_client_key_file = files_.Path("client.key");
  Result<std::shared_ptr<const TlsContext>> both = TlsContext::Create(options_, nullptr);
  ASSERT_TRUE(both);
  EXPECT_NE((*both)->client(), (*both)->server());
}

TEST_F(TlsContextTest, CountsHandshakesAcrossReloads) {
  Result<std::shared_ptr<const TlsContext>> before = TlsContext::Create(options_, nullptr, {.handshakes_max = 1});
  ASSERT_TRUE(before);
  auto place = std::make_unique<TlsContext::HandshakePlace>(**before);
  Result<std::shared_ptr<const TlsContext>> after = TlsContext::Create(options_, before->get(), {.handshakes_max = 1});
  ASSERT_TRUE(after);
  EXPECT_FALSE((*after)->TakesHandshakes());
  before = Status(Err::kIo);  // The old options go; the count stays.
  place.reset();
  EXPECT_TRUE((*after)->TakesHandshakes());
}

}  // namespace
}  // namespace cachenode
