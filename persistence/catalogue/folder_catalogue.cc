#include "persistence/catalogue/folder_catalogue.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <utility>

#include "persistence/catalogue/folder_draft.h"
#include "persistence/catalogue/snapshot_name.h"
#include "persistence/rdb_format.h"
#include "storage/base/bytes.h"

namespace cachenode {
namespace {

class FolderData final : public SnapshotData {
 public:
  FolderData(std::unique_ptr<FileSource> file, uint64_t size_bytes) : file_(std::move(file)), size_bytes_(size_bytes) {}

  Result<size_t> Read(std::span<char> into) override { return file_->Read(into); }
  [[nodiscard]] int64_t SizeBytes() const override { return file_->SizeBytes(); }
  Result<uint64_t> StoredChecksum() override {
    char stored[kRdbChecksumBytes];
    if (Status status = file_->ReadAt(size_bytes_ - kRdbChecksumBytes, stored); !status.ok()) return status;
    return LoadLittleEndian<uint64_t>(stored);
  }

 private:
  const std::unique_ptr<FileSource> file_;
  const uint64_t size_bytes_;
};

}  // namespace

FolderCatalogue::FolderCatalogue(std::string directory, FileSystem& files)
    : paths_{std::move(directory)}, files_(files) {}

Status FolderCatalogue::MakeDirectory() {
  if (files_.MakeDirectory(paths_.directory) == 0 || errno == EEXIST) return Status::Ok();
  return SystemError("cannot create directory", paths_.directory);
}

// --- Looking ---------------------------------------------------------------------------------------------------------

Result<std::string> FolderCatalogue::ReadMetadataFile(const std::string& path) const {
  Result<std::unique_ptr<FileSource>> file = FileSource::Open(path, files_);
  if (!file) return file.error();
  std::string text(kSnapshotMetadataBytesMax, '\0');
  size_t have = 0;
  while (have < text.size()) {
    Result<size_t> got = (*file)->Read(std::span(text).subspan(have));
    if (!got) return got.error();
    if (*got == 0) break;
    have += *got;
  }
  if (have == text.size()) return Status::WithText(Err::kCorrupt, "the metadata is too long");
  text.resize(have);
  return text;
}

SnapshotEntry FolderCatalogue::Read(const std::string& name) const {
  SnapshotEntry entry;
  entry.metadata.name = name;
  Result<std::string> text = ReadMetadataFile(paths_.Metadata(name));
  if (!text) {
    entry.fault = text.status().text();
    return entry;
  }
  Result<SnapshotMetadata> metadata = ParseMetadataOf(name, *text, paths_.Metadata(name));
  if (!metadata) {
    entry.fault = metadata.status().text();
    return entry;
  }
  entry.metadata = *std::move(metadata);
  const int64_t size_bytes = files_.SizeOf(paths_.Data(name));
  if (size_bytes < 0) {
    entry.fault = SystemError("cannot read", paths_.Data(name)).text();
  } else if (static_cast<uint64_t>(size_bytes) != entry.metadata.size_bytes) {
    entry.fault =
        fmt::format("{} has {} bytes, {} were published", paths_.Data(name), size_bytes, entry.metadata.size_bytes);
  }
  return entry;
}

Result<std::vector<SnapshotEntry>> FolderCatalogue::List() const {
  std::vector<std::string> file_names;
  if (files_.List(paths_.directory, file_names) != 0) {
    if (errno == ENOENT) return std::vector<SnapshotEntry>();
    return SystemError("cannot read directory", paths_.directory);
  }
  std::sort(file_names.begin(), file_names.end());
  std::vector<SnapshotEntry> entries;
  for (const std::string& file_name : file_names) {
    const std::optional<CatalogueFileName> file = ParseCatalogueFile(file_name);
    if (!file || file->kind != CatalogueFile::kMetadata) continue;
    if (entries.size() == kSnapshotsMax) break;
    SnapshotEntry entry = Read(file->name);
    // Deleted since the folder was read.
    if (!entry.fault.empty() && files_.SizeOf(paths_.Metadata(file->name)) < 0) continue;
    entries.push_back(std::move(entry));
  }
  return entries;
}

Result<SnapshotEntry> FolderCatalogue::Find(std::string_view name) const {
  Result<std::string> resolved = ResolveSnapshotName(name);
  if (!resolved) return resolved.error();
  if (files_.SizeOf(paths_.Metadata(*resolved)) < 0) return NoSuchSnapshot(*resolved);
  return Read(*resolved);
}

Result<std::unique_ptr<SnapshotData>> FolderCatalogue::OpenData(const SnapshotMetadata& metadata,
                                                                const std::atomic<bool>* /*stop*/) const {
  Result<std::unique_ptr<FileSource>> file = FileSource::Open(paths_.Data(metadata.name), files_);
  if (!file) return file.error();
  return std::unique_ptr<SnapshotData>(std::make_unique<FolderData>(*std::move(file), metadata.size_bytes));
}

// --- Making ----------------------------------------------------------------------------------------------------------

Result<std::unique_ptr<SnapshotDraft>> FolderCatalogue::Create(SnapshotMetadata metadata,
                                                               const std::atomic<bool>* stop) {
  Result<std::string> name = NameOfNewSnapshot(metadata);
  if (!name) return name.error();
  metadata.name = *name;
  if (Status status = MakeDirectory(); !status.ok()) return status;
  Result<CatalogueLock> lock = CatalogueLock::Take(paths_, files_);
  if (!lock) return lock.error();
  if (files_.SizeOf(paths_.Metadata(*name)) >= 0) return SnapshotNameTaken(*name, "already exists");
  if (files_.SizeOf(paths_.Deleting(*name)) >= 0) return SnapshotNameTaken(*name, "is being deleted");
  if (files_.SizeOf(paths_.Data(*name)) >= 0) {
    return SnapshotNameTaken(*name, fmt::format("cannot be made: {} is there already", paths_.Data(*name)));
  }
  const std::string path = paths_.DraftData(*name);
  {
    // A draft that nobody makes any more is emptied below.
    const OpenFile other(files_, files_.OpenToRead(path));
    if (other && files_.TryLock(other.number()) != 0) return SnapshotNameTaken(*name, "is being created");
  }
  OpenFile file(files_, files_.OpenToWrite(path));
  if (!file) return SystemError("cannot create", path);
  if (files_.TryLock(file.number()) != 0) {
    Status status = SystemError("cannot lock", path);
    files_.Unlink(path);
    return status;
  }
  return std::unique_ptr<SnapshotDraft>(
      std::make_unique<FolderDraft>(paths_, std::move(metadata), files_, std::move(file), stop));
}

// --- Deleting --------------------------------------------------------------------------------------------------------

Status FolderCatalogue::Delete(std::string_view name) {
  Result<std::string> resolved = ResolveSnapshotName(name);
  if (!resolved) return resolved.error();
  if (files_.SizeOf(paths_.Metadata(*resolved)) < 0) return NoSuchSnapshot(*resolved);
  Result<CatalogueLock> lock = CatalogueLock::Take(paths_, files_);
  if (!lock) return lock.error();
  if (files_.Rename(paths_.Metadata(*resolved), paths_.Deleting(*resolved)) != 0) {
    return errno == ENOENT ? NoSuchSnapshot(*resolved) : SystemError("cannot rename", paths_.Metadata(*resolved));
  }
  return FinishDelete(*resolved);
}

// The metadata was moved away: first that must last, then the data goes, then what reminds of it.
Status FolderCatalogue::FinishDelete(const std::string& name) {
  if (files_.SyncDirectory(paths_.directory) != 0) return SystemError("cannot sync directory", paths_.directory);
  if (files_.Unlink(paths_.Data(name)) != 0 && errno != ENOENT) return SystemError("cannot remove", paths_.Data(name));
  if (files_.SyncDirectory(paths_.directory) != 0) return SystemError("cannot sync directory", paths_.directory);
  if (files_.Unlink(paths_.Deleting(name)) != 0) return SystemError("cannot remove", paths_.Deleting(name));
  return Status::Ok();
}

// --- After a crash ---------------------------------------------------------------------------------------------------

Result<std::vector<std::string>> FolderCatalogue::Recover() {
  std::vector<std::string> done;
  std::vector<std::string> file_names;
  if (files_.List(paths_.directory, file_names) != 0) {
    if (errno == ENOENT) return done;
    return SystemError("cannot read directory", paths_.directory);
  }
  const auto is_left = [](const std::string& file_name) {
    const std::optional<CatalogueFileName> file = ParseCatalogueFile(file_name);
    return file && file->kind != CatalogueFile::kMetadata;
  };
  if (std::none_of(file_names.begin(), file_names.end(), is_left)) return done;
  Result<CatalogueLock> lock = CatalogueLock::Take(paths_, files_);
  if (!lock) return lock.error();
  if (files_.List(paths_.directory, file_names) != 0) return SystemError("cannot read directory", paths_.directory);
  std::set<std::string> drafts;
  for (const std::string& file_name : file_names) {
    const std::optional<CatalogueFileName> file = ParseCatalogueFile(file_name);
    if (!file || file->kind == CatalogueFile::kMetadata) continue;
    if (file->kind != CatalogueFile::kDeleting) {
      drafts.insert(file->name);
      continue;
    }
    if (Status status = FinishDelete(file->name); !status.ok()) return status;
    done.push_back(fmt::format("snapshot {}: finished deleting it", file->name));
  }
  for (const std::string& name : drafts) {
    if (Status status = RecoverDraft(name, done); !status.ok()) return status;
  }
  return done;
}

Status FolderCatalogue::RecoverDraft(const std::string& name, std::vector<std::string>& done) {
  {
    const OpenFile data(files_, files_.OpenToRead(paths_.DraftData(name)));
    if (data && files_.TryLock(data.number()) != 0) return Status::Ok();  // Its maker lives.
  }
  const bool renamed = files_.SizeOf(paths_.DraftData(name)) < 0 && files_.SizeOf(paths_.Data(name)) >= 0;
  if (renamed && files_.SizeOf(paths_.Metadata(name)) < 0) {
    // Verified before its data got its name; only the last rename is missing.
    Result<std::string> text = ReadMetadataFile(paths_.DraftMetadata(name));
    if (!text && text.status().code() == Err::kIo) return text.error();
    Result<SnapshotMetadata> metadata = text ? ParseSnapshotMetadata(*text) : text.error();
    const int64_t size_bytes = files_.SizeOf(paths_.Data(name));
    if (metadata && metadata->name == name && static_cast<int64_t>(metadata->size_bytes) == size_bytes) {
      if (files_.Rename(paths_.DraftMetadata(name), paths_.Metadata(name)) != 0) {
        return SystemError("cannot rename", paths_.DraftMetadata(name));
      }
      if (files_.SyncDirectory(paths_.directory) != 0) return SystemError("cannot sync directory", paths_.directory);
      done.push_back(fmt::format("snapshot {}: finished publishing it", name));
      return Status::Ok();
    }
  }
  for (const std::string& path : {paths_.DraftData(name), paths_.DraftMetadata(name)}) {
    if (files_.Unlink(path) != 0 && errno != ENOENT) return SystemError("cannot remove", path);
  }
  done.push_back(fmt::format("snapshot {}: removed what an unfinished one left", name));
  return Status::Ok();
}

}  // namespace cachenode
