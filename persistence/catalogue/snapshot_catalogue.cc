#include "persistence/catalogue/snapshot_catalogue.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <utility>

#include "persistence/catalogue/snapshot_name.h"
#include "persistence/rdb_format.h"
#include "storage/base/bytes.h"
#include "storage/base/crc64.h"

namespace cachenode {
namespace {

constexpr int64_t kSecondsPerDay = 24 * 60 * 60;
constexpr size_t kBlockBytes = size_t{1} << 20;

Status Taken(std::string_view name, std::string_view how) {
  return Status::WithText(Err::kBusyKey, fmt::format("snapshot {} {}", name, how));
}

Status Differs(const std::string& path, uint64_t size_bytes, uint64_t checksum, const SnapshotMetadata& metadata) {
  return Status::WithText(
      Err::kCorrupt,
      fmt::format("{} is not what was published: {} bytes with checksum {:016x} instead of {} with {:016x}", path,
                  size_bytes, checksum, metadata.size_bytes, metadata.checksum));
}

// Copies the file from its start and compares it with the metadata on the way.
Status WriteChecked(FileSource& from, const SnapshotMetadata& metadata, ByteSink& to, const std::atomic<bool>* stop) {
  std::vector<char> buffer(kBlockBytes);
  const uint64_t covered_bytes = metadata.size_bytes - std::min<uint64_t>(metadata.size_bytes, kRdbChecksumBytes);
  uint64_t checksum = 0;
  uint64_t size_bytes = 0;
  for (;;) {
    if (stop != nullptr && stop->load(std::memory_order_relaxed)) return Err::kCancelled;
    Result<size_t> got = from.Read(buffer);
    if (!got) return got.error();
    if (*got == 0) break;
    const std::span<const char> block = std::span(buffer).first(*got);
    const uint64_t covered = std::min<uint64_t>(block.size(), covered_bytes - std::min(covered_bytes, size_bytes));
    checksum = Crc64(checksum, block.first(static_cast<size_t>(covered)));
    size_bytes += block.size();
    if (Status status = to.Write(block); !status.ok()) return status;
  }
  if (size_bytes == metadata.size_bytes && checksum == metadata.checksum) return Status::Ok();
  return Differs(from.path(), size_bytes, checksum, metadata);
}

}  // namespace

Status NoSuchSnapshot(std::string_view name) {
  return Status::WithText(Err::kNoSuchKey, fmt::format("there is no snapshot {}", name));
}

Result<std::string> ResolveSnapshotName(std::string_view name) {
  if (ParseAutomaticName(name)) return std::string(name);
  return NormalizeSnapshotName(name);
}

SnapshotCatalogue::SnapshotCatalogue(std::string directory, FileSystem& files)
    : paths_{std::move(directory)}, files_(files) {}

Status SnapshotCatalogue::MakeDirectory() {
  if (files_.MakeDirectory(paths_.directory) == 0 || errno == EEXIST) return Status::Ok();
  return SystemError("cannot create directory", paths_.directory);
}

// --- Looking ---------------------------------------------------------------------------------------------------------

Result<std::string> SnapshotCatalogue::ReadMetadataFile(const std::string& path) const {
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

SnapshotEntry SnapshotCatalogue::Read(const std::string& name) const {
  SnapshotEntry entry;
  entry.metadata.name = name;
  Result<std::string> text = ReadMetadataFile(paths_.Metadata(name));
  if (!text) {
    entry.fault = text.status().text();
    return entry;
  }
  Result<SnapshotMetadata> metadata = ParseSnapshotMetadata(*text);
  if (!metadata) {
    entry.fault = fmt::format("{}: {}", paths_.Metadata(name), metadata.status().text());
    return entry;
  }
  if (metadata->name != name) {
    entry.fault = fmt::format("{} is about snapshot {}", paths_.Metadata(name), metadata->name);
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

Result<std::vector<SnapshotEntry>> SnapshotCatalogue::List() const {
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

Result<SnapshotEntry> SnapshotCatalogue::Find(std::string_view name) const {
  Result<std::string> resolved = ResolveSnapshotName(name);
  if (!resolved) return resolved.error();
  if (files_.SizeOf(paths_.Metadata(*resolved)) < 0) return NoSuchSnapshot(*resolved);
  return Read(*resolved);
}

Result<RdbSummary> SnapshotCatalogue::Verify(std::string_view name, const std::atomic<bool>* stop) const {
  Result<SnapshotEntry> entry = Find(name);
  if (!entry) return entry.error();
  if (!entry->fault.empty()) return Status::WithText(Err::kCorrupt, entry->fault);
  const SnapshotMetadata& metadata = entry->metadata;
  const std::string path = paths_.Data(metadata.name);
  Result<std::unique_ptr<FileSource>> file = FileSource::Open(path, files_);
  if (!file) return file.error();
  Result<RdbSummary> summary = CheckRdb(**file, {.stop = stop});
  if (!summary) return std::move(summary.error()).WithContext(path);
  if (summary->checksum != metadata.checksum || summary->size_bytes != metadata.size_bytes) {
    return Differs(path, summary->size_bytes, summary->checksum, metadata);
  }
  return summary;
}

Result<SnapshotMetadata> SnapshotCatalogue::Export(std::string_view name, const OpenSink& open_sink,
                                                   const std::atomic<bool>* stop) const {
  Result<SnapshotEntry> entry = Find(name);
  if (!entry) return entry.error();
  if (!entry->fault.empty()) return Status::WithText(Err::kCorrupt, entry->fault);
  const SnapshotMetadata& metadata = entry->metadata;
  Result<std::unique_ptr<FileSource>> file = FileSource::Open(paths_.Data(metadata.name), files_);
  if (!file) return file.error();
  if (metadata.size_bytes < kRdbChecksumBytes) return Differs((*file)->path(), metadata.size_bytes, 0, metadata);
  char stored[kRdbChecksumBytes];
  if (Status status = (*file)->ReadAt(metadata.size_bytes - kRdbChecksumBytes, stored); !status.ok()) return status;
  const auto stored_checksum = LoadLittleEndian<uint64_t>(stored);
  const bool has_checksum = stored_checksum != 0;
  if (has_checksum && stored_checksum != metadata.checksum) {
    return Differs((*file)->path(), metadata.size_bytes, stored_checksum, metadata);
  }
  Result<std::unique_ptr<ByteSink>> sink = open_sink(metadata, has_checksum);
  if (!sink) return sink.error();
  if (Status status = WriteChecked(**file, metadata, **sink, stop); !status.ok()) return status;
  if (Status status = (*sink)->Commit(); !status.ok()) return status;
  return entry->metadata;
}

// --- Making ----------------------------------------------------------------------------------------------------------

Result<std::unique_ptr<SnapshotDraft>> SnapshotCatalogue::Create(SnapshotMetadata metadata,
                                                                 const std::atomic<bool>* stop) {
  Result<std::string> name = metadata.automatic ? ResolveSnapshotName(metadata.name)  // Made by FormatAutomaticName.
                                                : NormalizeSnapshotName(metadata.name);
  if (!name) return name.error();
  metadata.name = *name;
  if (Status status = MakeDirectory(); !status.ok()) return status;
  Result<CatalogueLock> lock = CatalogueLock::Take(paths_, files_);
  if (!lock) return lock.error();
  if (files_.SizeOf(paths_.Metadata(*name)) >= 0) return Taken(*name, "already exists");
  if (files_.SizeOf(paths_.Deleting(*name)) >= 0) return Taken(*name, "is being deleted");
  if (files_.SizeOf(paths_.Data(*name)) >= 0) {
    return Taken(*name, fmt::format("cannot be made: {} is there already", paths_.Data(*name)));
  }
  const std::string path = paths_.DraftData(*name);
  {
    // A draft that nobody makes any more is emptied below.
    const OpenFile other(files_, files_.OpenToRead(path));
    if (other && files_.TryLock(other.number()) != 0) return Taken(*name, "is being created");
  }
  OpenFile file(files_, files_.OpenToWrite(path));
  if (!file) return SystemError("cannot create", path);
  if (files_.TryLock(file.number()) != 0) {
    Status status = SystemError("cannot lock", path);
    files_.Unlink(path);
    return status;
  }
  return std::make_unique<SnapshotDraft>(paths_, std::move(metadata), files_, std::move(file), stop);
}

Status SnapshotCatalogue::CopyBytes(FileSource& from, SnapshotDraft& to, const std::atomic<bool>* stop) {
  std::vector<char> buffer(kBlockBytes);
  for (;;) {
    if (stop != nullptr && stop->load(std::memory_order_relaxed)) return Err::kCancelled;
    Result<size_t> got = from.Read(buffer);
    if (!got) return got.error();
    if (*got == 0) break;
    if (Status status = to.Write(std::span(buffer).first(*got)); !status.ok()) return status;
  }
  return to.Commit();
}

Result<SnapshotMetadata> SnapshotCatalogue::Copy(std::string_view from, std::string_view to,
                                                 const std::atomic<bool>* stop) {
  Result<SnapshotEntry> source = Find(from);
  if (!source) return source.error();
  if (!source->fault.empty()) return Status::WithText(Err::kCorrupt, source->fault);
  // Opened before anybody may delete it.
  Result<std::unique_ptr<FileSource>> file = FileSource::Open(paths_.Data(source->metadata.name), files_);
  if (!file) return file.error();
  SnapshotMetadata metadata = source->metadata;
  metadata.copied_from = source->metadata.name;
  metadata.name = to;
  metadata.automatic = false;
  Result<std::unique_ptr<SnapshotDraft>> draft = Create(std::move(metadata), stop);
  if (!draft) return draft.error();
  // What is published is checked as a file, which a damaged source would fail as well.
  if (Status status = CopyBytes(**file, **draft, stop); !status.ok()) return status;
  return (*draft)->metadata();
}

// --- Deleting --------------------------------------------------------------------------------------------------------

Status SnapshotCatalogue::Delete(std::string_view name) {
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
Status SnapshotCatalogue::FinishDelete(const std::string& name) {
  if (files_.SyncDirectory(paths_.directory) != 0) return SystemError("cannot sync directory", paths_.directory);
  if (files_.Unlink(paths_.Data(name)) != 0 && errno != ENOENT) return SystemError("cannot remove", paths_.Data(name));
  if (files_.SyncDirectory(paths_.directory) != 0) return SystemError("cannot sync directory", paths_.directory);
  if (files_.Unlink(paths_.Deleting(name)) != 0) return SystemError("cannot remove", paths_.Deleting(name));
  return Status::Ok();
}

Result<std::vector<std::string>> SnapshotCatalogue::DeleteExpired(const Retention& rule) {
  Result<std::vector<SnapshotEntry>> entries = List();
  if (!entries) return entries.error();
  std::vector<std::string> deleted;
  int64_t newest_s = 0;
  const auto is_ours = [&rule](const SnapshotEntry& entry) {
    const std::optional<AutomaticName> name = ParseAutomaticName(entry.metadata.name);
    return entry.fault.empty() && entry.metadata.automatic && name && name->cluster_id == rule.cluster_id;
  };
  for (const SnapshotEntry& entry : *entries) {
    if (is_ours(entry)) newest_s = std::max(newest_s, entry.metadata.created_s);
  }
  for (const SnapshotEntry& entry : *entries) {
    if (!is_ours(entry) || entry.metadata.created_s == newest_s) continue;
    if (rule.now_s - entry.metadata.created_s <= rule.days * kSecondsPerDay) continue;
    Status status = Delete(entry.metadata.name);
    if (!status.ok() && status.code() != Err::kNoSuchKey) return status;
    if (status.ok()) deleted.push_back(entry.metadata.name);
  }
  return deleted;
}

// --- After a crash ---------------------------------------------------------------------------------------------------

Result<std::vector<std::string>> SnapshotCatalogue::Recover() {
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

Status SnapshotCatalogue::RecoverDraft(const std::string& name, std::vector<std::string>& done) {
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
