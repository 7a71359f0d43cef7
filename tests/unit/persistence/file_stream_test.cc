#include "persistence/file_stream.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "tests/support/persistence/faulty_file_system.h"
#include "tests/support/scratch_folder.h"

namespace cachenode {
namespace {

class FileStreams : public testing::Test {
 protected:
  [[nodiscard]] FileSinkOptions Options() const {
    FileSinkOptions options;
    options.directory = folder_.path();
    options.temporary_name = "temp-1.rdb";
    return options;
  }
  [[nodiscard]] std::string Content() const {
    std::ifstream file(folder_.File("dump.rdb"), std::ios::binary);
    std::stringstream bytes;
    bytes << file.rdbuf();
    return bytes.str();
  }
  [[nodiscard]] size_t FileCount() const {
    size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
      if (entry.is_regular_file()) ++count;
    }
    return count;
  }
  // Writes `pieces` pieces through a sink and commits.
  Status Replace(FileSystem& files, char letter, int pieces = 3) {
    Result<std::unique_ptr<FileSink>> sink = FileSink::Create(Options(), files);
    if (!sink) return sink.error();
    for (int i = 0; i < pieces; ++i) {
      const std::string piece(3 << 20, letter);
      if (Status status = (*sink)->Write(piece); !status.ok()) return status;
    }
    return (*sink)->Commit();
  }

  const ScratchFolder folder_;
};

TEST_F(FileStreams, ReplaceTheFileOnlyWhenCommitted) {
  ASSERT_TRUE(Replace(FileSystem::Real(), 'a').ok());
  EXPECT_TRUE(Content() == std::string(9 << 20, 'a'));
  {
    Result<std::unique_ptr<FileSink>> sink = FileSink::Create(Options());
    ASSERT_TRUE(sink.ok());
    ASSERT_TRUE((*sink)->Write(std::string("half")).ok());
    EXPECT_EQ(FileCount(), 2U);
  }
  EXPECT_TRUE(Content() == std::string(9 << 20, 'a'));
  EXPECT_EQ(FileCount(), 1U);
}

TEST_F(FileStreams, TheOldFileSurvivesAFailureOfEveryCall) {
  ASSERT_TRUE(Replace(FileSystem::Real(), 'a').ok());
  const std::string old = Content();
  FaultyFileSystem counting;
  ASSERT_TRUE(Replace(counting, 'a').ok());
  ASSERT_GT(counting.calls, 6);
  for (int call = 0; call < counting.calls; ++call) {
    FaultyFileSystem faulty;
    faulty.fail_call = call;
    const Status status = Replace(faulty, 'b');
    EXPECT_EQ(status.code(), Err::kIo) << call;
    EXPECT_NE(status.text().find("Input/output error"), std::string_view::npos) << status.text();
    // The last call syncs the directory: by then the new file is in place, and whole.
    const char letter = call + 1 == counting.calls ? 'b' : 'a';
    EXPECT_TRUE(Content() == std::string(old.size(), letter)) << call;
    EXPECT_EQ(FileCount(), 1U) << call;
  }
}

TEST_F(FileStreams, AFullDiskIsAnErrorAndShortWritesAreNot) {
  FaultyFileSystem tiny_writes;
  tiny_writes.write_bytes_max = 1 << 16;
  ASSERT_TRUE(Replace(tiny_writes, 'a').ok());
  EXPECT_TRUE(Content() == std::string(9 << 20, 'a'));
  FaultyFileSystem full;
  full.disk_bytes_max = 5 << 20;
  const Status status = Replace(full, 'b');
  EXPECT_EQ(status.code(), Err::kIo);
  EXPECT_EQ(status.text(), "cannot write " + folder_.File("temp-1.rdb") + ": No space left on device");
  EXPECT_TRUE(Content() == std::string(9 << 20, 'a'));
}

TEST_F(FileStreams, ReadWholeFilesAndRanges) {
  std::ofstream(folder_.File("dump.rdb")) << "0123456789";
  Result<std::unique_ptr<FileSource>> file = FileSource::Open(folder_.File("dump.rdb"));
  ASSERT_TRUE(file.ok());
  EXPECT_EQ((*file)->SizeBytes(), 10);
  char bytes[16];
  Result<size_t> got = (*file)->Read(bytes);
  ASSERT_TRUE(got.ok());
  EXPECT_EQ(std::string_view(bytes, *got), "0123456789");
  FileRangeSource range(**file, 3, 4);
  EXPECT_EQ(range.SizeBytes(), 4);
  got = range.Read(bytes);
  ASSERT_TRUE(got.ok());
  EXPECT_EQ(std::string_view(bytes, *got), "3456");
  EXPECT_EQ(*range.Read(bytes), 0U);
  EXPECT_EQ((*file)->ReadAt(8, std::span(bytes, 4)).code(), Err::kCorrupt);
}

TEST_F(FileStreams, NameTheFileThatCannotBeOpened) {
  const Result<std::unique_ptr<FileSource>> missing = FileSource::Open(folder_.File("none.rdb"));
  EXPECT_EQ(missing.status().text(), "cannot open " + folder_.File("none.rdb") + ": No such file or directory");
  EXPECT_EQ(FileSource::Open(folder_.path()).status().code(), Err::kIo);
  FileSinkOptions options = Options();
  options.directory = folder_.File("missing");
  EXPECT_EQ(FileSink::Create(options).status().code(), Err::kIo);
}

}  // namespace
}  // namespace cachenode
