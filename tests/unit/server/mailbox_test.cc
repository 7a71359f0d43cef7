#include "server/mailbox.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace cachenode {
namespace {

// Letters of these tests do not look at the worker they are delivered to.
Worker& NoWorker() {
  static char place;
  return reinterpret_cast<Worker&>(place);
}

TEST(Mailbox, DeliversInOrderAndWakesOnce) {
  int wakes = 0;
  Mailbox mailbox([&wakes] { ++wakes; });
  std::vector<int> delivered;
  for (int i = 0; i < 5; ++i) {
    mailbox.Post(MakeLetter([&delivered, i](Worker&) { delivered.push_back(i); }));
  }
  EXPECT_EQ(wakes, 1);
  EXPECT_FALSE(mailbox.Drain(NoWorker()));
  EXPECT_EQ(delivered, (std::vector<int>{0, 1, 2, 3, 4}));
  mailbox.Post(MakeLetter([](Worker&) {}));
  EXPECT_EQ(wakes, 2);
}

TEST(Mailbox, ALetterPostedByALetterWakesAgain) {
  int wakes = 0;
  Mailbox mailbox([&wakes] { ++wakes; });
  bool second = false;
  mailbox.Post(MakeLetter([&](Worker&) { mailbox.Post(MakeLetter([&](Worker&) { second = true; })); }));
  EXPECT_FALSE(mailbox.Drain(NoWorker()));
  EXPECT_FALSE(second);
  EXPECT_EQ(wakes, 2);
  EXPECT_FALSE(mailbox.Drain(NoWorker()));
  EXPECT_TRUE(second);
}

TEST(Mailbox, OneTurnDeliversABoundedNumberOfLetters) {
  Mailbox mailbox([] {});
  size_t delivered = 0;
  for (size_t i = 0; i < Mailbox::kLettersPerTurn + 1; ++i) {
    mailbox.Post(MakeLetter([&delivered](Worker&) { ++delivered; }));
  }
  EXPECT_TRUE(mailbox.Drain(NoWorker()));
  EXPECT_EQ(delivered, Mailbox::kLettersPerTurn);
  EXPECT_FALSE(mailbox.Drain(NoWorker()));
  EXPECT_EQ(delivered, Mailbox::kLettersPerTurn + 1);
}

TEST(Mailbox, RefusesDataBeyondItsLimitUntilSomeIsDelivered) {
  Mailbox mailbox([] {});
  EXPECT_TRUE(mailbox.TryPost(MakeLetter([](Worker&) {}), Mailbox::kBytesMax - 10));
  EXPECT_TRUE(mailbox.TryPost(MakeLetter([](Worker&) {}), 10));
  EXPECT_FALSE(mailbox.TryPost(MakeLetter([](Worker&) {}), 1));
  mailbox.Drain(NoWorker());
  EXPECT_EQ(mailbox.waiting_bytes(), 0U);
  EXPECT_TRUE(mailbox.TryPost(MakeLetter([](Worker&) {}), 1));
}

TEST(Mailbox, DestroysWhatWasNotDelivered) {
  auto token = std::make_shared<int>(1);
  {
    Mailbox mailbox([] {});
    mailbox.Post(MakeLetter([token](Worker&) {}));
    EXPECT_EQ(token.use_count(), 2);
  }
  EXPECT_EQ(token.use_count(), 1);
}

// The wake-up protocol under load: a reader that sleeps whenever it is not woken must see every letter, in each
// sender's order.
TEST(Mailbox, LosesNoWakeUpWithManySenders) {
  constexpr int kSenders = 3;
  constexpr int kLetters = 20000;
  std::mutex mutex;
  std::condition_variable woken;
  bool wake = false;
  Mailbox mailbox([&] {
    const std::lock_guard lock(mutex);
    wake = true;
    woken.notify_one();
  });
  std::vector<int> next(kSenders, 0);
  int delivered = 0;
  std::vector<std::thread> senders;
  for (int sender = 0; sender < kSenders; ++sender) {
    senders.emplace_back([&, sender] {
      for (int i = 0; i < kLetters; ++i) {
        mailbox.Post(MakeLetter([&next, &delivered, sender, i](Worker&) {
          EXPECT_EQ(next[static_cast<size_t>(sender)]++, i);
          ++delivered;
        }));
      }
    });
  }
  while (delivered < kSenders * kLetters) {
    {
      std::unique_lock lock(mutex);
      woken.wait(lock, [&wake] { return wake; });
      wake = false;
    }
    while (mailbox.Drain(NoWorker())) {
    }
  }
  for (std::thread& sender : senders) sender.join();
}

}  // namespace
}  // namespace cachenode
