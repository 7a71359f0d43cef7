// Finding, overwriting and inserting keys in a keyspace of one thread.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <cstdio>
#include <string_view>

#include "storage/base/random.h"
#include "storage/keyspace.h"

namespace cachenode {
namespace {

// "key:" and twelve digits, as the data sets have them.
class KeyName {
 public:
  explicit KeyName(uint64_t number) {
    std::snprintf(text_, sizeof(text_), "key:%012llu", static_cast<unsigned long long>(number));
  }
  [[nodiscard]] std::string_view view() const { return {text_, 16}; }

 private:
  char text_[40];
};

void Fill(Keyspace& keyspace, const AccessContext& context, uint64_t count) {
  for (uint64_t i = 0; i < count; ++i) {
    const KeyName key(i);
    if (!keyspace.Locate(0, key.view(), context).WriteString("abcdefgh", Expiry::kClear).ok()) return;
  }
}

AccessContext Now() {
  AccessContext context;
  context.SetNow(1'700'000'000'000);
  return context;
}

void BM_Find(benchmark::State& state) {
  const auto count = static_cast<uint64_t>(state.range(0));
  const AccessContext context = Now();
  Keyspace keyspace{KeyspaceOptions{}};
  Fill(keyspace, context, count);
  Random random(1);
  for (auto _ : state) {
    const KeyName key(random.Below(count));
    benchmark::DoNotOptimize(keyspace.Locate(0, key.view(), context).Exists());
  }
}
BENCHMARK(BM_Find)->Arg(1000)->Arg(100'000)->Arg(1'000'000);

// As the dispatcher does it: hashes, buckets and entries of 16 commands are fetched before the first is run.
void BM_FindPrefetched(benchmark::State& state) {
  constexpr size_t kBatch = 16;
  const auto count = static_cast<uint64_t>(state.range(0));
  const AccessContext context = Now();
  Keyspace keyspace{KeyspaceOptions{}};
  Fill(keyspace, context, count);
  Random random(1);
  for (auto _ : state) {
    uint64_t numbers[kBatch];
    KeyHash hashes[kBatch];
    for (size_t i = 0; i < kBatch; ++i) {
      numbers[i] = random.Below(count);
      hashes[i] = Keyspace::Hash(KeyName(numbers[i]).view());
      keyspace.ShardOf(hashes[i]).PrefetchBucket(0, hashes[i]);
    }
    for (const KeyHash hash : hashes) keyspace.ShardOf(hash).PrefetchEntry(0, hash);
    for (size_t i = 0; i < kBatch; ++i) {
      const KeyName key(numbers[i]);
      Shard& shard = keyspace.ShardOf(hashes[i]);
      shard.AssertHeld();
      benchmark::DoNotOptimize(shard.Find(0, hashes[i], key.view(), context).Exists());
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kBatch));
}
BENCHMARK(BM_FindPrefetched)->Arg(1'000'000);

void BM_Overwrite(benchmark::State& state) {
  const auto count = static_cast<uint64_t>(state.range(0));
  const AccessContext context = Now();
  Keyspace keyspace{KeyspaceOptions{}};
  Fill(keyspace, context, count);
  Random random(1);
  for (auto _ : state) {
    const KeyName key(random.Below(count));
    benchmark::DoNotOptimize(keyspace.Locate(0, key.view(), context).WriteString("hgfedcba", Expiry::kClear).ok());
  }
}
BENCHMARK(BM_Overwrite)->Arg(100'000)->Arg(1'000'000);

// Growth included: each iteration fills an empty keyspace.
void BM_Insert(benchmark::State& state) {
  const auto count = static_cast<uint64_t>(state.range(0));
  const AccessContext context = Now();
  for (auto _ : state) {
    Keyspace keyspace{KeyspaceOptions{}};
    Fill(keyspace, context, count);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(count));
}
BENCHMARK(BM_Insert)->Arg(1'000'000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace cachenode
