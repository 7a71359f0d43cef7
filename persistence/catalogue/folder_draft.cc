#include "persistence/catalogue/folder_draft.h"

#include <fmt/format.h>

#include <cerrno>
#include <utility>

namespace cachenode {

FolderDraft::FolderDraft(CataloguePaths paths, SnapshotMetadata metadata, FileSystem& files, OpenFile file,
                         const std::atomic<bool>* stop)
    : paths_(std::move(paths)), files_(files), metadata_(std::move(metadata)), file_(std::move(file)), stop_(stop) {}

FolderDraft::~FolderDraft() {
  if (published_) return;
  files_.Unlink(paths_.DraftMetadata(metadata_.name));
  files_.Unlink(paths_.DraftData(metadata_.name));
}

Status FolderDraft::WriteAll(int file, std::span<const char> bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t wrote = files_.Write(file, bytes.data(), bytes.size());
    if (wrote <= 0) {
      if (wrote == 0) errno = ENOSPC;
      return SystemError("cannot write", path);
    }
    bytes = bytes.subspan(static_cast<size_t>(wrote));
  }
  return Status::Ok();
}

Status FolderDraft::Write(std::span<const char> bytes) {
  const std::string path = paths_.DraftData(metadata_.name);
  if (Status status = WriteAll(file_.number(), bytes, path); !status.ok()) return status;
  size_bytes_ += bytes.size();
  if (size_bytes_ - synced_bytes_ < FileSink::kIncrementalSyncBytes) return Status::Ok();
  const int64_t from = static_cast<int64_t>(synced_bytes_);
  const int64_t size = static_cast<int64_t>(size_bytes_ - synced_bytes_);
  if (files_.SyncRange(file_.number(), from, size) != 0) return SystemError("cannot sync", path);
  synced_bytes_ = size_bytes_;
  return Status::Ok();
}

Status FolderDraft::Commit() {
  if (files_.Sync(file_.number()) != 0) return SystemError("cannot sync", paths_.DraftData(metadata_.name));
  if (Status status = Verify(); !status.ok()) return status;
  if (Status status = WriteMetadata(); !status.ok()) return status;
  return Publish();
}

// Reads back what the disk has.
Status FolderDraft::Verify() {
  const std::string path = paths_.DraftData(metadata_.name);
  Result<std::unique_ptr<FileSource>> written = FileSource::Open(path, files_);
  if (!written) return written.error();
  Result<RdbSummary> summary = CheckRdb(**written, {.stop = stop_});
  if (!summary) return std::move(summary.error()).WithContext(path);
  if (summary->size_bytes != size_bytes_) {
    return Status::WithText(
        Err::kCorrupt, fmt::format("{}: {} bytes were written, {} are there", path, size_bytes_, summary->size_bytes));
  }
  FillMetadata(*summary, metadata_);
  return Status::Ok();
}

Status FolderDraft::WriteMetadata() {
  const std::string path = paths_.DraftMetadata(metadata_.name);
  OpenFile file(files_, files_.OpenToWrite(path));
  if (!file) return SystemError("cannot create", path);
  if (Status status = WriteAll(file.number(), FormatSnapshotMetadata(metadata_), path); !status.ok()) return status;
  if (files_.Sync(file.number()) != 0) return SystemError("cannot sync", path);
  return Status::Ok();
}

Status FolderDraft::Publish() {
  const std::string& name = metadata_.name;
  Result<CatalogueLock> lock = CatalogueLock::Take(paths_, files_);
  if (!lock) return lock.error();
  // The name was reserved, but a file of a stranger may have come meanwhile: it is not overwritten.
  if (files_.SizeOf(paths_.Data(name)) >= 0 || files_.SizeOf(paths_.Metadata(name)) >= 0) {
    return Status::WithText(Err::kBusyKey, fmt::format("snapshot {} already exists", name));
  }
  if (files_.Rename(paths_.DraftData(name), paths_.Data(name)) != 0) {
    return SystemError("cannot rename", paths_.DraftData(name));
  }
  Status status;
  if (files_.SyncDirectory(paths_.directory) != 0) status = SystemError("cannot sync directory", paths_.directory);
  if (status.ok() && files_.Rename(paths_.DraftMetadata(name), paths_.Metadata(name)) != 0) {
    status = SystemError("cannot rename", paths_.DraftMetadata(name));
  }
  if (!status.ok()) {
    files_.Unlink(paths_.Data(name));
    return status;
  }
  published_ = true;
  if (files_.SyncDirectory(paths_.directory) != 0) return SystemError("cannot sync directory", paths_.directory);
  return Status::Ok();
}

}  // namespace cachenode
