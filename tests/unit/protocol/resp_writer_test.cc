#include "protocol/resp_writer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "protocol/resp_reader.h"

namespace cachenode {
namespace {

// What `write` sends to a client of `version`.
template <typename Write>
std::string Reply(RespVersion version, Write write) {
  ChunkPool pool;
  ReplyBuffer buffer(pool);
  RespWriter writer(buffer, version);
  write(writer);
  EXPECT_TRUE(writer.IsComplete());
  return buffer.ToString();
}
template <typename Write>
std::string Resp2(Write write) {
  return Reply(RespVersion::kResp2, write);
}
template <typename Write>
std::string Resp3(Write write) {
  return Reply(RespVersion::kResp3, write);
}

TEST(RespWriter, WritesSimpleValues) {
  EXPECT_EQ(Resp2([](RespWriter& w) { w.Ok(); }), "+OK\r\n");
  EXPECT_EQ(Resp2([](RespWriter& w) { w.Pong(); }), "+PONG\r\n");
  EXPECT_EQ(Resp2([](RespWriter& w) { w.Queued(); }), "+QUEUED\r\n");
  EXPECT_EQ(Resp2([](RespWriter& w) { w.SimpleString("none"); }), "+none\r\n");
  EXPECT_EQ(Resp2([](RespWriter& w) { w.SimpleString(std::string(5000, 'x')); }),
            "+" + std::string(5000, 'x') + "\r\n");
  EXPECT_EQ(Resp2([](RespWriter& w) { w.Null(); }), "$-1\r\n");
  EXPECT_EQ(Resp3([](RespWriter& w) { w.Null(); }), "_\r\n");
  EXPECT_EQ(Resp2([](RespWriter& w) { w.NullArray(); }), "*-1\r\n");
  EXPECT_EQ(Resp3([](RespWriter& w) { w.NullArray(); }), "_\r\n");
  EXPECT_EQ(Resp2([](RespWriter& w) { w.Bool(true); }), ":1\r\n");
  EXPECT_EQ(Resp3([](RespWriter& w) { w.Bool(true); }), "#t\r\n");
  EXPECT_EQ(Resp3([](RespWriter& w) { w.Bool(false); }), "#f\r\n");
}

TEST(RespWriter, WritesErrorsOnOneLine) {
  EXPECT_EQ(Resp2([](RespWriter& w) { w.Error("ERR a\r\nb\n\r\n"); }), "-ERR a  b\r\n");
  EXPECT_EQ(Resp2([](RespWriter& w) { w.Error(Status(Err::kWrongType)); }),
            "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n");
  EXPECT_EQ(Resp2([](RespWriter& w) { w.Error(Err::kArity, "config|get"); }),
            "-ERR wrong number of arguments for 'config|get' command\r\n");
  EXPECT_EQ(Resp2([](RespWriter& w) { w.Error(Status::Text("ERR own\nwords")); }), "-ERR own words\r\n");
}

TEST(RespWriter, WritesIntegersAtEveryWidth) {
  const int64_t values[] = {0, 1, 9, 10, 11, 99, 100, 101, -1, -99, 12345678901, INT64_MAX, INT64_MIN};
  for (const int64_t value : values) {
    const std::string digits = std::to_string(value);
    EXPECT_EQ(Resp2([&](RespWriter& w) { w.Integer(value); }), ":" + digits + "\r\n");
    EXPECT_EQ(Resp2([&](RespWriter& w) { w.BulkInteger(value); }),
              "$" + std::to_string(digits.size()) + "\r\n" + digits + "\r\n");
  }
}

TEST(RespWriter, WritesBulkStringsOfEverySize) {
  for (size_t size = 0; size <= 300; ++size) {
    const std::string bytes(size, static_cast<char>('a' + size % 26));
    EXPECT_EQ(Resp2([&](RespWriter& w) { w.Bulk(bytes); }), "$" + std::to_string(size) + "\r\n" + bytes + "\r\n");
  }
  const std::string big(100'000, 'x');
  EXPECT_EQ(Resp2([&](RespWriter& w) { w.Bulk(big); }), "$100000\r\n" + big + "\r\n");
}

TEST(RespWriter, CrossesChunksAnywhere) {
  // The first reply leaves 0 to 200 bytes in the chunk for the second.
  for (size_t room = 0; room <= 200; ++room) {
    ChunkPool pool;
    ReplyBuffer buffer(pool);
    RespWriter writer(buffer);
    const std::string filler(ChunkPool::kChunkBytes - room, 'f');
    buffer.Append(filler);
    writer.Bulk(std::string(90, 'b'));
    writer.Integer(77);
    writer.BulkInteger(-123456);
    writer.Ok();
    writer.ArrayHeader(0);
    EXPECT_EQ(buffer.ToString(),
              filler + "$90\r\n" + std::string(90, 'b') + "\r\n:77\r\n$7\r\n-123456\r\n+OK\r\n*0\r\n");
  }
}

TEST(RespWriter, PinsLargeStringsOnly) {
  ChunkPool pool;
  ReplyBuffer buffer(pool);
  RespWriter writer(buffer);
  const ByteBlockRef small = ByteBlockRef::Copy(std::string(ReplyBuffer::kPinBytesMin - 1, 's'));
  const ByteBlockRef large = ByteBlockRef::Copy(std::string(ReplyBuffer::kPinBytesMin, 'l'));
  writer.BulkPinned(small, small->view());
  EXPECT_TRUE(small->IsUnique());
  writer.BulkPinned(large, large->view());
  EXPECT_FALSE(large->IsUnique());
  EXPECT_EQ(buffer.ToString(),
            "$16383\r\n" + std::string(16383, 's') + "\r\n$16384\r\n" + std::string(16384, 'l') + "\r\n");
}

TEST(RespWriter, WritesNumbersAsTheVersionWants) {
  EXPECT_EQ(Resp2([](RespWriter& w) { w.Double(2.5); }), "$3\r\n2.5\r\n");
  EXPECT_EQ(Resp3([](RespWriter& w) { w.Double(2.5); }), ",2.5\r\n");
  EXPECT_EQ(Resp3([](RespWriter& w) { w.Double(-std::numeric_limits<double>::infinity()); }), ",-inf\r\n");
  EXPECT_EQ(Resp3([](RespWriter& w) { w.Double(std::nan("")); }), ",nan\r\n");
  EXPECT_EQ(Resp3([](RespWriter& w) { w.Double(0.1); }), ",0.1\r\n");
  EXPECT_EQ(Resp3([](RespWriter& w) {
              w.SetDoubleRule(DoubleRule::kSeventeenDigits);
              w.Double(0.1);
            }),
            ",0.10000000000000001\r\n");
  EXPECT_EQ(Resp2([](RespWriter& w) { w.HumanDouble(3.5L); }), "$3\r\n3.5\r\n");
  EXPECT_EQ(Resp3([](RespWriter& w) { w.HumanDouble(3.0L); }), ",3\r\n");
  EXPECT_EQ(Resp2([](RespWriter& w) { w.BigNumber("1234567999999999999999999999999999999"); }),
            "$37\r\n1234567999999999999999999999999999999\r\n");
  EXPECT_EQ(Resp3([](RespWriter& w) { w.BigNumber("12"); }), "(12\r\n");
  EXPECT_EQ(Resp2([](RespWriter& w) { w.Verbatim("txt", "This is\n"); }), "$8\r\nThis is\n\r\n");
  EXPECT_EQ(Resp3([](RespWriter& w) { w.Verbatim("txt", "This is\n"); }), "=12\r\ntxt:This is\n\r\n");
}

TEST(RespWriter, WritesAggregatesAsTheVersionWants) {
  const auto map = [](RespWriter& w) {
    w.MapHeader(1);
    w.Bulk("k");
    w.Integer(1);
  };
  EXPECT_EQ(Resp2(map), "*2\r\n$1\r\nk\r\n:1\r\n");
  EXPECT_EQ(Resp3(map), "%1\r\n$1\r\nk\r\n:1\r\n");
  const auto set = [](RespWriter& w) {
    w.SetHeader(1);
    w.Null();
  };
  EXPECT_EQ(Resp2(set), "*1\r\n$-1\r\n");
  EXPECT_EQ(Resp3(set), "~1\r\n_\r\n");
  const auto push = [](RespWriter& w) {
    w.PushHeader(1);
    w.Raw("$3\r\nabc\r\n");
  };
  EXPECT_EQ(Resp2(push), "*1\r\n$3\r\nabc\r\n");
  EXPECT_EQ(Resp3(push), ">1\r\n$3\r\nabc\r\n");
  const auto attribute = [](RespWriter& w) {
    if (w.AttributeHeader(1)) {
      w.SimpleString("ttl");
      w.Integer(3600);
    }
    w.Bulk("v");
  };
  EXPECT_EQ(Resp2(attribute), "$1\r\nv\r\n");
  EXPECT_EQ(Resp3(attribute), "|1\r\n+ttl\r\n:3600\r\n$1\r\nv\r\n");
}

TEST(RespWriter, TellsCountsAtTheEnd) {
  const auto nested = [](RespWriter& w) {
    const RespWriter::Deferred outer = w.DeferArray();
    w.Ok();
    const RespWriter::Deferred inner = w.DeferMap();
    w.Bulk("k");
    w.Bulk("v");
    w.Close(inner, 1);
    const RespWriter::Deferred empty = w.DeferSet();
    w.Close(empty, 0);
    w.Close(outer, 3);
    w.Integer(5);
  };
  EXPECT_EQ(Resp2(nested), "*3\r\n+OK\r\n*2\r\n$1\r\nk\r\n$1\r\nv\r\n*0\r\n:5\r\n");
  EXPECT_EQ(Resp3(nested), "*3\r\n+OK\r\n%1\r\n$1\r\nk\r\n$1\r\nv\r\n~0\r\n:5\r\n");
}

TEST(RespWriter, TakesBackAFailedReply) {
  EXPECT_EQ(Resp2([](RespWriter& w) {
              w.Ok();
              const ReplyBuffer::Mark mark = w.MarkHere();
              w.ArrayHeader(3);
              w.Bulk("half");
              w.RollbackTo(mark);
              w.Error("ERR syntax error");
            }),
            "+OK\r\n-ERR syntax error\r\n");
}

TEST(RespWriter, IsUnderstoodByTheReader) {
  const std::string bytes = Resp3([](RespWriter& w) {
    w.ArrayHeader(8);
    w.Ok();
    w.Error("ERR x");
    w.Integer(-5);
    w.Bulk("b'\n");
    w.Null();
    w.Double(1.5);
    w.Bool(true);
    w.MapHeader(1);
    w.Verbatim("txt", "v");
    w.SetHeader(0);
  });
  RespReader reader;
  reader.Feed(bytes);
  RespValue value;
  ASSERT_TRUE(*reader.Next(value));
  EXPECT_EQ(DescribeReply(value), "*8[+OK -ERR x :-5 $'b\\'\\n' _ ,1.5 #t %1{='txt:v' ~0[]}]");
  EXPECT_EQ(reader.PendingBytes(), 0U);
}

#ifndef NDEBUG
TEST(RespWriterDeathTest, AssertsThatHeadersKeepTheirWord) {
  EXPECT_DEATH(Resp2([](RespWriter& w) {
                 const RespWriter::Deferred deferred = w.DeferArray();
                 w.ArrayHeader(2);
                 w.Ok();
                 w.Close(deferred, 1);
               }),
               "nested header");
  ChunkPool pool;
  ReplyBuffer buffer(pool);
  RespWriter writer(buffer);
  writer.ArrayHeader(1);
  EXPECT_FALSE(writer.IsComplete());
}
#endif

}  // namespace
}  // namespace cachenode
