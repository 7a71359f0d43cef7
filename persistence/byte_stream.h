// Where the bytes of a snapshot come from and go to: a file, memory or an object store look the same from here.
//
// Thread-safety: one thread at a time per object, handed over by whoever owns it.
// Errors: kIo for the local machine, kUnavailable for a remote store, kCorrupt when a source ends early; the text
//   names the file or the object.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "storage/base/result.h"

namespace cachenode {

class SpillFile;

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // Fills at most `into.size()` bytes and returns how many; 0 means the end. May block.
  virtual Result<size_t> Read(std::span<char> into) = 0;
  // Total length in bytes when known beforehand, else -1.
  [[nodiscard]] virtual int64_t SizeBytes() const = 0;
};

class ByteSink {
 public:
  virtual ~ByteSink() = default;
  // Takes all of `bytes` or fails. May block.
  virtual Status Write(std::span<const char> bytes) = 0;
  // Makes everything written durable and visible under its final name; nothing may follow. Without it,
  // destruction leaves no trace of the output.
  virtual Status Commit() = 0;
  // Where bytes may lie that are written later; null where they would not lie better than in memory. Any thread, also
  // while another one writes.
  [[nodiscard]] virtual std::unique_ptr<SpillFile> MakeSpill();
};

}  // namespace cachenode
