// OpenSSL works on the descriptor itself. Between memory buffers, with recv and send by ourselves, the same records
// cost one more copy each way; what that would spare, a system call for each record header, reading ahead spares too.
#include "server/net/tls_transport.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "server/net/event_loop.h"

namespace cachenode {

namespace {

using Outcome = TransferResult::Outcome;

// The largest piece of one record: small replies are joined up to it, as each record costs a header, a tag and a call.
constexpr size_t kRecordBytesMax = SSL3_RT_MAX_PLAIN_LENGTH;

// A place in the pieces of a write.
class PieceCursor {
 public:
  explicit PieceCursor(std::span<const iovec> pieces) : pieces_(pieces) {}

  [[nodiscard]] bool at_end() const { return index_ == pieces_.size(); }

  // The next bytes to encrypt: a large piece as it lies, small ones joined in `joined`. Called again without Advance,
  // even for a later write of the same bytes, it never gives fewer, which OpenSSL insists on.
  [[nodiscard]] std::span<const char> Next(std::span<char> joined) const {
    const std::span<const char> first = Rest(index_).subspan(offset_);
    if (first.size() >= joined.size() || index_ + 1 == pieces_.size()) return first;
    size_t size = 0;
    for (size_t i = index_; i < pieces_.size() && size < joined.size(); ++i) {
      const std::span<const char> rest = i == index_ ? first : Rest(i);
      const size_t taken = std::min(rest.size(), joined.size() - size);
      std::memcpy(joined.data() + size, rest.data(), taken);
      size += taken;
    }
    return joined.first(size);
  }

  void Advance(size_t bytes) {
    while (bytes != 0) {
      const size_t left = pieces_[index_].iov_len - offset_;
      const size_t step = std::min(left, bytes);
      bytes -= step;
      offset_ += step;
      if (offset_ != pieces_[index_].iov_len) continue;
      ++index_;
      offset_ = 0;
    }
  }

 private:
  [[nodiscard]] std::span<const char> Rest(size_t index) const {
    return {static_cast<const char*>(pieces_[index].iov_base), pieces_[index].iov_len};
  }

  std::span<const iovec> pieces_;
  size_t index_ = 0;
  size_t offset_ = 0;
};

class TlsTransport final : public Transport, private Poller::Listener {
 public:
  TlsTransport(int descriptor, std::shared_ptr<const TlsContext> context, Log& log)
      : descriptor_(descriptor), context_(std::move(context)), log_(log) {}
  ~TlsTransport() override { Close(); }
  TlsTransport(const TlsTransport&) = delete;
  TlsTransport& operator=(const TlsTransport&) = delete;

  Status Open(EventLoop& loop, Transport::Listener& listener) override;
  TransferResult Read(std::span<char> into) override;
  TransferResult Write(std::span<const iovec> pieces) override;
  void Watch(bool readable, bool writable) override;
  void Close() override;
  [[nodiscard]] int descriptor() const override { return descriptor_; }
  [[nodiscard]] bool IsPlain() const override { return false; }

 private:
  enum class State : uint8_t { kHandshake, kReady, kFailed };
  struct FreeSession {
    void operator()(SSL* session) const { SSL_free(session); }
  };

  void OnReady(uint8_t events) override;
  void ContinueHandshake();
  void FailHandshake(const std::string& reason);
  [[nodiscard]] TransferResult ResultOf(int answer, int usual_wait, bool& wants_the_other_way);
  void UpdatePoller();
  void AnnounceAgain();

  int descriptor_;
  const std::shared_ptr<const TlsContext> context_;
  Log& log_;
  std::unique_ptr<SSL, FreeSession> session_;
  EventLoop* loop_ = nullptr;
  Transport::Listener* listener_ = nullptr;
  Poller poller_;
  // While the handshake lasts.
  std::unique_ptr<TlsContext::HandshakePlace> place_;
  std::unique_ptr<Timer> deadline_;
  // Made when bytes are left over for the first time.
  std::unique_ptr<NextTurn> again_;
  State state_ = State::kHandshake;
  bool watching_read_ = true;
  bool watching_write_ = false;
  bool handshake_wants_write_ = false;
  bool read_wants_write_ = false;
  bool write_wants_read_ = false;
  bool bytes_left_ = false;  // OpenSSL holds bytes, or an end, that the descriptor will not announce.
};

Status TlsTransport::Open(EventLoop& loop, Transport::Listener& listener) {
  loop_ = &loop;
  listener_ = &listener;
  session_.reset(SSL_new(context_->server()));
  if (session_ == nullptr || SSL_set_fd(session_.get(), descriptor_) != 1) {
    return Status::WithText(Err::kIo, TakeTlsErrorText());
  }
  SSL_set_accept_state(session_.get());
  if (Status failed = poller_.Open(loop, descriptor_, *this); !failed.ok()) return failed;
  place_ = std::make_unique<TlsContext::HandshakePlace>(*context_);
  deadline_ = std::make_unique<Timer>(loop, [this] { FailHandshake("no handshake in time"); });
  deadline_->Start(context_->limits().handshake_ms_max);
  UpdatePoller();
  return Status::Ok();
}

// The error of the call that returned `answer`. A call that waits for anything but `usual_wait` says so.
TransferResult TlsTransport::ResultOf(int answer, int usual_wait, bool& wants_the_other_way) {
  switch (const int error = SSL_get_error(session_.get(), answer)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      wants_the_other_way = error != usual_wait;
      return {Outcome::kWouldBlock, 0, 0};
    case SSL_ERROR_ZERO_RETURN:
      return {Outcome::kEndOfStream, 0, 0};
    case SSL_ERROR_SYSCALL:
      state_ = State::kFailed;
      return {Outcome::kError, 0, errno != 0 ? errno : ECONNRESET};
    default:
      state_ = State::kFailed;
      return {Outcome::kError, 0, EPROTO};
  }
}

TransferResult TlsTransport::Read(std::span<char> into) {
  if (state_ == State::kFailed) return {Outcome::kError, 0, EPROTO};
  if (state_ == State::kHandshake) return {Outcome::kWouldBlock, 0, 0};
  size_t total = 0;
  bytes_left_ = read_wants_write_ = false;
  TransferResult result;
  do {
    size_t got = 0;
    ERR_clear_error();
    const int answer = SSL_read_ex(session_.get(), into.data() + total, into.size() - total, &got);
    if (answer != 1) {
      result = ResultOf(answer, SSL_ERROR_WANT_READ, read_wants_write_);
      // What ends the stream is told after the bytes before it.
      bytes_left_ = total != 0 && result.outcome != Outcome::kWouldBlock;
      break;
    }
    total += got;
    bytes_left_ = SSL_has_pending(session_.get()) == 1;
  } while (bytes_left_ && total < into.size());
  if (read_wants_write_) UpdatePoller();
  AnnounceAgain();
  if (total != 0) return {Outcome::kDone, total, 0};
  return result;
}

TransferResult TlsTransport::Write(std::span<const iovec> pieces) {
  if (state_ == State::kFailed) return {Outcome::kError, 0, EPROTO};
  if (state_ == State::kHandshake) return {Outcome::kWouldBlock, 0, 0};
  std::array<char, kRecordBytesMax> joined;
  PieceCursor cursor(pieces);
  size_t total = 0;
  write_wants_read_ = false;
  while (!cursor.at_end() && total < kTlsWriteBytesMax) {
    const std::span<const char> bytes = cursor.Next(joined);
    size_t written = 0;
    ERR_clear_error();
    const int answer = SSL_write_ex(session_.get(), bytes.data(), bytes.size(), &written);
    if (answer != 1) {
      const TransferResult result = ResultOf(answer, SSL_ERROR_WANT_WRITE, write_wants_read_);
      if (write_wants_read_) UpdatePoller();
      if (total == 0 || result.outcome == Outcome::kError) return result;
      break;
    }
    total += written;
    cursor.Advance(written);
  }
  return {Outcome::kDone, total, 0};
}

void TlsTransport::Watch(bool readable, bool writable) {
  watching_read_ = readable;
  watching_write_ = writable;
  UpdatePoller();
  AnnounceAgain();
}

void TlsTransport::UpdatePoller() {
  if (descriptor_ < 0) return;
  if (state_ == State::kHandshake) {
    poller_.Watch(handshake_wants_write_ ? Poller::kWritable : Poller::kReadable);
    return;
  }
  const bool read = watching_read_ || (watching_write_ && write_wants_read_);
  const bool write = (watching_write_ && !write_wants_read_) || (watching_read_ && read_wants_write_);
  uint8_t events = read ? Poller::kReadable : Poller::kHangUp;
  if (write) events |= Poller::kWritable;
  poller_.Watch(events);
}

void TlsTransport::AnnounceAgain() {
  if (!bytes_left_ || !watching_read_) {
    if (again_) again_->Cancel();
    return;
  }
  if (!again_) {
    again_ = std::make_unique<NextTurn>(*loop_, [this] {
      if (descriptor_ < 0 || !bytes_left_) return;
      listener_->OnReadable();
      AnnounceAgain();  // The listener may have had no time to read.
    });
  }
  again_->Schedule();
}

void TlsTransport::OnReady(uint8_t events) {
  if (state_ == State::kHandshake) {
    ContinueHandshake();
    return;
  }
  const bool readable = (events & Poller::kReadable) != 0;
  const bool writable = (events & Poller::kWritable) != 0;
  if ((readable && watching_read_) || (writable && read_wants_write_)) listener_->OnReadable();
  const bool may_write = writable || (readable && write_wants_read_);
  if (may_write && watching_write_ && descriptor_ >= 0) listener_->OnWritable();
  if ((events & Poller::kHangUp) != 0 && descriptor_ >= 0) listener_->OnHangUp();
}

void TlsTransport::ContinueHandshake() {
  ERR_clear_error();
  const int answer = SSL_do_handshake(session_.get());
  if (answer == 1) {
    state_ = State::kReady;
    place_.reset();
    deadline_.reset();
    UpdatePoller();
    // The first request may have come with the handshake's last record.
    listener_->OnReadable();
    return;
  }
  const int error = SSL_get_error(session_.get(), answer);
  if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
    FailHandshake(error == SSL_ERROR_SYSCALL ? "the peer has gone" : TakeTlsErrorText());
    return;
  }
  handshake_wants_write_ = error == SSL_ERROR_WANT_WRITE;
  UpdatePoller();
}

void TlsTransport::FailHandshake(const std::string& reason) {
  CN_LOG(log_, kVerbose, "Error accepting a client connection: {}", reason);
  state_ = State::kFailed;
  place_.reset();
  deadline_->Stop();
  poller_.Watch(Poller::kNone);
  listener_->OnReadable();  // Reading finds the failure.
}

void TlsTransport::Close() {
  if (descriptor_ < 0) return;
  again_.reset();
  deadline_.reset();
  place_.reset();
  poller_.Close();
  ERR_clear_error();
  if (state_ == State::kReady) SSL_shutdown(session_.get());  // Says goodbye and does not wait for the answer.
  ERR_clear_error();
  session_.reset();
  close(descriptor_);
  descriptor_ = -1;
}

}  // namespace

std::unique_ptr<Transport> MakeTlsTransport(int descriptor, std::shared_ptr<const TlsContext> context, Log& log) {
  return std::make_unique<TlsTransport>(descriptor, std::move(context), log);
}

}  // namespace cachenode
