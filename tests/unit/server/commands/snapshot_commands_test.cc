// SNAPSHOT and the schedule on files of a temporary folder. Nobody walks for background snapshots here: one that began
// runs until it is cancelled. What is written at once (the final one) is whole.
#include "server/node/snapshot_service.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "server/config/config.h"
#include "server/node/node_events.h"
#include "server/persistence_service.h"
#include "tests/support/scratch_folder.h"
#include "tests/support/server/command_harness.h"

namespace cachenode {
namespace {

PersistenceService::Hooks NoHooks() {
  return {.on_every_worker = [](const std::function<void(Worker&)>&) {},
          .on_first_worker = [](const std::function<void(Worker&)>&) {},
          .resume_parked = [] {},
          .on_loaded = [] {},
          .on_load_failed = [](LoadExitCode) {}};
}

class SnapshotCommandsTest : public testing::Test {
 protected:
  explicit SnapshotCommandsTest(std::string_view node_type = "custom") : node_type_(node_type) {
    redis.parts().log = &log_;
    redis.parts().persistence = &persistence;
    redis.parts().snapshots = &snapshots;
  }
  ~SnapshotCommandsTest() override {
    redis.Run("bgsave cancel");
    Drain();
    redis.parts().snapshots = nullptr;
    redis.parts().persistence = nullptr;
  }
  // A whole snapshot of the present data.
  void Take(const std::string& name) {
    ASSERT_EQ(redis.Run("config set final-snapshot-identifier " + name), "+OK");
    ASSERT_TRUE(snapshots.TakeFinal({}).ok());
    ASSERT_EQ(redis.Run("config set final-snapshot-identifier \"\""), "+OK");
  }
  void Drain() { redis.parts().background->Drain(BackgroundPool::Lane::kTransfer); }
  [[nodiscard]] std::string Field(const std::string& name, const std::string& field) {
    const std::string reply = redis.Run("snapshot describe " + name);
    const size_t at = reply.find(" " + field + " ");
    if (at == std::string::npos) return reply;
    const size_t from = at + field.size() + 2;
    const std::string rest = reply.substr(from);
    const size_t begin = rest.front() == '$' ? rest.find(' ') + 1 : 1;
    return rest.substr(begin, rest.find(' ', begin) - begin);
  }

 private:
  const std::string node_type_;
  NullLogSink sink_;
  Log log_{sink_};

 protected:
  const ScratchFolder folder;
  CommandHarness redis{[this](Config& config) {
    config.dir = folder.path();
    config.save.clear();
    config.cluster_id = "my-redis";
    config.cache_node_type = node_type_;
    config.snapshot_manual_limit = 3;
    config.s3_endpoint = "http://127.0.0.1:1";  // Nobody listens there.
    config.s3_region = "nowhere";
    config.s3_anonymous = true;
    config.s3_max_attempts = 1;
  }};
  PersistenceService persistence{redis.parts(), log_, NoHooks()};
  SnapshotService snapshots{redis.parts(), log_};
};

TEST_F(SnapshotCommandsTest, NamesAreChecked) {
  EXPECT_EQ(redis.Run("snapshot create a--b"), "-ERR snapshot name \"a--b\": two hyphens must not follow each other");
  EXPECT_EQ(redis.Run("snapshot describe ../x"),
            "-ERR snapshot name \"../x\": only letters, digits and hyphens are allowed");
  EXPECT_EQ(redis.Run("snapshot describe none"), "-ERR there is no snapshot none");
  EXPECT_EQ(redis.Run("snapshot delete none"), "-ERR there is no snapshot none");
  EXPECT_EQ(redis.Run("snapshot copy none other"), "-ERR there is no snapshot none");
  EXPECT_EQ(redis.Run("snapshot restore-check none"), "-ERR there is no snapshot none");
  EXPECT_EQ(redis.Run("snapshot create"), "-ERR wrong number of arguments for 'snapshot|create' command");
  EXPECT_EQ(redis.Run("snapshot list some"), "-ERR syntax error");
  EXPECT_EQ(redis.Run("snapshot list"), "*0");
  EXPECT_EQ(redis.Run("config set final-snapshot-identifier 1x"),
            "-ERR CONFIG SET failed (possibly related to argument 'final-snapshot-identifier') - snapshot name \"1x\": "
            "the first character must be a letter");
}

TEST_F(SnapshotCommandsTest, OneIsCreatedAtATime) {
  redis.Run("set k v");
  EXPECT_EQ(redis.Run("snapshot create First"), "+OK");
  EXPECT_EQ(Field("first", "status"), "creating");
  EXPECT_EQ(redis.Run("snapshot list"),
            "*1 *8 $4 name $5 first $6 status $8 creating $6 source $6 manual $10 cluster-id $8 my-redis");
  EXPECT_EQ(redis.RunResp3("snapshot list automated"), "*0");
  EXPECT_EQ(redis.Run("snapshot create first"), "-ERR snapshot first is busy: creating");
  EXPECT_EQ(redis.Run("snapshot delete first"), "-ERR snapshot first is busy: creating");
  EXPECT_EQ(redis.Run("snapshot create second"), "-ERR Background save already in progress");
  EXPECT_EQ(redis.Run("bgsave"), "-ERR Background save already in progress");
  EXPECT_EQ(redis.parts().state->status.name(), "creating");  // The harness never begins to serve.
  redis.Run("flushall");
  EXPECT_EQ(Field("first", "status"), "creating");
  EXPECT_EQ(redis.Run("bgsave cancel"), "+Background saving cancelled");
  EXPECT_EQ(redis.Run("snapshot describe first"), "-ERR there is no snapshot first");
  EXPECT_EQ(snapshots.Figures().failed, 1U);
  EXPECT_EQ(snapshots.Figures().last_error, "first: it was cancelled");
  EXPECT_EQ(redis.parts().events->Newest(1, 0).front().message,
            "Snapshot failed for snapshot with ID 'first': it was cancelled");
}

TEST_F(SnapshotCommandsTest, OneThatIsCreatedIsCancelledByItsName) {
  redis.Run("set k v");
  EXPECT_EQ(redis.Run("snapshot cancel first"),
            "-ERR snapshot first is neither created nor copied nor exported at the moment");
  EXPECT_EQ(redis.Run("snapshot create First"), "+OK");
  EXPECT_EQ(redis.Run("snapshot cancel second"),
            "-ERR snapshot second is neither created nor copied nor exported at the moment");
  EXPECT_EQ(Field("first", "status"), "creating");
  EXPECT_EQ(redis.RunResp3("snapshot cancel FIRST"), "+OK");
  EXPECT_EQ(redis.Run("snapshot describe first"), "-ERR there is no snapshot first");
  EXPECT_EQ(snapshots.Figures().last_error, "first: it was cancelled");
}

TEST_F(SnapshotCommandsTest, ASnapshotIsDescribedCheckedCopiedAndDeleted) {
  redis.Run("mset a 1 b 2");
  redis.Run("set c 3 ex 1000");
  redis.Run("rpush l x y");
  ASSERT_NO_FATAL_FAILURE(Take("one"));
  EXPECT_EQ(Field("one", "status"), "available");
  EXPECT_EQ(Field("one", "create-time"), "2023-11-14T22:13:20Z");
  EXPECT_EQ(Field("one", "keys"), "4");
  EXPECT_EQ(Field("one", "keys-with-expiry"), "1");
  EXPECT_EQ(Field("ONE", "engine-version"), "7.0.0");
  EXPECT_EQ(redis.RunResp3("snapshot describe one").substr(0, 4), "%17 ");
  const std::string check = redis.Run("snapshot restore-check one");
  EXPECT_NE(check.find("$4 keys :4 $12 keys-by-type *4 $4 list :1 $6 string :3"), std::string::npos) << check;
  EXPECT_NE(check.find("$4 fits $3 yes"), std::string::npos) << check;
  EXPECT_EQ(redis.Run("snapshot create one"), "-ERR snapshot one already exists");
  EXPECT_EQ(redis.Run("snapshot copy one Two"), "+OK");
  Drain();
  EXPECT_EQ(Field("two", "copied-from"), "one");
  EXPECT_EQ(redis.Run("snapshot copy one two"), "-ERR snapshot two already exists");
  EXPECT_EQ(redis.Run("snapshot delete one"), "+OK");
  Drain();
  EXPECT_EQ(redis.Run("snapshot describe one"), "-ERR there is no snapshot one");
  std::ofstream(folder.File("snapshots/two.rdb")) << "x";
  // What others do with the folder shows a moment after somebody asked.
  EXPECT_EQ(Field("two", "status"), "available");
  redis.clock().Advance(std::chrono::seconds(1));
  redis.Run("snapshot list");
  Drain();
  EXPECT_EQ(Field("two", "status"), "damaged");
  EXPECT_EQ(redis.Run("snapshot export two bucket").substr(0, 5), "-ERR ");
  EXPECT_EQ(redis.Run("snapshot copy two three").substr(0, 5), "-ERR ");
  EXPECT_EQ(redis.Run("snapshot restore-check two").substr(0, 5), "-ERR ");
}

TEST_F(SnapshotCommandsTest, AnExportIsRefusedOrEndsWithAnEvent) {
  ASSERT_NO_FATAL_FAILURE(Take("one"));
  EXPECT_EQ(redis.Run("snapshot export none bucket"), "-ERR there is no snapshot none");
  EXPECT_NE(redis.Run("snapshot export one Bad_Bucket").find("is not a bucket name"), std::string::npos);
  EXPECT_EQ(snapshots.Figures().exports.in_progress, false);
  EXPECT_EQ(snapshots.Figures().exports.last_status, "none");
  EXPECT_EQ(redis.Run("snapshot export ONE bucket/folder"), "+OK");
  Drain();
  const ExportFigures figures = snapshots.Figures().exports;
  EXPECT_FALSE(figures.in_progress);
  EXPECT_EQ(figures.failed, 1U);
  EXPECT_EQ(figures.last_name, "one");
  EXPECT_EQ(figures.last_location, "s3://bucket/folder/one-0001.rdb");
  EXPECT_EQ(figures.last_status, "err");
  const NodeEvent event = redis.parts().events->Newest(1, 0).front();
  EXPECT_EQ(event.kind, NodeEventKind::kExportFailed);
  EXPECT_EQ(
      event.message.find("Snapshot export failed for snapshot with ID 'one' to s3://bucket/folder/one-0001.rdb: "), 0U)
      << event.message;
  EXPECT_EQ(Field("one", "status"), "available");
}

TEST_F(SnapshotCommandsTest, SoManyManualOnesInADayAndNoMore) {
  for (const char* name : {"a", "b", "c"}) ASSERT_NO_FATAL_FAILURE(Take(name));
  EXPECT_EQ(redis.Run("snapshot create d"),
            "-ERR 3 manual snapshots were taken within 24 hours, as many as snapshot-manual-limit allows");
  redis.clock().Advance(std::chrono::hours(24));
  EXPECT_EQ(redis.Run("snapshot create d"), "+OK");
}

TEST_F(SnapshotCommandsTest, TheFinalOneIsNeverWrittenOverAnother) {
  ASSERT_NO_FATAL_FAILURE(Take("last"));
  ASSERT_EQ(redis.Run("config set final-snapshot-identifier last"), "+OK");
  EXPECT_EQ(snapshots.TakeFinal({}).text(), "snapshot last already exists");
  ShutdownRequest no_save;
  no_save.save = ShutdownRequest::Save::kNo;
  EXPECT_TRUE(snapshots.TakeFinal(no_save).ok());
}

TEST_F(SnapshotCommandsTest, TheirWindowStaysApartFromMaintenance) {
  ASSERT_EQ(redis.Run("config set snapshot-window 01:00-02:00"), "+OK");
  EXPECT_EQ(
      redis.Run("config set preferred-maintenance-window sun:01:30-sun:03:00"),
      "-ERR CONFIG SET failed (possibly related to argument 'preferred-maintenance-window') - snapshot-window and "
      "preferred-maintenance-window must not overlap");
  ASSERT_EQ(redis.Run("config set preferred-maintenance-window sun:02:00-sun:03:00"), "+OK");
  EXPECT_EQ(redis.Run("config set snapshot-window 00:30-02:30"),
            "-ERR CONFIG SET failed (possibly related to argument 'snapshot-window') - snapshot-window and "
            "preferred-maintenance-window must not overlap");
  // One that is not chosen moves out of the way.
  ASSERT_EQ(redis.Run("config set snapshot-window \"\" snapshot-retention-limit 1 preferred-maintenance-window \"\""),
            "+OK");
  const DailyWindow before = SnapshotService::WindowOf(redis.parts().config->Current());
  const std::string hour = FormatDailyWindow(before);
  const size_t dash = hour.find('-');
  ASSERT_EQ(redis.Run("config set preferred-maintenance-window mon:" + hour.substr(0, dash) +
                      "-mon:" + hour.substr(dash + 1)),
            "+OK");
  const DailyWindow after = SnapshotService::WindowOf(redis.parts().config->Current());
  EXPECT_EQ(after.minutes, before.minutes);
  EXPECT_FALSE(after.Overlaps(before));
}

class SnapshotsOfASmallNodeTest : public SnapshotCommandsTest {
 protected:
  SnapshotsOfASmallNodeTest() : SnapshotCommandsTest("cache.t1.micro") {}
};

TEST_F(SnapshotsOfASmallNodeTest, AreRefused) {
  EXPECT_EQ(redis.Run("snapshot create mine"), "-ERR snapshots are not supported on nodes of type cache.t1.micro");
  EXPECT_EQ(redis.Run("config set snapshot-retention-limit 1"),
            "-ERR CONFIG SET failed (possibly related to argument 'snapshot-retention-limit') - snapshots are not "
            "supported on nodes of type cache.t1.micro: snapshot-retention-limit must be 0");
  EXPECT_EQ(redis.Run("config set final-snapshot-identifier mine"),
            "-ERR CONFIG SET failed (possibly related to argument 'final-snapshot-identifier') - snapshots are not "
            "supported on nodes of type cache.t1.micro: final-snapshot-identifier must be empty");
  Config config = redis.parts().config->Current();
  EXPECT_EQ(SnapshotService::ConflictIn(config), "");
  EXPECT_EQ(SnapshotService::DescribeNode(config).node_type, "cache.t1.micro");
  config.snapshot_retention_limit = 1;
  EXPECT_NE(SnapshotService::ConflictIn(config), "");
}

TEST_F(SnapshotCommandsTest, AutomaticOnesAreTakenInTheirWindow) {
  const auto tick = [&] { snapshots.Tick(redis.clock().NowMs()); };
  EXPECT_EQ(redis.Run("config set snapshot-window 23:00-23:30 snapshot-retention-limit 2"),
            "-ERR CONFIG SET failed (possibly related to argument 'snapshot-window') - argument must be a window of at "
            "least 60 minutes, this one has 30");
  EXPECT_EQ(
      redis.Run("config set snapshot-retention-limit 36"),
      "-ERR CONFIG SET failed (possibly related to argument 'snapshot-retention-limit') - argument must be between "
      "0 and 35 inclusive");
  ASSERT_EQ(redis.Run("config set snapshot-window 23:00-01:00 snapshot-retention-limit 2"), "+OK");
  EXPECT_EQ(redis.Run("config get snapshot-window"), "*2 $15 snapshot-window $11 23:00-01:00");
  tick();  // 22:13:20
  EXPECT_EQ(redis.Run("snapshot list"), "*0");
  redis.clock().Advance(std::chrono::minutes(50));
  tick();
  EXPECT_EQ(Field("automatic.my-redis-2023-11-14-23-03", "status"), "creating");
  EXPECT_EQ(Field("automatic.my-redis-2023-11-14-23-03", "source"), "automated");
  EXPECT_EQ(redis.Run("bgsave cancel"), "+Background saving cancelled");
  redis.clock().Advance(std::chrono::seconds(299));
  tick();
  EXPECT_EQ(redis.Run("snapshot list"), "*0");
  redis.clock().Advance(std::chrono::seconds(1));
  tick();
  EXPECT_EQ(Field("automatic.my-redis-2023-11-14-23-08", "status"), "creating");
  EXPECT_EQ(redis.Run("bgsave cancel"), "+Background saving cancelled");
  redis.clock().Advance(std::chrono::hours(2));
  tick();
  EXPECT_EQ(redis.parts().events->Newest(1, 0).front().message,
            "Snapshot failed: no automatic snapshot could be taken in the snapshot window");
}

}  // namespace
}  // namespace cachenode
