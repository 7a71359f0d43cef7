// A snapshot that is being made in a folder.
//
// Thread-safety: as ByteSink. Commit blocks for as long as reading the whole file takes; the flag it was made with may
//   be set by any thread and ends it.
// Invariant: its data file is locked while it lives, which is how other processes know that its maker does.
// Commit: sync, read back and check every byte, write and sync the metadata, then under the catalogue's lock rename
//   data, sync the folder, rename metadata, sync the folder. A crash before the second rename leaves files that
//   FolderCatalogue::Recover removes or, between the two, completes.
// Errors: kIo with the file's name; kCorrupt when what was read back is not what a snapshot must be.
#pragma once

#include <atomic>
#include <memory>

#include "persistence/catalogue/catalogue_files.h"
#include "persistence/catalogue/snapshot_draft.h"
#include "persistence/file_stream.h"
#include "persistence/spill_file.h"

namespace cachenode {

class FolderDraft final : public SnapshotDraft {
 public:
  // Made by FolderCatalogue::Create, which reserved the name. `file` is the locked data file.
  // `stop` outlives the draft; null: none.
  FolderDraft(CataloguePaths paths, SnapshotMetadata metadata, FileSystem& files, OpenFile file,
              const std::atomic<bool>* stop);
  ~FolderDraft() override;

  Status Write(std::span<const char> bytes) override;
  Status Commit() override;
  [[nodiscard]] std::unique_ptr<SpillFile> MakeSpill() override { return SpillFile::Create(paths_.directory, files_); }

  [[nodiscard]] const SnapshotMetadata& metadata() const noexcept override { return metadata_; }

 private:
  [[nodiscard]] Status Verify();
  [[nodiscard]] Status WriteMetadata();
  [[nodiscard]] Status Publish();
  [[nodiscard]] Status WriteAll(int file, std::span<const char> bytes, const std::string& path);

  const CataloguePaths paths_;
  FileSystem& files_;
  SnapshotMetadata metadata_;
  OpenFile file_;
  uint64_t size_bytes_ = 0;
  uint64_t synced_bytes_ = 0;
  bool published_ = false;
  const std::atomic<bool>* const stop_;
};

}  // namespace cachenode
