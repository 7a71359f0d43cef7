#include "persistence/s3/part_ring.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

namespace cachenode {
namespace {

std::unique_ptr<PartRing> MakeRing(int64_t total, size_t part, size_t slots, std::function<void()> on_free = {}) {
  return *PartRing::Create({total, part, slots}, std::move(on_free));
}

void Fill(PartRing& ring, int64_t part, char value) {
  const std::span<char> buffer = ring.Buffer(part);
  std::memset(buffer.data(), value, buffer.size());
  ring.Publish(part, buffer.size());
}

std::string ReadSome(PartRing& ring, size_t bytes) {
  std::string into(bytes, '\0');
  Result<size_t> count = ring.Read(into);
  into.resize(*count);
  return into;
}

TEST(PartRing, CutsTheObjectIntoParts) {
  const auto ring = MakeRing(25, 10, 2);
  EXPECT_EQ(ring->PartCount(), 3);
  EXPECT_EQ(ring->PartBytes(0), 10U);
  EXPECT_EQ(ring->PartBytes(2), 5U);
  EXPECT_EQ(MakeRing(20, 10, 2)->PartCount(), 2);
  EXPECT_EQ(MakeRing(0, 10, 2)->PartCount(), 0);
}

TEST(PartRing, DeliversInOrderAndFreesSlots) {
  int freed = 0;
  const auto ring = MakeRing(25, 10, 2, [&] { ++freed; });
  EXPECT_TRUE(ring->IsFree(1));
  EXPECT_FALSE(ring->IsFree(2));
  Fill(*ring, 1, 'b');  // Out of order.
  Fill(*ring, 0, 'a');
  EXPECT_EQ(ReadSome(*ring, 4), "aaaa");
  EXPECT_FALSE(ring->IsFree(2));
  EXPECT_EQ(ReadSome(*ring, 100), "aaaaaa");
  EXPECT_TRUE(ring->IsFree(2));
  EXPECT_EQ(freed, 1);
  Fill(*ring, 2, 'c');
  EXPECT_EQ(ReadSome(*ring, 100), "bbbbbbbbbb");
  EXPECT_EQ(ReadSome(*ring, 100), "ccccc");
  EXPECT_EQ(ReadSome(*ring, 100), "");
  EXPECT_EQ(ReadSome(*ring, 100), "");
}

TEST(PartRing, DeliversAPartWhileItArrives) {
  const auto ring = MakeRing(10, 10, 1);
  std::memcpy(ring->Buffer(0).data(), "0123456789", 10);
  ring->Publish(0, 3);
  EXPECT_EQ(ReadSome(*ring, 100), "012");
  ring->Publish(0, 10);
  EXPECT_EQ(ReadSome(*ring, 100), "3456789");
}

TEST(PartRing, KeepsTheFirstFailure) {
  const auto ring = MakeRing(10, 10, 1);
  ring->Fail(Err::kUnavailable, "first");
  ring->Fail(Err::kCancelled, "second");
  char byte = 0;
  const Result<size_t> count = ring->Read({&byte, 1});
  ASSERT_FALSE(count.ok());
  EXPECT_EQ(count.status().code(), Err::kUnavailable);
  EXPECT_EQ(count.status().text(), "first");
}

TEST(PartRing, WakesASleepingReaderOnFailure) {
  const auto ring = MakeRing(10, 10, 1);
  std::thread writer([&] { ring->Fail(Err::kUnavailable, "gone"); });
  char byte = 0;
  EXPECT_FALSE(ring->Read({&byte, 1}).ok());
  writer.join();
}

// A writer with pieces of odd sizes against a reader with others: every byte arrives once, in order.
TEST(PartRing, CarriesAStreamBetweenTwoThreads) {
  constexpr int64_t kTotal = 40'000'003;
  std::atomic<int> wakeups{0};
  const auto ring = MakeRing(kTotal, 1'000'000, 3, [&] { wakeups.fetch_add(1); });
  const auto byte_at = [](int64_t position) { return static_cast<char>((position * 2654435761) >> 13); };
  std::thread writer([&] {
    for (int64_t part = 0; part < ring->PartCount(); ++part) {
      while (!ring->IsFree(part)) std::this_thread::yield();
      const std::span<char> buffer = ring->Buffer(part);
      size_t filled = 0;
      while (filled < buffer.size()) {
        const size_t piece = std::min<size_t>(buffer.size() - filled, 1 + filled % 70'001);
        for (size_t i = 0; i < piece; ++i) {
          buffer[filled + i] = byte_at(part * 1'000'000 + static_cast<int64_t>(filled + i));
        }
        filled += piece;
        ring->Publish(part, filled);
      }
    }
  });
  std::vector<char> into(77'777);
  int64_t position = 0;
  int64_t wrong = 0;
  while (true) {
    Result<size_t> count = ring->Read(into);
    ASSERT_TRUE(count.ok());
    if (*count == 0) break;
    for (size_t i = 0; i < *count; ++i) wrong += into[i] != byte_at(position + static_cast<int64_t>(i)) ? 1 : 0;
    position += static_cast<int64_t>(*count);
  }
  writer.join();
  EXPECT_EQ(position, kTotal);
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(wakeups.load(), ring->PartCount());
}

}  // namespace
}  // namespace cachenode
