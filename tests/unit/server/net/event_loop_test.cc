#include "server/net/event_loop.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

namespace cachenode {
namespace {

class Events final : public Poller::Listener {
 public:
  void OnReady(uint8_t events) override { seen.push_back(events); }
  std::vector<uint8_t> seen;
};

class PollerTest : public ::testing::Test {
 protected:
  PollerTest() {
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair_.data()), 0);
    Result<std::unique_ptr<EventLoop>> made = EventLoop::Create();
    EXPECT_TRUE(made);
    loop_ = *std::move(made);
    EXPECT_TRUE(poller_.Open(*loop_, pair_[0], events_).ok());
  }
  ~PollerTest() override {
    poller_.Close();
    loop_->RunOnce();
    for (const int descriptor : pair_) close(descriptor);
  }

  // The peer goes without having read everything: that is an error on our end.
  void Reset() {
    ASSERT_EQ(send(pair_[0], "unread", 6, 0), 6);
    close(pair_[1]);
    pair_[1] = -1;
  }

  std::array<int, 2> pair_{};
  std::unique_ptr<EventLoop> loop_;
  Events events_;
  Poller poller_;
};

TEST_F(PollerTest, AnErrorIsToldUntilItIsLookedAt) {
  poller_.Watch(Poller::kReadable | Poller::kWritable);
  Reset();
  for (size_t turn = 1; turn <= 3; ++turn) {
    loop_->RunOnce();
    ASSERT_EQ(events_.seen.size(), turn);
    EXPECT_NE(events_.seen.back() & Poller::kReadable, 0);
  }
  poller_.Watch(Poller::kNone);
  loop_->RunOnce();
  EXPECT_EQ(events_.seen.size(), 3U);
}

TEST_F(PollerTest, AnErrorIsAHangUpWhereNothingIsRead) {
  poller_.Watch(Poller::kHangUp);
  Reset();
  for (size_t turn = 1; turn <= 2; ++turn) {
    loop_->RunOnce();
    ASSERT_EQ(events_.seen.size(), turn);
    EXPECT_EQ(events_.seen.back(), Poller::kHangUp);
  }
}

TEST_F(PollerTest, TellsOnlyWhatIsWatched) {
  poller_.Watch(Poller::kReadable);
  loop_->RunOnce();
  EXPECT_TRUE(events_.seen.empty());
  ASSERT_EQ(send(pair_[1], "x", 1, 0), 1);
  loop_->RunOnce();
  EXPECT_EQ(events_.seen, std::vector<uint8_t>{Poller::kReadable});
  poller_.Watch(Poller::kWritable);
  loop_->RunOnce();
  EXPECT_EQ(events_.seen.back(), Poller::kWritable);
}

}  // namespace
}  // namespace cachenode
