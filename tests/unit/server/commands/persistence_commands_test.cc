// SAVE, BGSAVE, LASTSAVE, SHUTDOWN and DEBUG RELOAD on files of a temporary folder. Nobody walks for BGSAVE here: a
// snapshot that began runs until it is cancelled.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "server/config/config.h"
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

class PersistenceCommands : public testing::Test {
 protected:
  PersistenceCommands() {
    redis.parts().log = &log_;
    redis.parts().persistence = &service;
  }
  ~PersistenceCommands() override {
    redis.Run("bgsave cancel");
    redis.parts().persistence = nullptr;
  }
  [[nodiscard]] std::string DumpPath() const { return folder.File("dump.rdb"); }
  [[nodiscard]] std::string ReadDump() const {
    std::ifstream file(DumpPath(), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void WriteDump(const std::string& bytes) { std::ofstream(DumpPath(), std::ios::binary) << bytes; }

 private:
  NullLogSink sink_;
  Log log_{sink_};

 protected:
  const ScratchFolder folder;
  CommandHarness redis{[this](Config& config) {
    config.dir = folder.path();
    config.save.clear();
    config.enable_debug_command = DangerousAccess::kYes;
  }};
  PersistenceService service{redis.parts(), log_, NoHooks()};
};

TEST_F(PersistenceCommands, SaveWritesAFileThatReloadReads) {
  redis.Run("mset a 1 b 2");
  EXPECT_EQ(redis.Run("save"), "+OK");
  redis.Run("set a changed");
  EXPECT_EQ(redis.Run("debug reload nosave"), "+OK");
  EXPECT_EQ(redis.Run("mget a b"), "*2 $1 1 $1 2");
  EXPECT_EQ(redis.Run("save now"), "-ERR wrong number of arguments for 'save' command");
}

TEST_F(PersistenceCommands, LastsaveTellsWhenTheLastSaveWas) {
  redis.Run("set k v");
  redis.clock().Advance(std::chrono::seconds(77));
  EXPECT_EQ(redis.Run("save"), "+OK");
  EXPECT_EQ(redis.Run("lastsave"), ":1700000077");
}

TEST_F(PersistenceCommands, SaveThatFailsSaysSoAndLeavesNoFile) {
  std::filesystem::remove_all(folder.path());
  EXPECT_EQ(redis.Run("save"), "-ERR");
  EXPECT_FALSE(std::filesystem::exists(DumpPath()));
}

TEST_F(PersistenceCommands, OneSnapshotAtATime) {
  redis.Run("debug populate 1000");
  EXPECT_EQ(redis.Run("bgsave cancel"), "-ERR Background saving is currently not in progress or scheduled");
  EXPECT_EQ(redis.Run("bgsave"), "+Background saving started");
  EXPECT_EQ(redis.Run("bgsave"), "-ERR Background save already in progress");
  EXPECT_EQ(redis.Run("save"), "-ERR Background save already in progress");
  EXPECT_EQ(redis.Run("bgsave schedule"), "+Background saving scheduled");
  EXPECT_EQ(redis.Run("bgsave cancel"), "+Background saving cancelled");
  EXPECT_EQ(redis.Run("bgsave cancel"), "-ERR Background saving is currently not in progress or scheduled");
  EXPECT_EQ(redis.Run("bgsave schedule"), "+Background saving started");
  EXPECT_EQ(redis.Run("dbsize"), ":1000");
}

TEST_F(PersistenceCommands, BgsaveRefusesOtherWords) {
  EXPECT_EQ(redis.Run("bgsave now"), "-ERR syntax error");
  EXPECT_EQ(redis.Run("bgsave schedule now"), "-ERR syntax error");
  EXPECT_EQ(redis.Run("bgsave cancel now"), "-ERR syntax error");
}

TEST_F(PersistenceCommands, ReloadKeepsOrMergesWhatIsThere) {
  redis.Run("mset a 1 b 2");
  EXPECT_EQ(redis.Run("debug reload"), "+OK");
  EXPECT_EQ(redis.Run("mget a b"), "*2 $1 1 $1 2");
  redis.Run("mset a mine c 3");
  const std::string error = "-ERR Error trying to load the RDB dump, check server logs.";
  EXPECT_EQ(redis.Run("debug reload nosave noflush"), error);
  EXPECT_EQ(redis.Run("debug reload nosave noflush merge"), "+OK");
  EXPECT_EQ(redis.Run("mget a b c"), "*3 $1 1 $1 2 $1 3");
  EXPECT_EQ(redis.Run("debug reload maybe"), "-ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.");
}

TEST_F(PersistenceCommands, ReloadOfAFileThatDoesNotLoadLosesNothing) {
  redis.Run("mset a 1 b 2");
  EXPECT_EQ(redis.Run("save"), "+OK");
  redis.Run("mset b 3 c 4");
  const std::string good = ReadDump();
  std::string flipped = good;
  flipped[good.size() / 2] = static_cast<char>(flipped[good.size() / 2] ^ 1);
  const std::string_view name = "cachenode-used-mem";
  const std::string damaged[] = {"", "REDIS0010", flipped, good.substr(0, good.size() - 1),
                                 // The key is good, what follows it is not.
                                 std::string("REDIS0010\xFE\x00\x00\x01k\x01v\x63", 17),
                                 // It needs more memory than there is.
                                 std::string("REDIS0010\xFA\x12")
                                     .append(name)
                                     .append("\x10"
                                             "9000000000000000\xFF")
                                     .append(8, '\0')};
  const std::string error = "-ERR Error trying to load the RDB dump, check server logs.";
  for (const std::string& bytes : damaged) {
    WriteDump(bytes);
    for (const char* const command : {"debug reload nosave", "debug reload nosave merge", "debug reload nosave noflush",
                                      "debug reload nosave noflush merge"}) {
      EXPECT_EQ(redis.Run(command), error);
      EXPECT_EQ(redis.Run("mget a b c k"), "*4 $1 1 $1 3 $1 4 $-1");
    }
  }
  std::filesystem::remove(DumpPath());
  EXPECT_EQ(redis.Run("debug reload nosave"), error);
  EXPECT_EQ(redis.Run("dbsize"), ":3");
  WriteDump(good + "what comes behind the end does not matter");
  EXPECT_EQ(redis.Run("debug reload nosave"), "+OK");
  EXPECT_EQ(redis.Run("mget a b c"), "*3 $1 1 $1 2 $-1");
}

TEST_F(PersistenceCommands, ReloadThatFailsWhileItLoadsServesNoPart) {
  redis.Run("mset a 1 b 2");
  // Only loading it shows that a key is there twice.
  WriteDump(std::string("REDIS0010\xFE\x00\x00\x01k\x01v\x00\x01k\x01v\xFF", 22).append(8, '\0'));
  EXPECT_EQ(redis.Run("debug reload nosave"), "-ERR Error trying to load the RDB dump, check server logs.");
  EXPECT_EQ(redis.Run("dbsize"), ":0");
}

TEST_F(PersistenceCommands, ShutdownSavesAsAsked) {
  bool stopped = false;
  redis.parts().control->SetHooks(
      {.save = [this](const ShutdownRequest& request) { return service.SaveForShutdown(request); },
       .stop = [&stopped](int) { stopped = true; },
       .resume_parked = {}});
  redis.Run("set k v");
  EXPECT_EQ(redis.Run("shutdown abort"), "-ERR No shutdown in progress.");
  EXPECT_EQ(redis.Run("shutdown abort now"), "-ERR syntax error");
  EXPECT_EQ(redis.Run("shutdown save nosave"), "-ERR syntax error");
  EXPECT_FALSE(stopped);
  EXPECT_EQ(redis.Run("shutdown nosave"), "");
  EXPECT_TRUE(stopped);
  EXPECT_FALSE(std::filesystem::exists(DumpPath()));
  EXPECT_EQ(redis.session().closing, Closing::kNow);
  Session& other = redis.Connect();
  EXPECT_EQ(redis.RunAs(other, "shutdown save"), "");
  EXPECT_TRUE(std::filesystem::exists(DumpPath()));
}

TEST_F(PersistenceCommands, ShutdownThatCannotSaveStaysUnlessForced) {
  bool stopped = false;
  redis.parts().control->SetHooks(
      {.save = [this](const ShutdownRequest& request) { return service.SaveForShutdown(request); },
       .stop = [&stopped](int) { stopped = true; },
       .resume_parked = {}});
  std::filesystem::remove_all(folder.path());
  EXPECT_EQ(redis.Run("shutdown save"), "-ERR Errors trying to SHUTDOWN. Check logs.");
  EXPECT_FALSE(stopped);
  EXPECT_EQ(redis.session().closing, Closing::kNo);
  EXPECT_EQ(redis.Run("shutdown save force"), "");
  EXPECT_TRUE(stopped);
}

}  // namespace
}  // namespace cachenode
