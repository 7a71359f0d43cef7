// Snapshots of large collections while they change: the file holds each as it was at the cut. And loads of values that
// are larger than the reader's block: what comes out is what went in.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <future>
#include <mutex>
#include <thread>

#include "persistence/batch_loader.h"
#include "tests/support/persistence/large_values.h"
#include "tests/support/persistence/snapshot_rig.h"
#include "tests/support/property.h"

namespace cachenode {
namespace {

constexpr int kVersion = 10;
constexpr int kKeysPerType = 4;
constexpr int kElements = 20000;

struct Nobody final : RdbObserver {
  void OnAux(std::string_view, std::string_view) override {}
  void OnResizeDb(uint32_t, uint64_t, uint64_t) override {}
  Status OnFunction(std::string_view) override { return Status::Ok(); }
};

EncodedDataSet RecordsOfFile(std::string_view bytes) {
  Nobody nobody;
  MemorySource source(bytes);
  RdbReaderOptions options;
  options.streamed_value_bytes = SIZE_MAX;  // Whole records, to be compared.
  RdbReader reader(source, nobody, options);
  EXPECT_TRUE(reader.ReadHeader().ok());
  EncodedDataSet all;
  RdbBatch batch;
  for (;;) {
    Result<bool> more = reader.ReadBatch(batch);
    EXPECT_TRUE(more.ok()) << more.status().text();
    if (!more.ok() || !*more) return all;
    for (const RdbRecord& record : batch.records) {
      std::string value(1, static_cast<char>(record.type->type));
      value += record.value;
      EXPECT_TRUE(
          all.emplace(std::pair(record.db, std::string(record.key)), std::pair(value, record.expire_at_ms)).second)
          << "written twice: " << record.key;
    }
  }
}

void ExpectSameRecords(const EncodedDataSet& got, const EncodedDataSet& want) {
  EXPECT_EQ(got.size(), want.size());
  for (const auto& [key, value] : want) {
    const auto found = got.find(key);
    ASSERT_NE(found, got.end()) << key.second << " is missing";
    ASSERT_EQ(found->second.second, value.second) << key.second;
    ASSERT_EQ(found->second.first.size(), value.first.size()) << key.second;
    ASSERT_TRUE(found->second.first == value.first) << key.second << " differs";
  }
}

std::string KeyOf(ValueType type, uint64_t number) {
  return std::string(TypeName(type)) + ":" + std::to_string(number);
}

// What one worker does to the collections of a rig.
class Worker {
 public:
  Worker(SnapshotRig& rig, uint64_t seed) : rig_(rig), random_(seed), writer_(seed + 1) {
    context_.SetNow(1'700'000'000'000);
  }

  void Fill() {
    for (const ValueType type : CollectionWriter::kTypes) {
      for (int number = 0; number < kKeysPerType; ++number) {
        // The last is packed.
        const int elements = number + 1 < kKeysPerType ? kElements / (number * number * 4 + 1) : 20;
        OnKey(KeyOf(type, static_cast<uint64_t>(number)),
              [&](KeySlot& slot) { writer_.Change(type, slot, elements, true); });
      }
    }
  }
  void Change() {
    const ValueType type = CollectionWriter::kTypes[random_() % std::size(CollectionWriter::kTypes)];
    const std::string key = KeyOf(type, random_() % kKeysPerType);
    OnKey(key, [&](KeySlot& slot) {
      if (random_() % 400 == 0) return slot.Erase();
      if (slot.Exists() && random_() % 50 == 0) {
        (void)slot.SetExpire(1'900'000'000'000 + static_cast<int64_t>(random_() % 1000));
        return;
      }
      writer_.Change(type, slot, 20, random_() % 2 == 0);
    });
  }

 private:
  template <typename Body>
  void OnKey(const std::string& key, const Body& body) {
    const KeyHash hash = Keyspace::Hash(key);
    Shard& shard = rig_.keyspace.ShardOf(hash);
    const ShardGuard guard(shard);
    if (rig_.snapshotter.MustPark(shard, 0, hash)) return;
    KeySlot slot = shard.Find(0, hash, key, context_);
    body(slot);
  }

  SnapshotRig& rig_;
  std::mt19937_64 random_;
  CollectionWriter writer_;
  AccessContext context_;
};

void SetPlainFiles(SnapshotRig& rig, unsigned threads = SnapshotSettings().thread_count) {
  SnapshotSettings settings;
  settings.thread_count = threads;
  settings.walker_count = 8;
  settings.compression = false;
  rig.snapshotter.SetSettings(settings);
}

constexpr int64_t kNowMs = 1'700'000'000'000;
constexpr size_t kFieldBytes = 8000;

// A hash of `fields` fields of kFieldBytes.
void AddLargeHash(SnapshotRig& rig, const std::string& key, size_t fields) {
  AccessContext context;
  context.SetNow(kNowMs);
  KeySlot slot = rig.keyspace.Locate(0, key, context);
  for (size_t i = 0; i < fields; ++i) {
    ASSERT_TRUE(HashValue(slot).Set("field:" + std::to_string(i), std::string(kFieldBytes, 'v')).ok());
  }
}

void AddSmallStrings(SnapshotRig& rig) {
  AccessContext context;
  context.SetNow(kNowMs);
  for (int i = 0; i < 20000; ++i) {
    const std::string key = "small:" + std::to_string(i);
    ASSERT_TRUE(rig.keyspace.Locate(0, key, context).WriteString(std::string(100, 's'), Expiry::kClear).ok());
  }
}

void RunSnapshots(unsigned workers, size_t rounds, TestSink::Behaviour behaviour) {
  SCOPED_TRACE(PropertyTrace());
  std::mt19937_64 random(PropertySeed());
  SnapshotRig rig(workers > 1);
  SetPlainFiles(rig);
  Worker(rig, random()).Fill();
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  const uint64_t seed = random();
  for (unsigned number = 0; number < workers; ++number) {
    threads.emplace_back([&rig, &stop, number, seed] {
      Worker worker(rig, seed + number);
      while (!stop.load(std::memory_order_relaxed)) {
        rig.host.InWorld([&] {
          for (int i = 0; i < 20; ++i) worker.Change();
          rig.snapshotter.RunSlice(number, 5);
        });
        std::this_thread::yield();
      }
    });
  }
  for (size_t round = 0; round < rounds && !testing::Test::HasFailure(); ++round) {
    EncodedDataSet want;
    rig.host.RunExclusive([&] {
      want = EncodeAll(rig.keyspace, kVersion);
      EXPECT_TRUE(rig.snapshotter.Start(rig.Sink(behaviour)).ok());
    });
    while (rig.snapshotter.Running()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      rig.snapshotter.Poll();
    }
    EXPECT_TRUE(rig.snapshotter.Figures().last_ok);
    ExpectSameRecords(RecordsOfFile(rig.file), want);
  }
  stop.store(true);
  for (std::thread& thread : threads) thread.join();
}

TEST(LargeValues, AreWrittenAsTheyWereAtTheCutUnderWritesOfOneThread) { RunSnapshots(1, PropertyRounds(8), {}); }
TEST(LargeValues, AreWrittenAsTheyWereAtTheCutUnderWritesOfFourThreads) { RunSnapshots(4, PropertyRounds(8), {}); }
TEST(LargeValues, AreWrittenAsTheyWereAtTheCutWhenTheDiskIsSlow) {
  TestSink::Behaviour slow;
  slow.delay = std::chrono::milliseconds(3);
  RunSnapshots(4, PropertyRounds(3), slow);
}

TEST(LargeValues, AreHeldOnlyAsFarAsThereIsRoom) {
  SnapshotRig rig(false);
  SetPlainFiles(rig);
  // More than there ever is room for, and small ones beside it.
  AddLargeHash(rig, "large", SnapshotRun::kBufferBytesMax / kFieldBytes);
  AddSmallStrings(rig);
  const EncodedDataSet want = EncodeAll(rig.keyspace, kVersion);
  TestSink::Behaviour slow;
  slow.delay = std::chrono::microseconds(200);
  ASSERT_TRUE(rig.snapshotter.Start(rig.Sink(slow)).ok());
  rig.RunToEnd();
  const SnapshotFigures figures = rig.snapshotter.Figures();
  EXPECT_TRUE(figures.last_ok);
  EXPECT_GT(figures.buffer_bytes_peak, SnapshotRun::kBufferBytesMax / 2);
  EXPECT_LT(figures.buffer_bytes_peak, SnapshotRun::kBufferBytesMax);
  EXPECT_EQ(figures.buffer_bytes, 0U);
  ExpectSameRecords(RecordsOfFile(rig.file), want);
}

TEST(LargeValues, AreEncodedSmallestFirst) {
  SnapshotRig rig(false);
  SetPlainFiles(rig, 1);
  for (const size_t fields : {300U, 100U, 350U, 200U, 150U, 250U}) AddLargeHash(rig, std::to_string(fields), fields);
  // The encoder begins when all of them wait for it.
  std::promise<void> all_walked;
  ASSERT_TRUE(rig.snapshotter
                  .Start([&, begin = all_walked.get_future().share()]() -> Result<std::unique_ptr<ByteSink>> {
                    begin.wait();
                    return std::unique_ptr<ByteSink>(std::make_unique<MemorySink>(rig.file));
                  })
                  .ok());
  while (rig.snapshotter.RunSlice(0, 1000)) {
  }
  all_walked.set_value();
  rig.RunToEnd();

  Nobody nobody;
  MemorySource source(rig.file);
  RdbReaderOptions options;
  options.streamed_value_bytes = SIZE_MAX;
  RdbReader reader(source, nobody, options);
  ASSERT_TRUE(reader.ReadHeader().ok());
  std::string keys;
  RdbBatch batch;
  for (;;) {
    Result<bool> more = reader.ReadBatch(batch);
    ASSERT_TRUE(more.ok()) << more.status().text();
    if (!*more) break;
    for (const RdbRecord& record : batch.records) keys += std::string(record.key) + " ";
  }
  EXPECT_EQ(keys, "100 150 200 250 300 350 ");
}

TEST(LargeValues, AreGivenUpInTheMiddle) {
  constexpr int kPiecesWanted = 3;
  struct Impatient final : EncoderHost {
    bool TryHold(size_t) noexcept override { return true; }
    void LetGo(size_t) noexcept override {}
    [[nodiscard]] bool IsShortOfRoom() const noexcept override { return false; }
    [[nodiscard]] bool OnPiece() noexcept override { return ++pieces < kPiecesWanted; }
    int pieces = 0;
  } host;
  SnapshotRig rig(false);
  AddLargeHash(rig, "large", 1000);
  std::string file;
  MemorySink sink(file);
  RdbWriter writer(sink);
  ASSERT_TRUE(writer.WriteHeader({}).ok());
  const uint64_t before = writer.bytes_written();
  ChunkEncoder encoder(writer, PlainEncoding(kVersion), &host);
  AccessContext context;
  context.SetNow(kNowMs);
  encoder.Add(0, rig.keyspace.Locate(0, "large", context).View());
  EXPECT_EQ(host.pieces, kPiecesWanted);
  ASSERT_TRUE(encoder.failed());
  EXPECT_EQ(encoder.TakeStatus().code(), Err::kCancelled);
  EXPECT_EQ(writer.bytes_written(), before);
}

// Calls `on_spill` on the encoder's thread when a value has filled the memory that its pieces may wait in.
class ProbingSink final : public ByteSink {
 public:
  ProbingSink(std::string& out, std::function<void()> on_spill, std::function<void(std::string_view)> on_write)
      : memory_(out), on_spill_(std::move(on_spill)), on_write_(std::move(on_write)) {}
  Status Write(std::span<const char> bytes) override {
    on_write_({bytes.data(), bytes.size()});
    return memory_.Write(bytes);
  }
  Status Commit() override { return memory_.Commit(); }
  std::unique_ptr<SpillFile> MakeSpill() override {
    on_spill_();
    return nullptr;
  }

 private:
  MemorySink memory_;
  std::function<void()> on_spill_;
  std::function<void(std::string_view)> on_write_;
};

constexpr size_t kSpillingFields = 700;  // More than may wait in memory.

TEST(LargeValues, LeaveOneEncoderToTheSmallOnes) {
  SnapshotRig rig(false);
  SetPlainFiles(rig, 2);
  for (int i = 0; i < 4; ++i) AddLargeHash(rig, "large:" + std::to_string(i), kSpillingFields);
  AddSmallStrings(rig);
  // The encoders begin when everything waits for them, and who is in a large value waits for small ones to be written.
  std::promise<void> all_walked;
  std::promise<void> small_written;
  std::once_flag written_once;
  std::atomic<bool> waited_in_vain{false};
  const auto begin = all_walked.get_future().share();
  const auto written = small_written.get_future().share();
  ASSERT_TRUE(rig.snapshotter
                  .Start([&]() -> Result<std::unique_ptr<ByteSink>> {
                    begin.wait();
                    const auto on_spill = [&] {
                      if (written.wait_for(std::chrono::seconds(20)) != std::future_status::ready)
                        waited_in_vain = true;
                    };
                    const auto on_write = [&](std::string_view bytes) {
                      if (bytes.find("small:") != std::string_view::npos) {
                        std::call_once(written_once, [&] { small_written.set_value(); });
                      }
                    };
                    return std::unique_ptr<ByteSink>(std::make_unique<ProbingSink>(rig.file, on_spill, on_write));
                  })
                  .ok());
  while (rig.snapshotter.RunSlice(0, 1000)) {
  }
  all_walked.set_value();
  rig.RunToEnd();
  EXPECT_TRUE(rig.snapshotter.Figures().last_ok);
  EXPECT_FALSE(waited_in_vain);
}

TEST(LargeValues, CountAsProgressWhileTheyAreEncoded) {
  SnapshotRig rig(false);
  AddLargeHash(rig, "large", kSpillingFields);
  SnapshotRun* running = nullptr;
  uint64_t beyond_keys_and_bytes = 0;
  SnapshotPlan plan;
  plan.encoding = PlainEncoding(kVersion);
  plan.open_sink = [&]() -> Result<std::unique_ptr<ByteSink>> {
    const auto on_spill = [&] {
      beyond_keys_and_bytes = running->Progress() - running->KeysCopied() - running->bytes_written();
    };
    return std::unique_ptr<ByteSink>(std::make_unique<ProbingSink>(rig.file, on_spill, [](std::string_view) {}));
  };
  SnapshotRun run(rig.keyspace, rig.host, std::move(plan));
  running = &run;
  run.Begin();
  while (!run.finished()) {
    if (run.Walk(0, 1000) != WalkOutcome::kMore) std::this_thread::yield();
  }
  EXPECT_TRUE(run.TakeStatus().ok());
  EXPECT_GT(beyond_keys_and_bytes, 0U);
}

// Remembers the largest piece it was given.
class MeasuringSink final : public ByteSink {
 public:
  MeasuringSink(std::string& out, size_t& largest) : memory_(out, SIZE_MAX), largest_(largest) {}
  Status Write(std::span<const char> bytes) override {
    largest_ = std::max(largest_, bytes.size());
    return memory_.Write(bytes);
  }
  Status Commit() override { return memory_.Commit(); }

 private:
  MemorySink memory_;
  size_t& largest_;
};

TEST(LargeValues, LeaveInPiecesAndComeBackThroughAWindow) {
  SnapshotRig rig(false);
  SetPlainFiles(rig);
  CollectionWriter writer(7);
  AccessContext context;
  context.SetNow(1'700'000'000'000);
  for (const ValueType type : CollectionWriter::kTypes) {
    KeySlot slot = rig.keyspace.Locate(0, TypeName(type), context);
    writer.Change(type, slot, 60000, true);
  }
  size_t largest = 0;
  ASSERT_TRUE(rig.snapshotter
                  .Start([&]() -> Result<std::unique_ptr<ByteSink>> {
                    return std::unique_ptr<ByteSink>(std::make_unique<MeasuringSink>(rig.file, largest));
                  })
                  .ok());
  rig.RunToEnd();
  EXPECT_GT(rig.file.size(), size_t{3} << 20);
  EXPECT_LT(largest, RdbOutput::kPieceBytes + (size_t{64} << 10));

  Nobody nobody;
  MemorySource source(rig.file);
  RdbReaderOptions options;
  options.block_bytes = 4096;
  options.streamed_value_bytes = 16384;
  RdbReader reader(source, nobody, options);
  ASSERT_TRUE(reader.ReadHeader().ok());
  Keyspace loaded(SnapshotRig::Options(false, 16));
  BatchLoader loader(loaded, LoadRules{});
  BatchLoader::Scratch scratch;
  RdbBatch batch;
  int streamed = 0;
  for (;;) {
    Result<bool> more = reader.ReadBatch(batch);
    ASSERT_TRUE(more.ok()) << more.status().text();
    if (!*more) break;
    streamed += batch.streamed;
    const Status status = batch.streamed ? loader.LoadStreamed(reader, batch, scratch) : loader.Load(batch, scratch);
    ASSERT_TRUE(status.ok()) << status.text();
    EXPECT_LE(batch.block.capacity(), size_t{256} << 10) << "the value was collected";
  }
  EXPECT_EQ(streamed, 5);
  EXPECT_EQ(loader.keys_loaded(), 5U);
  // Tables are laid out by their history, and lists are cut into nodes anew: what is compared is the elements' bytes.
  for (const ValueType type : CollectionWriter::kTypes) {
    const std::string key(TypeName(type));
    const EntryView was = rig.keyspace.Locate(0, key, context).View();
    const EntryView is = loaded.Locate(0, key, context).View();
    const int version = type == ValueType::kList ? 9 : kVersion;
    std::string before = EncodeOne(was, version);
    std::string after = EncodeOne(is, version);
    EXPECT_EQ(before.size(), after.size()) << key;
    std::sort(before.begin(), before.end());
    std::sort(after.begin(), after.end());
    EXPECT_TRUE(before == after) << key;
  }
}

}  // namespace
}  // namespace cachenode
