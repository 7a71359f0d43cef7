#include "persistence/file_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace cachenode {
namespace {

constexpr mode_t kSnapshotMode = 0644;
constexpr mode_t kUnnamedMode = 0600;
constexpr mode_t kDirectoryMode = 0755;

template <typename Call>
auto Retry(Call call) noexcept {
  auto answer = call();
  while (answer == -1 && errno == EINTR) answer = call();
  return answer;
}

}  // namespace

FileSystem& FileSystem::Real() noexcept {
  static FileSystem real;
  return real;
}

int FileSystem::OpenToRead(const std::string& path) noexcept {
  return Retry([&] { return open(path.c_str(), O_RDONLY | O_CLOEXEC); });
}

int FileSystem::OpenToWrite(const std::string& path) noexcept {
  return Retry([&] { return open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, kSnapshotMode); });
}

int FileSystem::OpenUnnamed(const std::string& directory) noexcept {
  return Retry([&] { return open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, kUnnamedMode); });
}

ssize_t FileSystem::Read(int file, char* into, size_t size_bytes) noexcept {
  return Retry([&] { return read(file, into, size_bytes); });
}

ssize_t FileSystem::ReadAt(int file, char* into, size_t size_bytes, int64_t offset) noexcept {
  return Retry([&] { return pread(file, into, size_bytes, offset); });
}

ssize_t FileSystem::Write(int file, const char* from, size_t size_bytes) noexcept {
  return Retry([&] { return write(file, from, size_bytes); });
}

ssize_t FileSystem::WriteAt(int file, const char* from, size_t size_bytes, int64_t offset) noexcept {
  return Retry([&] { return pwrite(file, from, size_bytes, offset); });
}

int FileSystem::Sync(int file) noexcept {
  return Retry([&] { return fsync(file); });
}

int FileSystem::SyncRange(int file, int64_t offset, int64_t size_bytes) noexcept {
  if (Retry([&] { return fdatasync(file); }) != 0) return -1;
  // Only advice: keeping a snapshot out of the page cache leaves that to the rest of the machine.
  (void)posix_fadvise(file, offset, size_bytes, POSIX_FADV_DONTNEED);
  return 0;
}

int FileSystem::Rename(const std::string& from, const std::string& to) noexcept {
  return rename(from.c_str(), to.c_str());
}

int FileSystem::SyncDirectory(const std::string& directory) noexcept {
  const int file = Retry([&] { return open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
  if (file < 0) return -1;
  const int answer = Sync(file);
  const int error = errno;
  close(file);
  errno = error;
  return answer;
}

int FileSystem::Unlink(const std::string& path) noexcept { return unlink(path.c_str()); }

void FileSystem::Close(int file) noexcept { close(file); }

int FileSystem::MakeDirectory(const std::string& path) noexcept { return mkdir(path.c_str(), kDirectoryMode); }

int FileSystem::List(const std::string& directory, std::vector<std::string>& names) noexcept {
  names.clear();
  DIR* const open_directory = opendir(directory.c_str());
  if (open_directory == nullptr) return -1;
  for (;;) {
    errno = 0;
    const dirent* const entry = readdir(open_directory);  // NOLINT(concurrency-mt-unsafe): nobody else has this stream.
    if (entry == nullptr) break;
    if (std::strcmp(entry->d_name, ".") != 0 && std::strcmp(entry->d_name, "..") != 0)
      names.emplace_back(entry->d_name);
  }
  const int error = errno;
  closedir(open_directory);
  errno = error;
  return error == 0 ? 0 : -1;
}

int64_t FileSystem::SizeOf(const std::string& path) noexcept {
  struct stat about {};
  return Retry([&] { return stat(path.c_str(), &about); }) == 0 ? about.st_size : -1;
}

int FileSystem::TryLock(int file) noexcept {
  return Retry([&] { return flock(file, LOCK_EX | LOCK_NB); });
}

}  // namespace cachenode
