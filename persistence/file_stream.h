// Snapshot files on the local disk: reading one, and replacing one so that the last good file survives any failure.
//
// Thread-safety: as ByteSource and ByteSink; FileSource::ReadAt may be called from several threads at once.
// Errors: kIo, with the file's name and the system's reason; kCorrupt when a range of the file is shorter than
//   promised.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "persistence/byte_stream.h"
#include "persistence/file_system.h"
#include "storage/base/result.h"

namespace cachenode {

// kIo: "<what> <path>: <the system's reason, by errno>".
[[nodiscard]] Status SystemError(std::string_view what, std::string_view path);

// An open file; closes itself.
class OpenFile {
 public:
  OpenFile() = default;
  OpenFile(FileSystem& files, int number) noexcept : files_(&files), number_(number) {}
  OpenFile(OpenFile&& other) noexcept;
  OpenFile& operator=(OpenFile&& other) noexcept;
  ~OpenFile();
  [[nodiscard]] int number() const noexcept { return number_; }
  explicit operator bool() const noexcept { return number_ >= 0; }

 private:
  FileSystem* files_ = nullptr;
  int number_ = -1;
};

class FileSource final : public ByteSource {
 public:
  static Result<std::unique_ptr<FileSource>> Open(const std::string& path, FileSystem& files = FileSystem::Real());

  Result<size_t> Read(std::span<char> into) override;
  [[nodiscard]] int64_t SizeBytes() const override { return size_bytes_; }
  // Fills all of `into` from `offset`; kCorrupt when the file is too short.
  Status ReadAt(uint64_t offset, std::span<char> into) const;
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  FileSource(std::string path, FileSystem& files, OpenFile file, int64_t size_bytes);
  [[nodiscard]] Status Failed(std::string_view what) const;

  const std::string path_;
  FileSystem& files_;
  OpenFile file_;
  const int64_t size_bytes_;
};

// A part of a file as a source of its own. Several may read one file at once.
class FileRangeSource final : public ByteSource {
 public:
  // The file must outlive the range.
  FileRangeSource(const FileSource& file, uint64_t offset, uint64_t size_bytes) noexcept
      : file_(file), at_(offset), end_(offset + size_bytes), size_bytes_(size_bytes) {}

  Result<size_t> Read(std::span<char> into) override;
  [[nodiscard]] int64_t SizeBytes() const override { return static_cast<int64_t>(size_bytes_); }

 private:
  const FileSource& file_;
  uint64_t at_;
  const uint64_t end_;
  const uint64_t size_bytes_;
};

struct FileSinkOptions {
  std::string directory = ".";
  std::string name = "dump.rdb";
  // Distinguishes the temporary files of saves that run at once; a crash leaves at most one behind.
  std::string temporary_name;
  // Writes back every kIncrementalSyncBytes instead of all at the end.
  bool incremental_sync = true;
};

class FileSink final : public ByteSink {
 public:
  static constexpr uint64_t kIncrementalSyncBytes = uint64_t{4} << 20;

  static Result<std::unique_ptr<FileSink>> Create(FileSinkOptions options, FileSystem& files = FileSystem::Real());
  // Without Commit, removes the temporary file. Closes the file that Commit replaced, which is when the disk gives its
  // blocks back: destroy the sink where that may take time.
  ~FileSink() override;

  Status Write(std::span<const char> bytes) override;
  Status Commit() override;
  [[nodiscard]] std::unique_ptr<SpillFile> MakeSpill() override;

 private:
  FileSink(FileSinkOptions options, FileSystem& files, OpenFile file);
  [[nodiscard]] std::string TemporaryPath() const;
  [[nodiscard]] std::string FinalPath() const;
  [[nodiscard]] Status Failed(std::string_view what) const;

  const FileSinkOptions options_;
  FileSystem& files_;
  OpenFile file_;
  OpenFile replaced_;
  uint64_t size_bytes_ = 0;
  uint64_t synced_bytes_ = 0;
  bool renamed_ = false;
};

}  // namespace cachenode
