#include "protocol/resp_reader.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace cachenode {
namespace {

// Every reply in `bytes`, described; the error text at the end when there is one.
std::vector<std::string> Describe(std::string_view bytes, size_t piece_bytes) {
  RespReader reader;
  std::vector<std::string> replies;
  for (size_t at = 0; at < bytes.size(); at += piece_bytes) {
    reader.Feed(bytes.substr(at, piece_bytes));
    RespValue value;
    while (true) {
      Result<bool> got = reader.Next(value);
      if (!got) {
        replies.push_back(std::string(got.status().text()));
        return replies;
      }
      if (!*got) break;
      replies.push_back(DescribeReply(value));
    }
  }
  return replies;
}

TEST(RespReader, ReadsEveryTypeInPiecesOfEverySize) {
  const std::string bytes =
      "+OK\r\n-ERR "
      "x\r\n:12\r\n$3\r\na\r\n\r\n$-1\r\n*-1\r\n*0\r\n*2\r\n:1\r\n*1\r\n$0\r\n\r\n_\r\n,1.50\r\n,inf\r\n,nan\r\n"
      "#t\r\n#f\r\n(123456789012345678901234567890\r\n=5\r\ntxt:x\r\n!5\r\nERR "
      "y\r\n%1\r\n+k\r\n~1\r\n:2\r\n>1\r\n+p\r\n"
      "|1\r\n+ttl\r\n:9\r\n*2\r\n|0\r\n:1\r\n|1\r\n+a\r\n+b\r\n:2\r\n";
  const std::vector<std::string> expected = {"+OK",
                                             "-ERR x",
                                             ":12",
                                             "$'a\\r\\n'",
                                             "$-1",
                                             "*-1",
                                             "*0[]",
                                             "*2[:1 *1[$'']]",
                                             "_",
                                             ",1.50",
                                             ",inf",
                                             ",nan",
                                             "#t",
                                             "#f",
                                             "(123456789012345678901234567890",
                                             "='txt:x'",
                                             "!'ERR y'",
                                             "%1{+k ~1[:2]}",
                                             ">1[+p]",
                                             "|1{+ttl :9} *2[:1 |1{+a +b} :2]"};
  ASSERT_EQ(Describe(bytes, bytes.size())[3], "$'a\\r\\n'");
  for (size_t piece_bytes = 1; piece_bytes <= bytes.size(); ++piece_bytes) {
    EXPECT_EQ(Describe(bytes, piece_bytes), expected) << "pieces of " << piece_bytes;
  }
}

TEST(RespReader, RefusesWhatIsNoReply) {
  const std::string cases[] = {"x\r\n",
                               ":1x\r\n",
                               "$-2\r\n",
                               "*-2\r\n",
                               "%-1\r\n",
                               "#x\r\n",
                               "_x\r\n",
                               ",x\r\n",
                               "$3\r\nabcde",
                               "$99999999999999\r\n",
                               "*99999999999999\r\n"};
  for (const std::string& input : cases) {
    RespReader reader;
    reader.Feed(input);
    RespValue value;
    const Result<bool> got = reader.Next(value);
    ASSERT_FALSE(got.ok()) << input;
    EXPECT_EQ(got.status().code(), Err::kCorrupt) << input;
  }
}

TEST(RespReader, BoundsNestingAndLines) {
  std::string deep;
  for (size_t i = 0; i < RespReader::kDepthMax + 1; ++i) deep += "*1\r\n";
  EXPECT_EQ(Describe(deep, deep.size()), std::vector<std::string>{"reply is nested too deeply"});
  const std::string line(RespReader::kLineBytesMax + 2, '+');
  EXPECT_EQ(Describe(line, line.size()), std::vector<std::string>{"too long a line in reply"});
}

TEST(RespReader, DoesNotBelieveAnnouncedCounts) {
  RespReader reader;
  reader.Feed("*2147483647\r\n");
  RespValue value;
  EXPECT_FALSE(*reader.Next(value));
}

}  // namespace
}  // namespace cachenode
