// The few calls through which snapshots reach the disk, so that tests can make each of them fail.
//
// Thread-safety: stateless but for what the kernel keeps; any thread may call.
// Errors: every call answers -1 and sets errno, as the system call of the same name does; EINTR is retried inside.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>

namespace cachenode {

class FileSystem {
 public:
  virtual ~FileSystem() = default;
  // The disk itself.
  static FileSystem& Real() noexcept;

  virtual int OpenToRead(const std::string& path) noexcept;
  // Creates or empties the file.
  virtual int OpenToWrite(const std::string& path) noexcept;
  virtual ssize_t Read(int file, char* into, size_t size_bytes) noexcept;
  virtual ssize_t ReadAt(int file, char* into, size_t size_bytes, int64_t offset) noexcept;
  virtual ssize_t Write(int file, const char* from, size_t size_bytes) noexcept;
  virtual int Sync(int file) noexcept;
  // Starts or finishes writing back a range whose pages are not needed again.
  virtual int SyncRange(int file, int64_t offset, int64_t size_bytes) noexcept;
  virtual int Rename(const std::string& from, const std::string& to) noexcept;
  // Makes a rename in `directory` durable.
  virtual int SyncDirectory(const std::string& directory) noexcept;
  virtual int Unlink(const std::string& path) noexcept;
  virtual void Close(int file) noexcept;
};

}  // namespace cachenode
