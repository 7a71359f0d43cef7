#include "server/net/tls_transport.h"

#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

#include <csignal>
#include <string>
#include <thread>

#include "tests/support/server/test_certificates.h"
#include "tests/support/server/test_node.h"

namespace cachenode {
namespace {

const std::string kPing = "*1\r\n$4\r\nPING\r\n";
const std::string kPong = "+PONG\r\n";
constexpr int kPatienceMs = 20'000;

std::string BulkReply(std::string_view text) {
  return "$" + std::to_string(text.size()) + "\r\n" + std::string(text) + "\r\n";
}

// OpenSSL's client on a test client's socket.
class TlsClient {
 public:
  struct Options {
    std::string certificate = {};  // Path without ".crt" and ".key".
    int version_max = 0;           // 0: the newest.
    SSL_SESSION* session = nullptr;
  };

  explicit TlsClient(TestClient socket) : TlsClient(std::move(socket), Options{}) {}
  TlsClient(TestClient socket, const Options& options) : socket_(std::move(socket)) {
    context_ = SSL_CTX_new(TLS_client_method());
    if (options.version_max != 0) SSL_CTX_set_max_proto_version(context_, options.version_max);
    if (!options.certificate.empty()) {
      SSL_CTX_use_certificate_file(context_, (options.certificate + ".crt").c_str(), SSL_FILETYPE_PEM);
      SSL_CTX_use_PrivateKey_file(context_, (options.certificate + ".key").c_str(), SSL_FILETYPE_PEM);
    }
    session_ = SSL_new(context_);
    SSL_set_fd(session_, socket_.descriptor());
    if (options.session != nullptr) SSL_set_session(session_, options.session);
    SSL_set_connect_state(session_);
  }
  ~TlsClient() {
    SSL_free(session_);
    SSL_CTX_free(context_);
  }
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  bool Handshake() {
    return Finish([this] { return SSL_do_handshake(session_); });
  }
  bool Send(std::string_view bytes) {
    while (!bytes.empty()) {
      size_t written = 0;
      if (!Finish([&] { return SSL_write_ex(session_, bytes.data(), bytes.size(), &written); })) return false;
      bytes.remove_prefix(written);
    }
    return true;
  }
  // Up to `size` bytes; fewer when the server ends the stream.
  std::string Receive(size_t size) {
    std::string received(size, '\0');
    size_t total = 0;
    while (total < size) {
      size_t got = 0;
      if (!Finish([&] { return SSL_read_ex(session_, received.data() + total, size - total, &got); })) break;
      total += got;
    }
    received.resize(total);
    return received;
  }

  [[nodiscard]] SSL* raw() { return session_; }
  [[nodiscard]] TestClient& socket() { return socket_; }
  // The server closed without an error of the protocol.
  [[nodiscard]] bool ended_properly() const { return last_error_ == SSL_ERROR_ZERO_RETURN; }

 private:
  template <typename Call>
  bool Finish(const Call& call) {
    for (;;) {
      const int answer = call();
      if (answer == 1) return true;
      last_error_ = SSL_get_error(session_, answer);
      if (last_error_ != SSL_ERROR_WANT_READ && last_error_ != SSL_ERROR_WANT_WRITE) return false;
      const auto events = static_cast<short>(last_error_ == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT);
      pollfd wait{socket_.descriptor(), events, 0};
      if (poll(&wait, 1, kPatienceMs) != 1) return false;
    }
  }

  TestClient socket_;
  SSL_CTX* context_;
  SSL* session_;
  int last_error_ = SSL_ERROR_NONE;
};

class TlsTransportTest : public ::testing::Test {
 protected:
  TlsTransportTest() { std::signal(SIGPIPE, SIG_IGN); }  // As in the server.

  std::shared_ptr<const TlsContext> Context(TlsLimits limits = {}) {
    Result<std::shared_ptr<const TlsContext>> made = TlsContext::Create(options_, nullptr, limits);
    if (!made) throw std::runtime_error(std::string(made.error().text()));
    return *std::move(made);
  }

  TestCertificates files_;
  TlsDirectives options_ = files_.Options();
};

TEST_F(TlsTransportTest, AnswersInEveryProtocol) {
  TestNode node;
  const auto context = Context();
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsClient client(node.Connect(0, context), {.version_max = version});
    ASSERT_TRUE(client.Handshake());
    EXPECT_EQ(SSL_version(client.raw()), version);
    ASSERT_TRUE(client.Send(kPing));
    EXPECT_EQ(client.Receive(kPong.size()), kPong);
    EXPECT_TRUE(node.WithSession(client.socket().id, [](Session& session) { EXPECT_TRUE(session.is_tls); }));
    EXPECT_EQ(context->handshake_count(), 0U);
  }
}

// The kernel holds nothing any more while OpenSSL still has records, and then requests wait for their turn.
TEST_F(TlsTransportTest, ForgetsNothingThatWasReadAhead) {
  TestNode node;
  TlsClient client(node.Connect(0, Context()));
  ASSERT_TRUE(client.Handshake());
  for (const int count : {1, 63, 64, 65, 1000, 40'000}) {
    std::string input;
    std::string expected;
    for (int i = 0; i < count; ++i) {
      input += Request({"ECHO", std::to_string(i)});
      expected += BulkReply(std::to_string(i));
    }
    ASSERT_TRUE(client.Send(input));
    EXPECT_EQ(client.Receive(expected.size()), expected) << count;
  }
}

TEST_F(TlsTransportTest, TakesARequestLargerThanAnyRecord) {
  TestNode node;
  TlsClient client(node.Connect(0, Context()));
  ASSERT_TRUE(client.Handshake());
  const std::string value(5 << 20, 'v');
  ASSERT_TRUE(client.Send(Request({"SET", "key", value}) + kPing));
  EXPECT_EQ(client.Receive(5 + kPong.size()), "+OK\r\n" + kPong);
  ASSERT_TRUE(client.Send(Request({"GET", "key"})));
  const std::string expected = BulkReply(value);
  EXPECT_EQ(client.Receive(expected.size()), expected);
}

TEST_F(TlsTransportTest, GoesOnWithAWriteTheKernelTookInPart) {
  TestNode node;
  TlsClient client(node.Connect(0, Context()));
  ASSERT_TRUE(client.Handshake());
  ASSERT_TRUE(client.Send(Request({"SET", "large", std::string(100'000, 'l')})));
  EXPECT_EQ(client.Receive(5), "+OK\r\n");
  std::string input;
  std::string expected;
  for (int i = 0; i < 100; ++i) {  // Replies of every size, joined and not.
    input += Request({"GET", "large"}) + Request({"ECHO", std::string(static_cast<size_t>(i) * 331, 'e')});
    expected += BulkReply(std::string(100'000, 'l')) + BulkReply(std::string(static_cast<size_t>(i) * 331, 'e'));
  }
  ASSERT_TRUE(client.Send(input));
  ASSERT_TRUE(node.WaitUntil(client.socket().id, [](Session& s) { return s.connection->Usage().writable_watched; }));
  EXPECT_EQ(client.Receive(expected.size()), expected);
}

TEST_F(TlsTransportTest, ARefusedClientIsToldWhyOnceItShookHands) {
  const std::string refusal = "-DENIED for a reason\r\n";
  TestNode node;
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsClient client(node.Connect(0, Context(), refusal), {.version_max = version});
    ASSERT_TRUE(client.Handshake());
    EXPECT_EQ(client.Receive(1000), refusal);
    EXPECT_TRUE(client.ended_properly());
    EXPECT_TRUE(node.WaitForClientCount(0));
  }
}

TEST_F(TlsTransportTest, EndsAfterQuitWithAFarewell) {
  TestNode node;
  TlsClient client(node.Connect(0, Context()));
  ASSERT_TRUE(client.Handshake());
  ASSERT_TRUE(client.Send(Request({"QUIT"})));
  EXPECT_EQ(client.Receive(SIZE_MAX >> 40), "+OK\r\n");
  EXPECT_TRUE(client.ended_properly());
  EXPECT_TRUE(node.WaitForClientCount(0));
}

TEST_F(TlsTransportTest, NoticesAParkedClientThatGoes) {
  TestNode node;
  TlsClient client(node.Connect(0, Context()));
  ASSERT_TRUE(client.Handshake());
  ASSERT_TRUE(client.Send(kPing));
  EXPECT_EQ(client.Receive(kPong.size()), kPong);
  ASSERT_TRUE(node.WithSession(client.socket().id, [](Session& s) { s.connection->Park(); }));
  ASSERT_TRUE(client.Send(kPing));
  ASSERT_TRUE(
      node.WaitUntil(client.socket().id, [](Session& s) { return s.connection->Usage().query_buffer_used != 0; }));
  SSL_shutdown(client.raw());
  client.socket().Close();
  EXPECT_TRUE(node.WaitForClientCount(0));
}

TEST_F(TlsTransportTest, AParkedClientGoesOnWhereItStopped) {
  TestNode node;
  TlsClient client(node.Connect(0, Context()));
  ASSERT_TRUE(client.Handshake());
  ASSERT_TRUE(node.WithSession(client.socket().id, [](Session& s) { s.connection->Park(); }));
  std::string input;
  for (int i = 0; i < 10'000; ++i) input += kPing;
  std::thread sender([&] { EXPECT_TRUE(client.Send(input)); });
  ASSERT_TRUE(node.WaitUntil(client.socket().id, [](Session& s) { return !s.connection->Usage().readable_watched; }));
  sender.join();
  ASSERT_TRUE(node.WithSession(client.socket().id, [](Session& s) { s.connection->Resume(); }));
  EXPECT_EQ(client.Receive(10'000 * kPong.size()).size(), 10'000 * kPong.size());
}

TEST_F(TlsTransportTest, VerifiesClientsAsTold) {
  TestNode node;
  struct Case {
    TlsAuthClients rule;
    const char* certificate;
    bool served;
  };
  for (const Case& each : {Case{TlsAuthClients::kNo, "", true}, Case{TlsAuthClients::kNo, "stranger", true},
                           Case{TlsAuthClients::kOptional, "", true}, Case{TlsAuthClients::kOptional, "client", true},
                           Case{TlsAuthClients::kOptional, "stranger", false}, Case{TlsAuthClients::kYes, "", false},
                           Case{TlsAuthClients::kYes, "client", true}, Case{TlsAuthClients::kYes, "stranger", false}}) {
    options_.tls_auth_clients = each.rule;
    const std::string path = *each.certificate == '\0' ? "" : files_.Path(each.certificate);
    TlsClient client(node.Connect(0, Context()), {.certificate = path});
    // In TLS 1.3 the client learns with its first read that its certificate was refused.
    const bool served = client.Handshake() && client.Send(kPing) && client.Receive(kPong.size()) == kPong;
    EXPECT_EQ(served, each.served) << static_cast<int>(each.rule) << " " << each.certificate;
    client.socket().Close();
    EXPECT_TRUE(node.WaitForClientCount(0));
  }
}

TEST_F(TlsTransportTest, ResumesSessionsOnlyWhenTheyAreCached) {
  for (const bool caching : {true, false}) {
    options_.tls_session_caching = caching;
    TestNode node;
    const auto context = Context();
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
      TlsClient first(node.Connect(0, context), {.version_max = version});
      ASSERT_TRUE(first.Handshake() && first.Send(kPing));
      EXPECT_EQ(first.Receive(kPong.size()), kPong);  // Tickets of TLS 1.3 come with it.
      SSL_SESSION* session = SSL_get1_session(first.raw());
      SSL_shutdown(first.raw());
      TlsClient second(node.Connect(0, context), {.version_max = version, .session = session});
      ASSERT_TRUE(second.Handshake());
      EXPECT_EQ(SSL_session_reused(second.raw()) == 1, caching) << version;
      SSL_SESSION_free(session);
    }
  }
}

TEST_F(TlsTransportTest, RefusesToRenegotiate) {
  TestNode node;
  TlsClient client(node.Connect(0, Context()), {.version_max = TLS1_2_VERSION});
  ASSERT_TRUE(client.Handshake());
  ASSERT_EQ(SSL_renegotiate(client.raw()), 1);
  EXPECT_FALSE(client.Handshake());
}

TEST_F(TlsTransportTest, FollowsAKeyUpdate) {
  TestNode node;
  TlsClient client(node.Connect(0, Context()));
  ASSERT_TRUE(client.Handshake());
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(SSL_key_update(client.raw(), SSL_KEY_UPDATE_REQUESTED), 1);
    ASSERT_TRUE(client.Send(kPing));
    EXPECT_EQ(client.Receive(kPong.size()), kPong);
  }
}

TEST_F(TlsTransportTest, ClosesOnAnythingButAHandshake) {
  TestNode node;
  const auto context = Context();
  for (const std::string& garbage :
       {kPing, std::string(20'000, 'g'), std::string("\x16\x03\x01\xff\xff", 5) + std::string(70'000, '\0')}) {
    TestClient client = node.Connect(0, context);
    client.Send(garbage);
    client.ReceiveAll();  // An alert, or nothing, and the end.
    EXPECT_TRUE(node.WaitForClientCount(0));
  }
  EXPECT_EQ(context->handshake_count(), 0U);
}

TEST_F(TlsTransportTest, ClosesWhenAHandshakeStopsHalfWay) {
  TestNode node;
  const auto context = Context();
  for (const size_t sent : {size_t{0}, size_t{1}, size_t{5}, size_t{100}}) {
    TestClient client = node.Connect(0, context);
    const std::string hello = std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11) + std::string(500, 'h');
    ASSERT_TRUE(client.Send(hello.substr(0, sent)));
    EXPECT_EQ(context->handshake_count(), 1U);
    client.Close();
    EXPECT_TRUE(node.WaitForClientCount(0));
    EXPECT_EQ(context->handshake_count(), 0U);
  }
}

TEST_F(TlsTransportTest, WaitsForAHandshakeNoLongerThanItsLimit) {
  TestNode node;
  const auto context = Context({.handshake_ms_max = 50});
  TlsClient quick(node.Connect(0, Context()));  // Its own limit, for a machine that is too busy for 50 ms.
  TestClient silent = node.Connect(0, context);
  ASSERT_TRUE(quick.Handshake());
  EXPECT_EQ(silent.ReceiveAll(), "");
  EXPECT_TRUE(node.WaitForClientCount(1));
  EXPECT_EQ(context->handshake_count(), 0U);
  ASSERT_TRUE(quick.Send(kPing));
  EXPECT_EQ(quick.Receive(kPong.size()), kPong);
}

TEST_F(TlsTransportTest, SurvivesAPeerThatVanishesAmidAReply) {
  TestNode node;
  const auto context = Context();
  for (int i = 0; i < 5; ++i) {
    TlsClient client(node.Connect(0, context));
    ASSERT_TRUE(client.Handshake());
    ASSERT_TRUE(client.Send(Request({"SET", "v", std::string(50'000, 'x')})));
    EXPECT_EQ(client.Receive(5), "+OK\r\n");
    // More than the sockets' buffers take.
    std::string input;
    for (int j = 0; j < 200; ++j) input += Request({"GET", "v"});
    ASSERT_TRUE(client.Send(input));
    EXPECT_EQ(client.Receive(10).size(), 10U);
    shutdown(client.socket().descriptor(), SHUT_RDWR);  // No farewell.
    client.socket().Close();
    EXPECT_TRUE(node.WaitForClientCount(0));
  }
}

TEST_F(TlsTransportTest, IsKilledLikeAnyOther) {
  TestNode node;
  const auto context = Context();
  TestClient shaking = node.Connect(0, context);
  TlsClient served(node.Connect(0, context));
  ASSERT_TRUE(served.Handshake());
  for (const uint64_t id : {shaking.id, served.socket().id}) {
    ASSERT_TRUE(node.WithSession(id, [](Session& session) { session.connection->ScheduleClose(); }));
  }
  EXPECT_EQ(shaking.ReceiveAll(), "");
  EXPECT_EQ(served.Receive(1), "");
  EXPECT_TRUE(node.WaitForClientCount(0));
  EXPECT_EQ(context->handshake_count(), 0U);
}

}  // namespace
}  // namespace cachenode
