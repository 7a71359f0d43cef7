// Parser and writer: the two ends of every request.
#include <benchmark/benchmark.h>

#include <string>

#include "protocol/reply_buffer.h"
#include "protocol/resp_parser.h"
#include "protocol/resp_writer.h"

namespace cachenode {
namespace {

constexpr size_t kPipeline = 16;

std::string Repeated(std::string_view request) {
  std::string input;
  for (size_t i = 0; i < kPipeline; ++i) input += request;
  return input;
}

void ParsePipeline(benchmark::State& state, std::string_view request) {
  const std::string input = Repeated(request);
  RespParser parser;
  RequestBatch batch;
  for (auto _ : state) {
    batch.Clear();
    benchmark::DoNotOptimize(parser.Parse(input, batch));
    benchmark::DoNotOptimize(batch.args(kPipeline - 1).data());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kPipeline));
}

void BM_ParseGet(benchmark::State& state) { ParsePipeline(state, "*2\r\n$3\r\nGET\r\n$16\r\nkey:000000000001\r\n"); }
BENCHMARK(BM_ParseGet);

void BM_ParseSet(benchmark::State& state) {
  ParsePipeline(state, "*3\r\n$3\r\nSET\r\n$16\r\nkey:000000000001\r\n$16\r\nvalue:0000000001\r\n");
}
BENCHMARK(BM_ParseSet);

void BM_ParseInlinePing(benchmark::State& state) { ParsePipeline(state, "PING\r\n"); }
BENCHMARK(BM_ParseInlinePing);

// Writes one reply per iteration, a pipeline's worth per flush.
template <typename Write>
void WriteReplies(benchmark::State& state, Write write) {
  ChunkPool pool;
  ReplyBuffer buffer(pool);
  RespWriter writer(buffer);
  for (auto _ : state) {
    for (size_t i = 0; i < kPipeline; ++i) write(writer);
    buffer.Consume(buffer.SizeBytes());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kPipeline));
}

void BM_WriteOk(benchmark::State& state) {
  WriteReplies(state, [](RespWriter& writer) { writer.Ok(); });
}
BENCHMARK(BM_WriteOk);

void BM_WriteBulk(benchmark::State& state) {
  const std::string value(static_cast<size_t>(state.range(0)), 'v');
  WriteReplies(state, [&](RespWriter& writer) { writer.Bulk(value); });
}
BENCHMARK(BM_WriteBulk)->Arg(3)->Arg(16)->Arg(64)->Arg(1000);

void BM_WriteInteger(benchmark::State& state) {
  WriteReplies(state, [&](RespWriter& writer) { writer.Integer(state.range(0)); });
}
BENCHMARK(BM_WriteInteger)->Arg(1)->Arg(123456);

}  // namespace
}  // namespace cachenode
