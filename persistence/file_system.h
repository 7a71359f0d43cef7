// The few calls through which snapshots reach the disk, so that tests can make each of them fail.
//
// Thread-safety: stateless but for what the kernel keeps; any thread may call.
// Errors: every call answers -1 and sets errno, as the system call of the same name does; EINTR is retried inside.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace cachenode {

class FileSystem {
 public:
  virtual ~FileSystem() = default;
  // The disk itself.
  static FileSystem& Real() noexcept;

  virtual int OpenToRead(const std::string& path) noexcept;
  // Creates or empties the file.
  virtual int OpenToWrite(const std::string& path) noexcept;
  // A file to write and read that has no name and is gone when it is closed. -1 where there are none.
  virtual int OpenUnnamed(const std::string& directory) noexcept;
  virtual ssize_t Read(int file, char* into, size_t size_bytes) noexcept;
  virtual ssize_t ReadAt(int file, char* into, size_t size_bytes, int64_t offset) noexcept;
  virtual ssize_t Write(int file, const char* from, size_t size_bytes) noexcept;
  virtual ssize_t WriteAt(int file, const char* from, size_t size_bytes, int64_t offset) noexcept;
  virtual int Sync(int file) noexcept;
  // Starts or finishes writing back a range whose pages are not needed again.
  virtual int SyncRange(int file, int64_t offset, int64_t size_bytes) noexcept;
  virtual int Rename(const std::string& from, const std::string& to) noexcept;
  // Makes a rename in `directory` durable.
  virtual int SyncDirectory(const std::string& directory) noexcept;
  virtual int Unlink(const std::string& path) noexcept;
  virtual void Close(int file) noexcept;

  // --- For the catalogue of snapshots ---

  // One level; EEXIST is an error as any other.
  virtual int MakeDirectory(const std::string& path) noexcept;
  // The names in a directory without "." and "..", in no order.
  virtual int List(const std::string& directory, std::vector<std::string>& names) noexcept;
  // Bytes of what `path` names; -1 with ENOENT when nothing is there.
  virtual int64_t SizeOf(const std::string& path) noexcept;
  // Takes the advisory lock of an open file, which other openings of it respect and which ends with the process.
  // -1 with EWOULDBLOCK when somebody has it.
  virtual int TryLock(int file) noexcept;
};

}  // namespace cachenode
