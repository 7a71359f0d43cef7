// Bytes that are to be written later, kept in a file without a name: it takes no memory of the process, and is gone
// with whoever opened it.
//
// Thread-safety: one thread at a time.
// Errors: kIo, with the folder's name and the system's reason.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "persistence/file_stream.h"

namespace cachenode {

class SpillFile {
 public:
  // Null where the folder's file system has no files without a name, or no room for one.
  [[nodiscard]] static std::unique_ptr<SpillFile> Create(const std::string& directory, FileSystem& files);

  // After an error the file ends where it did before.
  Status Append(std::span<const char> bytes);
  // Fills all of `into` from `offset`.
  Status ReadAt(uint64_t offset, std::span<char> into) const;
  [[nodiscard]] uint64_t size_bytes() const noexcept { return size_bytes_; }

 private:
  SpillFile(std::string directory, FileSystem& files, OpenFile file) noexcept
      : directory_(std::move(directory)), files_(files), file_(std::move(file)) {}

  const std::string directory_;
  FileSystem& files_;
  OpenFile file_;
  uint64_t size_bytes_ = 0;
};

}  // namespace cachenode
