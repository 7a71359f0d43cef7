#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/support/server/command_harness.h"

namespace cachenode {
namespace {

using testing::HasSubstr;

TEST(Keys, DeletingCountingAndTypes) {
  CommandHarness redis;
  EXPECT_EQ(redis.Run("mset a 1 b 2"), "+OK");
  EXPECT_EQ(redis.Run("exists a a missing"), ":2");
  EXPECT_EQ(redis.Run("touch a b missing"), ":2");
  EXPECT_EQ(redis.Run("type a"), "+string");
  EXPECT_EQ(redis.Run("type missing"), "+none");
  EXPECT_EQ(redis.Run("del a missing"), ":1");
  EXPECT_EQ(redis.Run("unlink b missing"), ":1");
  EXPECT_EQ(redis.Run("dbsize"), ":0");
}

TEST(Rename, CarriesTheExpiryAlong) {
  CommandHarness redis;
  EXPECT_EQ(redis.Run("rename a b"), "-ERR no such key");
  EXPECT_EQ(redis.Run("set a 1 px 1000"), "+OK");
  EXPECT_EQ(redis.Run("set b 2"), "+OK");
  EXPECT_EQ(redis.Run("renamenx a b"), ":0");
  EXPECT_EQ(redis.Run("rename a b"), "+OK");
  EXPECT_EQ(redis.Run("pttl b"), ":1000");
  EXPECT_EQ(redis.Run("rename b b"), "+OK");
  EXPECT_EQ(redis.Run("get b"), "$1 1");
}

TEST(Copy, NeedsReplaceForAnExistingKey) {
  CommandHarness redis;
  EXPECT_EQ(redis.Run("set a 1 px 1000"), "+OK");
  EXPECT_EQ(redis.Run("copy a b"), ":1");
  EXPECT_EQ(redis.Run("pttl b"), ":1000");
  EXPECT_EQ(redis.Run("copy a b"), ":0");
  EXPECT_EQ(redis.Run("copy a b replace"), ":1");
  EXPECT_EQ(redis.Run("copy a a"), "-ERR source and destination objects are the same");
  EXPECT_EQ(redis.Run("copy a c db 99"), "-ERR DB index is out of range");
  EXPECT_EQ(redis.Run("copy a a db 1"), ":1");
  EXPECT_EQ(redis.Run("select 1"), "+OK");
  EXPECT_EQ(redis.Run("get a"), "$1 1");
}

TEST(Move, RefusesTheSameDatabaseAndAnExistingKey) {
  CommandHarness redis;
  EXPECT_EQ(redis.Run("set k v"), "+OK");
  EXPECT_EQ(redis.Run("move k 0"), "-ERR source and destination objects are the same");
  EXPECT_EQ(redis.Run("move k 1"), ":1");
  EXPECT_EQ(redis.Run("move k 1"), ":0");
  EXPECT_EQ(redis.Run("swapdb 0 1"), "+OK");
  EXPECT_EQ(redis.Run("get k"), "$1 v");
}

TEST(Expire, ConditionsCompareWithTheOldDeadline) {
  CommandHarness redis;
  EXPECT_EQ(redis.Run("expire k 10"), ":0");
  EXPECT_EQ(redis.Run("set k v"), "+OK");
  EXPECT_EQ(redis.Run("expire k 10 xx"), ":0");
  EXPECT_EQ(redis.Run("expire k 10 gt"), ":0") << "no deadline counts as infinite";
  EXPECT_EQ(redis.Run("expire k 10 lt"), ":1");
  EXPECT_EQ(redis.Run("expire k 20 nx"), ":0");
  EXPECT_EQ(redis.Run("expire k 5 gt"), ":0");
  EXPECT_EQ(redis.Run("expire k 20 gt"), ":1");
  EXPECT_EQ(redis.Run("ttl k"), ":20");
  EXPECT_EQ(redis.Run("expiretime k"), ":1700000020");
  EXPECT_EQ(redis.Run("expire k 10 nx xx"), "-ERR NX and XX, GT or LT options at the same time are not compatible");
  EXPECT_EQ(redis.Run("expire k x"), "-ERR value is not an integer or out of range");
  EXPECT_EQ(redis.Run("pexpire k 9223372036854775807"), "-ERR invalid expire time in 'pexpire' command");
  EXPECT_EQ(redis.Run("persist k"), ":1");
  EXPECT_EQ(redis.Run("persist k"), ":0");
  EXPECT_EQ(redis.Run("ttl k"), ":-1");
  EXPECT_EQ(redis.Run("expire k -1"), ":1");
  EXPECT_EQ(redis.Run("ttl k"), ":-2");
}

TEST(Scan, WalksAllKeysAndFilters) {
  CommandHarness redis;
  for (int i = 0; i < 30; ++i) redis.Run("set key:" + std::to_string(i) + " v");
  redis.Run("set other v");
  EXPECT_THAT(redis.Run("scan 0 match other count 1000"), HasSubstr("*2 $1 0 *1 $5 other"));
  EXPECT_EQ(redis.Run("scan 0 count 1000 type hash"), "*2 $1 0 *0");
  EXPECT_EQ(redis.Run("scan x"), "-ERR invalid cursor");
  EXPECT_EQ(redis.Run("scan 0 count 0"), "-ERR syntax error");
  EXPECT_EQ(redis.Run("keys oth*"), "*1 $5 other");
  EXPECT_EQ(redis.Run("flushdb"), "+OK");
  EXPECT_EQ(redis.Run("randomkey"), "$-1");
}

TEST(Object, TellsEncodingAndIdleTime) {
  CommandHarness redis;
  EXPECT_EQ(redis.Run("set n 12"), "+OK");
  EXPECT_EQ(redis.Run("set s short"), "+OK");
  EXPECT_EQ(redis.Run("set long " + std::string(45, 'x')), "+OK");
  EXPECT_EQ(redis.Run("object encoding n"), "$3 int");
  EXPECT_EQ(redis.Run("object encoding s"), "$6 embstr");
  EXPECT_EQ(redis.Run("object encoding long"), "$3 raw");
  redis.clock().Advance(std::chrono::seconds(12));
  EXPECT_EQ(redis.Run("object idletime s"), ":12");
  EXPECT_EQ(redis.Run("ttl s"), ":-1");
  EXPECT_EQ(redis.Run("object idletime s"), ":12");
  EXPECT_EQ(redis.Run("get s"), "$5 short");
  EXPECT_EQ(redis.Run("object idletime s"), ":0");
  EXPECT_EQ(redis.Run("object encoding missing"), "$-1");
}

TEST(Dump, RestoresWhatItWrote) {
  CommandHarness redis;
  EXPECT_EQ(redis.Run("set k hello"), "+OK");
  const std::string wire = redis.RunRaw(redis.session(), {"dump", "k"});
  const size_t begin = wire.find("\r\n") + 2;
  const std::string payload = wire.substr(begin, wire.size() - begin - 2);
  EXPECT_EQ(redis.RunRaw(redis.session(), {"restore", "k", "0", payload}),
            "-BUSYKEY Target key name already exists.\r\n");
  EXPECT_EQ(redis.RunRaw(redis.session(), {"restore", "copy", "1000", payload}), "+OK\r\n");
  EXPECT_EQ(redis.Run("get copy"), "$5 hello");
  EXPECT_EQ(redis.Run("pttl copy"), ":1000");
  std::string damaged = payload;
  damaged[2] = 'j';
  EXPECT_EQ(redis.RunRaw(redis.session(), {"restore", "bad", "0", damaged}),
            "-ERR DUMP payload version or checksum are wrong\r\n");
  EXPECT_EQ(redis.Run("exists bad"), ":0");
}

}  // namespace
}  // namespace cachenode
