#include "persistence/catalogue/folder_catalogue.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "persistence/catalogue/snapshot_name.h"
#include "tests/support/persistence/dying_file_system.h"
#include "tests/support/persistence/memory_stream.h"
#include "tests/support/scratch_folder.h"
#include "tests/support/source_path.h"

namespace cachenode {
namespace {

constexpr int64_t kNowS = 1'700'000'000;
constexpr int64_t kDayS = 24 * 60 * 60;

std::string BytesOf(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

class Catalogue : public testing::Test {
 protected:
  static std::string Rdb(bool other = false) {
    return BytesOf(SourcePath(other ? "tests/unit/persistence/data/redis7.0.15-collections.rdb"
                                    : "tests/unit/persistence/data/redis7.0.15-strings.rdb"));
  }
  static SnapshotMetadata Named(std::string name) {
    SnapshotMetadata metadata;
    metadata.name = std::move(name);
    metadata.cluster_id = "my-redis";
    metadata.created_s = kNowS;
    return metadata;
  }
  static Status Make(FolderCatalogue& catalogue, SnapshotMetadata metadata, const std::string& bytes) {
    Result<std::unique_ptr<SnapshotDraft>> draft = catalogue.Create(std::move(metadata));
    if (!draft) return draft.error();
    for (size_t at = 0; at < bytes.size(); at += 1000) {
      if (Status status = (*draft)->Write(std::string_view(bytes).substr(at, 1000)); !status.ok()) return status;
    }
    return (*draft)->Commit();
  }
  Status Make(const std::string& name) {
    FolderCatalogue catalogue(directory_, quick_);
    return Make(catalogue, Named(name), Rdb());
  }
  Status MakeAutomatic(const std::string& cluster_id, int64_t time_s) {
    FolderCatalogue catalogue(directory_, quick_);
    SnapshotMetadata metadata = Named(FormatAutomaticName({cluster_id, time_s}));
    metadata.automatic = true;
    metadata.created_s = time_s;
    return Make(catalogue, metadata, Rdb());
  }
  // The names of all usable snapshots, and a failed expectation for every other one.
  std::string Names() const {
    Result<std::vector<SnapshotEntry>> entries = FolderCatalogue(directory_).List();
    EXPECT_TRUE(entries.ok()) << entries.status().text();
    std::string names;
    for (const SnapshotEntry& entry : *entries) {
      EXPECT_EQ(entry.fault, "");
      EXPECT_TRUE(FolderCatalogue(directory_).Verify(entry.metadata.name).ok());
      names += entry.metadata.name + " ";
    }
    return names;
  }
  std::string Files() const {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(directory_)) names.insert(entry.path().filename());
    std::string all;
    for (const std::string& name : names) {
      if (name != ".lock") all += name + " ";
    }
    return all;
  }
  void Write(const std::string& name, const std::string& bytes) const {
    std::ofstream(directory_ + "/" + name, std::ios::binary) << bytes;
  }

  const ScratchFolder parent_;
  const std::string directory_ = parent_.File("snapshots");
  DyingFileSystem quick_;  // Never dies, and never waits for the disk.
};

TEST_F(Catalogue, ShowsASnapshotOnceItIsWhole) {
  FolderCatalogue catalogue(directory_);
  EXPECT_EQ(Names(), "");
  Result<std::unique_ptr<SnapshotDraft>> draft = catalogue.Create(Named("First"));
  ASSERT_TRUE(draft.ok()) << draft.status().text();
  ASSERT_TRUE((*draft)->Write(Rdb()).ok());
  EXPECT_EQ(Names(), "");
  EXPECT_EQ(catalogue.Create(Named("first")).status().text(), "snapshot first is being created");
  ASSERT_TRUE((*draft)->Commit().ok());
  EXPECT_EQ(Names(), "first ");
  EXPECT_EQ(Files(), "first.json first.rdb ");
  const Result<SnapshotEntry> entry = catalogue.Find("FIRST");
  ASSERT_TRUE(entry.ok());
  EXPECT_EQ(entry->metadata.size_bytes, Rdb().size());
  EXPECT_EQ(entry->metadata.cluster_id, "my-redis");
  EXPECT_EQ(entry->metadata.rdb_version, 10);
  EXPECT_GT(entry->metadata.key_count, 0U);
  EXPECT_EQ(entry->metadata.created_s, kNowS);
}

TEST_F(Catalogue, NeverOverwrites) {
  ASSERT_TRUE(Make("a").ok());
  EXPECT_EQ(Make("A").text(), "snapshot a already exists");
  EXPECT_EQ(Make("A").code(), Err::kBusyKey);
  Write("b.rdb", "a file of the user");
  EXPECT_EQ(Make("b").text(), "snapshot b cannot be made: " + directory_ + "/b.rdb is there already");
  EXPECT_EQ(BytesOf(directory_ + "/b.rdb"), "a file of the user");
  // Nor a file that comes while the snapshot is made.
  FolderCatalogue catalogue(directory_);
  Result<std::unique_ptr<SnapshotDraft>> draft = catalogue.Create(Named("c"));
  ASSERT_TRUE(draft.ok() && (*draft)->Write(Rdb()).ok());
  Write("c.rdb", "later");
  EXPECT_EQ((*draft)->Commit().text(), "snapshot c already exists");
  draft->reset();
  EXPECT_EQ(Files(), "a.json a.rdb b.rdb c.rdb ");
}

TEST_F(Catalogue, ExportsWhatWasPublishedAndNothingElse) {
  ASSERT_TRUE(Make("a").ok());
  const FolderCatalogue catalogue(directory_);
  std::string out;
  bool has_checksum = false;
  const auto open_sink = [&](const SnapshotMetadata& metadata, bool has_stored) -> Result<std::unique_ptr<ByteSink>> {
    EXPECT_EQ(metadata.size_bytes, Rdb().size());
    has_checksum = has_stored;
    return std::unique_ptr<ByteSink>(std::make_unique<MemorySink>(out));
  };
  const Result<SnapshotMetadata> done = catalogue.Export("A", open_sink);
  ASSERT_TRUE(done.ok()) << done.status().text();
  EXPECT_EQ(done->name, "a");
  EXPECT_TRUE(has_checksum);
  EXPECT_EQ(out, Rdb());
  EXPECT_EQ(catalogue.Export("b", open_sink).status().code(), Err::kNoSuchKey);
  const std::atomic<bool> stop{true};
  out.clear();
  EXPECT_EQ(catalogue.Export("a", open_sink, &stop).status().code(), Err::kCancelled);
  const auto full = [&](const SnapshotMetadata&, bool) -> Result<std::unique_ptr<ByteSink>> {
    return std::unique_ptr<ByteSink>(std::make_unique<MemorySink>(out, 100));
  };
  EXPECT_EQ(catalogue.Export("a", full).status().text(), "planted write error");
  const auto refused = [](const SnapshotMetadata&, bool) -> Result<std::unique_ptr<ByteSink>> {
    return Status::WithText(Err::kUnavailable, "no store");
  };
  EXPECT_EQ(catalogue.Export("a", refused).status().text(), "no store");
  // Any byte that is not as it was keeps the sink from being committed.
  for (const size_t place : {size_t{0}, Rdb().size() / 2, Rdb().size() - 9, Rdb().size() - 1}) {
    std::string damaged = Rdb();
    damaged[place] = static_cast<char>(damaged[place] ^ 1);
    Write("a.rdb", damaged);
    EXPECT_EQ(catalogue.Export("a", open_sink).status().code(), Err::kCorrupt) << place;
  }
  Write("a.rdb", Rdb().substr(1));
  EXPECT_EQ(catalogue.Export("a", open_sink).status().code(), Err::kCorrupt);
  EXPECT_EQ(out, "");
}

TEST_F(Catalogue, RefusesToPublishWhatCannotBeLoaded) {
  FolderCatalogue catalogue(directory_);
  std::string damaged = Rdb();
  damaged[damaged.size() / 2] = static_cast<char>(damaged[damaged.size() / 2] ^ 1);
  EXPECT_EQ(Make(catalogue, Named("bad"), damaged).code(), Err::kCorrupt);
  EXPECT_EQ(Make(catalogue, Named("short"), Rdb().substr(0, 100)).code(), Err::kCorrupt);
  EXPECT_EQ(Make(catalogue, Named("empty"), "").code(), Err::kCorrupt);
  EXPECT_EQ(Files(), "");
}

TEST_F(Catalogue, DeletesACopyAndItsOriginalApart) {
  ASSERT_TRUE(MakeAutomatic("my-redis", kNowS).ok());
  FolderCatalogue catalogue(directory_);
  const std::string original = FormatAutomaticName({"my-redis", kNowS});
  const Result<SnapshotMetadata> copy = catalogue.Copy(original, "Kept");
  ASSERT_TRUE(copy.ok()) << copy.status().text();
  EXPECT_EQ(copy->name, "kept");
  EXPECT_EQ(copy->copied_from, original);
  EXPECT_FALSE(copy->automatic);
  EXPECT_EQ(catalogue.Copy(original, "kept").status().text(), "snapshot kept already exists");
  EXPECT_EQ(catalogue.Copy("none", "x").status().text(), "there is no snapshot none");
  ASSERT_TRUE(catalogue.Delete(original).ok());
  EXPECT_EQ(Names(), "kept ");
  EXPECT_EQ(catalogue.Delete(original).code(), Err::kNoSuchKey);
  ASSERT_TRUE(catalogue.Delete("KEPT").ok());
  EXPECT_EQ(Files(), "");
}

TEST_F(Catalogue, NamesWhatIsWrongWithADamagedSnapshot) {
  FolderCatalogue catalogue(directory_);
  for (const char* name : {"gone", "cut", "nonsense", "other", "changed"}) ASSERT_TRUE(Make(name).ok());
  std::filesystem::remove(directory_ + "/gone.rdb");
  Write("cut.rdb", "x");
  Write("nonsense.json", "{");
  std::filesystem::copy(directory_ + "/cut.json", directory_ + "/other.json",
                        std::filesystem::copy_options::overwrite_existing);
  const auto fault = [&](const char* name) { return catalogue.Find(name)->fault; };
  EXPECT_EQ(fault("gone"), "cannot read " + directory_ + "/gone.rdb: No such file or directory");
  EXPECT_EQ(fault("cut"), directory_ + "/cut.rdb has 1 bytes, " + std::to_string(Rdb().size()) + " were published");
  EXPECT_EQ(fault("nonsense"), directory_ + "/nonsense.json: this is no JSON object");
  EXPECT_EQ(fault("other"), directory_ + "/other.json is about snapshot cut");
  EXPECT_EQ(catalogue.Copy("cut", "new").status().code(), Err::kCorrupt);
  // Of the right size, but other bytes: found by reading only.
  std::string bytes = Rdb();
  bytes[bytes.size() - 20] = static_cast<char>(bytes[bytes.size() - 20] ^ 1);
  Write("changed.rdb", bytes);
  EXPECT_EQ(fault("changed"), "");
  EXPECT_EQ(catalogue.Verify("changed").status().code(), Err::kCorrupt);
  EXPECT_EQ(catalogue.Copy("changed", "new").status().code(), Err::kCorrupt);
  for (const char* name : {"gone", "cut", "nonsense", "other", "changed"}) EXPECT_TRUE(catalogue.Delete(name).ok());
  EXPECT_EQ(Files(), "");
}

TEST_F(Catalogue, KeepsAutomaticSnapshotsForSoManyDays) {
  for (int day = 0; day < 5; ++day) ASSERT_TRUE(MakeAutomatic("my-redis", kNowS - day * kDayS).ok());
  ASSERT_TRUE(MakeAutomatic("other", kNowS - 9 * kDayS).ok());
  ASSERT_TRUE(Make("manual").ok());
  FolderCatalogue catalogue(directory_);
  const auto expire = [&](int64_t days, int64_t now_s) {
    Result<std::vector<std::string>> deleted = catalogue.DeleteExpired({"my-redis", days, now_s});
    EXPECT_TRUE(deleted.ok()) << deleted.status().text();
    return deleted->size();
  };
  EXPECT_EQ(expire(35, kNowS), 0U);
  EXPECT_EQ(expire(3, kNowS), 1U);
  EXPECT_EQ(expire(3, kNowS), 0U);
  EXPECT_EQ(expire(3, kNowS + 1), 1U);
  // Nothing new came for long: the newest stays all the same.
  EXPECT_EQ(expire(1, kNowS + 100 * kDayS), 2U);
  EXPECT_EQ(Names(), FormatAutomaticName({"my-redis", kNowS}) + " " +
                         FormatAutomaticName({"other", kNowS - 9 * kDayS}) + " manual ");
}

TEST_F(Catalogue, ANewestSnapshotThatIsDamagedDoesNotCountAsKept) {
  ASSERT_TRUE(MakeAutomatic("my-redis", kNowS - 10 * kDayS).ok());
  ASSERT_TRUE(MakeAutomatic("my-redis", kNowS).ok());
  std::filesystem::remove(directory_ + "/" + FormatAutomaticName({"my-redis", kNowS}) + ".rdb");
  const Result<std::vector<std::string>> deleted = FolderCatalogue(directory_).DeleteExpired({"my-redis", 1, kNowS});
  ASSERT_TRUE(deleted.ok());
  EXPECT_TRUE(deleted->empty());
}

// --- Failures --------------------------------------------------------------------------------------------------------

// What a process may do to a catalogue that holds "old" and an expired automatic snapshot.
using Work = Status (*)(FolderCatalogue&, const std::string& bytes);

Status CreateNew(FolderCatalogue& catalogue, const std::string& bytes) {
  SnapshotMetadata metadata;
  metadata.name = "new";
  metadata.created_s = kNowS;
  Result<std::unique_ptr<SnapshotDraft>> draft = catalogue.Create(metadata);
  if (!draft) return draft.error();
  if (Status status = (*draft)->Write(bytes); !status.ok()) return status;
  return (*draft)->Commit();
}
Status DeleteOld(FolderCatalogue& catalogue, const std::string&) { return catalogue.Delete("old"); }
Status CopyOld(FolderCatalogue& catalogue, const std::string&) {
  Result<SnapshotMetadata> copy = catalogue.Copy("old", "copy");
  return copy ? Status::Ok() : copy.error();
}
Status Expire(FolderCatalogue& catalogue, const std::string&) {
  Result<std::vector<std::string>> deleted = catalogue.DeleteExpired({"my-redis", 1, kNowS});
  return deleted ? Status::Ok() : deleted.error();
}

struct WorkCase {
  const char* name;
  Work work;
  std::string before;
  std::string after;
};

std::vector<WorkCase> WorkCases() {
  const std::string newest = FormatAutomaticName({"my-redis", kNowS}) + " ";
  const std::string expired = FormatAutomaticName({"my-redis", kNowS - 3 * kDayS}) + " ";
  const std::string before = expired + newest + "old ";
  return {{"create", CreateNew, before, expired + newest + "new old "},
          {"delete", DeleteOld, before, expired + newest},
          {"copy", CopyOld, before, expired + newest + "copy old "},
          {"expire", Expire, before, newest + "old "}};
}

class CatalogueFailures : public Catalogue {
 protected:
  void Reset() {
    std::filesystem::remove_all(directory_);
    ASSERT_TRUE(Make("old").ok());
    ASSERT_TRUE(MakeAutomatic("my-redis", kNowS).ok());
    ASSERT_TRUE(MakeAutomatic("my-redis", kNowS - 3 * kDayS).ok());
  }
};

TEST_F(CatalogueFailures, AProcessThatDiesAtAnyCallLeavesTheOldSetOrTheNew) {
  for (const WorkCase& tested : WorkCases()) {
    int calls = 0;
    for (int dies_at = 0; calls == 0 || dies_at <= calls; ++dies_at) {
      ASSERT_NO_FATAL_FAILURE(Reset());
      DyingFileSystem files;
      files.dies_at = dies_at;
      {
        FolderCatalogue catalogue(directory_, files);
        const Status status = tested.work(catalogue, Rdb(true));
        if (status.ok() && !files.dead()) calls = files.calls;
      }
      const Result<std::vector<std::string>> done = FolderCatalogue(directory_, quick_).Recover();
      ASSERT_TRUE(done.ok()) << done.status().text();
      const std::string names = Names();
      EXPECT_TRUE(names == tested.before || names == tested.after) << tested.name << " " << dies_at << ": " << names;
      // Nothing is left over, and a second look finds nothing to do.
      EXPECT_EQ(std::count(names.begin(), names.end(), ' ') * 2,
                [this] {
                  const std::string all = Files();
                  return std::count(all.begin(), all.end(), ' ');
                }())
          << tested.name << " " << dies_at << ": " << Files();
      EXPECT_TRUE(FolderCatalogue(directory_, quick_).Recover()->empty());
      ASSERT_LT(dies_at, 1000) << tested.name << " never got to its end";
    }
    ASSERT_GT(calls, 5) << tested.name;
  }
}

TEST_F(CatalogueFailures, ACrashWhileRecoveringIsRecoveredFrom) {
  const WorkCase tested = WorkCases().front();
  for (int first = 0; first < 60; ++first) {
    for (int second = 0; second < 12; ++second) {
      ASSERT_NO_FATAL_FAILURE(Reset());
      DyingFileSystem files;
      files.dies_at = first;
      {
        FolderCatalogue catalogue(directory_, files);
        static_cast<void>(tested.work(catalogue, Rdb(true)));
      }
      if (!files.dead()) return;
      DyingFileSystem again;
      again.dies_at = second;
      static_cast<void>(FolderCatalogue(directory_, again).Recover());
      ASSERT_TRUE(FolderCatalogue(directory_, quick_).Recover().ok());
      const std::string names = Names();
      EXPECT_TRUE(names == tested.before || names == tested.after) << first << " " << second << ": " << names;
      if (!again.dead()) break;
    }
  }
}

TEST_F(CatalogueFailures, AnyCallThatFailsIsOneErrorWithTheFilesName) {
  for (const WorkCase& tested : WorkCases()) {
    for (int fails_at = 0;; ++fails_at) {
      ASSERT_NO_FATAL_FAILURE(Reset());
      DyingFileSystem files;
      files.fails_at = fails_at;
      Status status;
      {
        FolderCatalogue catalogue(directory_, files);
        status = tested.work(catalogue, Rdb(true));
      }
      if (files.calls <= fails_at) break;
      EXPECT_TRUE(status.ok() || status.text().find(directory_) != std::string_view::npos) << status.text();
      ASSERT_TRUE(FolderCatalogue(directory_, quick_).Recover().ok());
      const std::string names = Names();
      EXPECT_TRUE(names == tested.before || names == tested.after) << tested.name << " " << fails_at << ": " << names;
    }
  }
}

TEST_F(CatalogueFailures, AFullDiskKeepsWhatIsThere) {
  ASSERT_NO_FATAL_FAILURE(Reset());
  const std::string before = Names();
  for (size_t room : {size_t{0}, size_t{100}, Rdb(true).size(), Rdb(true).size() + 10}) {
    DyingFileSystem files;
    files.disk_bytes_max = room;
    FolderCatalogue catalogue(directory_, files);
    const Status status = CreateNew(catalogue, Rdb(true));
    EXPECT_NE(status.text().find("No space left on device"), std::string_view::npos) << status.text();
    EXPECT_EQ(Names(), before);
  }
}

TEST_F(Catalogue, LeavesAloneWhatALivingProcessMakes) {
  FolderCatalogue maker(directory_);
  Result<std::unique_ptr<SnapshotDraft>> draft = maker.Create(Named("slow"));
  ASSERT_TRUE(draft.ok() && (*draft)->Write(Rdb()).ok());
  ASSERT_TRUE(FolderCatalogue(directory_, quick_).Recover()->empty());
  ASSERT_TRUE((*draft)->Commit().ok());
  EXPECT_EQ(Names(), "slow ");
}

TEST_F(Catalogue, SaysWhyAFolderCannotBeUsed) {
  FolderCatalogue nowhere(parent_.File("missing/snapshots"));
  EXPECT_EQ(nowhere.Create(Named("a")).status().text(),
            "cannot create directory " + parent_.File("missing/snapshots") + ": No such file or directory");
  EXPECT_TRUE(nowhere.List()->empty());
  EXPECT_TRUE(nowhere.Recover()->empty());
  std::ofstream(parent_.File("file")) << "x";
  FolderCatalogue file(parent_.File("file"));
  EXPECT_EQ(file.List().status().text(), "cannot read directory " + parent_.File("file") + ": Not a directory");
  EXPECT_EQ(file.Create(Named("a")).status().code(), Err::kIo);
}

}  // namespace
}  // namespace cachenode
