// The disk as a process sees it that is killed: from one call on, nothing it does has any effect. Or one call fails and
// the process lives on. Or the disk is full.
//
// Thread-safety: one thread at a time.
#pragma once

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include "persistence/file_system.h"

namespace cachenode {

class DyingFileSystem final : public FileSystem {
 public:
  int dies_at = -1;   // Number of the first call without effect, counted from 0; -1: none.
  int fails_at = -1;  // Number of the one call that fails.
  size_t disk_bytes_max = SIZE_MAX;
  int calls = 0;
  [[nodiscard]] bool dead() const noexcept { return dies_at >= 0 && calls > dies_at; }

  int OpenToRead(const std::string& path) noexcept override { return Fails() ? -1 : FileSystem::OpenToRead(path); }
  int OpenToWrite(const std::string& path) noexcept override { return Fails() ? -1 : FileSystem::OpenToWrite(path); }
  ssize_t Read(int file, char* into, size_t size_bytes) noexcept override {
    return Fails() ? -1 : FileSystem::Read(file, into, size_bytes);
  }
  // The last write of one that dies gets half-way.
  ssize_t Write(int file, const char* from, size_t size_bytes) noexcept override {
    const bool lives = !Fails();
    if (!lives && calls - 1 != dies_at) return -1;
    const size_t size = std::min(lives ? size_bytes : size_bytes / 2, disk_bytes_max - written_);
    if (size == 0 && size_bytes > 0) {
      errno = ENOSPC;
      return -1;
    }
    written_ += size;
    return FileSystem::Write(file, from, size);
  }
  int Sync(int /*file*/) noexcept override { return Fails() ? -1 : 0; }
  int SyncRange(int /*file*/, int64_t /*offset*/, int64_t /*size_bytes*/) noexcept override { return Fails() ? -1 : 0; }
  int Rename(const std::string& from, const std::string& to) noexcept override {
    return Fails() ? -1 : FileSystem::Rename(from, to);
  }
  int SyncDirectory(const std::string& /*directory*/) noexcept override { return Fails() ? -1 : 0; }
  int Unlink(const std::string& path) noexcept override { return Fails() ? -1 : FileSystem::Unlink(path); }
  int MakeDirectory(const std::string& path) noexcept override {
    return Fails() ? -1 : FileSystem::MakeDirectory(path);
  }
  int List(const std::string& directory, std::vector<std::string>& names) noexcept override {
    return Fails() ? -1 : FileSystem::List(directory, names);
  }
  int TryLock(int file) noexcept override { return Fails() ? -1 : FileSystem::TryLock(file); }

 private:
  bool Fails() noexcept {
    const int number = calls++;
    if (number != fails_at && (dies_at < 0 || number < dies_at)) return false;
    errno = EIO;
    return true;
  }
  size_t written_ = 0;
};

}  // namespace cachenode
