// The disk, with one call that fails: the n-th of all, or every write past a size, or every write cut short.
//
// Thread-safety: one thread at a time.
#pragma once

#include <algorithm>
#include <cerrno>
#include <string>

#include "persistence/file_system.h"

namespace cachenode {

class FaultyFileSystem final : public FileSystem {
 public:
  int fail_call = -1;                 // Number of the call that fails, counted from 0; -1: none.
  int error = EIO;                    // What it fails with.
  size_t write_bytes_max = SIZE_MAX;  // No write takes more.
  size_t disk_bytes_max = SIZE_MAX;   // Then ENOSPC.
  int calls = 0;

  int OpenToWrite(const std::string& path) noexcept override { return Fails() ? -1 : FileSystem::OpenToWrite(path); }
  ssize_t Read(int file, char* into, size_t size_bytes) noexcept override {
    return Fails() ? -1 : FileSystem::Read(file, into, size_bytes);
  }
  ssize_t Write(int file, const char* from, size_t size_bytes) noexcept override {
    if (Fails()) return -1;
    const size_t size = std::min({size_bytes, write_bytes_max, disk_bytes_max - written_});
    if (size == 0 && size_bytes > 0) {
      errno = ENOSPC;
      return -1;
    }
    written_ += size;
    return FileSystem::Write(file, from, size);
  }
  int OpenUnnamed(const std::string& directory) noexcept override {
    return Fails() ? -1 : FileSystem::OpenUnnamed(directory);
  }
  ssize_t WriteAt(int file, const char* from, size_t size_bytes, int64_t offset) noexcept override {
    if (Fails()) return -1;
    const size_t size = std::min(size_bytes, disk_bytes_max - written_);
    if (size == 0 && size_bytes > 0) {
      errno = ENOSPC;
      return -1;
    }
    written_ += size;
    return FileSystem::WriteAt(file, from, size, offset);
  }
  int Sync(int file) noexcept override { return Fails() ? -1 : FileSystem::Sync(file); }
  int SyncRange(int file, int64_t offset, int64_t size_bytes) noexcept override {
    return Fails() ? -1 : FileSystem::SyncRange(file, offset, size_bytes);
  }
  int Rename(const std::string& from, const std::string& to) noexcept override {
    return Fails() ? -1 : FileSystem::Rename(from, to);
  }

 private:
  bool Fails() noexcept {
    if (calls++ != fail_call) return false;
    errno = error;
    return true;
  }
  size_t written_ = 0;
};

}  // namespace cachenode
