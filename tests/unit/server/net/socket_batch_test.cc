#include "server/net/socket_batch.h"

#include <gtest/gtest.h>

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <string_view>
#include <vector>

namespace cachenode {
namespace {

using Outcome = TransferResult::Outcome;

struct Pair {
  Pair() { EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0); }
  ~Pair() {
    ClosePeer();
    close(ends[0]);
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;

  void ClosePeer() {
    if (ends[1] >= 0) close(ends[1]);
    ends[1] = -1;
  }
  [[nodiscard]] int own() const { return ends[0]; }
  [[nodiscard]] int peer() const { return ends[1]; }

  std::array<int, 2> ends{};
};

std::string ReadAll(int descriptor) {
  std::array<char, 4096> buffer{};
  const ssize_t got = read(descriptor, buffer.data(), buffer.size());
  return got <= 0 ? std::string() : std::string(buffer.data(), static_cast<size_t>(got));
}

void WriteAll(int descriptor, std::string_view text) {
  EXPECT_EQ(write(descriptor, text.data(), text.size()), static_cast<ssize_t>(text.size()));
}

iovec PieceOf(std::string& text) { return {text.data(), text.size()}; }

class SocketBatchTest : public testing::Test {
 protected:
  void SetUp() override {
    if (batch_ == nullptr) GTEST_SKIP() << "the kernel has no io_uring for this process";
  }

  std::unique_ptr<SocketBatch> batch_ = SocketBatch::Create();
};

TEST_F(SocketBatchTest, EachOperationGetsItsOwnResult) {
  std::array<Pair, 4> pairs;
  std::array<std::array<char, 8>, 4> buffers{};
  WriteAll(pairs[0].peer(), "abc");
  WriteAll(pairs[2].peer(), "more than fits");
  pairs[3].ClosePeer();
  for (size_t i = 0; i < pairs.size(); ++i) batch_->AddReceive(pairs[i].own(), buffers[i]);
  EXPECT_EQ(batch_->size(), 4U);
  const std::span<const TransferResult> results = batch_->Perform();
  ASSERT_EQ(results.size(), 4U);
  EXPECT_EQ(batch_->size(), 0U);
  EXPECT_EQ(results[0].outcome, Outcome::kDone);
  EXPECT_EQ(std::string_view(buffers[0].data(), results[0].bytes), "abc");
  EXPECT_EQ(results[1].outcome, Outcome::kWouldBlock);
  EXPECT_EQ(results[2].outcome, Outcome::kDone);
  EXPECT_EQ(std::string_view(buffers[2].data(), results[2].bytes), "more tha");
  EXPECT_EQ(results[3].outcome, Outcome::kEndOfStream);
}

TEST_F(SocketBatchTest, SendsPiecesInOrder) {
  Pair one;
  Pair many;
  std::string first = "first ";
  std::string second = "second ";
  std::string third = "third";
  const std::array<iovec, 1> single = {PieceOf(first)};
  const std::array<iovec, 3> pieces = {PieceOf(first), PieceOf(second), PieceOf(third)};
  batch_->AddSend(one.own(), single);
  batch_->AddSend(many.own(), pieces);
  const std::span<const TransferResult> results = batch_->Perform();
  EXPECT_EQ(results[0].bytes, first.size());
  EXPECT_EQ(results[1].bytes, first.size() + second.size() + third.size());
  EXPECT_EQ(ReadAll(one.peer()), "first ");
  EXPECT_EQ(ReadAll(many.peer()), "first second third");
}

TEST_F(SocketBatchTest, SaysWhatFailed) {
  Pair full;
  Pair closed;
  std::string large(4 << 20, 'x');
  const std::array<iovec, 1> piece = {PieceOf(large)};
  closed.ClosePeer();
  const int none = dup(full.own());
  close(none);
  batch_->AddSend(full.own(), piece);
  batch_->AddSend(full.own(), piece);
  batch_->AddSend(closed.own(), piece);
  batch_->AddSend(none, piece);
  batch_->AddReceive(none, large);
  const std::span<const TransferResult> results = batch_->Perform();
  EXPECT_EQ(results[0].outcome, Outcome::kDone);
  EXPECT_GT(results[0].bytes, 0U);
  EXPECT_LT(results[0].bytes, large.size());
  EXPECT_EQ(results[1].outcome, Outcome::kWouldBlock);
  EXPECT_EQ(results[2].outcome, Outcome::kError);
  EXPECT_EQ(results[2].error_number, EPIPE);
  EXPECT_EQ(results[3].error_number, EBADF);
  EXPECT_EQ(results[4].error_number, EBADF);
  EXPECT_FALSE(batch_->is_broken());
}

TEST_F(SocketBatchTest, TakesAsManyAsItSaysAgainAndAgain) {
  std::vector<Pair> pairs(SocketBatch::kOperationsMax);
  std::vector<std::array<char, 16>> buffers(pairs.size());
  for (int round = 0; round < 50; ++round) {
    for (size_t i = 0; i < pairs.size(); ++i) {
      WriteAll(pairs[i].peer(), std::to_string(round * 1000 + static_cast<int>(i)));
      batch_->AddReceive(pairs[i].own(), buffers[i]);
    }
    const std::span<const TransferResult> results = batch_->Perform();
    for (size_t i = 0; i < pairs.size(); ++i) {
      ASSERT_EQ(std::string_view(buffers[i].data(), results[i].bytes),
                std::to_string(round * 1000 + static_cast<int>(i)));
    }
  }
}

}  // namespace
}  // namespace cachenode
