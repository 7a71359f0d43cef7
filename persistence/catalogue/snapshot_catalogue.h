// Named snapshots in one folder: which there are, how they come and go, and that each is whole. Works for a running
// node and on the files of a stopped one; persistence/catalogue/README.md has the format and the order of steps.
//
// Thread-safety: every function may be called by any thread and blocks on the disk: not for loop threads, which ask a
//   SnapshotIndex. Several objects and processes may share a folder.
// Invariant: whatever moment a process dies in, each name is either wholly there or, after Recover, wholly absent.
// Errors: a whole sentence, without "ERR". kNoSuchKey: there is no such snapshot. kBusyKey: the name is taken.
//   kText: the name breaks a rule. kCorrupt: the snapshot is damaged. kUnavailable: it has types this server does not
//   have. kIo: the disk, with the file's name.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "persistence/catalogue/catalogue_files.h"
#include "persistence/catalogue/snapshot_draft.h"
#include "persistence/catalogue/snapshot_metadata.h"
#include "persistence/file_system.h"
#include "persistence/rdb_check.h"
#include "storage/base/result.h"

namespace cachenode {

struct SnapshotEntry {
  SnapshotMetadata metadata;  // Of a damaged one perhaps the name only.
  std::string fault;          // Why it cannot be used; empty: available.
};

class SnapshotCatalogue {
 public:
  static constexpr size_t kSnapshotsMax = 10'000;

  // `directory` need not be there yet: its parent must, when the first snapshot is made.
  explicit SnapshotCatalogue(std::string directory, FileSystem& files = FileSystem::Real());

  [[nodiscard]] const std::string& directory() const noexcept { return paths_.directory; }
  [[nodiscard]] std::string DataPath(std::string_view name) const { return paths_.Data(name); }

  // Finishes or undoes what processes that died left half-done, and says what it did, one line each. Nothing to do and
  // Ok when there is no folder.
  Result<std::vector<std::string>> Recover();

  // Reads the metadata files and looks at the sizes of the data files. In the order of their names.
  Result<std::vector<SnapshotEntry>> List() const;
  // `name` in any letter case.
  Result<SnapshotEntry> Find(std::string_view name) const;

  // Reserves the name and opens the data file. `metadata` brings the name, which is checked, and what is known before.
  // `stop`, which outlives the draft, ends its Commit.
  Result<std::unique_ptr<SnapshotDraft>> Create(SnapshotMetadata metadata, const std::atomic<bool>* stop = nullptr);
  // Gone at once for everybody else, then the data is freed.
  Status Delete(std::string_view name);
  // A manual snapshot with the data of another one, automatic ones included.
  Result<SnapshotMetadata> Copy(std::string_view from, std::string_view to, const std::atomic<bool>* stop = nullptr);
  // Where the data of a snapshot goes besides the folder. `has_stored_checksum`: the data ends with the checksum of
  // itself.
  using OpenSink =
      std::function<Result<std::unique_ptr<ByteSink>>(const SnapshotMetadata& metadata, bool has_stored_checksum)>;
  // Writes the data into a sink, which is committed only when every byte is what was published. Holds one block of
  // memory; a snapshot that is deleted meanwhile is still written whole.
  Result<SnapshotMetadata> Export(std::string_view name, const OpenSink& open_sink,
                                  const std::atomic<bool>* stop = nullptr) const;
  // Reads all of the data and compares it with the metadata.
  Result<RdbSummary> Verify(std::string_view name, const std::atomic<bool>* stop = nullptr) const;

  // Deletes the automatic snapshots of `cluster_id` that are older than so many days, and answers their names; never
  // the newest usable one, so that a node whose snapshots fail keeps what it has.
  struct Retention {
    std::string cluster_id;
    int64_t days = 0;
    int64_t now_s = 0;
  };
  Result<std::vector<std::string>> DeleteExpired(const Retention& rule);

 private:
  [[nodiscard]] Status MakeDirectory();
  [[nodiscard]] SnapshotEntry Read(const std::string& name) const;
  [[nodiscard]] Result<std::string> ReadMetadataFile(const std::string& path) const;
  [[nodiscard]] Status FinishDelete(const std::string& name);
  [[nodiscard]] Status RecoverDraft(const std::string& name, std::vector<std::string>& done);
  [[nodiscard]] Status CopyBytes(FileSource& from, SnapshotDraft& to, const std::atomic<bool>* stop);

  const CataloguePaths paths_;
  FileSystem& files_;
};

// "there is no snapshot <name>", kNoSuchKey.
[[nodiscard]] Status NoSuchSnapshot(std::string_view name);
// The name as it is looked up: lower case, a manual or an automatic one.
Result<std::string> ResolveSnapshotName(std::string_view name);

}  // namespace cachenode
