#include "server/node/export_record.h"

#include <gtest/gtest.h>

#include <string>

#include "server/node/node_events.h"
#include "server/node_state.h"
#include "tests/support/server/command_harness.h"

namespace cachenode {
namespace {

class ExportRecordTest : public testing::Test {
 protected:
  ExportRecordTest() { redis.parts().state->status.MoveTo(NodePhase::kServing); }
  bool Begin(const std::string& name) {
    progress = std::make_shared<S3Progress>();
    return record.Begin({name, "s3://bucket/" + name + "-0001.rdb", progress});
  }
  std::string_view status() { return redis.parts().state->status.name(); }

  CommandHarness redis;
  ExportRecord record{redis.parts()};
  std::shared_ptr<S3Progress> progress;
};

TEST_F(ExportRecordTest, TellsOfOneFromItsBeginningToItsEnd) {
  EXPECT_EQ(record.Figures().last_status, "none");
  ASSERT_TRUE(Begin("one"));
  EXPECT_EQ(status(), "snapshotting");
  progress->bytes_sent = 77;
  EXPECT_TRUE(record.Figures().in_progress);
  EXPECT_EQ(record.Figures().bytes_sent, 77U);
  EXPECT_EQ(record.Figures().last_location, "s3://bucket/one-0001.rdb");
  record.End(Status::Ok(), {3, 99});
  EXPECT_EQ(status(), "available");
  EXPECT_FALSE(record.Figures().in_progress);
  EXPECT_EQ(record.Figures().completed, 1U);
  EXPECT_EQ(record.Figures().last_status, "ok");
  EXPECT_EQ(record.Figures().bytes_sent, 77U);
  const NodeEvent event = redis.parts().events->Newest(1, 0).front();
  EXPECT_EQ(event.kind, NodeEventKind::kExportComplete);
  EXPECT_EQ(event.message,
            "Snapshot export succeeded for snapshot with ID 'one' to s3://bucket/one-0001.rdb: 3 keys, 99 bytes");
}

TEST_F(ExportRecordTest, OneRunsAtATimeAndTheOtherChangesNothing) {
  ASSERT_TRUE(Begin("one"));
  EXPECT_FALSE(Begin("two"));
  EXPECT_EQ(record.Figures().last_name, "one");
  EXPECT_EQ(status(), "snapshotting");
  record.Drop();
  EXPECT_EQ(status(), "available");
  EXPECT_EQ(record.Figures().last_name, "");
  EXPECT_EQ(redis.parts().events->RecordedCount(), 0U);
}

TEST_F(ExportRecordTest, ACancelledOneIsNoFailure) {
  ASSERT_TRUE(Begin("one"));
  record.Cancel();
  EXPECT_TRUE(progress->cancel_requested);
  record.End(Err::kCancelled, {});
  EXPECT_EQ(record.Figures().failed, 0U);
  EXPECT_EQ(record.Figures().last_status, "cancelled");
  EXPECT_EQ(redis.parts().events->Newest(1, 0).front().message,
            "Snapshot export failed for snapshot with ID 'one' to s3://bucket/one-0001.rdb: cancelled");
  ASSERT_TRUE(Begin("two"));
  record.End(Status::WithText(Err::kUnavailable, "no store"), {});
  EXPECT_EQ(record.Figures().failed, 1U);
  EXPECT_EQ(record.Figures().last_status, "err");
  record.Cancel();
  record.End(Status::Ok(), {});
  EXPECT_EQ(record.Figures().completed, 0U) << "nothing ran";
}

}  // namespace
}  // namespace cachenode
