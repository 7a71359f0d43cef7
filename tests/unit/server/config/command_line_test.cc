#include "server/config/command_line.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "server/config/config.h"
#include "server/process/restart.h"

namespace cachenode {
namespace {

std::string Directives(const std::vector<std::string>& arguments) { return ParseCommandLine(arguments).directives; }

// The report a server started with `directives` would end with, "" when it would start.
std::string Failure(const std::vector<std::string>& directives) {
  const LaunchConfig launch = ReadLaunchConfig(ParseCommandLine(directives));
  EXPECT_EQ(launch.failure.empty(), launch.loaded.has_value());
  return launch.failure;
}

TEST(CommandLine, OptionsBecomeLines) {
  const CommandLine line = ParseCommandLine({"/a.conf", "--port", "7000", "--save", "100", "100"});
  EXPECT_EQ(line.file, "/a.conf");
  EXPECT_EQ(line.directives, "port \"7000\" \nsave \"100\" \"100\" ");
  EXPECT_FALSE(line.from_stdin);
}

TEST(CommandLine, OptionAndValueMayStandInOneArgument) {
  EXPECT_EQ(Directives({"a", "loglevel", "verbose", "--maxmemory '700mb'", "--timeout 5"}),
            "\"loglevel\" \"verbose\" \nmaxmemory '700mb' \ntimeout 5 ");
}

TEST(CommandLine, TheWordBehindABareNameIsItsValueEvenWithDashes) {
  EXPECT_EQ(Directives({"--proc-title-template", "--my--title", "--loglevel", "verbose"}),
            "proc-title-template \"--my--title\" \nloglevel \"verbose\" ");
  EXPECT_EQ(Directives({"--port", "--loglevel", "verbose"}), "port \"--loglevel\" \"verbose\" ");
}

TEST(CommandLine, AnEmptySaveMeansNoSavePoints) {
  EXPECT_EQ(Directives({"--save"}), "save \"\"");
  EXPECT_EQ(Directives({"--save", "--port", "1"}), "save \"\"\nport \"1\" ");
  EXPECT_EQ(Directives({"--save", ""}), "save \"\" ");
}

TEST(CommandLine, ADashReadsStandardInputFirstOrLast) {
  EXPECT_TRUE(ParseCommandLine({"-"}).from_stdin);
  EXPECT_TRUE(ParseCommandLine({"/a.conf", "--port", "1", "-"}).from_stdin);
  EXPECT_FALSE(ParseCommandLine({"--bind", "-", "--port", "1"}).from_stdin);
}

TEST(CommandLine, QuestionsAreAnswered) {
  const CommandLine version = ParseCommandLine({"-v"});
  EXPECT_EQ(version.action, LaunchAction::kPrint);
  EXPECT_TRUE(version.text.starts_with("Cachenode server v=7.4.0 sha=00000000:0 malloc=")) << version.text;
  EXPECT_NE(version.text.find(" bits=64 build="), std::string::npos);
  EXPECT_NE(ParseCommandLine({"--help"}).text.find("--test-memory"), std::string::npos);
  EXPECT_EQ(ParseCommandLine({"--test-memory"}).action, LaunchAction::kPrintError);
  EXPECT_EQ(ParseCommandLine({"--test-memory", "x"}).action, LaunchAction::kPrintError);
  EXPECT_EQ(ParseCommandLine({"--test-memory", "2"}).test_megabytes, 2);
  EXPECT_TRUE(TestMemory(2).passed);
}

TEST(CommandLine, WrongOptionsAreRefusedWithTheLineAndTheReason) {
  const auto expect = [](const std::vector<std::string>& arguments, std::string_view line, std::string_view reason) {
    const std::string failure = Failure(arguments);
    EXPECT_NE(failure.find(std::string(">>> '").append(line).append("'\n").append(reason)), std::string::npos)
        << failure;
  };
  expect({"--port"}, "port", "wrong number of arguments");
  expect({"--port", "6380", "--loglevel"}, "loglevel", "wrong number of arguments");
  expect({"--port", "6379", "6380"}, "port \"6379\" \"6380\"", "wrong number of arguments");
  expect({"--port", "--loglevel", "verbose"}, "port \"--loglevel\" \"verbose\"", "wrong number of arguments");
  expect({"--port", "--bla", "--loglevel", "verbose"}, "port \"--bla\"", "argument couldn't be parsed into an integer");
  expect({"--logfile", "--my--log--file", "--loglevel", "--bla"}, "loglevel \"--bla\"",
         "argument(s) must be one of the following");
  expect({"--shutdown-on-sigint"}, "shutdown-on-sigint", "argument(s) must be one of the following");
  expect({"--shutdown-on-sigint", "now force", "--shutdown-on-sigterm"}, "shutdown-on-sigterm",
         "argument(s) must be one of the following");
  expect({"--replicaof", "127.0.0.1", "abc"}, "replicaof \"127.0.0.1\" \"abc\"", "Invalid master port");
  expect({"--replicaof", "--127.0.0.1", "abc"}, "replicaof \"--127.0.0.1\" \"abc\"", "Invalid master port");
  expect({"--replicaof", "--127.0.0.1", "--abc"}, "replicaof \"--127.0.0.1\"", "wrong number of arguments");
  expect({"--user", "foo", "--user", "foo"}, "user \"foo\"", "Error in user declaration 'foo': Duplicate user");
  expect({"--user", "default", "--user", "default"}, "user \"default\"", "Error in user declaration 'default': Duplic");
  expect({"--invalid"}, "invalid", "Bad directive or wrong number of arguments");
}

TEST(CommandLine, WhatARestartAppliesComesBackWithAnyBytes) {
  const std::vector<ConfigPair> applied = {{"parameter-group", "a\n\"b\" \x01"}, {"databases", ""}};
  const std::optional<std::string> path = KeepTextForRestart(AppliedLines(applied) + "port 7000\n");
  ASSERT_TRUE(path);
  CommandLine line;
  line.restart_state = *path;
  const LaunchConfig launch = ReadLaunchConfig(line);
  DropKeptText(*path);
  ASSERT_TRUE(launch.loaded) << launch.failure;
  EXPECT_EQ(launch.applied, applied);
  EXPECT_EQ(launch.loaded->config.port, 7000);
}

TEST(CommandLine, AMissingFileIsNamed) {
  EXPECT_EQ(Failure({"/no/such.conf"}),
            "Fatal error, can't open config file '/no/such.conf': No such file or directory\n");
}

TEST(CommandLine, WithoutAFileTheEmbeddedDefaultIsTheGround) {
  const LaunchConfig launch = ReadLaunchConfig(ParseCommandLine({"--port", "7001", "--save", "5", "6"}));
  ASSERT_TRUE(launch.loaded) << launch.failure;
  EXPECT_EQ(launch.file_path, "");
  EXPECT_EQ(launch.loaded->config.port, 7001);
  EXPECT_EQ(launch.loaded->config.bind, (std::vector<std::string>{"127.0.0.1", "-::1"}));
  EXPECT_EQ(launch.loaded->config.save, (std::vector<SavePoint>{{5, 6}}));
}

}  // namespace
}  // namespace cachenode
