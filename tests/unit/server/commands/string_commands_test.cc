#include <gtest/gtest.h>

#include <string>

#include "tests/support/server/command_harness.h"

namespace cachenode {
namespace {

TEST(Set, KeepsReplacesOrRefusesByItsOptions) {
  CommandHarness redis;
  EXPECT_EQ(redis.Run("set k v xx"), "$-1");
  EXPECT_EQ(redis.Run("set k v nx"), "+OK");
  EXPECT_EQ(redis.Run("set k w nx"), "$-1");
  EXPECT_EQ(redis.Run("set k w get"), "$1 v");
  EXPECT_EQ(redis.Run("set k x ex 10 px 10"), "-ERR syntax error");
  EXPECT_EQ(redis.Run("set k x nx xx"), "-ERR syntax error");
  EXPECT_EQ(redis.Run("set k x ex 0"), "-ERR invalid expire time in 'set' command");
  EXPECT_EQ(redis.Run("get k"), "$1 w") << "refused commands changed nothing";
}

TEST(Set, KeepTtlAndExpiry) {
  CommandHarness redis;
  EXPECT_EQ(redis.Run("set k v px 1000"), "+OK");
  EXPECT_EQ(redis.Run("set k w keepttl"), "+OK");
  EXPECT_EQ(redis.Run("pttl k"), ":1000");
  EXPECT_EQ(redis.Run("set k w"), "+OK");
  EXPECT_EQ(redis.Run("pttl k"), ":-1");
  EXPECT_EQ(redis.Run("set k w px 1000"), "+OK");
  redis.clock().Advance(std::chrono::milliseconds(1001));
  EXPECT_EQ(redis.Run("get k"), "$-1");
  EXPECT_EQ(redis.RunResp3("get k"), "_");
}

TEST(IncrBy, KeepsExpiryAndRefusesOverflowUnchanged) {
  CommandHarness redis;
  EXPECT_EQ(redis.Run("set n 9223372036854775806 px 1000"), "+OK");
  EXPECT_EQ(redis.Run("incrby n 1"), ":9223372036854775807");
  EXPECT_EQ(redis.Run("incrby n 1"), "-ERR increment or decrement would overflow");
  EXPECT_EQ(redis.Run("pttl n"), ":1000");
  redis.clock().Advance(std::chrono::milliseconds(1001));
  EXPECT_EQ(redis.Run("incrby n 5"), ":5");
}

TEST(IncrBy, RefusesWhatIsNoInteger) {
  CommandHarness redis;
  EXPECT_EQ(redis.Run("set s abc"), "+OK");
  EXPECT_EQ(redis.Run("incr s"), "-ERR value is not an integer or out of range");
  EXPECT_EQ(redis.Run("incrby n ' 1'"), "-ERR value is not an integer or out of range");
  EXPECT_EQ(redis.Run("decrby n -9223372036854775808"), "-ERR decrement would overflow");
  EXPECT_EQ(redis.Run("exists n"), ":0");
}

TEST(IncrByFloat, AddsAndRefuses) {
  CommandHarness redis;
  EXPECT_EQ(redis.Run("incrbyfloat f 10.5"), "$4 10.5");
  EXPECT_EQ(redis.Run("incrbyfloat f -0.5"), "$2 10");
  EXPECT_EQ(redis.Run("incrbyfloat f abc"), "-ERR value is not a valid float");
  EXPECT_EQ(redis.Run("incrbyfloat f inf"), "-ERR increment would produce NaN or Infinity");
  EXPECT_EQ(redis.Run("get f"), "$2 10");
}

TEST(MultipleKeys, SetAllOrNone) {
  CommandHarness redis;
  EXPECT_EQ(redis.Run("mset a 1 b 2"), "+OK");
  EXPECT_EQ(redis.Run("mset a 1 b"), "-ERR wrong number of arguments for 'mset' command");
  EXPECT_EQ(redis.Run("msetnx c 3 a 9"), ":0");
  EXPECT_EQ(redis.Run("mget a b c"), "*3 $1 1 $1 2 $-1");
  EXPECT_EQ(redis.Run("msetnx c 3 d 4"), ":1");
  EXPECT_EQ(redis.Run("getdel c"), "$1 3");
  EXPECT_EQ(redis.Run("exists c"), ":0");
}

TEST(GetEx, ChangesOnlyTheExpiry) {
  CommandHarness redis;
  EXPECT_EQ(redis.Run("set k v"), "+OK");
  EXPECT_EQ(redis.Run("getex k px 500"), "$1 v");
  EXPECT_EQ(redis.Run("pttl k"), ":500");
  EXPECT_EQ(redis.Run("getex k persist"), "$1 v");
  EXPECT_EQ(redis.Run("pttl k"), ":-1");
  EXPECT_EQ(redis.Run("getex k ex 1 persist"), "-ERR syntax error");
  EXPECT_EQ(redis.Run("getex missing ex 1"), "$-1");
}

TEST(Ranges, ReadAndWriteAtTheEdges) {
  CommandHarness redis;
  EXPECT_EQ(redis.Run("append k Hello"), ":5");
  EXPECT_EQ(redis.Run("getrange k 0 -1"), "$5 Hello");
  EXPECT_EQ(redis.Run("getrange k -3 -2"), "$2 ll");
  EXPECT_EQ(redis.Run("getrange k 5 10"), "$0 ");
  EXPECT_EQ(redis.Run("setrange k 6 x"), ":7");
  EXPECT_EQ(redis.Run("strlen k"), ":7");
  EXPECT_EQ(redis.Run("setrange k -1 x"), "-ERR offset is out of range");
  EXPECT_EQ(redis.Run("setrange k 536870912 x"), "-ERR string exceeds maximum allowed size (proto-max-bulk-len)");
  EXPECT_EQ(redis.Run("setrange missing 5 ''"), ":0");
  EXPECT_EQ(redis.Run("exists missing"), ":0");
}

TEST(Lcs, AnswersLengthTextAndMatches) {
  CommandHarness redis;
  EXPECT_EQ(redis.Run("mset a ohmytext b mynewtext"), "+OK");
  EXPECT_EQ(redis.Run("lcs a b"), "$6 mytext");
  EXPECT_EQ(redis.Run("lcs a b len"), ":6");
  EXPECT_EQ(redis.Run("lcs a b idx minmatchlen 4"), "*4 $7 matches *1 *2 *2 :4 :7 *2 :5 :8 $3 len :6");
  EXPECT_EQ(redis.Run("lcs a b len idx"), "-ERR If you want both the length and indexes, please just use IDX.");
}

TEST(Bitmap, SetsCountsAndFinds) {
  CommandHarness redis;
  EXPECT_EQ(redis.Run("setbit k 7 1"), ":0");
  EXPECT_EQ(redis.Run("getbit k 7"), ":1");
  EXPECT_EQ(redis.Run("getbit k 100"), ":0");
  EXPECT_EQ(redis.Run("bitcount k"), ":1");
  EXPECT_EQ(redis.Run("setbit k -1 1"), "-ERR bit offset is not an integer or out of range");
  EXPECT_EQ(redis.Run("setbit k 1 2"), "-ERR bit is not an integer or out of range");
  EXPECT_EQ(redis.Run("bitcount k 0 0 bit"), ":0");
}

}  // namespace
}  // namespace cachenode
