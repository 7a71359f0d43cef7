#include "protocol/error_text.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace cachenode {
namespace {

TEST(ErrorText, EveryClientErrorHasItsOwnWording) {
  std::vector<std::string_view> seen;
  for (unsigned code = 1; code < static_cast<unsigned>(Err::kText); ++code) {
    const std::string_view text = ErrorText(static_cast<Err>(code));
    EXPECT_NE(text, "ERR internal error") << code;
    EXPECT_EQ(std::count(seen.begin(), seen.end(), text), 0) << text;
    seen.push_back(text);
  }
}

TEST(ErrorText, NamesTheCommandWhereRedisDoes) {
  EXPECT_EQ(ErrorReply(Err::kInvalidExpire, "set"), "ERR invalid expire time in 'set' command");
  EXPECT_EQ(ErrorReply(Err::kArity, "config|get"), "ERR wrong number of arguments for 'config|get' command");
  EXPECT_EQ(ErrorReply(Err::kSyntax, "set"), "ERR syntax error");
  EXPECT_EQ(ErrorReply(Status::Text("ERR own text"), "set"), "ERR own text");
  EXPECT_EQ(ErrorReply(Err::kOutOfMemory), "OOM command not allowed when used memory > 'maxmemory'.");
}

TEST(ErrorText, ShowsUnknownCommandsWithTheirArguments) {
  const std::vector<std::string_view> plain = {"NOSUCH", "a", "b"};
  EXPECT_EQ(UnknownCommandText(plain), "ERR unknown command 'NOSUCH', with args beginning with: 'a' 'b' ");
  const std::vector<std::string_view> alone = {"nosuchcmd"};
  EXPECT_EQ(UnknownCommandText(plain, UnknownWording::kBackquotes),
            "ERR unknown command `NOSUCH`, with args beginning with: `a`, `b`, ");
  EXPECT_EQ(UnknownCommandText(plain, UnknownWording::kBare), "ERR unknown command 'NOSUCH'");
  EXPECT_EQ(UnknownCommandText(alone), "ERR unknown command 'nosuchcmd', with args beginning with: ");
}

TEST(ErrorText, CutsWhatUnknownCommandsShow) {
  const std::string long_word(200, 'a');
  const std::vector<std::string_view> one = {long_word, long_word, "b"};
  EXPECT_EQ(UnknownCommandText(one), "ERR unknown command '" + std::string(128, 'a') +
                                         "', with args beginning with: '" + std::string(128, 'a') + "' ");
  const std::string nearly(120, 'x');
  const std::vector<std::string_view> two = {"C", nearly, "123456789", "never"};
  EXPECT_EQ(UnknownCommandText(two), "ERR unknown command 'C', with args beginning with: '" + nearly + "' '12345' ");
}

TEST(ErrorText, PointsToTheHelpOfTheContainer) {
  EXPECT_EQ(UnknownSubcommandText("config", "NOSUCH"), "ERR unknown subcommand 'NOSUCH'. Try CONFIG HELP.");
  EXPECT_EQ(SubcommandSyntaxText("DEBUG", "x"),
            "ERR unknown subcommand or wrong number of arguments for 'x'. Try DEBUG HELP.");
}

TEST(ErrorText, WordsPermissionsByEngine) {
  EXPECT_EQ(NoCommandPermissionText(AclWording::kNewer, "bob", "config|get"),
            "NOPERM User bob has no permissions to run the 'config|get' command");
  EXPECT_EQ(NoCommandPermissionText(AclWording::kEngine70, "bob", "get"),
            "NOPERM this user has no permissions to run the 'get' command");
  EXPECT_EQ(NoKeyPermissionText(AclWording::kNewer), "NOPERM No permissions to access a key");
}

}  // namespace
}  // namespace cachenode
