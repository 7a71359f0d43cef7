#include "persistence/spill_file.h"

#include <cerrno>

namespace cachenode {

std::unique_ptr<SpillFile> ByteSink::MakeSpill() { return nullptr; }

std::unique_ptr<SpillFile> SpillFile::Create(const std::string& directory, FileSystem& files) {
  OpenFile file(files, files.OpenUnnamed(directory));
  if (!file) return nullptr;
  return std::unique_ptr<SpillFile>(new SpillFile(directory, files, std::move(file)));
}

Status SpillFile::Append(std::span<const char> bytes) {
  uint64_t end = size_bytes_;
  while (!bytes.empty()) {
    const ssize_t wrote = files_.WriteAt(file_.number(), bytes.data(), bytes.size(), static_cast<int64_t>(end));
    if (wrote <= 0) {
      if (wrote == 0) errno = ENOSPC;
      return SystemError("cannot write an unnamed file in", directory_);
    }
    bytes = bytes.subspan(static_cast<size_t>(wrote));
    end += static_cast<uint64_t>(wrote);
  }
  size_bytes_ = end;
  return Status::Ok();
}

Status SpillFile::ReadAt(uint64_t offset, std::span<char> into) const {
  while (!into.empty()) {
    const ssize_t got = files_.ReadAt(file_.number(), into.data(), into.size(), static_cast<int64_t>(offset));
    if (got <= 0) {
      if (got == 0) errno = EIO;
      return SystemError("cannot read an unnamed file in", directory_);
    }
    into = into.subspan(static_cast<size_t>(got));
    offset += static_cast<uint64_t>(got);
  }
  return Status::Ok();
}

}  // namespace cachenode
