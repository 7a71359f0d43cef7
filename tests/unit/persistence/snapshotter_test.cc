#include "persistence/snapshotter.h"

#include <gtest/gtest.h>

#include "tests/support/persistence/snapshot_rig.h"
#include "tests/support/scratch_folder.h"

namespace cachenode {
namespace {

class SnapshotterTest : public testing::Test {
 protected:
  SnapshotterTest() { context_.SetNow(1'700'000'000'000); }
  void Put(std::string_view key, std::string_view value, uint32_t db = 0, Expiry expiry = Expiry::kClear) {
    ASSERT_TRUE(rig_.keyspace.Locate(db, key, context_).WriteString(value, expiry).ok());
  }
  void PutMany(int count) {
    for (int i = 0; i < count; ++i) Put("key:" + std::to_string(i), "value:" + std::to_string(i * 7));
  }

  SnapshotRig rig_{false};
  AccessContext context_;
};

TEST_F(SnapshotterTest, AnEmptyKeyspaceGivesAnEmptyFile) {
  ASSERT_TRUE(rig_.snapshotter.Start(rig_.Sink()).ok());
  rig_.RunToEnd();
  EXPECT_TRUE(rig_.snapshotter.Figures().last_ok);
  EXPECT_TRUE(KeysOfFile(rig_.file).empty());
}

TEST_F(SnapshotterTest, SavesEveryKindOfStringInEveryDatabase) {
  PutMany(5000);
  Put("int", "12345");
  Put("long", "-9223372036854775808", 3);
  Put("empty", "", 1);
  Put("", "empty key", 2, Expiry::At(1'800'000'000'123));
  Put("repeated", std::string(3000, 'r'), 1);
  Put("block", std::string(40000, 'b') + "end", 2);
  Put("large", std::string(9 << 20, 'L'), 2);
  const DataSet want = rig_.Everything();
  ASSERT_TRUE(rig_.snapshotter.Start(rig_.Sink()).ok());
  rig_.RunToEnd();
  ExpectSame(KeysOfFile(rig_.file), want);
  const SnapshotFigures figures = rig_.snapshotter.Figures();
  EXPECT_TRUE(figures.last_ok);
  EXPECT_EQ(figures.saves, 1U);
  EXPECT_EQ(figures.changes_since_save, 0U);
  EXPECT_EQ(figures.buffer_bytes, 0U);
}

TEST_F(SnapshotterTest, WritesAfterTheCutAreNotInTheFile) {
  PutMany(3000);
  const DataSet want = rig_.Everything();
  ASSERT_TRUE(rig_.snapshotter.Start(rig_.Sink()).ok());
  for (int i = 0; i < 3000; i += 3) Put("key:" + std::to_string(i), "changed");
  for (int i = 1; i < 3000; i += 3) rig_.keyspace.Locate(0, "key:" + std::to_string(i), context_).Erase();
  for (int i = 0; i < 3000; ++i) Put("new:" + std::to_string(i), "new");
  rig_.RunToEnd();
  ExpectSame(KeysOfFile(rig_.file), want);
  EXPECT_EQ(rig_.snapshotter.Figures().changes_since_save, 1000U + 1000U + 3000U);
}

TEST_F(SnapshotterTest, IdleTimesAreThoseOfTheCut) {
  SnapshotSettings settings;
  settings.recency = RdbRecency::kIdleSeconds;
  rig_.snapshotter.SetSettings(settings);
  const int64_t cut_ms = rig_.clock.NowMs();
  context_.SetNow(cut_ms - 100'000);
  Put("idle", "v");
  Put("used", "v");
  ASSERT_TRUE(rig_.snapshotter.Start(rig_.Sink()).ok());
  context_.SetNow(cut_ms + 5000);  // After the cut, and before the walk.
  ASSERT_TRUE(rig_.keyspace.Locate(0, "used", context_).Exists());
  rig_.RunToEnd();
  struct Nobody : RdbObserver {
    void OnAux(std::string_view, std::string_view) override {}
    void OnResizeDb(uint32_t, uint64_t, uint64_t) override {}
    Status OnFunction(std::string_view) override { return Status::Ok(); }
  } nobody;
  MemorySource source(rig_.file);
  RdbReader reader(source, nobody, {});
  RdbBatch batch;
  ASSERT_TRUE(reader.ReadHeader().ok());
  ASSERT_TRUE(reader.ReadBatch(batch).ok());
  ASSERT_EQ(batch.records.size(), 2U);
  for (const RdbRecord& record : batch.records) {
    EXPECT_NEAR(static_cast<double>(record.idle_seconds), record.key == "idle" ? 100 : 0, 1) << record.key;
  }
}

TEST_F(SnapshotterTest, PinnedStringsKeepTheirBytesWhileWritersGoOn) {
  const std::string old(100000, 'o');
  Put("big", old);
  const DataSet want = rig_.Everything();
  ASSERT_TRUE(rig_.snapshotter.Start(rig_.Sink()).ok());
  KeySlot slot = rig_.keyspace.Locate(0, "big", context_);
  Result<std::span<char>> bytes = slot.EditString(100000);
  ASSERT_TRUE(bytes.ok());
  for (char& c : *bytes) c = 'n';
  ASSERT_TRUE(slot.AppendString("more").ok());
  rig_.RunToEnd();
  ExpectSame(KeysOfFile(rig_.file), want);
}

TEST_F(SnapshotterTest, RowsCarryTheDatabaseOfTheCut) {
  PutMany(2000);
  Put("other", "1", 1);
  const DataSet want = rig_.Everything();
  ASSERT_TRUE(rig_.snapshotter.Start(rig_.Sink()).ok());
  rig_.host.RunExclusive([&] { rig_.keyspace.SwapDatabases(0, 1); });
  Put("key:5", "new", 1);
  Put("key:5", "new", 0);
  rig_.RunToEnd();
  ExpectSame(KeysOfFile(rig_.file), want);
}

TEST_F(SnapshotterTest, FlushedDatabasesAreStillSaved) {
  for (const bool all : {true, false}) {
    PutMany(5000);
    Put("other", "1", 1);
    const DataSet want = rig_.Everything();
    ASSERT_TRUE(rig_.snapshotter.Start(rig_.Sink()).ok());
    for (int i = 0; i < 500; ++i) Put("key:" + std::to_string(i), "changed");
    rig_.host.RunExclusive([&] {
      if (all) {
        (void)rig_.keyspace.FlushAll();
      } else {
        (void)rig_.keyspace.FlushDatabase(0);
      }
    });
    PutMany(1000);
    rig_.RunToEnd();
    ExpectSame(KeysOfFile(rig_.file), want);
    rig_.host.RunExclusive([&] { (void)rig_.keyspace.FlushAll(); });
  }
}

TEST_F(SnapshotterTest, OnlyOneRunsAndASecondIsScheduled) {
  PutMany(100);
  ASSERT_TRUE(rig_.snapshotter.Start(rig_.Sink()).ok());
  EXPECT_EQ(rig_.snapshotter.Start().text(), "ERR Background save already in progress");
  EXPECT_EQ(rig_.snapshotter.SaveNow().text(), "ERR Background save already in progress");
  EXPECT_FALSE(rig_.snapshotter.StartOrSchedule());
  Result<Snapshotter::Cancelled> cancelled = rig_.snapshotter.Cancel();
  ASSERT_TRUE(cancelled.ok());
  EXPECT_EQ(*cancelled, Snapshotter::Cancelled::kRunning);
  EXPECT_EQ(rig_.snapshotter.Cancel().status().text(),
            "ERR Background saving is currently not in progress or scheduled");
  EXPECT_TRUE(rig_.snapshotter.Figures().last_ok);
  EXPECT_EQ(rig_.snapshotter.Figures().saves, 0U);
}

TEST_F(SnapshotterTest, AFailedRunLeavesTheOldFileAndSaysSo) {
  PutMany(20000);
  const DataSet want = rig_.Everything();
  ASSERT_TRUE(rig_.snapshotter.Start(rig_.Sink()).ok());
  rig_.RunToEnd();
  for (const size_t room : {size_t{0}, size_t{10}, size_t{150}, rig_.file.size() / 2, rig_.file.size() - 5000}) {
    Put("key:1", std::to_string(room));
    const std::string before = rig_.file;
    TestSink::Behaviour full;
    full.room_bytes = room;
    ASSERT_TRUE(rig_.snapshotter.Start(rig_.Sink(full)).ok());
    rig_.RunToEnd();
    EXPECT_FALSE(rig_.snapshotter.Figures().last_ok) << room;
    EXPECT_TRUE(rig_.file == before) << room;
    EXPECT_TRUE(rig_.snapshotter.Figures().saves == 1) << room;
  }
  rig_.snapshotter.policy().SetPoints({{3600, 1}});
  EXPECT_TRUE(rig_.snapshotter.RefusesWrites());
  rig_.snapshotter.policy().SetStopWritesOnError(false);
  EXPECT_FALSE(rig_.snapshotter.RefusesWrites());
  ExpectSame(KeysOfFile(rig_.file), want);
}

TEST_F(SnapshotterTest, TellsItsHostOfEachOutcomeBeforeOthersSeeIt) {
  const ScratchFolder folder;
  SnapshotSettings settings;
  settings.directory = folder.path();
  rig_.snapshotter.SetSettings(settings);
  PutMany(10);
  TestSink::Behaviour full;
  full.room_bytes = 0;
  ASSERT_TRUE(rig_.snapshotter.Start(rig_.Sink(full)).ok());
  rig_.RunToEnd();
  EXPECT_EQ(rig_.host.outcomes, std::vector<bool>({true}));
  ASSERT_TRUE(rig_.snapshotter.SaveNow().ok());
  EXPECT_EQ(rig_.host.outcomes, std::vector<bool>({true, true}));
  ASSERT_TRUE(rig_.snapshotter.Start(rig_.Sink()).ok());
  rig_.RunToEnd();
  EXPECT_EQ(rig_.host.outcomes, std::vector<bool>({true, true, true}));
}

TEST_F(SnapshotterTest, SaveAndBackgroundSaveWriteTheSameKeysAtAnyThreadCount) {
  const ScratchFolder folder;
  PutMany(30000);
  Put("large", std::string(9 << 20, 'L'), 2);
  const DataSet want = rig_.Everything();
  for (const unsigned threads : {1U, 2U, 5U}) {
    SnapshotSettings settings;
    settings.directory = folder.path();
    settings.thread_count = threads;
    rig_.snapshotter.SetSettings(settings);
    Put("key:1", "value:7");
    ASSERT_TRUE(rig_.snapshotter.SaveNow().ok());
    EXPECT_EQ(rig_.snapshotter.Figures().changes_since_save, 0U);
    Result<std::unique_ptr<FileSource>> file = FileSource::Open(folder.File("dump.rdb"));
    ASSERT_TRUE(file.ok());
    std::string bytes(static_cast<size_t>((*file)->SizeBytes()), '\0');
    ASSERT_TRUE((*file)->ReadAt(0, bytes).ok());
    ExpectSame(KeysOfFile(bytes), want);
  }
}

TEST_F(SnapshotterTest, SavesWhatItCannotSaveToNowhere) {
  SnapshotSettings settings;
  settings.directory = "/nonexistent/directory";
  rig_.snapshotter.SetSettings(settings);
  EXPECT_EQ(rig_.snapshotter.SaveNow().code(), Err::kIo);
  ASSERT_TRUE(rig_.snapshotter.Start().ok());
  rig_.RunToEnd();
  EXPECT_FALSE(rig_.snapshotter.Figures().last_ok);
}

TEST_F(SnapshotterTest, BuffersAreBoundedAndWritersParkWhenTheDiskIsSlow) {
  for (int i = 0; i < 4000; ++i) Put("block:" + std::to_string(i), std::string(20000, static_cast<char>(i)));
  const DataSet want = rig_.Everything();
  TestSink::Behaviour slow;
  slow.delay = std::chrono::microseconds(500);
  SnapshotSettings settings;
  settings.compression = false;
  settings.walker_count = 8;
  rig_.snapshotter.SetSettings(settings);
  ASSERT_TRUE(rig_.snapshotter.Start(rig_.Sink(slow)).ok());
  int parked = 0;
  uint64_t peak = 0;
  for (int i = 0; i < 4000; ++i) {
    const std::string key = "block:" + std::to_string(i);
    const KeyHash hash = Keyspace::Hash(key);
    for (;;) {
      const int room_calls = rig_.host.room_calls.load();
      const Shard& shard = rig_.keyspace.ShardOf(hash);
      shard.AssertHeld();  // One thread: nobody else could hold it.
      if (!rig_.snapshotter.MustPark(shard, 0, hash)) break;
      ++parked;
      // As a parked connection does: it comes back only when it is called.
      while (rig_.host.room_calls.load() == room_calls) std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
    Put(key, "small now");
    peak = std::max(peak, rig_.snapshotter.Figures().buffer_bytes);
  }
  EXPECT_GT(parked, 0);
  EXPECT_LE(peak, SnapshotRun::kBufferBytesMax);
  rig_.RunToEnd();
  ExpectSame(KeysOfFile(rig_.file), want);
}

TEST_F(SnapshotterTest, TheWalkLeavesRoomForWriters) {
  constexpr int kKeys = 4000;
  for (int i = 0; i < kKeys; ++i) Put("block:" + std::to_string(i), std::string(20000, static_cast<char>(i)));
  const DataSet want = rig_.Everything();
  std::promise<void> release;
  TestSink::Behaviour held;
  held.released = release.get_future().share();
  ASSERT_TRUE(rig_.snapshotter.Start(rig_.Sink(held)).ok());
  while (rig_.snapshotter.RunSlice(0, 1000)) {
  }
  const SnapshotFigures stalled = rig_.snapshotter.Figures();
  EXPECT_LT(stalled.keys_processed, kKeys);
  EXPECT_LT(stalled.buffer_bytes, (SnapshotRun::kBufferBytesMax - SnapshotRun::kReserveBytes) / 2);
  // Nothing of what the walk left is too much for the buffers yet.
  for (int i = 0; i < kKeys; ++i) {
    const KeyHash hash = Keyspace::Hash("block:" + std::to_string(i));
    const Shard& shard = rig_.keyspace.ShardOf(hash);
    shard.AssertHeld();  // One thread: nobody else could hold it.
    EXPECT_FALSE(rig_.snapshotter.MustPark(shard, 0, hash));
  }
  const int room_calls = rig_.host.room_calls.load();
  release.set_value();
  while (rig_.host.room_calls.load() == room_calls) std::this_thread::sleep_for(std::chrono::microseconds(100));
  rig_.RunToEnd();
  ExpectSame(KeysOfFile(rig_.file), want);
}

TEST_F(SnapshotterTest, ADelayAfterEachKeyKeepsItRunningUntilCancelled) {
  PutMany(100);
  SnapshotSettings settings;
  settings.key_delay_us = 60'000'000;
  rig_.snapshotter.SetSettings(settings);
  ASSERT_TRUE(rig_.snapshotter.Start(rig_.Sink()).ok());
  for (int i = 0; i < 20; ++i) {
    (void)rig_.snapshotter.RunSlice(0, 1000);
    rig_.snapshotter.Poll();
  }
  EXPECT_TRUE(rig_.snapshotter.Running());
  EXPECT_TRUE(rig_.snapshotter.Cancel().ok());
  EXPECT_FALSE(rig_.snapshotter.Running());
}

TEST_F(SnapshotterTest, WithADelayTheWalkStaysBehindWhatIsEncoded) {
  constexpr int kKeys = 20'000;
  PutMany(kKeys);
  SnapshotSettings settings;
  settings.key_delay_us = 60'000'000;
  rig_.snapshotter.SetSettings(settings);
  ASSERT_TRUE(rig_.snapshotter.Start(rig_.Sink()).ok());
  for (int i = 0; i < 1000; ++i) (void)rig_.snapshotter.RunSlice(0, 1000);
  EXPECT_LT(rig_.snapshotter.Figures().keys_processed, kKeys);
  EXPECT_TRUE(rig_.snapshotter.Cancel().ok());
  // Without one there is nothing to wait for.
  rig_.snapshotter.SetSettings({});
  ASSERT_TRUE(rig_.snapshotter.Start(rig_.Sink()).ok());
  rig_.RunToEnd();
  EXPECT_TRUE(rig_.snapshotter.Figures().last_ok);
}

TEST_F(SnapshotterTest, CountsWhatItCopiesForWritersAlone) {
  PutMany(100);
  const std::string big(5000, 'x');
  Put("written", big);
  ASSERT_TRUE(rig_.snapshotter.Start(rig_.Sink()).ok());
  EXPECT_EQ(rig_.snapshotter.Figures().bytes_for_writers, 0U);
  Put("written", "small");
  const uint64_t copied = rig_.snapshotter.Figures().bytes_for_writers;
  EXPECT_GE(copied, big.size());
  EXPECT_LT(copied, 2 * big.size());
  Put("written", "saved already");
  EXPECT_EQ(rig_.snapshotter.Figures().bytes_for_writers, copied);
  rig_.RunToEnd();
  EXPECT_EQ(rig_.snapshotter.Figures().bytes_for_writers, copied);
}

TEST_F(SnapshotterTest, SavePointsStartSnapshots) {
  rig_.snapshotter.policy().SetPoints({{0, 10}});
  PutMany(9);
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  rig_.snapshotter.Poll();
  EXPECT_FALSE(rig_.snapshotter.Running());
  SnapshotSettings settings;
  settings.directory = "/nonexistent";
  rig_.snapshotter.SetSettings(settings);
  PutMany(1);
  rig_.snapshotter.Poll();
  EXPECT_TRUE(rig_.snapshotter.Running());
  rig_.RunToEnd();
  EXPECT_FALSE(rig_.snapshotter.Figures().last_ok);
  rig_.snapshotter.Poll();  // It failed just now, so the next try waits.
  EXPECT_FALSE(rig_.snapshotter.Running());
}

TEST(SavePolicy, IsDueWhenTimeAndChangesAreReached) {
  SavePolicy policy;
  policy.SetPoints({{900, 1}, {60, 1000}});
  SavePolicy::State state;
  state.now_s = 10000;
  state.last_save_s = 9000;
  EXPECT_EQ(policy.Due(state), nullptr);
  state.changes_since_save = 1;
  ASSERT_NE(policy.Due(state), nullptr);
  EXPECT_EQ(policy.Due(state)->seconds, 900);
  state.last_save_s = 9100;
  EXPECT_EQ(policy.Due(state), nullptr);
  state.changes_since_save = 1000;
  ASSERT_NE(policy.Due(state), nullptr);
  EXPECT_EQ(policy.Due(state)->seconds, 60);
  state.last_try_ok = false;
  state.last_try_s = 9995;
  EXPECT_EQ(policy.Due(state), nullptr);
  state.last_try_s = 9994;
  EXPECT_NE(policy.Due(state), nullptr);
}

// Remembers how it ended.
struct JobProbe {
  SnapshotJob Job(SinkFactory sink) {
    return {.open_sink = std::move(sink),
            .interrupt = [this] { ++interrupts; },
            .on_end =
                [this](const Status& status, const SnapshotJobResult& how) {
                  code = status.code();
                  result = how;
                  ++ends;
                },
            .what = "Job"};
  }
  std::atomic<int> interrupts{0};
  int ends = 0;
  Err code = Err::kOk;
  SnapshotJobResult result;
};

TEST_F(SnapshotterTest, AJobCountsAsNoSave) {
  PutMany(100);
  JobProbe probe;
  const SnapshotFigures before = rig_.snapshotter.Figures();
  ASSERT_TRUE(rig_.snapshotter.Start(probe.Job(rig_.Sink())).ok());
  EXPECT_TRUE(rig_.snapshotter.RunsJob());
  EXPECT_EQ(rig_.snapshotter.Start().text(), "ERR Background save already in progress");
  rig_.RunToEnd();
  EXPECT_EQ(probe.ends, 1);
  EXPECT_EQ(probe.code, Err::kOk);
  EXPECT_EQ(probe.result.keys, 100U);
  EXPECT_EQ(probe.result.bytes, rig_.file.size());
  EXPECT_EQ(KeysOfFile(rig_.file).size(), 100U);
  const SnapshotFigures after = rig_.snapshotter.Figures();
  EXPECT_EQ(after.saves, before.saves);
  EXPECT_EQ(after.changes_since_save, before.changes_since_save);
  EXPECT_FALSE(rig_.snapshotter.RunsJob());
}

TEST_F(SnapshotterTest, AFailedJobRefusesNoWrites) {
  PutMany(1000);
  rig_.snapshotter.policy().SetPoints({{3600, 1000000}});
  rig_.snapshotter.policy().SetStopWritesOnError(true);
  JobProbe probe;
  TestSink::Behaviour full;
  full.room_bytes = 100;
  ASSERT_TRUE(rig_.snapshotter.Start(probe.Job(rig_.Sink(full))).ok());
  rig_.RunToEnd();
  EXPECT_EQ(probe.ends, 1);
  EXPECT_EQ(probe.code, Err::kIo);
  EXPECT_TRUE(rig_.snapshotter.Figures().last_ok);
  EXPECT_FALSE(rig_.snapshotter.RefusesWrites());
}

TEST_F(SnapshotterTest, ACancelledJobIsInterrupted) {
  PutMany(1000);
  JobProbe probe;
  ASSERT_TRUE(rig_.snapshotter.Start(probe.Job(rig_.Sink())).ok());
  ASSERT_TRUE(rig_.snapshotter.Cancel());
  EXPECT_EQ(probe.interrupts, 1);
  EXPECT_EQ(probe.ends, 1);
  EXPECT_EQ(probe.code, Err::kCancelled);
}

}  // namespace
}  // namespace cachenode
