#include "persistence/waiting_pieces.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/persistence/faulty_file_system.h"
#include "tests/support/persistence/memory_stream.h"
#include "tests/support/scratch_folder.h"

namespace cachenode {
namespace {

class RoomyHost final : public EncoderHost {
 public:
  bool TryHold(size_t bytes) noexcept override {
    if (held_bytes + bytes > room_bytes) return false;
    held_bytes += bytes;
    most_bytes = std::max(most_bytes, held_bytes);
    return true;
  }
  void LetGo(size_t bytes) noexcept override { held_bytes -= bytes; }
  [[nodiscard]] bool IsShortOfRoom() const noexcept override { return false; }
  [[nodiscard]] bool OnPiece() noexcept override { return true; }

  size_t room_bytes = SIZE_MAX;
  size_t held_bytes = 0;
  size_t most_bytes = 0;
};

class WaitingPiecesTest : public testing::Test {
 protected:
  static constexpr size_t kPieceBytes = size_t{256} << 10;
  static constexpr size_t kPieces = 60;

  std::unique_ptr<FileSink> Sink() {
    Result<std::unique_ptr<FileSink>> sink = FileSink::Create({folder_.path(), "x.rdb", "x.temp", false}, files_);
    EXPECT_TRUE(sink.ok());
    return *std::move(sink);
  }
  static EncodeBuffer Piece(size_t number) {
    EncodeBuffer piece;
    piece.Append(std::string(kPieceBytes, static_cast<char>('a' + number % 26)));
    return piece;
  }
  // What a piece takes of the host's room, which is up to the allocator.
  static size_t RoomOfPieces(size_t count) { return count * Piece(0).capacity(); }
  // Gives pieces away until there is no room, and answers how many were kept.
  size_t Fill(WaitingPieces& pieces) {
    for (size_t i = 0; i < kPieces; ++i) {
      EncodeBuffer piece = Piece(i);
      if (!pieces.Keep(piece, i)) {
        EXPECT_EQ(piece.size(), kPieceBytes) << "it is still to be written";
        return i;
      }
      EXPECT_EQ(piece.size(), 0U);
    }
    return kPieces;
  }
  // Whether these pieces come out as they went in.
  void ExpectAll(WaitingPieces& pieces, size_t count) {
    size_t seen = 0;
    const Status status = pieces.TakeAll([&](std::string_view piece, uint64_t checksum) {
      EXPECT_EQ(checksum, seen);
      EXPECT_EQ(piece, std::string(kPieceBytes, static_cast<char>('a' + seen % 26)));
      ++seen;
      return Status::Ok();
    });
    EXPECT_TRUE(status.ok()) << status.text();
    EXPECT_EQ(seen, count);
    EXPECT_EQ(host_.held_bytes, 0U);
  }

  ScratchFolder folder_;
  FaultyFileSystem files_;
  RoomyHost host_;
};

TEST_F(WaitingPiecesTest, LieInAFileBeyondAFewMegabytes) {
  const std::unique_ptr<FileSink> sink = Sink();
  WaitingPieces pieces(host_, *sink);
  EXPECT_EQ(Fill(pieces), kPieces);
  EXPECT_LE(host_.most_bytes, WaitingPieces::kHeldBytesMax + RoomOfPieces(1));
  ExpectAll(pieces, kPieces);
}

TEST_F(WaitingPiecesTest, NeedNoMemoryWhereThereIsAFile) {
  const std::unique_ptr<FileSink> sink = Sink();
  host_.room_bytes = 0;
  WaitingPieces pieces(host_, *sink);
  EXPECT_EQ(Fill(pieces), kPieces);
  ExpectAll(pieces, kPieces);
}

TEST_F(WaitingPiecesTest, StayInMemoryWhereThereIsNoFile) {
  std::string file;
  MemorySink sink(file);
  host_.room_bytes = RoomOfPieces(40);
  WaitingPieces pieces(host_, sink);
  EXPECT_EQ(Fill(pieces), 40U);
  ExpectAll(pieces, 40);
}

TEST_F(WaitingPiecesTest, StayInMemoryFromWhenTheDiskIsFull) {
  const std::unique_ptr<FileSink> sink = Sink();
  // Half of a piece more than 20.
  files_.disk_bytes_max = 20 * kPieceBytes + kPieceBytes / 2;
  host_.room_bytes = RoomOfPieces(25);
  WaitingPieces pieces(host_, *sink);
  EXPECT_EQ(Fill(pieces), 45U);
  ExpectAll(pieces, 45);
}

TEST_F(WaitingPiecesTest, TellOfAFileThatCannotBeReadBack) {
  class Forgetful final : public FileSystem {
   public:
    ssize_t ReadAt(int, char*, size_t, int64_t) noexcept override { return 0; }
  } files;
  Result<std::unique_ptr<FileSink>> sink = FileSink::Create({folder_.path(), "x.rdb", "x.temp", false}, files);
  ASSERT_TRUE(sink.ok());
  host_.room_bytes = 0;
  WaitingPieces pieces(host_, **sink);
  EXPECT_EQ(Fill(pieces), kPieces);
  const Status status = pieces.TakeAll([](std::string_view, uint64_t) { return Status::Ok(); });
  EXPECT_EQ(status.code(), Err::kIo);
  EXPECT_NE(status.text().find(folder_.path()), std::string::npos) << status.text();
}

TEST_F(WaitingPiecesTest, LeaveNothingInTheFolder) {
  {
    const std::unique_ptr<FileSink> sink = Sink();
    WaitingPieces pieces(host_, *sink);
    EXPECT_EQ(Fill(pieces), kPieces);
    std::vector<std::string> names;
    ASSERT_EQ(files_.List(folder_.path(), names), 0);
    EXPECT_EQ(names, std::vector<std::string>{"x.temp"});
  }
  EXPECT_EQ(host_.held_bytes, 0U);
}

}  // namespace
}  // namespace cachenode
