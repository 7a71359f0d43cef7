// Plain stream sockets: readiness from the loop, recv and sendmsg by ourselves. Measured against uv_tcp (read_start
// and try_write) this saves about 5 % of the CPU per request: no stream state machine between the kernel and us.
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "server/net/event_loop.h"
#include "server/net/transport.h"

namespace cachenode {

namespace {

TransferResult ResultOf(ssize_t moved) {
  if (moved >= 0) return {TransferResult::Outcome::kDone, static_cast<size_t>(moved), 0};
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return {TransferResult::Outcome::kWouldBlock, 0, 0};
  return {TransferResult::Outcome::kError, 0, errno};
}

class SocketTransport final : public Transport, private Poller::Listener {
 public:
  explicit SocketTransport(int descriptor) : descriptor_(descriptor) {}
  ~SocketTransport() override { Close(); }
  SocketTransport(const SocketTransport&) = delete;
  SocketTransport& operator=(const SocketTransport&) = delete;

  Status Open(EventLoop& loop, Transport::Listener& listener) override {
    listener_ = &listener;
    if (Status failed = poller_.Open(loop, descriptor_, *this); !failed.ok()) return failed;
    Watch(true, false);
    return Status::Ok();
  }

  TransferResult Read(std::span<char> into) override {
    TransferResult result = ResultOf(recv(descriptor_, into.data(), into.size(), 0));
    const bool ended = result.outcome == TransferResult::Outcome::kDone && result.bytes == 0;
    if (ended) result.outcome = TransferResult::Outcome::kEndOfStream;
    return result;
  }

  TransferResult Write(std::span<const iovec> pieces) override {
    if (pieces.size() == 1) return ResultOf(send(descriptor_, pieces[0].iov_base, pieces[0].iov_len, MSG_NOSIGNAL));
    msghdr message{};
    // tidy: allow(const-cast) sendmsg only reads it, its type is of C.
    message.msg_iov = const_cast<iovec*>(pieces.data());
    message.msg_iovlen = pieces.size();
    return ResultOf(sendmsg(descriptor_, &message, MSG_NOSIGNAL));
  }

  void Watch(bool readable, bool writable) override {
    uint8_t events = readable ? Poller::kReadable : Poller::kHangUp;
    if (writable) events |= Poller::kWritable;
    poller_.Watch(events);
  }

  void Close() override {
    if (descriptor_ < 0) return;
    poller_.Close();
    close(descriptor_);
    descriptor_ = -1;
  }

  [[nodiscard]] int descriptor() const override { return descriptor_; }
  [[nodiscard]] bool IsPlain() const override { return true; }

 private:
  void OnReady(uint8_t events) override {
    // Reading may destroy nothing: the owner frees a connection only between callbacks.
    if ((events & Poller::kReadable) != 0) listener_->OnReadable();
    if ((events & Poller::kWritable) != 0 && descriptor_ >= 0) listener_->OnWritable();
    if ((events & Poller::kHangUp) != 0 && descriptor_ >= 0) listener_->OnHangUp();
  }

  int descriptor_;
  Poller poller_;
  Transport::Listener* listener_ = nullptr;
};

}  // namespace

std::unique_ptr<Transport> MakeSocketTransport(int descriptor) { return std::make_unique<SocketTransport>(descriptor); }

}  // namespace cachenode
