// The cost of RDB bytes: encoding a key, cutting a file into records, loading them, compressing, saving and restoring
// a whole keyspace.
#include <benchmark/benchmark.h>

#include <fmt/format.h>

#include <random>
#include <string>
#include <vector>

#include "persistence/blocking_save.h"
#include "persistence/lzf.h"
#include "persistence/rdb_value_codec.h"
#include "persistence/restore.h"
#include "storage/base/log.h"
#include "storage/keyspace.h"

namespace cachenode {
namespace {

constexpr int kKeys = 500000;
constexpr size_t kValueBytes = 64;

std::string Base64Noise(std::mt19937_64& random) {
  constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t i = 0; i < kValueBytes; ++i) text.push_back(kLetters[random() % kLetters.size()]);
  return text;
}

// Everything written ends here; counts only.
class CountingSink final : public ByteSink {
 public:
  Status Write(std::span<const char> bytes) override {
    if (keep_ != nullptr) keep_->append(bytes.data(), bytes.size());
    return Status::Ok();
  }
  Status Commit() override { return Status::Ok(); }
  explicit CountingSink(std::string* keep) : keep_(keep) {}

 private:
  std::string* keep_;
};

class StringSource final : public ByteSource {
 public:
  explicit StringSource(std::string_view bytes) : bytes_(bytes) {}
  Result<size_t> Read(std::span<char> into) override {
    const size_t size = std::min(into.size(), bytes_.size() - at_);
    std::memcpy(into.data(), bytes_.data() + at_, size);
    at_ += size;
    return size;
  }
  [[nodiscard]] int64_t SizeBytes() const override { return static_cast<int64_t>(bytes_.size()); }

 private:
  std::string_view bytes_;
  size_t at_ = 0;
};

KeyspaceOptions Options() {
  KeyspaceOptions options;
  options.shard_count = 32;
  options.threaded = true;
  return options;
}

Keyspace& FilledKeyspace() {
  static Keyspace keyspace(Options());
  if (keyspace.KeyCount(0) > 0) return keyspace;
  std::mt19937_64 random(1);
  AccessContext context;
  context.SetNow(1'700'000'000'000);
  for (int i = 0; i < kKeys; ++i) {
    const std::string key = fmt::format("key:{:012}", i);
    (void)keyspace.Locate(0, key, context).WriteString(Base64Noise(random), Expiry::kClear);
  }
  return keyspace;
}

SnapshotPlan Plan(std::string* keep, bool compression, unsigned threads) {
  SnapshotPlan plan;
  plan.encoding.compression = compression ? RdbCompression::kLzf : RdbCompression::kOff;
  plan.encoder_threads = threads;
  plan.open_sink = [keep]() -> Result<std::unique_ptr<ByteSink>> {
    return std::unique_ptr<ByteSink>(std::make_unique<CountingSink>(keep));
  };
  return plan;
}

void BM_LzfNoise64(benchmark::State& state) {
  std::mt19937_64 random(1);
  std::vector<std::string> texts;
  for (int i = 0; i < 1000; ++i) texts.push_back(Base64Noise(random));
  char into[kValueBytes];
  size_t number = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(LzfCompress(texts[number], {into, kValueBytes - 4}));
    number = (number + 1) % texts.size();
  }
}
BENCHMARK(BM_LzfNoise64);

void BM_SaveKeyspace(benchmark::State& state) {
  Keyspace& keyspace = FilledKeyspace();
  for (auto _ : state) {
    Result<BlockingSaveResult> result =
        SaveBlocking(keyspace, Plan(nullptr, state.range(0) != 0, static_cast<unsigned>(state.range(1))));
    if (!result.ok()) state.SkipWithError("save failed");
  }
  state.SetItemsProcessed(state.iterations() * kKeys);
}
BENCHMARK(BM_SaveKeyspace)->ArgNames({"lzf", "threads"})->Args({0, 1})->Args({1, 1})->Args({1, 2})->UseRealTime();

const std::string& SavedFile() {
  static std::string file;
  if (file.empty()) (void)SaveBlocking(FilledKeyspace(), Plan(&file, true, 1));
  return file;
}

void BM_CutRecords(benchmark::State& state) {
  struct Nobody final : RdbObserver {
    void OnAux(std::string_view, std::string_view) override {}
    void OnResizeDb(uint32_t, uint64_t, uint64_t) override {}
    Status OnFunction(std::string_view) override { return Status::Ok(); }
  } nobody;
  const std::string& file = SavedFile();
  for (auto _ : state) {
    StringSource source(file);
    RdbReader reader(source, nobody, {});
    if (!reader.ReadHeader().ok()) state.SkipWithError("bad header");
    RdbBatch batch;
    for (Result<bool> more = reader.ReadBatch(batch); more.ok() && *more; more = reader.ReadBatch(batch)) {
      benchmark::DoNotOptimize(batch.records.data());
    }
  }
  state.SetItemsProcessed(state.iterations() * kKeys);
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(file.size()));
}
BENCHMARK(BM_CutRecords);

void BM_RestoreKeyspace(benchmark::State& state) {
  const std::string& file = SavedFile();
  SystemClock clock;
  NullLogSink nowhere;
  Log log(nowhere);
  for (auto _ : state) {
    state.PauseTiming();
    auto keyspace = std::make_unique<Keyspace>(Options());
    state.ResumeTiming();
    StringSource source(file);
    RestoreOptions options;
    options.thread_count = static_cast<unsigned>(state.range(0));
    Restore restore(*keyspace, clock, log, options);
    if (!restore.FromSource(source, "memory").ok()) state.SkipWithError("restore failed");
    state.PauseTiming();
    keyspace.reset();
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * kKeys);
}
BENCHMARK(BM_RestoreKeyspace)->ArgNames({"threads"})->Args({1})->Args({2})->UseRealTime();

}  // namespace
}  // namespace cachenode
