#include "persistence/rdb_writer.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "persistence/chunk_index.h"
#include "persistence/rdb_encode.h"
#include "persistence/rdb_reader.h"
#include "storage/base/crc64.h"
#include "tests/support/persistence/memory_stream.h"
#include "tests/support/scratch_folder.h"

namespace cachenode {
namespace {

using namespace std::string_literals;

std::string Chunk(uint32_t db, std::string_view key, std::string_view value) {
  EncodeBuffer out;
  AppendRdbOpcode(out, RdbOpcode::kSelectDb);
  AppendRdbLength(out, db);
  out.AppendByte(0);
  AppendRdbString(out, key, RdbCompression::kOff);
  AppendRdbString(out, value, RdbCompression::kOff);
  return std::string(out.view());
}

RdbFileHeader Header() {
  RdbFileHeader header;
  header.created_s = 1700000000;
  header.used_memory_bytes = 123456;
  header.databases = {{0, 2, 1}, {3, 1, 0}};
  return header;
}

std::string WriteFile(const RdbFileHeader& header, const std::vector<std::string>& chunks) {
  std::string file;
  MemorySink sink(file);
  RdbWriter writer(sink);
  EXPECT_TRUE(writer.WriteHeader(header).ok());
  for (const std::string& chunk : chunks) {
    const std::string_view parts[] = {std::string_view(chunk).substr(0, 2), std::string_view(chunk).substr(2)};
    EXPECT_TRUE(writer.WriteChunk(parts).ok());
  }
  EXPECT_TRUE(writer.Finish().ok());
  EXPECT_TRUE(sink.Commit().ok());
  EXPECT_EQ(writer.bytes_written(), file.size());
  return file;
}

struct Seen : RdbObserver {
  void OnAux(std::string_view name, std::string_view value) override {
    log += std::string(name) + "=" + std::string(value.substr(0, 12)) + ";";
  }
  void OnResizeDb(uint32_t db, uint64_t keys, uint64_t expiring) override {
    log += "db" + std::to_string(db) + ":" + std::to_string(keys) + "/" + std::to_string(expiring) + ";";
  }
  Status OnFunction(std::string_view) override { return Status::Ok(); }
  std::string log;
};

// The keys of a file as "db key" in their order; its checksum is right.
std::string KeysInOrder(std::string_view file, Seen& seen) {
  MemorySource source(file);
  RdbReader reader(source, seen, {});
  EXPECT_TRUE(reader.ReadHeader().ok());
  RdbBatch batch;
  std::string keys;
  for (;;) {
    Result<bool> more = reader.ReadBatch(batch);
    EXPECT_TRUE(more.ok()) << more.status().text();
    if (!more.ok() || !*more) return keys;
    for (const RdbRecord& record : batch.records) keys += std::to_string(record.db) + std::string(record.key) + " ";
  }
}

TEST(RdbWriter, WritesAFileThatReadsBackWithItsChecksum) {
  const std::string file = WriteFile(Header(), {Chunk(0, "a", "1"), Chunk(3, "c", "x"), Chunk(0, "b", "2")});
  EXPECT_EQ(file.substr(0, 9), "REDIS0010");
  Seen seen;
  EXPECT_EQ(KeysInOrder(file, seen), "0a 3c 0b ");
  EXPECT_EQ(seen.log,
            "redis-ver=7.4.0;redis-bits=64;ctime=1700000000;used-mem=123456;cachenode-used-mem=123456;aof-base=0;"
            "db0:2/1;db3:1/0;cachenode-chunks=v1 7 7 7 @00;");
}

TEST(RdbWriter, WritesTheMagicOfTheVersion) {
  RdbFileHeader header = Header();
  header.version = RdbVersionToWrite(RdbVersionChoice::k80, false);
  header.server_is_valkey = true;
  header.server_version = "9.0.1";
  const std::string valkey = WriteFile(header, {});
  EXPECT_EQ(valkey.substr(0, 9), "VALKEY080");
  EXPECT_NE(valkey.find("valkey-ver"), std::string::npos);
  header.version = RdbVersionToWrite(RdbVersionChoice::k9, false);
  EXPECT_EQ(WriteFile(header, {}).substr(0, 9), "REDIS0009");
  EXPECT_EQ(RdbVersionToWrite(RdbVersionChoice::kAuto, false), 10);
  EXPECT_EQ(RdbVersionToWrite(RdbVersionChoice::kAuto, true), 12);
}

TEST(RdbWriter, WritesNoChecksumWhenTold) {
  RdbFileHeader header = Header();
  header.checksum = false;
  const std::string file = WriteFile(header, {Chunk(0, "a", "1")});
  EXPECT_EQ(file.substr(file.size() - 9), "\xFF\0\0\0\0\0\0\0\0"s);
}

TEST(RdbWriter, StopsAtTheFirstErrorOfTheSink) {
  std::string file;
  MemorySink sink(file, 200);
  RdbWriter writer(sink);
  ASSERT_TRUE(writer.WriteHeader(Header()).ok());
  const std::string chunk = Chunk(0, "key", std::string(150, 'v'));
  const std::string_view parts[] = {chunk};
  EXPECT_EQ(writer.WriteChunk(parts).code(), Err::kIo);
  const std::string small = Chunk(0, "k", "v");
  const std::string_view small_parts[] = {small};
  // Several threads write chunks: whichever tells of its failure first must know the reason.
  EXPECT_EQ(writer.WriteChunk(small_parts).text(), "planted write error");
  EXPECT_EQ(writer.Finish().text(), "planted write error");
}

class ChunkIndexes : public testing::Test {
 protected:
  ChunkIndex Read(const std::string& bytes) {
    const std::string path = folder_.File("x.rdb");
    std::ofstream(path, std::ios::binary) << bytes;
    Result<std::unique_ptr<FileSource>> file = FileSource::Open(path);
    EXPECT_TRUE(file.ok());
    Result<ChunkIndex> index = ReadChunkIndex(**file);
    EXPECT_TRUE(index.ok());
    return *std::move(index);
  }
  const ScratchFolder folder_;
};

TEST_F(ChunkIndexes, AreFoundFromTheEnd) {
  const std::vector<std::string> chunks = {Chunk(0, "a", "1"), Chunk(3, "long key", "x"), Chunk(0, "b", "2")};
  const std::string file = WriteFile(Header(), chunks);
  const ChunkIndex index = Read(file);
  ASSERT_EQ(index.chunks.size(), chunks.size());
  for (size_t i = 0; i < chunks.size(); ++i) {
    EXPECT_EQ(file.substr(index.chunks[i].offset, index.chunks[i].size_bytes), chunks[i]);
  }
  EXPECT_EQ(index.chunks[0].offset, index.head_bytes);
  EXPECT_EQ(file.substr(index.tail_offset + 2, kRdbAuxChunkIndex.size()), kRdbAuxChunkIndex);
}

TEST_F(ChunkIndexes, ThatDoNotTileTheFileAreNotBelieved) {
  const std::string file = WriteFile(Header(), {Chunk(0, "a", "1"), Chunk(3, "c", "x")});
  ASSERT_EQ(Read(file).chunks.size(), 2U);
  const size_t sizes = file.find("v1 ") + 3;
  for (const char* text : {"7 9 ", "f 7 ", "0 7 ", "x 7 ", "7 77", "  7 "}) {
    std::string changed = file;
    changed.replace(sizes, 4, text);
    const ChunkIndex index = Read(changed);
    // A smaller sum only means a longer head, which is read by the framer.
    EXPECT_TRUE(index.chunks.empty() || index.head_bytes + 16 >= index.chunks[0].offset) << text;
  }
  for (size_t at = 0; at < file.size(); ++at) {
    std::string changed = file;
    changed[at] = static_cast<char>(changed[at] ^ 0x11);
    (void)Read(changed);
  }
  for (size_t size = 0; size < file.size(); ++size) EXPECT_TRUE(Read(file.substr(0, size)).chunks.empty());
  EXPECT_TRUE(Read(std::string(100, '@')).chunks.empty());
}

// --- Values in pieces ------------------------------------------------------------------------------------------------

// Has room for so many bytes, and lets another encoder write whenever it is asked.
class PieceHost final : public EncoderHost {
 public:
  PieceHost(RdbWriter& writer, size_t room_bytes) : writer_(writer), room_bytes_(room_bytes) {}
  bool TryHold(size_t bytes) noexcept override {
    if (held_bytes_ + bytes > room_bytes_) return false;
    held_bytes_ += bytes;
    const std::string other = Chunk(1, "other", std::to_string(others_++));
    const std::string_view part = other;
    EXPECT_TRUE(writer_.WriteChunk({&part, 1}).ok()) << "would wait for ever if the value held the writer";
    return true;
  }
  void LetGo(size_t bytes) noexcept override { held_bytes_ -= bytes; }
  [[nodiscard]] bool IsShortOfRoom() const noexcept override { return false; }
  [[nodiscard]] bool OnPiece() noexcept override { return true; }

  [[nodiscard]] size_t held_bytes() const { return held_bytes_; }
  [[nodiscard]] int others() const { return others_; }

 private:
  RdbWriter& writer_;
  const size_t room_bytes_;
  size_t held_bytes_ = 0;
  int others_ = 0;
};

EncodeBuffer PieceOf(std::string_view bytes) {
  EncodeBuffer piece;
  piece.Append(bytes);
  return piece;
}

// Writes one value in six pieces with room for some of them; answers the file.
std::string WriteInPieces(size_t pieces_held, int& others) {
  std::string file;
  MemorySink sink(file);
  RdbWriter writer(sink);
  EXPECT_TRUE(writer.WriteHeader(Header()).ok());
  const std::string value = Chunk(0, "long", "0123456789012345678901234567890123456789");
  const size_t piece_bytes = value.size() / 6 + 1;
  PieceHost host(writer, pieces_held * PieceOf(value.substr(0, piece_bytes)).capacity());
  {
    RdbWriter::LongChunk chunk(writer, &host);
    for (size_t at = 0; at < value.size(); at += piece_bytes) {
      EncodeBuffer piece = PieceOf(std::string_view(value).substr(at, piece_bytes));
      EXPECT_TRUE(chunk.Take(piece).ok());
      EXPECT_EQ(piece.size(), 0U);
      EXPECT_EQ(chunk.holds_writer(), host.held_bytes() == 0);
    }
    EXPECT_TRUE(chunk.End().ok());
    EXPECT_FALSE(chunk.holds_writer());
  }
  EXPECT_EQ(host.held_bytes(), 0U);
  others = host.others();
  EXPECT_TRUE(writer.Finish().ok());
  EXPECT_TRUE(sink.Commit().ok());
  return file;
}

TEST_F(ChunkIndexes, HaveOneChunkForAValueInPiecesAndOthersBeforeIt) {
  for (const size_t pieces_held : {size_t{0}, size_t{1}, size_t{3}, size_t{6}}) {
    SCOPED_TRACE(pieces_held);
    int others = 0;
    const std::string file = WriteInPieces(pieces_held, others);
    EXPECT_EQ(others, static_cast<int>(pieces_held));
    std::string want;
    for (int i = 0; i < others; ++i) want += "1other ";
    Seen seen;
    EXPECT_EQ(KeysInOrder(file, seen), want + "0long ");
    EXPECT_EQ(Read(file).chunks.size(), pieces_held + 1);
  }
}

TEST(RdbWriter, AValueInPiecesThatFailsLetsGoOfWhatItHeld) {
  std::string file;
  MemorySink sink(file, 400);
  RdbWriter writer(sink);
  ASSERT_TRUE(writer.WriteHeader(Header()).ok());
  PieceHost host(writer, size_t{1} << 20);
  RdbWriter::LongChunk chunk(writer, &host);
  EncodeBuffer piece = PieceOf(std::string(500, 'x'));
  ASSERT_TRUE(chunk.Take(piece).ok());
  EXPECT_GT(host.held_bytes(), 500U);
  const Status failed = chunk.End();
  EXPECT_EQ(failed.text(), "planted write error");
  EXPECT_TRUE(writer.failed());
  // What comes afterwards is told the reason, and not held.
  piece = PieceOf("more");
  EXPECT_EQ(chunk.Take(piece).text(), "planted write error");
  EXPECT_EQ(host.others(), 1);
}

TEST(RdbWriter, AValueInPiecesThatIsGivenUpLeavesNothing) {
  std::string file;
  MemorySink sink(file);
  RdbWriter writer(sink);
  ASSERT_TRUE(writer.WriteHeader(Header()).ok());
  PieceHost host(writer, size_t{1} << 20);
  {
    RdbWriter::LongChunk chunk(writer, &host);
    EncodeBuffer piece = PieceOf("half of a value");
    ASSERT_TRUE(chunk.Take(piece).ok());
  }
  EXPECT_EQ(host.held_bytes(), 0U);
  ASSERT_TRUE(writer.Finish().ok());
  ASSERT_TRUE(sink.Commit().ok());
  EXPECT_EQ(file.find("half of a value"), std::string::npos);
}

}  // namespace
}  // namespace cachenode
