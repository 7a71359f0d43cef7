#include "persistence/catalogue/snapshot_index.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

#include "persistence/catalogue/folder_catalogue.h"
#include "tests/support/scratch_folder.h"
#include "tests/support/source_path.h"

namespace cachenode {
namespace {

// Counts what reads the folder or a file of it.
class CountingFileSystem final : public FileSystem {
 public:
  int reads = 0;
  bool refuses_list = false;

  int OpenToRead(const std::string& path) noexcept override { return ++reads, FileSystem::OpenToRead(path); }
  int64_t SizeOf(const std::string& path) noexcept override { return ++reads, FileSystem::SizeOf(path); }
  int List(const std::string& directory, std::vector<std::string>& names) noexcept override {
    ++reads;
    errno = EACCES;
    return refuses_list ? -1 : FileSystem::List(directory, names);
  }
  int Sync(int /*file*/) noexcept override { return 0; }
  int SyncDirectory(const std::string& /*directory*/) noexcept override { return 0; }
};

class SnapshotIndexTest : public testing::Test {
 protected:
  SnapshotIndexTest() {
    catalogue.emplace(parent_.File("snapshots"), files);
    index.emplace(*catalogue);
  }

  // By this process, which tells the index, or by another one.
  void Make(const std::string& name, bool tell) {
    std::ifstream file(SourcePath("tests/unit/persistence/data/redis7.0.15-strings.rdb"), std::ios::binary);
    std::stringstream bytes;
    bytes << file.rdbuf();
    SnapshotMetadata metadata;
    metadata.name = name;
    Result<std::unique_ptr<SnapshotDraft>> draft = catalogue->Create(std::move(metadata));
    ASSERT_TRUE(draft.ok()) << draft.status().text();
    std::unique_ptr<ByteSink> sink;
    if (tell) {
      sink = std::make_unique<IndexedDraft>(*std::move(draft), *index);
    } else {
      sink = *std::move(draft);
    }
    ASSERT_TRUE(sink->Write(bytes.view()).ok());
    EXPECT_EQ(Names().find(name), std::string::npos);
    ASSERT_TRUE(sink->Commit().ok());
  }
  std::string Names() const {
    Result<std::vector<SnapshotEntry>> entries = index->List();
    if (!entries) return std::string(entries.status().text());
    std::string names;
    for (const SnapshotEntry& entry : *entries) names += entry.metadata.name + (entry.fault.empty() ? " " : "! ");
    return names;
  }

  const ScratchFolder parent_;
  CountingFileSystem files;
  std::optional<FolderCatalogue> catalogue;
  std::optional<SnapshotIndex> index;
};

TEST_F(SnapshotIndexTest, AnswersWithoutReadingAFile) {
  Make("b", true);
  Make("a", true);
  EXPECT_EQ(Names(), "a b ");
  files.reads = 0;
  EXPECT_EQ(Names(), "a b ");
  EXPECT_EQ(index->Find("a")->metadata.key_count, catalogue->Find("a")->metadata.key_count);
  files.reads = 0;
  EXPECT_EQ(index->Find("c").status().code(), Err::kNoSuchKey);
  EXPECT_EQ(index->Find("c").status().text(), "there is no snapshot c");
  EXPECT_TRUE(index->Find("b").ok());
  EXPECT_EQ(files.reads, 0);
}

TEST_F(SnapshotIndexTest, SeesWhatOthersDidAtTheNextLook) {
  Make("a", false);
  EXPECT_EQ(Names(), "");
  index->Refresh();
  EXPECT_EQ(Names(), "a ");
  Make("b", false);
  ASSERT_TRUE(catalogue->Delete("a").ok());
  EXPECT_EQ(Names(), "a ");
  index->Refresh("a");
  index->Refresh("b");
  EXPECT_EQ(Names(), "b ");
  std::filesystem::resize_file(catalogue->DataPlace("b"), 10);
  EXPECT_EQ(Names(), "b ");
  index->Refresh();
  EXPECT_EQ(Names(), "b! ");
  EXPECT_NE(index->Find("b")->fault.find("has 10 bytes"), std::string::npos);
}

TEST_F(SnapshotIndexTest, SaysThatTheFolderCannotBeRead) {
  Make("a", true);
  files.refuses_list = true;
  index->Refresh();
  EXPECT_EQ(Names(), "cannot read directory " + catalogue->Place() + ": Permission denied");
  EXPECT_TRUE(index->Find("a").ok());
  files.refuses_list = false;
  index->Refresh();
  EXPECT_EQ(Names(), "a ");
}

}  // namespace
}  // namespace cachenode
