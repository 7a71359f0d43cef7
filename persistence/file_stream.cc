#include "persistence/file_stream.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "persistence/spill_file.h"
#include "storage/base/system_error.h"

namespace cachenode {
namespace {

std::string Join(const std::string& directory, const std::string& name) {
  return directory.empty() ? name : directory + '/' + name;
}

const std::string& FolderOf(const FileSinkOptions& options) {
  static const std::string here = ".";
  return options.directory.empty() ? here : options.directory;
}

}  // namespace

Status SystemError(std::string_view what, std::string_view path) {
  return Status::WithText(Err::kIo, fmt::format("{} {}: {}", what, path, SystemErrorText(errno)));
}

OpenFile::OpenFile(OpenFile&& other) noexcept
    : files_(std::exchange(other.files_, nullptr)), number_(std::exchange(other.number_, -1)) {}

OpenFile& OpenFile::operator=(OpenFile&& other) noexcept {
  std::swap(files_, other.files_);
  std::swap(number_, other.number_);
  return *this;
}

OpenFile::~OpenFile() {
  if (number_ >= 0) files_->Close(number_);
}

// --- FileSource ----------------------------------------------------------------------------------------------------

Result<std::unique_ptr<FileSource>> FileSource::Open(const std::string& path, FileSystem& files) {
  OpenFile file(files, files.OpenToRead(path));
  if (!file) return SystemError("cannot open", path);
  struct stat about {};
  if (fstat(file.number(), &about) != 0) return SystemError("cannot look at", path);
  if (S_ISDIR(about.st_mode)) {
    errno = EISDIR;
    return SystemError("cannot read", path);
  }
  const int64_t size_bytes = S_ISREG(about.st_mode) ? about.st_size : -1;
  return std::unique_ptr<FileSource>(new FileSource(path, files, std::move(file), size_bytes));
}

FileSource::FileSource(std::string path, FileSystem& files, OpenFile file, int64_t size_bytes)
    : path_(std::move(path)), files_(files), file_(std::move(file)), size_bytes_(size_bytes) {}

Status FileSource::Failed(std::string_view what) const { return SystemError(what, path_); }

Result<size_t> FileSource::Read(std::span<char> into) {
  const ssize_t got = files_.Read(file_.number(), into.data(), into.size());
  if (got < 0) return Failed("cannot read");
  return static_cast<size_t>(got);
}

Status FileSource::ReadAt(uint64_t offset, std::span<char> into) const {
  while (!into.empty()) {
    const ssize_t got = files_.ReadAt(file_.number(), into.data(), into.size(), static_cast<int64_t>(offset));
    if (got < 0) return Failed("cannot read");
    if (got == 0) return Status::WithText(Err::kCorrupt, fmt::format("{} ends before offset {}", path_, offset));
    into = into.subspan(static_cast<size_t>(got));
    offset += static_cast<uint64_t>(got);
  }
  return Status::Ok();
}

Result<size_t> FileRangeSource::Read(std::span<char> into) {
  const size_t size = std::min<uint64_t>(into.size(), end_ - at_);
  if (Status status = file_.ReadAt(at_, into.first(size)); !status.ok()) return status;
  at_ += size;
  return size;
}

// --- FileSink ------------------------------------------------------------------------------------------------------

Result<std::unique_ptr<FileSink>> FileSink::Create(FileSinkOptions options, FileSystem& files) {
  const std::string path = Join(options.directory, options.temporary_name);
  OpenFile file(files, files.OpenToWrite(path));
  if (!file) return SystemError("cannot create", path);
  return std::unique_ptr<FileSink>(new FileSink(std::move(options), files, std::move(file)));
}

FileSink::FileSink(FileSinkOptions options, FileSystem& files, OpenFile file)
    : options_(std::move(options)), files_(files), file_(std::move(file)) {}

FileSink::~FileSink() {
  if (!renamed_) files_.Unlink(TemporaryPath());
}

std::string FileSink::TemporaryPath() const { return Join(options_.directory, options_.temporary_name); }
std::string FileSink::FinalPath() const { return Join(options_.directory, options_.name); }

Status FileSink::Failed(std::string_view what) const { return SystemError(what, TemporaryPath()); }

Status FileSink::Write(std::span<const char> bytes) {
  while (!bytes.empty()) {
    const ssize_t wrote = files_.Write(file_.number(), bytes.data(), bytes.size());
    if (wrote <= 0) {
      if (wrote == 0) errno = ENOSPC;
      return Failed("cannot write");
    }
    bytes = bytes.subspan(static_cast<size_t>(wrote));
    size_bytes_ += static_cast<uint64_t>(wrote);
  }
  if (!options_.incremental_sync || size_bytes_ - synced_bytes_ < kIncrementalSyncBytes) return Status::Ok();
  const int64_t from = static_cast<int64_t>(synced_bytes_);
  const int64_t size = static_cast<int64_t>(size_bytes_ - synced_bytes_);
  if (files_.SyncRange(file_.number(), from, size) != 0) return Failed("cannot sync");
  synced_bytes_ = size_bytes_;
  return Status::Ok();
}

std::unique_ptr<SpillFile> FileSink::MakeSpill() { return SpillFile::Create(FolderOf(options_), files_); }

Status FileSink::Commit() {
  if (files_.Sync(file_.number()) != 0) return Failed("cannot sync");
  file_ = OpenFile();
  // Held open across the rename, so that freeing its blocks waits for our destruction.
  replaced_ = OpenFile(files_, files_.OpenToRead(FinalPath()));
  if (files_.Rename(TemporaryPath(), FinalPath()) != 0) return Failed("cannot rename");
  renamed_ = true;
  if (files_.SyncDirectory(FolderOf(options_)) != 0) {
    return SystemError("cannot sync directory", options_.directory);
  }
  return Status::Ok();
}

}  // namespace cachenode
