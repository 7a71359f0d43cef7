// Byte streams over memory, with faults at a chosen place.
//
// Thread-safety: one thread at a time.
#pragma once

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>

#include "persistence/byte_stream.h"

namespace cachenode {

class MemorySource final : public ByteSource {
 public:
  struct Options {
    size_t piece_bytes_max = SIZE_MAX;  // No Read gives more.
    size_t fail_at = SIZE_MAX;          // Reading this offset answers kIo.
    bool size_known = true;
  };
  explicit MemorySource(std::string_view bytes) : MemorySource(bytes, Options()) {}
  MemorySource(std::string_view bytes, Options options) : bytes_(bytes), options_(options) {}

  Result<size_t> Read(std::span<char> into) override {
    if (at_ >= options_.fail_at) return Status::WithText(Err::kIo, "planted read error");
    const size_t end = std::min(bytes_.size(), options_.fail_at);
    const size_t size = std::min({into.size(), end - at_, options_.piece_bytes_max});
    if (size > 0) std::memcpy(into.data(), bytes_.data() + at_, size);
    at_ += size;
    return size;
  }
  [[nodiscard]] int64_t SizeBytes() const override {
    return options_.size_known ? static_cast<int64_t>(bytes_.size()) : -1;
  }

 private:
  std::string_view bytes_;
  Options options_;
  size_t at_ = 0;
};

class MemorySink final : public ByteSink {
 public:
  // Writing past `room_bytes` answers kIo. `out` gets the bytes when they are committed.
  explicit MemorySink(std::string& out, size_t room_bytes = SIZE_MAX) : out_(out), room_bytes_(room_bytes) {}

  Status Write(std::span<const char> bytes) override {
    if (bytes_.size() + bytes.size() > room_bytes_) return Status::WithText(Err::kIo, "planted write error");
    bytes_.append(bytes.data(), bytes.size());
    return Status::Ok();
  }
  Status Commit() override {
    out_ = std::move(bytes_);
    return Status::Ok();
  }

 private:
  std::string& out_;
  const size_t room_bytes_;
  std::string bytes_;
};

}  // namespace cachenode
