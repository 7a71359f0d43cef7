#include "persistence/restore.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <random>
#include <sstream>
#include <string>
#include <thread>

#include "persistence/rdb_value_codec.h"
#include "storage/base/crc64.h"
#include "tests/support/persistence/snapshot_rig.h"
#include "tests/support/scratch_folder.h"
#include "tests/support/source_path.h"

namespace cachenode {
namespace {

using namespace std::string_literals;

class RestoreTest : public testing::Test {
 protected:
  RestoreTest() { context_.SetNow(1'700'000'000'000); }

  [[nodiscard]] std::string Path() const { return folder_.File("dump.rdb"); }
  void Put(std::string_view key, std::string_view value, uint32_t db = 0, Expiry expiry = Expiry::kClear) {
    ASSERT_TRUE(rig_.keyspace.Locate(db, key, context_).WriteString(value, expiry).ok());
  }
  void Save() {
    SnapshotSettings settings;
    settings.directory = folder_.path();
    rig_.snapshotter.SetSettings(settings);
    ASSERT_TRUE(rig_.snapshotter.SaveNow().ok());
  }
  // A file that has exactly these bytes between header and end.
  void WriteFile(const std::string& body, const std::string& magic = "REDIS0010") {
    std::ofstream(Path(), std::ios::binary) << magic + body + "\xFF\0\0\0\0\0\0\0\0"s;
  }
  Status LoadInto(SnapshotRig& target, unsigned threads, LoadRules rules = {}) {
    RestoreOptions options;
    options.thread_count = threads;
    options.rules = rules;
    Restore restore(target.keyspace, rig_.clock, rig_.log, options);
    Status status = restore.FromFile(Path());
    progress_ = restore.Progress();
    return status;
  }
  Status LoadStream(SnapshotRig& target, ByteSource& source, unsigned threads) {
    RestoreOptions options;
    options.thread_count = threads;
    Restore restore(target.keyspace, rig_.clock, rig_.log, options);
    return restore.FromSource(source, "a stream");
  }
  [[nodiscard]] std::string FileBytes() const {
    std::stringstream bytes;
    bytes << std::ifstream(Path(), std::ios::binary).rdbuf();
    return bytes.str();
  }
  std::string ErrorOfBody(const std::string& body) {
    WriteFile(body);
    SnapshotRig target(false);
    const Status status = LoadInto(target, 1);
    EXPECT_TRUE(status.text().starts_with(Path() + ": ")) << status.text();
    return std::string(status.text().substr(std::min(status.text().size(), Path().size() + 2)));
  }

  const ScratchFolder folder_;
  SnapshotRig rig_{false};
  AccessContext context_;
  RestoreProgress progress_;
};

TEST_F(RestoreTest, LoadsWhatSaveWroteAtAnyThreadAndShardCount) {
  for (int i = 0; i < 60000; ++i)
    Put("key:" + std::to_string(i), "value:" + std::string(static_cast<size_t>(i % 90), 'v'));
  for (int i = 0; i < 3000; ++i) Put("n" + std::to_string(i), std::to_string(i * 1000003LL), 2);
  Put("soon", "x", 1, Expiry::At(4'000'000'000'000));
  Put("block", std::string(50000, 'b') + "e", 1);
  Put("large", std::string(9 << 20, 'L'), 3);
  const DataSet want = rig_.Everything();
  Save();
  for (const unsigned threads : {1U, 2U, 4U}) {
    for (const uint32_t shards : {16U, 64U}) {
      SnapshotRig target(threads > 1, shards);
      const Status status = LoadInto(target, threads);
      ASSERT_TRUE(status.ok()) << status.text();
      ExpectSame(target.Everything(), want);
      EXPECT_EQ(progress_.keys_loaded, want.size());
      EXPECT_EQ(progress_.loaded_bytes, progress_.total_bytes);
      EXPECT_GT(progress_.writer_used_memory_bytes, 0U);
    }
  }
}

// "ReJSON-RL", version 3, as a module's type is written: nine letters of six bits, ten bits of version.
std::string ModuleValue(std::string_view name = "ReJSON-RL") {
  constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  uint64_t id = 0;
  for (const char letter : name) id = id << 6 | kLetters.find(letter);
  id = id << 10 | 3;
  std::string text = "\x81";
  for (int shift = 56; shift >= 0; shift -= 8) text.push_back(static_cast<char>(id >> shift & 0xFF));
  return text +
         "\x02\x05\x05\x03"
         "abc" +
         "\x04\0\0\0\0\0\0\0\0\x00"s;
}

TEST_F(RestoreTest, LeavesValuesOfModulesOutWhenTold) {
  const std::string body = "\x07\x02m1" + ModuleValue() + "\x00\x01k\x01v"s + "\x07\x02m2" + ModuleValue() +
                           "\x07\x02m3" + ModuleValue("MBbloom--");
  WriteFile(body);
  for (const unsigned threads : {1U, 2U}) {
    SnapshotRig target(threads > 1);
    RestoreOptions options;
    options.thread_count = threads;
    options.unsupported = UnsupportedTypes::kSkip;
    Restore restore(target.keyspace, rig_.clock, rig_.log, options);
    const Status status = restore.FromFile(Path());
    ASSERT_TRUE(status.ok()) << status.text();
    EXPECT_EQ(restore.DescribeSkipped(), "3 keys of 2 unsupported types were left out: MBbloom-- 1, ReJSON-RL 2");
    EXPECT_EQ(target.Everything().size(), 1U);
  }
  SnapshotRig target(false);
  EXPECT_NE(LoadInto(target, 1).text().find("needs the module that wrote it"), std::string_view::npos);
}

TEST_F(RestoreTest, LoadsFromAStreamInPieces) {
  for (int i = 0; i < 20000; ++i) Put("key:" + std::to_string(i), std::string(60, static_cast<char>('a' + i % 26)));
  Put("larger than a batch", std::string(1 << 20, 'L') + "e");
  const DataSet want = rig_.Everything();
  Save();
  const std::string text = FileBytes();
  for (const unsigned threads : {1U, 3U}) {
    MemorySource::Options pieces;
    pieces.piece_bytes_max = 777;
    pieces.size_known = false;
    MemorySource source(text, pieces);
    SnapshotRig target(true);
    const Status status = LoadStream(target, source, threads);
    ASSERT_TRUE(status.ok()) << status.text();
    ExpectSame(target.Everything(), want);
  }
}

TEST_F(RestoreTest, AStreamThatBreaksIsRefusedByAnyNumberOfThreads) {
  for (int i = 0; i < 20000; ++i) Put("key:" + std::to_string(i), std::string(60, static_cast<char>('a' + i % 26)));
  Save();
  std::string text = FileBytes();
  for (const unsigned threads : {1U, 3U}) {
    MemorySource::Options breaks;
    breaks.fail_at = text.size() / 2;
    MemorySource source(text, breaks);
    SnapshotRig target(true);
    EXPECT_EQ(LoadStream(target, source, threads).text(), "a stream: planted read error");
    MemorySource whole(text);
    SnapshotRig full(true);
    ASSERT_TRUE(full.keyspace.Locate(0, "key:19999", context_).WriteString("x", Expiry::kClear).ok());
    const Status status = LoadStream(full, whole, threads);
    EXPECT_TRUE(status.text().ends_with("the key is there already")) << status.text();
  }
}

// Cancels the restore when it has given all its bytes.
class CancellingSource final : public ByteSource {
 public:
  explicit CancellingSource(std::string_view bytes) : bytes_(bytes) {}
  Result<size_t> Read(std::span<char> into) override {
    Result<size_t> count = bytes_.Read(into);
    if (count && *count == 0) restore->Cancel();
    return count;
  }
  [[nodiscard]] int64_t SizeBytes() const override { return -1; }

  Restore* restore = nullptr;

 private:
  MemorySource bytes_;
};

TEST_F(RestoreTest, AStreamThatWasCancelledAtItsEndIsNotTakenForWhole) {
  for (int i = 0; i < 20000; ++i) Put("key:" + std::to_string(i), "value");
  Save();
  const std::string text = FileBytes();
  CancellingSource source(text);
  SnapshotRig target(true);
  Restore restore(target.keyspace, rig_.clock, rig_.log, {});
  source.restore = &restore;
  EXPECT_EQ(restore.FromSource(source, "a stream").code(), Err::kCancelled);
}

TEST_F(RestoreTest, DropsExpiredKeysUnlessToldNotTo) {
  Put("old", "x", 0, Expiry::At(1'700'000'000'000));
  Put("new", "x", 0, Expiry::At(1'700'000'000'001));
  Save();
  LoadRules rules;
  rules.now_ms = 1'700'000'000'001;
  SnapshotRig master(false);
  ASSERT_TRUE(LoadInto(master, 1, rules).ok());
  EXPECT_EQ(master.keyspace.KeyCount(0), 1U);
  EXPECT_EQ(progress_.keys_expired, 1U);
  rules.drop_expired = false;
  SnapshotRig replica(false);
  ASSERT_TRUE(LoadInto(replica, 1, rules).ok());
  EXPECT_EQ(replica.keyspace.KeyCount(0), 2U);
}

TEST_F(RestoreTest, KeepsRecencyByPolicy) {
  WriteFile(
      "\xF8\x40\x64\x00\x01"
      "a\x01"
      "A"s +
      "\xF9\xC8\x00\x01"
      "b\x01"
      "B"s);
  SnapshotRig lru(false);
  ASSERT_TRUE(LoadInto(lru, 1).ok());
  AccessContext now;
  now.SetNow(lru.clock.NowMs());
  now.touch = false;
  EXPECT_NEAR(lru.keyspace.Locate(0, "a", now).IdleSeconds(), 100, 2);
  LoadRules lfu_rules;
  lfu_rules.recency = Recency::kFrequency;
  SnapshotRig lfu(false);
  ASSERT_TRUE(LoadInto(lfu, 1, lfu_rules).ok());
  now.recency = Recency::kFrequency;
  EXPECT_EQ(lfu.keyspace.Locate(0, "b", now).LfuCounter(), 200);
}

TEST_F(RestoreTest, NamesPlaceKeyAndReasonOfEveryRefusal) {
  EXPECT_EQ(ErrorOfBody("\x04\x01h\x02\x01"
                        "f\x01v\x01"
                        "f\x01v"s),
            "offset 9: key \"h\" (hash, RDB type 4, file version 10): a hash field that comes twice");
  EXPECT_EQ(
      ErrorOfBody("\x10\x01h\x02zz"s),
      "offset 9: key \"h\" (hash (listpack), RDB type 16, file version 10): Hash listpack integrity check failed.");
  EXPECT_EQ(ErrorOfBody("\x00\x01"
                        "a\x01"
                        "A\x00\x01"
                        "a\x01"
                        "B"s),
            "offset 14: key \"a\" (string, RDB type 0, file version 10): the key is there already");
  EXPECT_EQ(ErrorOfBody("\xFC\xFE\xFF\xFF\xFF\xFF\xFF\xFF\x7F\x00\x01"
                        "a\x01"
                        "A"s),
            "offset 18: key \"a\" (string, RDB type 0, file version 10): impossible expiry 9223372036854775806");
  EXPECT_EQ(ErrorOfBody("\x00\x01z\xC3\x03\x09\xE0\xFF\xFF"s),
            "offset 9: key \"z\" (string, RDB type 0, file version 10): the compressed string cannot be decompressed");
  EXPECT_EQ(ErrorOfBody("\xFE\x09"s), "offset 11: database 9 does not exist here, there are 4");
}

TEST_F(RestoreTest, SkipsEmptyCollections) {
  WriteFile("\x01\x01l\x00\x02\x01s\x00\x04\x01h\x00"s + "\x10\x01p\x07\x07\0\0\0\0\0\xFF"s +
            "\x00\x01"
            "a\x01"
            "A"s);
  SnapshotRig target(false);
  const Status status = LoadInto(target, 1);
  ASSERT_TRUE(status.ok()) << status.text();
  EXPECT_EQ(target.keyspace.KeyCount(0), 1U);
}

TEST_F(RestoreTest, ReplacesExistingKeysWhenTold) {
  WriteFile(
      "\x00\x01"
      "a\x01"
      "A"s);
  SnapshotRig target(false);
  ASSERT_TRUE(LoadInto(target, 1).ok());
  EXPECT_EQ(LoadInto(target, 1).code(), Err::kCorrupt);
  LoadRules rules;
  rules.replace_existing = true;
  EXPECT_TRUE(LoadInto(target, 1, rules).ok());
}

TEST_F(RestoreTest, RefusesWhatNeedsMoreMemoryThanThereIs) {
  for (int i = 0; i < 30000; ++i)
    Put("key:" + std::to_string(i), std::string(100, static_cast<char>('a' + i % 26)) + "x");
  Save();
  SnapshotRig target(false);
  LoadRules rules;
  rules.memory_bytes_max = 1 << 20;
  Status status = LoadInto(target, 2, rules);
  EXPECT_EQ(status.code(), Err::kOutOfMemory);
  EXPECT_EQ(status.text(), Path() + ": the data needs more than the 1048576 bytes of memory of this node");

  SnapshotRig untouched(false);
  RestoreOptions options;
  options.needed_bytes_max = 1000;
  Restore restore(untouched.keyspace, rig_.clock, rig_.log, options);
  status = restore.FromFile(Path());
  EXPECT_EQ(status.code(), Err::kOutOfMemory);
  EXPECT_EQ(untouched.keyspace.KeyCount(0), 0U);
}

// The keys of one batch, compressed so well that they fit into it.
TEST_F(RestoreTest, AsksForMemoryAfterTheLastBatchToo) {
  for (int i = 0; i < 3000; ++i) Put("key:" + std::to_string(i), std::string(1000, 'a'));
  Save();
  ASSERT_LT(FileBytes().size(), size_t{256} << 10);
  LoadRules rules;
  rules.memory_bytes_max = 1 << 20;
  SnapshotRig target(false);
  EXPECT_EQ(LoadInto(target, 1, rules).code(), Err::kOutOfMemory);
}

TEST_F(RestoreTest, RefusesMoreKeysThanCertainlyFit) {
  // SELECT 0, RESIZEDB 64 keys of which `expiring` may be gone, and the keys.
  const auto file = [](char expiring) {
    std::string body = "\xFE\x00\xFB\x40\x40"s + expiring;
    for (int i = 0; i < 64; ++i) body += "\x00\x02k"s + static_cast<char>('0' + i) + "\x01v";
    return body;
  };
  const auto load = [this](uint64_t needed_bytes_max) {
    SnapshotRig target(false);
    RestoreOptions options;
    options.thread_count = 1;
    options.needed_bytes_max = needed_bytes_max;
    return Restore(target.keyspace, rig_.clock, rig_.log, options).FromFile(Path());
  };
  WriteFile(file('\x00'));
  EXPECT_TRUE(load(64 * 13).ok());
  const Status refused = load(64 * 13 - 1);
  EXPECT_EQ(refused.code(), Err::kOutOfMemory);
  EXPECT_EQ(refused.text(), Path() + ": the data needs 832 bytes of memory, 831 are there");
  WriteFile(file('\x01'));
  EXPECT_TRUE(load(64 * 13 - 1).ok());
}

TEST_F(RestoreTest, FindsEveryFlippedByteOfItsOwnFiles) {
  for (int i = 0; i < 20000; ++i) Put("key:" + std::to_string(i), "value:" + std::to_string(i));
  Save();
  const size_t size = std::filesystem::file_size(Path());
  std::mt19937 random(7);
  for (int round = 0; round < 60; ++round) {
    const size_t at = round < 10 ? size - 1 - static_cast<size_t>(round) * 7 : random() % size;
    std::fstream file(Path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(at));
    const char old = static_cast<char>(file.get());
    file.seekp(static_cast<std::streamoff>(at));
    file.put(static_cast<char>(old ^ 0x20));
    file.flush();
    SnapshotRig target(true);
    EXPECT_FALSE(LoadInto(target, 2).ok()) << at;
    file.seekp(static_cast<std::streamoff>(at));
    file.put(old);
  }
  SnapshotRig target(true);
  EXPECT_TRUE(LoadInto(target, 2).ok());
}

TEST_F(RestoreTest, CanBeCancelled) {
  Put("a", "A");
  Save();
  SnapshotRig target(false);
  Restore restore(target.keyspace, rig_.clock, rig_.log, {});
  restore.Cancel();
  EXPECT_EQ(restore.FromFile(Path()).code(), Err::kCancelled);
}

class Ignoring final : public RdbObserver {
 public:
  void OnAux(std::string_view, std::string_view) override {}
  void OnResizeDb(uint32_t, uint64_t, uint64_t) override {}
  Status OnFunction(std::string_view) override { return Status::Ok(); }
};

Status LoadRecords(BatchLoader& loader, const std::string& records) {
  const std::string bytes = "REDIS0010" + records + "\xFF\0\0\0\0\0\0\0\0"s;
  MemorySource source(bytes);
  Ignoring observer;
  RdbReader reader(source, observer, {});
  if (Status status = reader.ReadHeader(); !status.ok()) return status;
  RdbBatch batch;
  if (Result<bool> more = reader.ReadBatch(batch); !more) return more.error();
  BatchLoader::Scratch scratch;
  return loader.Load(batch, scratch);
}

TEST_F(RestoreTest, ABatchDoesNotWaitForShardsItHasNoKeysOf) {
  SnapshotRig target(true);
  std::promise<void> stands_inside;
  std::promise<void> go_on;
  // An empty list is told of while its shard is being filled.
  BatchLoader loader(target.keyspace, {}, [&](std::string_view) {
    stands_inside.set_value();
    go_on.get_future().wait();
  });
  std::thread first([&] { EXPECT_TRUE(LoadRecords(loader, "\x01\x01"s + "e" + "\0"s).ok()); });
  stands_inside.get_future().wait();
  const auto shard_of = [&](std::string_view key) { return target.keyspace.ShardIndexOf(Keyspace::Hash(key)); };
  std::string key = "a";
  while (shard_of(key) == shard_of("e")) ++key[0];
  std::future<bool> second =
      std::async(std::launch::async, [&] { return LoadRecords(loader, "\0\x01"s + key + "\x01v").ok(); });
  EXPECT_EQ(second.wait_for(std::chrono::seconds(20)), std::future_status::ready);
  go_on.set_value();
  first.join();
  EXPECT_TRUE(second.get());
}

TEST_F(RestoreTest, EverySampleLoadsButThreeThatAreDamaged) {
  for (const auto& entry : std::filesystem::directory_iterator(SourcePath("tests/unit/persistence/data"))) {
    if (entry.path().extension() != ".rdb") continue;
    SCOPED_TRACE(entry.path().filename());
    SnapshotRig target(false);
    KeyspaceOptions options = SnapshotRig::Options(false, 16);
    options.database_count = 16;
    Keyspace keyspace(options);
    Restore restore(keyspace, rig_.clock, rig_.log, {});
    const Status status = restore.FromFile(entry.path());
    if (status.ok()) continue;
    const bool damaged = status.text().find("Hash ziplist integrity check failed.") != std::string_view::npos;
    const bool unknown = status.text().find("unknown value type 150") != std::string_view::npos;
    EXPECT_TRUE(damaged || unknown) << status.text();
  }
}

// --- DUMP and RESTORE ----------------------------------------------------------------------------------------------

class DumpPayloads : public RestoreTest {
 protected:
  std::string DumpOf(std::string_view value) {
    Put("k", value);
    return DumpPayload(rig_.keyspace.Locate(0, "k", context_).View(), RdbCompression::kLzf);
  }
  std::string RestoreError(std::string_view payload) {
    Result<RdbPayload> parsed = ParseDumpPayload(payload);
    if (!parsed) return std::string(parsed.status().text());
    KeySlot slot = rig_.keyspace.Locate(0, "r", context_);
    std::string why;
    return std::string(WriteRdbPayload(*parsed, slot, Expiry::kClear, why).text());
  }
};

TEST_F(DumpPayloads, ComeBack) {
  for (const std::string& value : {"hello"s, ""s, "12345"s, "-9223372036854775808"s, std::string(5000, 'x'),
                                   std::string(40000, 'y') + "z", "\0\xFF\n"s}) {
    EXPECT_EQ(RestoreError(DumpOf(value)), "");
    StringScratch scratch;
    EXPECT_EQ(rig_.keyspace.Locate(0, "r", context_).ReadString(scratch), value);
  }
}

TEST_F(DumpPayloads, OfLiveServersAreAccepted) {
  EXPECT_EQ(RestoreError("\x00\x05hello\x0a\x00\x63\x72\xdf\x76\x65\x34\x20\x0a"s), "");  // 7.0
  EXPECT_EQ(RestoreError("\x00\x05hello\x0c\x00\xa8\x04\xeb\xb6\x9f\x1e\xbe\x43"s), "");  // 8.0
  EXPECT_EQ(RestoreError("\x00\x05hello\x50\x00\xac\x58\x16\xe7\xfb\x66\x47\xfe"s), "");  // Valkey 9.1
}

TEST_F(DumpPayloads, AreRefusedWithTheTextsOfRedis) {
  const std::string good = DumpOf("hello");
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_EQ(RestoreError(good.substr(0, size)), "ERR DUMP payload version or checksum are wrong");
  }
  const auto with_footer = [](std::string body, int version) {
    body.push_back(static_cast<char>(version));
    body.push_back('\0');
    const uint64_t crc = Crc64(0, body);
    for (int i = 0; i < 8; ++i) body.push_back(static_cast<char>(crc >> (8 * i)));
    return body;
  };
  EXPECT_EQ(RestoreError(with_footer("\x00\x05hello"s, 10)), "");
  EXPECT_EQ(RestoreError(with_footer("\x00\x05hello"s, 13)), "ERR DUMP payload version or checksum are wrong");
  EXPECT_EQ(RestoreError(with_footer("\x00\x06hello"s, 10)), "ERR Bad data format");
  EXPECT_EQ(RestoreError(with_footer("\x08\x05hello"s, 10)), "ERR Bad data format");
  EXPECT_EQ(RestoreError(with_footer("", 10)), "ERR Bad data format");
  EXPECT_EQ(RestoreError(with_footer("\x00\xC3\x03\x09\xE0\xFF\xFF"s, 10)), "ERR Bad data format");
}

}  // namespace
}  // namespace cachenode
