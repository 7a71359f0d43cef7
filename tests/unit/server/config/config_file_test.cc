#include "server/config/config_file.h"
#include "server/config/config.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "server/config/embedded_conf.h"
#include "tests/support/scratch_folder.h"

namespace cachenode {
namespace {

class ConfigFileTest : public testing::Test {
 protected:
  void Write(const std::string& name, const std::string& text) { std::ofstream(Path(name)) << text; }
  [[nodiscard]] std::string Path(const std::string& name) const { return directory_ + "/" + name; }

  LoadOutcome Load(const std::string& text, const std::string& directives = {}) const {
    return LoadConfig({{"a.conf", text, SourceKind::kFile}, {"the command line", directives, SourceKind::kText}},
                      {4, directory_});
  }
  Config Loaded(const std::string& text, const std::string& directives = {}) const {
    LoadOutcome outcome = Load(text, directives);
    if (outcome.error) ADD_FAILURE() << outcome.error->Report("7.0.0");
    return outcome.loaded ? std::move(outcome.loaded->config) : Config{};
  }
  std::string Reason(const std::string& text) const {
    const LoadOutcome outcome = Load(text);
    return outcome.error ? outcome.error->reason : "loaded";
  }

  const ScratchFolder folder_;
  const std::string directory_ = std::filesystem::canonical(folder_.path()).string();
};

TEST_F(ConfigFileTest, ReadsQuotedWordsCommentsAndAliases) {
  const Config config = Loaded(
      "# a comment\n\n  TimeOut 7  \r\nslave-priority 3\nlogfile ''\nsyslog-ident \"a \\x41\\n\"\n"
      "proc-title-template '{title} it\\'s'\n");
  EXPECT_EQ(config.timeout, 7);
  EXPECT_EQ(config.replica_priority, 3);
  EXPECT_EQ(config.logfile, "");
  EXPECT_EQ(config.syslog_ident, "a A\n");
  EXPECT_EQ(config.proc_title_template, "{title} it's");
}

TEST_F(ConfigFileTest, TheFirstSaveLineReplacesTheDefaultsAndTheNextOnesAdd) {
  EXPECT_EQ(Loaded("").save.size(), 3U);
  EXPECT_EQ(Loaded("save 900 1\n").save, (std::vector<SavePoint>{{900, 1}}));
  EXPECT_EQ(Loaded("save 900 1\nsave 60 5\n", "save \"100\" \"100\"").save,
            (std::vector<SavePoint>{{900, 1}, {60, 5}, {100, 100}}));
  EXPECT_TRUE(Loaded("save 900 1\n", "save \"\"").save.empty());
  EXPECT_EQ(Loaded("save \"\"\nsave 5 6\n").save, (std::vector<SavePoint>{{5, 6}}));
}

TEST_F(ConfigFileTest, ABuiltinSourceCountsAsDefaults) {
  const LoadOutcome outcome = LoadConfig(
      {{"built in", "save 900 1\n", SourceKind::kBuiltin}, {"the command line", "save 10 20", SourceKind::kText}},
      {1, directory_});
  ASSERT_TRUE(outcome.loaded);
  EXPECT_EQ(outcome.loaded->config.save, (std::vector<SavePoint>{{10, 20}}));
}

TEST_F(ConfigFileTest, OutputLimitsOfOtherClassesStay) {
  const Config config = Loaded("client-output-buffer-limit normal 1kb 2 3\nclient-output-buffer-limit replica 1 2 3\n");
  EXPECT_EQ(config.client_output_buffer_limit[0], (OutputBufferLimit{1024, 2, 3}));
  EXPECT_EQ(config.client_output_buffer_limit[1], (OutputBufferLimit{1, 2, 3}));
  EXPECT_EQ(config.client_output_buffer_limit[2], (OutputBufferLimit{33554432, 8388608, 60}));
}

TEST_F(ConfigFileTest, SeveralWordsMayStandInOneArgument) {
  const Config config = Loaded("shutdown-on-sigterm \"nosave force\"\nshutdown-on-sigint nosave now\nbind \"a b\"\n");
  EXPECT_EQ(config.shutdown_on_sigterm, static_cast<uint32_t>(kShutdownNoSave | kShutdownForce));
  EXPECT_EQ(config.shutdown_on_sigint, static_cast<uint32_t>(kShutdownNoSave | kShutdownNow));
  EXPECT_EQ(config.bind, (std::vector<std::string>{"a", "b"}));
}

TEST_F(ConfigFileTest, IncludesFilesByNameAndByPatternInOrder) {
  Write("one.conf", "timeout 1\nmaxclients 11\n");
  Write("part-b.conf", "timeout 3\n");
  Write("part-a.conf", "timeout 2\nmaxclients 12\n");
  const Config config = Loaded("include one.conf\ninclude part-*.conf\ninclude none-*.conf\n");
  EXPECT_EQ(config.timeout, 3);
  EXPECT_EQ(config.maxclients, 12);
}

TEST_F(ConfigFileTest, AnIncludeErrorNamesTheIncludedFileAndItsLine) {
  Write("one.conf", "timeout 1\n\nport x\n");
  const LoadOutcome outcome = Load("include one.conf\n");
  ASSERT_TRUE(outcome.error);
  EXPECT_EQ(outcome.error->label, Path("one.conf"));
  EXPECT_EQ(outcome.error->line, 3U);
  EXPECT_EQ(outcome.error->text, "port x");
}

TEST_F(ConfigFileTest, AnIncludeThatIncludesItselfEnds) {
  Write("loop.conf", "include loop.conf\n");
  EXPECT_EQ(Reason("include loop.conf\n"), "includes are nested too deeply");
  EXPECT_EQ(Reason("include absent.conf\n"),
            "can't open config file '" + Path("absent.conf") + "': No such file or directory");
}

TEST_F(ConfigFileTest, DirIsResolvedAgainstTheDirectoryOfEarlierLines) {
  std::filesystem::create_directories(Path("x/y"));
  Write("x/in.conf", "timeout 9\n");
  const Config config = Loaded("dir ./x\ninclude in.conf\ndir y\n");
  EXPECT_EQ(config.timeout, 9);
  EXPECT_EQ(config.dir, Path("x/y"));
  EXPECT_EQ(Reason("dir /no/such/place\n"), "No such file or directory");
}

TEST_F(ConfigFileTest, ReportsTheReasonsOfRedis) {
  EXPECT_EQ(Reason("port\n"), "wrong number of arguments");
  EXPECT_EQ(Reason("port 1 2\n"), "wrong number of arguments");
  EXPECT_EQ(Reason("port abc\n"), "argument couldn't be parsed into an integer");
  EXPECT_EQ(Reason("port 70000\n"), "argument must be between 0 and 65535 inclusive");
  EXPECT_EQ(Reason("loglevel --bla\n"),
            "argument(s) must be one of the following: debug, verbose, notice, warning, nothing");
  EXPECT_EQ(Reason("shutdown-on-sigint\n"),
            "argument(s) must be one of the following: default, save, nosave, now, force");
  EXPECT_EQ(Reason("daemonize maybe\n"), "argument must be 'yes' or 'no'");
  EXPECT_EQ(Reason("maxmemory 1tb\n"), "argument must be a memory value");
  EXPECT_EQ(Reason("maxmemory-clients 101%\n"), "percentage argument must be less or equal to 100");
  EXPECT_EQ(Reason("maxmemory-clients -5\n"), "argument must be a memory or percent value");
  EXPECT_EQ(Reason("unixsocketperm 9\n"), "argument couldn't be parsed as an octal number");
  EXPECT_EQ(Reason("bind \"a\n"), "Unbalanced quotes in configuration line");
  EXPECT_EQ(Reason("nonsense 1\n"), "Bad directive or wrong number of arguments");
  EXPECT_EQ(Reason("include\n"), "Bad directive or wrong number of arguments");
  EXPECT_EQ(Reason("save 1\n"), "Invalid save parameters");
  EXPECT_EQ(Reason("replicaof h abc\n"), "Invalid master port");
  EXPECT_EQ(Reason("replicaof h\n"), "wrong number of arguments");
  EXPECT_EQ(Reason("sentinel monitor\n"), "sentinel directive while not in sentinel mode");
  EXPECT_EQ(Reason("dbfilename a/b\n"), "dbfilename can't be a path, just a filename");
  EXPECT_NE(Reason("s3-snapshot-location s3://bucket\n").find("s3://bucket"), std::string::npos);
  EXPECT_EQ(Reason("snapshot-arns arn:aws:s3:::my-bucket/a/b.rdb\n"), "loaded");
  EXPECT_EQ(Reason("user foo\nuser foo\n"),
            "Error in user declaration 'foo': Duplicate user found. A user can only be defined once in config files");
}

TEST_F(ConfigFileTest, TheReportHasRedisFormAndHelps) {
  const LoadOutcome outcome = Load("port 1\nmaxmemroy 5\n");
  ASSERT_TRUE(outcome.error);
  EXPECT_EQ(outcome.error->Report("7.4.0"),
            "\n*** FATAL CONFIG FILE ERROR (Redis 7.4.0) ***\nReading the configuration file, at line 2\n"
            ">>> 'maxmemroy 5'\nBad directive or wrong number of arguments\ndid you mean 'maxmemory'?\n"
            "(line 2 of a.conf)\n");
  EXPECT_EQ(Load("appendfsync never\n").error->hint, "allowed: everysec, always, no");
}

TEST_F(ConfigFileTest, ASecretNeverStandsInAReport) {
  const LoadOutcome outcome = Load("requirepass geheim geheim\n");
  ASSERT_TRUE(outcome.error);
  EXPECT_EQ(outcome.error->Report("7.4.0").find("geheim"), std::string::npos);
  const LoadOutcome users = Load("user a on\nuser a >geheim\n");
  ASSERT_TRUE(users.error);
  EXPECT_EQ(users.error->Report("7.4.0").find("geheim"), std::string::npos);
}

TEST_F(ConfigFileTest, PartsThatAreNotBuiltRefuseWhatCannotBeIgnored) {
  EXPECT_NE(Reason("appendonly yes\n").find("append-only file"), std::string::npos);
  EXPECT_NE(Reason("replicaof 127.0.0.1 6379\n").find("replication"), std::string::npos);
  EXPECT_NE(Reason("loadmodule /x.so\n").find("modules"), std::string::npos);
  EXPECT_EQ(Reason("appendonly no\nreplicaof no one\ncluster-enabled no\ntls-port 0\n"), "loaded");
}

TEST_F(ConfigFileTest, OnlyTheLastLineOfAnOptionDecidesAboutRefusal) {
  const Config config = Loaded("appendonly yes\n", "appendonly \"no\"");
  EXPECT_FALSE(config.appendonly);
}

TEST_F(ConfigFileTest, HarmlessOptionsOfPartsNotBuiltWarnWhenTheyDiffer) {
  const LoadOutcome outcome = Load("repl-timeout 60\nrepl-diskless-sync-delay 0\n");
  ASSERT_TRUE(outcome.loaded);
  ASSERT_EQ(outcome.loaded->warnings.size(), 1U);
  EXPECT_EQ(outcome.loaded->warnings[0],
            "'repl-diskless-sync-delay' at line 2 of a.conf has no effect: replication is not built into this server "
            "yet");
}

TEST_F(ConfigFileTest, RenamedCommandsAreCollectedInOrder) {
  const LoadOutcome outcome = Load("rename-command FLUSHALL \"\"\nrename-command DEBUG dbg\n");
  ASSERT_TRUE(outcome.loaded);
  ASSERT_EQ(outcome.loaded->renamed_commands.size(), 2U);
  EXPECT_EQ(outcome.loaded->renamed_commands[0].new_name, "");
  EXPECT_EQ(outcome.loaded->renamed_commands[1].new_name, "dbg");
  EXPECT_EQ(outcome.loaded->renamed_commands[1].place.line, 2U);
}

TEST_F(ConfigFileTest, HertzIsBroughtIntoItsRange) {
  EXPECT_EQ(Loaded("hz 0\n").hz, 1);
  EXPECT_EQ(Loaded("hz 100000\n").hz, 500);
}

// What the Redis test suite's own-server mode writes into every file.
TEST_F(ConfigFileTest, TheFilesOfTheRedisTestSuiteAreAccepted) {
  const Config config = Loaded(
      "always-show-logo yes\nnotify-keyspace-events KEA\ndaemonize no\npidfile /var/run/redis.pid\nport 21111\n"
      "timeout 0\nbind 127.0.0.1\nloglevel verbose\nlogfile ''\ndatabases 16\nlatency-monitor-threshold 1\n"
      "repl-diskless-sync-delay 0\nsave 900 1\nrdbcompression yes\ndbfilename dump.rdb\ndir .\n"
      "slave-serve-stale-data yes\nappendonly no\nappendfsync everysec\nno-appendfsync-on-rewrite no\n"
      "activerehashing yes\nenable-protected-configs yes\nenable-debug-command yes\nenable-module-command yes\n"
      "propagation-error-behavior panic\nunixsocket /tmp/socket\nengine-version 7.0\nlua-time-limit 100\n"
      "hash-max-ziplist-entries 7\n");
  EXPECT_EQ(config.loglevel, LogLevel::kVerbose);
  EXPECT_EQ(config.enable_debug_command, DangerousAccess::kYes);
  EXPECT_EQ(config.hash_max_listpack_entries, 7);
  EXPECT_EQ(config.engine_version.RedisVersionText(), "7.0.0");
}

TEST_F(ConfigFileTest, TheEmbeddedDefaultAndDebiansFileAreAccepted) {
  const LoadOutcome embedded = LoadConfig(
      {{"built in", std::string(FindEmbeddedFile(kDefaultConfPath)), SourceKind::kBuiltin}}, {4, directory_});
  EXPECT_TRUE(embedded.loaded) << embedded.error->Report("");
  EXPECT_TRUE(embedded.loaded->warnings.empty());

  Result<std::string> debian = ReadConfigBytes("/etc/redis/redis.conf");
  if (!debian) GTEST_SKIP() << "the distribution's redis-server is not installed";
  const LoadOutcome outcome = Load(*debian);
  ASSERT_TRUE(outcome.loaded) << outcome.error->Report("");
  EXPECT_TRUE(outcome.loaded->warnings.empty());
  EXPECT_EQ(outcome.loaded->config.pidfile, "/run/redis/redis-server.pid");
}

}  // namespace
}  // namespace cachenode
