#include "server/net/socket_batch.h"

#include <liburing.h>

#include <sys/socket.h>

#include <cassert>
#include <cerrno>

namespace cachenode {

namespace {

TransferResult ResultOf(int outcome, bool receives) {
  if (outcome > 0 || (outcome == 0 && !receives)) {
    return {TransferResult::Outcome::kDone, static_cast<size_t>(outcome), 0};
  }
  if (outcome == 0) return {TransferResult::Outcome::kEndOfStream, 0, 0};
  if (outcome == -EAGAIN || outcome == -EINTR) return {TransferResult::Outcome::kWouldBlock, 0, 0};
  return {TransferResult::Outcome::kError, 0, -outcome};
}

class RingBatch final : public SocketBatch {
 public:
  RingBatch() = default;
  ~RingBatch() override {
    if (is_open_) io_uring_queue_exit(&ring_);
  }
  RingBatch(const RingBatch&) = delete;
  RingBatch& operator=(const RingBatch&) = delete;

  bool Open() {
    // The first saves interrupts that nobody waits for; kernels before 6.0 do not know both.
    constexpr unsigned kOneThread = IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SINGLE_ISSUER;
    is_open_ = io_uring_queue_init(kOperationsMax, &ring_, kOneThread) == 0 ||
               io_uring_queue_init(kOperationsMax, &ring_, 0) == 0;
    if (!is_open_ || !KnowsSockets()) return false;
    io_uring_register_ring_fd(&ring_);  // Only a saving, where the kernel has it.
    return true;
  }

  void AddReceive(int descriptor, std::span<char> into) override {
    io_uring_sqe* const entry = Next(true);
    if (entry == nullptr) [[unlikely]]
      return;
    io_uring_prep_recv(entry, descriptor, into.data(), into.size(), MSG_DONTWAIT);
    io_uring_sqe_set_data64(entry, count_ - 1);
  }

  void AddSend(int descriptor, std::span<const iovec> pieces) override {
    io_uring_sqe* const entry = Next(false);
    if (entry == nullptr) [[unlikely]]
      return;
    if (pieces.size() == 1) {
      io_uring_prep_send(entry, descriptor, pieces[0].iov_base, pieces[0].iov_len, kSendFlags);
    } else {
      msghdr& message = messages_[count_ - 1] = {};
      // tidy: allow(const-cast) sendmsg only reads it, its type is of C.
      message.msg_iov = const_cast<iovec*>(pieces.data());
      message.msg_iovlen = pieces.size();
      io_uring_prep_sendmsg(entry, descriptor, &message, kSendFlags);
    }
    io_uring_sqe_set_data64(entry, count_ - 1);
  }

  [[nodiscard]] size_t size() const override { return count_; }
  [[nodiscard]] bool is_broken() const override { return is_broken_; }

  std::span<const TransferResult> Perform() override {
    const size_t count = count_;
    count_ = 0;
    size_t done = 0;
    while (done < count && !is_broken_) {
      const int submitted = io_uring_submit_and_wait(&ring_, static_cast<unsigned>(count - done));
      if (submitted < 0 && submitted != -EINTR) is_broken_ = true;
      done += Collect();
    }
    return std::span(results_).first(count);
  }

 private:
  static constexpr int kSendFlags = MSG_DONTWAIT | MSG_NOSIGNAL;

  [[nodiscard]] bool KnowsSockets() {
    io_uring_probe* const probe = io_uring_get_probe_ring(&ring_);
    if (probe == nullptr) return false;
    bool knows = true;
    for (const int operation : {IORING_OP_RECV, IORING_OP_SEND, IORING_OP_SENDMSG}) {
      knows = knows && io_uring_opcode_supported(probe, operation) != 0;
    }
    io_uring_free_probe(probe);
    return knows;
  }

  io_uring_sqe* Next(bool receives) {
    assert(count_ < kOperationsMax);
    receives_[count_] = receives;
    results_[count_++] = {TransferResult::Outcome::kWouldBlock, 0, 0};
    // There is one: the last Perform left none behind, unless the ring broke.
    return is_broken_ ? nullptr : io_uring_get_sqe(&ring_);
  }

  // Takes what is finished; how many.
  size_t Collect() {
    unsigned head = 0;
    unsigned taken = 0;
    io_uring_cqe* entry = nullptr;
    io_uring_for_each_cqe(&ring_, head, entry) {
      const size_t index = io_uring_cqe_get_data64(entry);
      results_[index] = ResultOf(entry->res, receives_[index]);
      ++taken;
    }
    io_uring_cq_advance(&ring_, taken);
    return taken;
  }

  io_uring ring_{};
  bool is_open_ = false;
  bool is_broken_ = false;
  size_t count_ = 0;
  std::array<bool, kOperationsMax> receives_{};
  std::array<TransferResult, kOperationsMax> results_{};
  std::array<msghdr, kOperationsMax> messages_{};
};

}  // namespace

std::unique_ptr<SocketBatch> SocketBatch::Create() {
  auto batch = std::make_unique<RingBatch>();
  if (!batch->Open()) return nullptr;
  return batch;
}

}  // namespace cachenode
