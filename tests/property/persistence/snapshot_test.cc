// Snapshots under random writes: whatever happens after the cut, the file holds the data set of the cut, each key once.
#include <gtest/gtest.h>

#include <random>

#include "storage/base/sanitizer.h"
#include "storage/bucket.h"
#include "tests/support/persistence/snapshot_rig.h"
#include "tests/support/property.h"

namespace cachenode {
namespace {

constexpr int kKeys = 4000;
constexpr uint32_t kDatabases = 2;

// One random change by one worker, inside its world flag.
class RandomWriter {
 public:
  RandomWriter(SnapshotRig& rig, uint64_t seed) : rig_(rig), random_(seed) { context_.SetNow(1'700'000'000'000); }

  void Change() {
    const uint32_t db = static_cast<uint32_t>(random_() % kDatabases);
    const std::string key = "key:" + std::to_string(random_() % kKeys);
    const KeyHash hash = Keyspace::Hash(key);
    Shard& shard = rig_.keyspace.ShardOf(hash);
    const ShardGuard guard(shard);
    if (rig_.snapshotter.MustPark(shard, db, hash)) return;
    KeySlot slot = shard.Find(db, hash, key, context_);
    ChangeSlot(slot);
    if (random_() % 16 == 0) (void)shard.MaintainSlice(4, context_.now_ms);
    bool wrapped = false;
    if (random_() % 64 == 0) (void)shard.DefragSlice(8, wrapped);
  }

 private:
  std::string Value() {
    const uint64_t kind = random_() % 100;
    if (kind < 30) return std::to_string(static_cast<int64_t>(random_()) >> (random_() % 64));
    if (kind == 99) return std::string(17000 + random_() % 20000, static_cast<char>(random_()));
    return std::string(random_() % (kind < 95 ? 100 : 3000), static_cast<char>('a' + random_() % 26)) + "end";
  }
  void ChangeSlot(KeySlot& slot) {
    switch (random_() % 8) {
      case 0:
      case 1:
        slot.Erase();
        return;
      case 2:
        if (slot.Exists()) (void)slot.SetExpire(1'800'000'000'000 + static_cast<int64_t>(random_() % 100000));
        return;
      case 3:
        (void)slot.AppendString("more");
        return;
      case 4: {
        Result<std::span<char>> bytes = slot.EditString(1 + (slot.Exists() ? slot.StringSize() : 0));
        if (bytes) bytes->back() = static_cast<char>(random_());
        return;
      }
      default:
        (void)slot.WriteString(Value(), random_() % 4 == 0 ? Expiry::At(1'900'000'000'000) : Expiry::kKeep);
    }
  }

  SnapshotRig& rig_;
  std::mt19937_64 random_;
  AccessContext context_;
};

void FlushOrSwap(SnapshotRig& rig, std::mt19937_64& random) {
  rig.host.RunExclusive([&] {
    switch (random() % 3) {
      case 0:
        rig.keyspace.SwapDatabases(0, 1);
        break;
      case 1:
        (void)rig.keyspace.FlushDatabase(static_cast<uint32_t>(random() % kDatabases));
        break;
      default:
        (void)rig.keyspace.FlushAll();
    }
  });
}

// Runs `rounds` snapshots while `workers` threads write and walk.
void RunSnapshots(unsigned workers, size_t rounds, TestSink::Behaviour behaviour) {
  SCOPED_TRACE(PropertyTrace());
  std::mt19937_64 random(PropertySeed());
  SnapshotRig rig(workers > 1);
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  const uint64_t seed = random();
  for (unsigned worker = 0; worker < workers; ++worker) {
    threads.emplace_back([&rig, &stop, worker, seed] {
      RandomWriter writer(rig, seed + worker);
      while (!stop.load(std::memory_order_relaxed)) {
        rig.host.InWorld([&] {
          for (int i = 0; i < 50; ++i) writer.Change();
          rig.snapshotter.RunSlice(worker, 5);
        });
        std::this_thread::yield();
      }
    });
  }
  for (size_t round = 0; round < rounds; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    DataSet want;
    rig.host.RunExclusive([&] {
      want = rig.Everything();
      EXPECT_TRUE(rig.snapshotter.Start(rig.Sink(behaviour)).ok());
    });
    if (random() % 3 == 0) FlushOrSwap(rig, random);
    while (rig.snapshotter.Running()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      if (random() % 16 == 0) FlushOrSwap(rig, random);
      rig.snapshotter.Poll();
    }
    EXPECT_TRUE(rig.snapshotter.Figures().last_ok);
    ExpectSame(KeysOfFile(rig.file), want);
    if (testing::Test::HasFailure()) break;
  }
  stop.store(true);
  for (std::thread& thread : threads) thread.join();
}

TEST(Snapshots, HoldTheCutUnderWritesOfOneThread) { RunSnapshots(1, PropertyRounds(30), {}); }
TEST(Snapshots, HoldTheCutUnderWritesOfFourThreads) { RunSnapshots(4, PropertyRounds(30), {}); }
TEST(Snapshots, HoldTheCutWhenTheDiskIsSlowerThanTheWriters) {
  TestSink::Behaviour slow;
  slow.delay = std::chrono::milliseconds(3);
  RunSnapshots(4, PropertyRounds(6), slow);
}

// A thread a run costs a sanitizer more than a millisecond, and on a slow machine ten times that.
constexpr int kFailures = kUnderSanitizer ? 2 * (Bucket::kEpochMax + 1) + 100 : 70000;

// The epochs come round at least twice, with writes between, some cancelled, some failed; the last one must be right.
TEST(Snapshots, SeventyThousandFailuresDoNotSpoilTheNext) {
  SCOPED_TRACE(PropertyTrace());
  std::mt19937_64 random(PropertySeed());
  SnapshotRig rig(false);
  RandomWriter writer(rig, random());
  for (int i = 0; i < 20000; ++i) writer.Change();
  TestSink::Behaviour broken;
  broken.room_bytes = 10;
  SnapshotSettings settings;
  settings.thread_count = 1;
  rig.snapshotter.SetSettings(settings);
  for (int run = 0; run < kFailures; ++run) {
    ASSERT_TRUE(rig.snapshotter.Start(rig.Sink(broken)).ok());
    for (uint64_t i = random() % 4; i > 0; --i) writer.Change();
    if (random() % 4 == 0) rig.snapshotter.RunSlice(0, 1);
    (void)rig.snapshotter.Cancel();
    ASSERT_FALSE(rig.snapshotter.Running());
  }
  const DataSet want = rig.Everything();
  ASSERT_TRUE(rig.snapshotter.Start(rig.Sink()).ok());
  for (int i = 0; i < 2000; ++i) writer.Change();
  rig.RunToEnd();
  ASSERT_TRUE(rig.snapshotter.Figures().last_ok);
  ExpectSame(KeysOfFile(rig.file), want);
}

}  // namespace
}  // namespace cachenode
