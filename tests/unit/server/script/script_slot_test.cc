#include "server/script/script_slot.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
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

TEST_F(ScriptSlotTest, TellsWhatTheLastHolderHad) {
  EXPECT_FALSE(slot_.HolderHadWorld());
  EXPECT_TRUE(slot_.TryEnter(Client(1, 0)));
  slot_.Leave(ScriptSlot::With::kWorld);
  EXPECT_TRUE(slot_.HolderHadWorld());
  EXPECT_TRUE(slot_.TryEnter(Client(2, 1)));
  EXPECT_TRUE(slot_.HolderHadWorld());
  slot_.Leave();
  EXPECT_FALSE(slot_.HolderHadWorld());
}

// As if nobody ever lost patience.
class PatientScriptSlotTest : public ScriptSlotTest {
 protected:
  static constexpr std::chrono::seconds kPatience{60};

  // Whether all of that took less than one wait in vain.
  [[nodiscard]] bool NobodyWaitedInVain() const { return std::chrono::steady_clock::now() - begin_ < kPatience; }

  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  ScriptSlot patient_{4, [this](uint64_t id) { told_.push_back(id); }, kPatience};
};

TEST_F(PatientScriptSlotTest, WhoWaitsInHereGoesOnAndIsNotTold) {
  constexpr int kRounds = 1000;
  int told = 0;  // Those that were not asleep yet.
  for (int round = 0; round < kRounds && told == round; ++round) {
    EXPECT_TRUE(patient_.TryEnter(Client(1, 0)));
    EXPECT_FALSE(patient_.TryEnter(Client(2, 1)));
    std::atomic<bool> begins = false;
    std::thread waits([&] {
      begins = true;
      patient_.WaitForTurn(Client(2, 1));
      EXPECT_TRUE(patient_.TryEnter(Client(2, 1)));
      patient_.Leave();
    });
    while (!begins) std::this_thread::yield();
    std::this_thread::yield();
    patient_.Leave();
    waits.join();
    told += static_cast<int>(Told().size());
  }
  EXPECT_LT(told, kRounds);
  EXPECT_TRUE(NobodyWaitedInVain());
  EXPECT_FALSE(patient_.HasWaiting());
}

TEST_F(PatientScriptSlotTest, NobodyWaitsBesideAParkedOneOfItsWorker) {
  EXPECT_TRUE(patient_.TryEnter(Client(1, 0)));
  EXPECT_FALSE(patient_.TryEnter(Client(2, 1)));
  EXPECT_FALSE(patient_.TryEnter(Client(3, 1)));
  patient_.WaitForTurn(Client(3, 1));
  EXPECT_TRUE(NobodyWaitedInVain());
  patient_.Leave();
  EXPECT_EQ(Told(), (Ids{2, 3}));
}

TEST_F(ScriptSlotTest, WhoLosesPatienceIsTold) {
  EXPECT_TRUE(slot_.TryEnter(Client(1, 0)));
  EXPECT_FALSE(slot_.TryEnter(Client(2, 1)));
  slot_.WaitForTurn(Client(2, 1));
  EXPECT_FALSE(slot_.TryEnter(Client(2, 1)));
  slot_.Leave();
  EXPECT_EQ(Told(), Ids{2});
}

}  // namespace
}  // namespace cachenode
