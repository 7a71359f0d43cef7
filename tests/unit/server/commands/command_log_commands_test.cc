#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/config/config.h"
#include "tests/support/server/command_harness.h"

namespace cachenode {
namespace {

using testing::HasSubstr;

void LogLargeOnes(Config& config) {
  config.slowlog_log_slower_than = -1;
  config.commandlog_request_larger_than = 60;
  config.commandlog_reply_larger_than = 60;
}

std::string RequestOf(std::string_view key, size_t bytes) {
  return std::string("SET ").append(key).append(" ").append(bytes, 'v');
}

TEST(CommandLogCommands, LargeRepliesAreListedWithTheirBytes) {
  CommandHarness node(LogLargeOnes);
  node.Run(RequestOf("k", 70));
  node.Run("GET k");
  EXPECT_EQ(node.Run("COMMANDLOG LEN large-reply"), ":1");
  // "$70\r\n", the value, "\r\n".
  EXPECT_THAT(node.Run("COMMANDLOG GET -1 LARGE-REPLY"), HasSubstr(":77 *2 $3 GET $1 k"));
  EXPECT_EQ(node.Run("COMMANDLOG RESET large-reply"), "+OK");
  EXPECT_EQ(node.Run("COMMANDLOG LEN large-reply"), ":0");
}

TEST(CommandLogCommands, LargeRequestsAreListedWithTheirBytes) {
  CommandHarness node(LogLargeOnes);
  node.session().argument_bytes = 100;  // A harness parses no wire.
  node.Run("SET k v");
  node.session().argument_bytes = 0;
  EXPECT_EQ(node.Run("COMMANDLOG LEN large-request"), ":1");
  EXPECT_THAT(node.Run("COMMANDLOG GET 1 large-request"), HasSubstr(":100 *3 $3 SET $1 k $1 v"));
}

TEST(CommandLogCommands, TheSlowLogIsOneOfThem) {
  CommandHarness node([](Config& config) { config.slowlog_log_slower_than = 0; });
  node.Run("PING");
  EXPECT_EQ(node.Run("COMMANDLOG LEN slow"), ":1");
  EXPECT_EQ(node.Run("SLOWLOG LEN"), ":2");
}

TEST(CommandLogCommands, RefusesUnknownTypesAndCounts) {
  CommandHarness node;
  const std::string unknown = "-ERR type should be one of the following: slow, large-request, large-reply";
  EXPECT_EQ(node.Run("COMMANDLOG GET 1 foo"), unknown);
  EXPECT_EQ(node.Run("COMMANDLOG LEN foo"), unknown);
  EXPECT_EQ(node.Run("COMMANDLOG RESET foo"), unknown);
  EXPECT_EQ(node.Run("COMMANDLOG GET -2 slow"), "-ERR count should be greater than or equal to -1");
  EXPECT_EQ(node.Run("COMMANDLOG GET x slow"), "-ERR count should be greater than or equal to -1");
}

}  // namespace
}  // namespace cachenode
