// A snapshot that is being made: a byte sink whose Commit proves the file and lets it appear under its name, or leaves
// nothing behind.
//
// Thread-safety: as ByteSink. Commit blocks for as long as reading the whole file takes; the flag it was made with may
//   be set by any thread and ends it.
// Invariant: its data file is locked while it lives, which is how other processes know that its maker does.
// Commit: sync, read back and check every byte, write and sync the metadata, then under the catalogue's lock rename
//   data, sync the folder, rename metadata, sync the folder. A crash before the second rename leaves files that
//   SnapshotCatalogue::Recover removes or, between the two, completes.
// Errors: kIo with the file's name; kCorrupt when what was read back is not what a snapshot must be.
#pragma once

#include <atomic>
#include <memory>

#include "persistence/byte_stream.h"
#include "persistence/catalogue/catalogue_files.h"
#include "persistence/catalogue/snapshot_metadata.h"
#include "persistence/file_stream.h"
#include "persistence/rdb_check.h"

namespace cachenode {

class SnapshotDraft final : public ByteSink {
 public:
  // Made by SnapshotCatalogue::Create, which reserved the name. `file` is the locked data file.
  // `stop` outlives the draft; null: none.
  SnapshotDraft(CataloguePaths paths, SnapshotMetadata metadata, FileSystem& files, OpenFile file,
                const std::atomic<bool>* stop);
  ~SnapshotDraft() override;

  Status Write(std::span<const char> bytes) override;
  Status Commit() override;

  // Whole after Commit.
  [[nodiscard]] const SnapshotMetadata& metadata() const noexcept { return metadata_; }

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
