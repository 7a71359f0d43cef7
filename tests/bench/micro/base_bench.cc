// Checksums, key hash, numbers and allocation.
#include <benchmark/benchmark.h>

#include <string>

#include "storage/base/crc64.h"
#include "storage/base/hash.h"
#include "storage/base/memory.h"
#include "storage/base/numbers.h"
#include "storage/base/random.h"

namespace cachenode {
namespace {

void BM_Crc64(benchmark::State& state) {
  const std::string bytes(static_cast<size_t>(state.range(0)), 'x');
  for (auto _ : state) benchmark::DoNotOptimize(Crc64(1, bytes));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_Crc64)->Arg(16)->Arg(200)->Arg(4096)->Arg(1 << 20);

void BM_Crc64Portable(benchmark::State& state) {
  const std::string bytes(static_cast<size_t>(state.range(0)), 'x');
  for (auto _ : state) benchmark::DoNotOptimize(Crc64Portable(1, bytes));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_Crc64Portable)->Arg(4096);

void BM_Crc64Combine(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(Crc64Combine(1, 2, 0x123456789));
}
BENCHMARK(BM_Crc64Combine);

void BM_HashKey(benchmark::State& state) {
  const std::string key(static_cast<size_t>(state.range(0)), 'k');
  for (auto _ : state) benchmark::DoNotOptimize(HashKey(key));
}
BENCHMARK(BM_HashKey)->Arg(8)->Arg(16)->Arg(40)->Arg(200);

void BM_ParseInt64(benchmark::State& state) {
  const std::string text = std::to_string(state.range(0));
  int64_t value = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(TryParseInt64(text, value));
    benchmark::DoNotOptimize(value);
  }
}
BENCHMARK(BM_ParseInt64)->Arg(7)->Arg(1234567890);

void BM_FormatInt64(benchmark::State& state) {
  char text[kIntegerCharsMax];
  for (auto _ : state) {
    benchmark::DoNotOptimize(FormatInt64(state.range(0), text));
    benchmark::DoNotOptimize(text);
  }
}
BENCHMARK(BM_FormatInt64)->Arg(7)->Arg(1234567890);

void BM_FormatDouble(benchmark::State& state) {
  char text[kDoubleCharsMax];
  for (auto _ : state) benchmark::DoNotOptimize(FormatDouble(3.14159265, DoubleRule::kShortest, text));
}
BENCHMARK(BM_FormatDouble);

void BM_ParseDouble(benchmark::State& state) {
  double value = 0;
  for (auto _ : state) benchmark::DoNotOptimize(TryParseDouble("3.14159265", value));
}
BENCHMARK(BM_ParseDouble);

void BM_AllocateFree(benchmark::State& state) {
  for (auto _ : state) {
    void* block = memory::Allocate(100);
    benchmark::DoNotOptimize(block);
    memory::Free(block, 100);
  }
}
BENCHMARK(BM_AllocateFree);

void BM_Random(benchmark::State& state) {
  Random random(1);
  for (auto _ : state) benchmark::DoNotOptimize(random.Below(1000));
}
BENCHMARK(BM_Random);

}  // namespace
}  // namespace cachenode
