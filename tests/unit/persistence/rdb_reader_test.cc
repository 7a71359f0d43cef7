#include "persistence/rdb_reader.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "persistence/rdb_encode.h"
#include "storage/base/crc64.h"
#include "tests/support/persistence/memory_stream.h"
#include "tests/support/source_path.h"

namespace cachenode {
namespace {

using namespace std::string_literals;

struct Collected : RdbObserver {
  void OnAux(std::string_view name, std::string_view value) override { aux[std::string(name)] = value; }
  void OnResizeDb(uint32_t db, uint64_t key_count, uint64_t expiring_count) override {
    sizes.push_back({db, key_count, expiring_count});
  }
  Status OnFunction(std::string_view source) override {
    functions.emplace_back(source);
    return Status::Ok();
  }

  struct Size {
    uint32_t db;
    uint64_t key_count;
    uint64_t expiring_count;
  };
  struct Key {
    uint32_t db;
    std::string key;
    std::string value;  // Strings decoded, others as they lie.
    RdbRecord record;   // Its views are dead.
  };
  std::map<std::string, std::string> aux;
  std::vector<Size> sizes;
  std::vector<std::string> functions;
  std::vector<Key> keys;
};

Status ReadAll(ByteSource& source, Collected& out, RdbReaderOptions options = {}) {
  RdbReader reader(source, out, options);
  if (Status status = reader.ReadHeader(); !status.ok()) return status;
  RdbBatch batch;
  for (;;) {
    Result<bool> more = reader.ReadBatch(batch);
    if (!more) return more.error();
    if (!*more) return Status::Ok();
    for (const RdbRecord& record : batch.records) {
      std::string value(record.value);
      if (record.type->type == RdbType::kString) {
        RdbCursor cursor(record.value);
        RdbString text;
        if (!cursor.ReadString(text) || !text.CopyTo(value)) return Status::Text("bad string");
      }
      out.keys.push_back({record.db, std::string(record.key), value, record});
    }
  }
}

std::string FileBytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

std::string WithChecksum(std::string file) {
  const uint64_t crc = Crc64(0, file);
  for (int i = 0; i < 8; ++i) file.push_back(static_cast<char>(crc >> (8 * i)));
  return file;
}

std::string ErrorOf(const std::string& file, RdbReaderOptions options = {}) {
  MemorySource source(file);
  Collected out;
  const Status status = ReadAll(source, out, options);
  return std::string(status.text());
}

// --- Samples of live servers ---------------------------------------------------------------------------------------

struct ExpectedString {
  uint32_t db;
  std::string key;
  int64_t expire_at_ms;
  size_t value_bytes;
  uint64_t value_crc;
  int lfu_counter;
  int64_t idle_seconds;
};
struct ExpectedFile {
  std::string name;
  size_t other_keys = 0;
  size_t functions = 0;
  bool loads = true;
  std::vector<ExpectedString> strings;
};

std::string FromHex(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  return bytes;
}

std::vector<ExpectedFile> Expectations() {
  std::ifstream table(SourcePath("tests/unit/persistence/data/expected.tsv"));
  std::vector<ExpectedFile> files;
  std::string line;
  while (std::getline(table, line)) {
    if (line.empty() || line[0] == '#') continue;
    std::vector<std::string> cells;
    std::stringstream row(line);
    for (std::string cell; std::getline(row, cell, '\t');) cells.push_back(cell);
    if (cells[0] == "file") {
      files.push_back({cells[1], std::stoul(cells[2]), std::stoul(cells[3]), cells[4] == "loads", {}});
      continue;
    }
    files.back().strings.push_back({static_cast<uint32_t>(std::stoul(cells[1])), FromHex(cells[2]),
                                    std::stoll(cells[3]), std::stoul(cells[4]), std::stoull(cells[5], nullptr, 16),
                                    std::stoi(cells[6]), std::stoll(cells[7])});
  }
  return files;
}

class RdbSamples : public testing::TestWithParam<size_t> {};

TEST_P(RdbSamples, AreReadAsTheLiveServerReadThem) {
  for (const ExpectedFile& expected : Expectations()) {
    SCOPED_TRACE(expected.name);
    const std::string bytes = FileBytes(SourcePath("tests/unit/persistence/data/" + expected.name + ".rdb"));
    ASSERT_FALSE(bytes.empty());
    MemorySource source(bytes);
    Collected out;
    RdbReaderOptions options;
    options.block_bytes = GetParam();
    const Status status = ReadAll(source, out, options);
    if (!expected.loads && expected.name != "asset-corrupt_ziplist") {  // That one is wrong inside a value.
      EXPECT_EQ(status.code(), Err::kUnavailable);
      EXPECT_NE(status.text().find("unknown value type 150"), std::string_view::npos) << status.text();
      continue;
    }
    ASSERT_TRUE(status.ok()) << status.text();
    EXPECT_EQ(out.functions.size(), expected.functions);
    std::map<std::pair<uint32_t, std::string>, const Collected::Key*> strings;
    size_t others = 0;
    for (const Collected::Key& key : out.keys) {
      if (key.record.type->type == RdbType::kString) {
        strings[{key.db, key.key}] = &key;
      } else {
        ++others;
      }
    }
    if (expected.loads && expected.name != "asset-corrupt_empty_keys") {
      EXPECT_EQ(others, expected.other_keys);
    }
    size_t found = 0;
    for (const ExpectedString& want : expected.strings) {
      const auto at = strings.find({want.db, want.key});
      ASSERT_NE(at, strings.end()) << want.key;
      const Collected::Key& got = *at->second;
      EXPECT_EQ(got.record.expire_at_ms, want.expire_at_ms) << want.key;
      EXPECT_EQ(got.value.size(), want.value_bytes) << want.key;
      EXPECT_EQ(Crc64(0, got.value), want.value_crc) << want.key;
      if (want.lfu_counter >= 0) {
        EXPECT_EQ(got.record.lfu_counter, want.lfu_counter) << want.key;
      }
      if (want.idle_seconds > 0) {
        EXPECT_EQ(got.record.idle_seconds, want.idle_seconds) << want.key;
      }
      ++found;
    }
    EXPECT_EQ(found, expected.strings.size());
  }
}

INSTANTIATE_TEST_SUITE_P(BlockSizes, RdbSamples, testing::Values(size_t{16}, size_t{333}, size_t{1} << 20));

// --- Opcodes and forms, one by one ---------------------------------------------------------------------------------

TEST(RdbReader, ReadsEveryLengthAndStringForm) {
  const std::string file = "REDIS0004"s + "\xFE\x40\x02"s  // SELECTDB 2 in the 14-bit form.
                           +
                           "\x00\x80\x00\x00\x00\x01"
                           "a\x01"
                           "A"s  // 32-bit length.
                           +
                           "\x00\x81\x00\x00\x00\x00\x00\x00\x00\x01"
                           "b\x01"
                           "B"s                           // 64-bit length.
                           + "\x00\xC0\xFB\xC1\x00\x80"s  // Key -5, value -32768.
                           +
                           "\x00\x01"
                           "d\xC2\x00\x00\x00\x80"s  // -2147483648.
                           +
                           "\x00\x01"
                           "e\xC3\x07\x0C\x02"
                           "abc\xE0\x00\x02"s  // abcabcabcabc by LZF.
                           + "\x00\x00\x00"s   // Empty key, empty value.
                           + "\xFF"s;
  MemorySource source(file);
  Collected out;
  const Status status = ReadAll(source, out);
  ASSERT_TRUE(status.ok()) << status.text();
  std::vector<std::pair<std::string, std::string>> got;
  for (const auto& key : out.keys) {
    EXPECT_EQ(key.db, 2U);
    got.emplace_back(key.key, key.value);
  }
  const std::vector<std::pair<std::string, std::string>> want = {
      {"a", "A"}, {"b", "B"}, {"-5", "-32768"}, {"d", "-2147483648"}, {"e", "abcabcabcabc"}, {"", ""}};
  EXPECT_EQ(got, want);
}

TEST(RdbReader, PrefixesBelongToTheNextKeyOnly) {
  const std::string file = "REDIS0009"s + "\xFC\x10\x27\0\0\0\0\0\0"s + "\xF8\x05"s +
                           "\x00\x01"
                           "a\x01"
                           "A"s +
                           "\xFD\x0A\0\0\0"s + "\xF9\xC8"s +
                           "\x00\x01"
                           "b\x01"
                           "B"s +
                           "\x00\x01"
                           "c\x01"
                           "C"s +
                           "\xFF\0\0\0\0\0\0\0\0"s;
  MemorySource source(file);
  Collected out;
  ASSERT_TRUE(ReadAll(source, out).ok());
  ASSERT_EQ(out.keys.size(), 3U);
  EXPECT_EQ(out.keys[0].record.expire_at_ms, 10000);
  EXPECT_EQ(out.keys[0].record.idle_seconds, 5);
  EXPECT_EQ(out.keys[0].record.lfu_counter, -1);
  EXPECT_EQ(out.keys[1].record.expire_at_ms, 10000);
  EXPECT_EQ(out.keys[1].record.idle_seconds, -1);
  EXPECT_EQ(out.keys[1].record.lfu_counter, 200);
  EXPECT_EQ(out.keys[2].record.expire_at_ms, kRdbNoExpiry);
  EXPECT_EQ(out.keys[2].record.lfu_counter, -1);
}

TEST(RdbReader, SkipsWhatConcernsOthersAndReportsTheRest) {
  const std::string file = "REDIS0012"s +
                           "\xFA\x01"
                           "n\xC0\x40"s +
                           "\xF7\x81\x01\x02\x03\x04\x05\x06\x07\x08\x02\x01"s +
                           "\x01\x07\x03"
                           "abcd\x04"
                           "12345678\x05\x02"
                           "hi\x00"s +
                           "\xF4\x01\x02\x03"s +
                           "\xF3\x02"
                           "id\x01\x00\x09"s +
                           "\xF5\x03"
                           "lib"s +
                           "\xFE\x01\xFB\x02\x01"s +
                           "\x00\x01"
                           "a\x01"
                           "A\x00\x01"
                           "b\x01"
                           "B\xFF\0\0\0\0\0\0\0\0"s;
  MemorySource source(file);
  Collected out;
  const Status status = ReadAll(source, out);
  ASSERT_TRUE(status.ok()) << status.text();
  EXPECT_EQ(out.aux["n"], "64");
  ASSERT_EQ(out.functions.size(), 1U);
  EXPECT_EQ(out.functions[0], "lib");
  ASSERT_EQ(out.sizes.size(), 1U);
  EXPECT_EQ(out.sizes[0].db, 1U);
  EXPECT_EQ(out.sizes[0].key_count, 2U);
  EXPECT_EQ(out.keys.size(), 2U);
}

TEST(RdbReader, CapsSizeHintsByTheBytesLeft) {
  const std::string file = "REDIS0009"s + "\xFB\x80\xFF\xFF\xFF\xFF\x80\xFF\xFF\xFF\xFF"s +
                           "\x00\x01"
                           "a\x01"
                           "A"s +
                           "\xFF\0\0\0\0\0\0\0\0"s;
  MemorySource source(file);
  Collected out;
  ASSERT_TRUE(ReadAll(source, out).ok());
  ASSERT_EQ(out.sizes.size(), 1U);
  EXPECT_LE(out.sizes[0].key_count, 5U);
  EXPECT_LE(out.sizes[0].expiring_count, out.sizes[0].key_count);
}

// --- Errors --------------------------------------------------------------------------------------------------------

TEST(RdbReader, ChecksTheChecksumUnlessZeroOrToldNotTo) {
  const std::string body =
      "REDIS0009\x00\x01"
      "a\x01"
      "A\xFF"s;
  EXPECT_EQ(ErrorOf(WithChecksum(body)), "");
  EXPECT_EQ(ErrorOf(body + std::string(8, '\0')), "");
  const std::string wrong = body + "12345678";
  EXPECT_EQ(ErrorOf(wrong).substr(0, 38), "offset 15: wrong checksum (CRC error):");
  RdbReaderOptions lax;
  lax.verify_checksum = false;
  EXPECT_EQ(ErrorOf(wrong, lax), "");
  EXPECT_EQ(ErrorOf("REDIS0004\x00\x01"
                    "a\x01"
                    "A\xFF"s),
            "");  // Older files have none.
}

TEST(RdbReader, NamesThePlaceOfEveryError) {
  EXPECT_EQ(ErrorOf("REDI"), "offset 4: the file ends inside its header");
  EXPECT_EQ(ErrorOf("SQLite format 3"), "offset 0: wrong signature, this is not an RDB file");
  EXPECT_EQ(ErrorOf("REDIS00x9\xFF"), "offset 0: no RDB version after the signature");
  EXPECT_EQ(ErrorOf("REDIS0000\xFF"), "offset 0: no RDB version after the signature");
  EXPECT_EQ(ErrorOf("REDIS0009\x08"), "offset 9: unknown value type 8 in an RDB file of version 9");
  EXPECT_EQ(ErrorOf("REDIS0008\x06"), "offset 9: unknown value type 6 in an RDB file of version 8");
  EXPECT_EQ(ErrorOf("REDIS0009\xFE\x05"), "offset 11: the file ends inside the item that begins at offset 11");
  EXPECT_EQ(ErrorOf("REDIS0009\x00\x01k\x0Ashort"s),
            "offset 18: the file ends inside the item that begins at offset 9");
  EXPECT_EQ(ErrorOf("REDIS0009\x00\x82k"s), "offset 11: unknown length form");
  EXPECT_EQ(ErrorOf("REDIS0009\x00\xC4k"s), "offset 11: unknown string encoding");
  EXPECT_EQ(ErrorOf("REDIS0009\x00\xC3\x01\x81\x00\x00\x00\xFF\x00\x00\x00\x00k"s),
            "offset 21: impossible length of a compressed string");
  EXPECT_EQ(ErrorOf("REDIS0010\xF6\x00"s),
            "offset 10: function libraries of a release candidate of Redis 7.0 cannot be loaded");
  RdbReaderOptions few;
  few.database_count = 16;
  EXPECT_EQ(ErrorOf("REDIS0009\xFE\x10"s, few), "offset 11: database 16 does not exist here, there are 16");
}

TEST(RdbReader, StrictVersionsAreBoundedRelaxedOnesAreNot) {
  RdbReaderOptions strict;
  strict.version_check = RdbVersionCheck::kStrict;
  const std::string end = "\xFF\0\0\0\0\0\0\0\0"s;
  EXPECT_EQ(ErrorOf("REDIS0012" + end, strict), "");
  EXPECT_EQ(ErrorOf("VALKEY080" + end, strict), "");
  EXPECT_EQ(ErrorOf("REDIS0013" + end, strict), "offset 0: RDB version 13 is newer than 12, the newest one known");
  EXPECT_EQ(ErrorOf("VALKEY081" + end, strict), "offset 0: RDB version 81 is newer than 80, the newest one known");
  EXPECT_EQ(ErrorOf("REDIS0013" + end), "");
  EXPECT_EQ(ErrorOf("VALKEY999" + end), "");
}

TEST(RdbReader, LyingLengthsAllocateNothing) {
  std::string file = "REDIS0009\x00\x01k\x81\x00\x00\x01\x00\x00\x00\x00\x00"s;  // A terabyte.
  file.resize(5000, 'x');
  Collected out;
  MemorySource::Options unknown;
  unknown.size_known = false;
  MemorySource source(file, unknown);
  RdbReaderOptions options;
  options.block_bytes = 64;
  RdbReader reader(source, out, options);
  ASSERT_TRUE(reader.ReadHeader().ok());
  RdbBatch batch;
  EXPECT_EQ(reader.ReadBatch(batch).status().code(), Err::kCorrupt);
  EXPECT_LT(batch.block.capacity(), 2 * file.size() + 64);
}

// The sizes a file promises are capped by the bytes there are: those of the whole file where the source is its head.
TEST(RdbReader, CapsTheSizeOfADatabaseByTheWholeFile) {
  const std::string head = "REDIS0009\xFE\x00\xFB\x80\x00\x00\x27\x10\x00"s;  // 10000 keys.
  for (const uint64_t whole_file_bytes : {0U, 1'000'000U}) {
    Collected out;
    MemorySource source(head);
    RdbReaderOptions options;
    options.whole_file_bytes = whole_file_bytes;
    RdbReader reader(source, out, options);
    ASSERT_TRUE(reader.ReadHeader().ok());
    reader.StartFragment(9, RdbDialect::kRedis, kRdbMagicBytes);
    RdbBatch batch;
    while (*reader.ReadBatch(batch)) {
    }
    ASSERT_EQ(out.sizes.size(), 1U);
    EXPECT_EQ(out.sizes[0].key_count == 10000, whole_file_bytes != 0) << out.sizes[0].key_count;
  }
}

TEST(RdbReader, EveryTruncationAndEverySourceErrorIsAnError) {
  const std::string whole = FileBytes(SourcePath("tests/unit/persistence/data/synth-portable-v9.rdb"));
  for (size_t size = 0; size < whole.size(); ++size) {
    Collected out;
    MemorySource source(std::string_view(whole).substr(0, size));
    EXPECT_EQ(ReadAll(source, out).code(), Err::kCorrupt) << size;
    MemorySource::Options faulty;
    faulty.fail_at = size;
    MemorySource broken(whole, faulty);
    EXPECT_EQ(ReadAll(broken, out).code(), Err::kIo) << size;
  }
}

TEST(RdbReader, FlippedBytesNeverCrashAndTheChecksumFindsThem) {
  for (const char* name : {"synth-v12", "synth-valkey80", "redis7.0.15-streams", "synth-v2"}) {
    std::string bytes = FileBytes(SourcePath(fmt::format("tests/unit/persistence/data/{}.rdb", name)));
    const bool checked = std::string_view(name) != "synth-v2";
    for (size_t at = 9; at < bytes.size(); at += 1 + bytes.size() / 2000) {
      bytes[at] = static_cast<char>(bytes[at] ^ 0x41);
      Collected out;
      MemorySource source(bytes);
      const Status status = ReadAll(source, out);
      if (checked) {
        EXPECT_FALSE(status.ok()) << name << " " << at;
      }
      bytes[at] = static_cast<char>(bytes[at] ^ 0x41);
    }
  }
}

TEST(RdbReader, FragmentsEndWhereTheirSourceEnds) {
  const std::string body =
      "\xFE\x03\x00\x01"
      "a\x01"
      "A\x00\x01"
      "b\x01"
      "B"s;
  Collected out;
  MemorySource source(body);
  RdbReader reader(source, out, {});
  reader.StartFragment(10, RdbDialect::kRedis, 1000);
  RdbBatch batch;
  Result<bool> more = reader.ReadBatch(batch);
  ASSERT_TRUE(more.ok() && *more);
  ASSERT_EQ(batch.records.size(), 2U);
  EXPECT_EQ(batch.records[1].offset, 1007U);
  EXPECT_EQ(batch.records[1].db, 3U);
  more = reader.ReadBatch(batch);
  ASSERT_TRUE(more.ok());
  EXPECT_FALSE(*more);
  EXPECT_EQ(reader.checksum(), Crc64(0, body));

  const std::string ended = body + "\xFF"s;
  MemorySource with_end(ended);
  RdbReader refused(with_end, out, {});
  refused.StartFragment(10, RdbDialect::kRedis, 0);
  EXPECT_EQ(refused.ReadBatch(batch).status().code(), Err::kCorrupt);
}

}  // namespace
}  // namespace cachenode
