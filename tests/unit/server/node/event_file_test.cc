#include "server/node/event_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/support/fake_clock.h"
#include "tests/support/scratch_folder.h"

namespace cachenode {
namespace {

class NoLines final : public LogSink {
 public:
  void WriteLine(LogLevel /*level*/, std::string_view /*line*/) noexcept override {}
};

class EventFileTest : public testing::Test {
 protected:
  void Write(const std::string& text) const { std::ofstream(file_.Path(), std::ios::binary) << text; }
  std::string Load(const std::string& text) {
    Write(text);
    NodeEvents events(log_, clock_, "my-node");
    const Status status = LoadEvents(file_, events);
    EXPECT_EQ(events.Size(), status.ok() ? 1U : 0U);
    EXPECT_EQ(events.RecordedCount(), status.ok() ? 7U : 0U);
    return status.ok() ? "ok" : std::string(status.text().substr(file_.Path().size()));
  }

  NoLines lines_;
  Log log_{lines_};
  FakeClock clock_;
  const ScratchFolder folder_;
  const EventFile file_{folder_.path(), "dump.rdb.events"};
};

TEST_F(EventFileTest, AnotherImageGoesOn) {
  NodeEvents before(log_, clock_, "my-node");
  for (size_t i = 0; i < NodeEvents::kEventsMax + 5; ++i) before.Record(NodeEventKind::kNote, "note");
  clock_.Advance(std::chrono::milliseconds(10));
  before.Record(NodeEventKind::kSnapshotFailed, "a \"quoted\" \xc3\xa4");
  ASSERT_TRUE(SaveEvents(file_, before).ok());
  NodeEvents after(log_, clock_, "my-node");
  ASSERT_TRUE(LoadEvents(file_, after).ok());
  EXPECT_EQ(after.Size(), NodeEvents::kEventsMax);
  after.Record(NodeEventKind::kRebooted, "restarted");
  const std::vector<NodeEvent> found = after.Newest(3, 0);
  EXPECT_EQ(found[0].id, before.RecordedCount() + 1);
  EXPECT_EQ(found[1].id, before.RecordedCount());
  EXPECT_EQ(found[1].kind, NodeEventKind::kSnapshotFailed);
  EXPECT_EQ(found[1].message, "a \"quoted\" \xc3\xa4");
  EXPECT_EQ(found[1].time_ms, clock_.NowMs());
  EXPECT_EQ(found[2].kind, NodeEventKind::kNote);
  EXPECT_EQ(after.Size(), NodeEvents::kEventsMax);
  EXPECT_FALSE(std::filesystem::exists(file_.Path() + ".new"));
}

TEST_F(EventFileTest, NoFileIsNoEvent) {
  NodeEvents events(log_, clock_, "my-node");
  EXPECT_TRUE(LoadEvents(file_, events).ok());
  EXPECT_EQ(events.Size(), 0U);
}

TEST_F(EventFileTest, ADamagedFileIsReadNotAtAll) {
  const std::string good = "{\"Id\":7,\"TimeMs\":1700000000000,\"Event\":\"\",\"Message\":\"one\"}\n";
  EXPECT_EQ(Load(good), "ok");
  EXPECT_EQ(Load(good + "[]\n"), ": line 2 is no JSON object");
  EXPECT_EQ(Load(good + "{"), ": line 2 is cut off");
  EXPECT_EQ(Load(good + good), ": line 2 is out of order");
  EXPECT_EQ(Load("{\"Id\":-1,\"TimeMs\":1,\"Event\":\"\",\"Message\":\"\"}\n"), ": line 1 has no Id and TimeMs");
  EXPECT_EQ(Load("{\"Id\":1,\"TimeMs\":-1,\"Event\":\"\",\"Message\":\"\"}\n"), ": line 1 is of no time");
  EXPECT_EQ(Load("{\"Id\":1,\"TimeMs\":1,\"Event\":\"\"}\n"), ": line 1 has no Event and Message");
  EXPECT_EQ(Load("{\"Id\":1,\"TimeMs\":1,\"Event\":\"X:Y\",\"Message\":\"\"}\n"),
            ": line 1 names an event that is not known");
  EXPECT_EQ(Load("{\"Id\":1,\"TimeMs\":1,\"Event\":\"\",\"Message\":\"" + std::string(2000, 'x') + "\"}\n"),
            ": line 1 is too long");
  EXPECT_EQ(Load(std::string(kEventFileBytesMax + 1, 'x')), " is too long");
}

TEST_F(EventFileTest, AFileThatCannotBeWrittenKeepsTheOldOne) {
  std::filesystem::create_directory(file_.Path() + ".new");
  Write("old");
  NodeEvents events(log_, clock_, "my-node");
  const Status status = SaveEvents(file_, events);
  EXPECT_EQ(status.code(), Err::kIo);
  std::ifstream file(file_.Path());
  std::string text;
  file >> text;
  EXPECT_EQ(text, "old");
}

}  // namespace
}  // namespace cachenode
