#include "server/transaction/watch_table.h"

#include <gtest/gtest.h>

#include <string_view>

#include "protocol/reply_buffer.h"
#include "server/key_interest.h"
#include "server/session.h"
#include "server/transaction/transaction_state.h"
#include "tests/support/fake_clock.h"

namespace cachenode {
namespace {

// Two clients and a keyspace whose locks are real.
class WatchTableTest : public ::testing::Test {
 protected:
  WatchTableTest() : keyspace_(Options()), table_(keyspace_, interest_, clock_) {}

  static KeyspaceOptions Options() {
    KeyspaceOptions options;
    options.shard_count = 16;
    options.threaded = true;
    options.arena_reserve_bytes = size_t{64} << 20;
    return options;
  }
  Shard& ShardOf(std::string_view key) { return keyspace_.ShardOf(KeyHash::Of(key)); }
  void Change(std::string_view key) {
    const ShardGuard guard(ShardOf(key));
    table_.BeforeKeyChange({.db = 0, .key = key});
  }
  void Put(std::string_view key, int64_t expire_at_ms) {
    Shard& shard = ShardOf(key);
    const ShardGuard guard(shard);
    AccessContext look;
    look.SetNow(clock_.NowMs());
    KeySlot slot = shard.Find(0, KeyHash::Of(key), key, look);
    ASSERT_TRUE(slot.WriteString("value", Expiry::kClear).ok());
    ASSERT_TRUE(slot.SetExpire(expire_at_ms).ok());
  }
  bool IsChanged(const Session& session) { return session.transaction->watched_key_changed.load(); }

  FakeClock clock_;
  Keyspace keyspace_;
  KeyInterest interest_;
  ChunkPool chunks_;
  WatchTable table_;
  Session session_{1, 0, chunks_};
  Session other_{2, 0, chunks_};
};

TEST_F(WatchTableTest, AChangeIsNoticedByThoseWhoWatchAside) {
  table_.WatchAside(session_, 0, "key", clock_.NowMs());
  table_.WatchAside(session_, 0, "key", clock_.NowMs());
  table_.WatchAside(other_, 0, "another", clock_.NowMs());
  EXPECT_TRUE(interest_.Any());
  EXPECT_EQ(table_.client_count(), 2U);
  Change("different");
  EXPECT_FALSE(IsChanged(session_));
  Change("key");
  EXPECT_TRUE(IsChanged(session_));
  EXPECT_FALSE(IsChanged(other_));
  table_.UnwatchAll(session_);
  table_.UnwatchAll(other_);
  EXPECT_FALSE(interest_.Any());
  EXPECT_EQ(table_.client_count(), 0U);
  EXPECT_EQ(table_.key_count(), 0U);
  EXPECT_FALSE(IsChanged(session_));
}

TEST_F(WatchTableTest, AFlushIsNoticedWhereTheKeyExists) {
  Put("there", clock_.NowMs() + 1000);
  table_.WatchAside(session_, 0, "there", clock_.NowMs());
  table_.WatchAside(other_, 0, "missing", clock_.NowMs());
  table_.BeforeDatabaseChange(DatabaseChange::kFlushed, {.db = 0, .key = {}}, 0);
  EXPECT_TRUE(IsChanged(session_));
  EXPECT_FALSE(IsChanged(other_));
  table_.UnwatchAll(session_);
  table_.UnwatchAll(other_);
}

TEST_F(WatchTableTest, OnlyATimeThatCameSinceCountsAsAChange) {
  Put("later", clock_.NowMs() + 1000);
  Put("before", clock_.NowMs() + 1);
  clock_.Advance(std::chrono::milliseconds(10));
  table_.WatchAside(session_, 0, "later", clock_.NowMs());
  table_.WatchAside(session_, 0, "before", clock_.NowMs());
  table_.WatchAside(session_, 0, "missing", clock_.NowMs());
  const auto expired = [this](size_t index) {
    const WatchedKey& watched = session_.transaction->watched[index];
    const ShardGuard guard(ShardOf(watched.key));
    return table_.ExpiredSince(watched, clock_.NowMs());
  };
  EXPECT_FALSE(expired(0));
  clock_.Advance(std::chrono::milliseconds(1000));
  EXPECT_TRUE(expired(0));
  EXPECT_FALSE(expired(1));
  EXPECT_FALSE(expired(2));
  table_.UnwatchAll(session_);
}

TEST_F(WatchTableTest, UnwatchingWaitsForNoShardAndIsFinishedLater) {
  {
    const ShardGuard guard(ShardOf("key"));
    table_.Watch(session_, 0, "key", false);
  }
  TransactionState* const state = session_.transaction.get();
  {
    const ShardGuard guard(ShardOf("key"));  // A busy script has it.
    table_.UnwatchAll(session_);
    EXPECT_EQ(session_.transaction, nullptr);
    EXPECT_EQ(table_.client_count(), 0U);
    EXPECT_EQ(table_.key_count(), 1U);
    table_.BeforeKeyChange({.db = 0, .key = "key"});  // The state that is left behind is still there.
    EXPECT_TRUE(state->watched_key_changed.load());
    table_.ForgetAbandoned();
    EXPECT_EQ(table_.key_count(), 1U);
    // The client may watch anew meanwhile.
    table_.Watch(session_, 0, "key", false);
  }
  table_.ForgetAbandoned();
  EXPECT_EQ(table_.key_count(), 1U);
  EXPECT_FALSE(IsChanged(session_));
  Change("key");
  EXPECT_TRUE(IsChanged(session_));
  table_.UnwatchAll(session_);
  EXPECT_EQ(table_.key_count(), 0U);
  EXPECT_FALSE(interest_.Any());
}

}  // namespace
}  // namespace cachenode
