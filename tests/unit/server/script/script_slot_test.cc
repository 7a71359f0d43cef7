#include "server/script/script_slot.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <thread>
#include <utility>
#include <vector>

namespace cachenode {
namespace {

class ScriptSlotTest : public ::testing::Test {
 protected:
  static ScriptSlot::Client Client(uint64_t id, uint32_t worker) { return {id, worker}; }
  // Who was told since the last call.
  std::vector<uint64_t> Told() { return std::exchange(told_, {}); }

  std::vector<uint64_t> told_;
  ScriptSlot slot_{4, [this](uint64_t id) { told_.push_back(id); }};
};

using Ids = std::vector<uint64_t>;

TEST_F(ScriptSlotTest, OneAtATimeInTheOrderTheyAsked) {
  EXPECT_TRUE(slot_.TryEnter(Client(1, 0)));
  EXPECT_FALSE(slot_.TryEnter(Client(2, 1)));
  EXPECT_FALSE(slot_.TryEnter(Client(3, 2)));
  EXPECT_FALSE(slot_.TryEnter(Client(2, 1)));  // It waits once.
  EXPECT_TRUE(Told().empty());
  slot_.Leave();
  EXPECT_EQ(Told(), Ids{2});
  EXPECT_FALSE(slot_.TryEnter(Client(1, 0)));  // The free slot is another's.
  EXPECT_FALSE(slot_.TryEnter(Client(3, 2)));
  EXPECT_TRUE(slot_.TryEnter(Client(2, 1)));
  slot_.Leave();
  EXPECT_EQ(Told(), Ids{3});
  EXPECT_TRUE(slot_.TryEnter(Client(3, 2)));
  slot_.Leave();
  EXPECT_EQ(Told(), Ids{1});
  EXPECT_TRUE(slot_.TryEnter(Client(1, 0)));
  EXPECT_FALSE(slot_.HasWaiting());
}

TEST_F(ScriptSlotTest, AWorkersClientsAreToldTogetherAndOnce) {
  EXPECT_TRUE(slot_.TryEnter(Client(1, 0)));
  for (const ScriptSlot::Client client : {Client(2, 1), Client(3, 2), Client(4, 1), Client(5, 2)}) {
    EXPECT_FALSE(slot_.TryEnter(client));
  }
  slot_.Leave();
  EXPECT_EQ(Told(), (Ids{2, 4}));
  EXPECT_TRUE(slot_.TryEnter(Client(4, 1)));
  slot_.Leave();
  EXPECT_TRUE(Told().empty());  // Client 2 is about to ask.
  EXPECT_FALSE(slot_.TryEnter(Client(3, 2)));
  EXPECT_TRUE(slot_.TryEnter(Client(2, 1)));
  slot_.Leave();
  EXPECT_EQ(Told(), (Ids{3, 5}));
}

TEST_F(ScriptSlotTest, OneThatWasToldAndCameTooLateIsToldAgain) {
  EXPECT_TRUE(slot_.TryEnter(Client(1, 0)));
  EXPECT_FALSE(slot_.TryEnter(Client(2, 1)));
  slot_.Leave();
  EXPECT_EQ(Told(), Ids{2});
  EXPECT_TRUE(slot_.TryEnter(Client(3, 1)));  // The same worker, and sooner.
  EXPECT_FALSE(slot_.TryEnter(Client(2, 1)));
  slot_.Leave();
  EXPECT_EQ(Told(), Ids{2});
}

TEST_F(ScriptSlotTest, WhoGoesLeavesItsPlaceToTheNext) {
  EXPECT_TRUE(slot_.TryEnter(Client(1, 0)));
  EXPECT_FALSE(slot_.TryEnter(Client(2, 1)));
  EXPECT_FALSE(slot_.TryEnter(Client(3, 2)));
  slot_.Forget(9);
  EXPECT_TRUE(Told().empty());
  slot_.Leave();
  EXPECT_EQ(Told(), Ids{2});
  slot_.Forget(2);
  EXPECT_EQ(Told(), Ids{3});
  EXPECT_TRUE(slot_.TryEnter(Client(3, 2)));
  EXPECT_FALSE(slot_.TryEnter(Client(4, 1)));
  slot_.Forget(4);  // Nobody is told while the slot is taken.
  EXPECT_TRUE(Told().empty());
  EXPECT_FALSE(slot_.HasWaiting());
}

TEST_F(ScriptSlotTest, WhoWaitsInHereIsNotTold) {
  EXPECT_TRUE(slot_.TryEnter(Client(1, 0)));
  EXPECT_FALSE(slot_.TryEnter(Client(2, 1)));
  std::atomic<bool> has_entered = false;
  std::thread waits([&] {
    // Its patience may end before the other thread gets on.
    while (!slot_.TryEnter(Client(2, 1))) slot_.WaitForTurn(Client(2, 1));
    has_entered = true;
  });
  std::this_thread::yield();
  EXPECT_FALSE(has_entered);
  slot_.Leave();
  waits.join();
  EXPECT_TRUE(has_entered);
  EXPECT_FALSE(slot_.TryEnter(Client(3, 2)));
  slot_.Leave();
  EXPECT_EQ(Told().back(), 3U);
}

TEST_F(ScriptSlotTest, NobodyWaitsLongInHereNorBesideAParkedOne) {
  EXPECT_TRUE(slot_.TryEnter(Client(1, 0)));
  EXPECT_FALSE(slot_.TryEnter(Client(2, 1)));
  slot_.WaitForTurn(Client(2, 1));
  EXPECT_FALSE(slot_.TryEnter(Client(2, 1)));
  EXPECT_FALSE(slot_.TryEnter(Client(3, 1)));
  slot_.WaitForTurn(Client(3, 1));
  slot_.WaitForTurn(Client(4, 1));  // Does not wait at all.
  slot_.Leave();
  EXPECT_EQ(Told(), (Ids{2, 3}));
}

}  // namespace
}  // namespace cachenode
