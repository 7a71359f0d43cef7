// A growing run of bytes that RDB records are written into.
//
// Thread-safety: one thread at a time. Growth doubles. Without memory the buffer drops what it is given and remembers
//   that: check overflowed() before using the bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace cachenode {

class EncodeBuffer {
 public:
  EncodeBuffer() = default;
  EncodeBuffer(const EncodeBuffer&) = delete;
  EncodeBuffer& operator=(const EncodeBuffer&) = delete;
  EncodeBuffer(EncodeBuffer&& other) noexcept;
  EncodeBuffer& operator=(EncodeBuffer&& other) noexcept;
  ~EncodeBuffer();

  [[nodiscard]] std::string_view view() const noexcept { return {data_, size_}; }
  [[nodiscard]] size_t size() const noexcept { return size_; }
  [[nodiscard]] size_t capacity() const noexcept { return capacity_; }
  // True when bytes were dropped because there was no memory. Sticky until Clear.
  [[nodiscard]] bool overflowed() const noexcept { return overflowed_; }

  // A place for at least `size` bytes at the end, to be followed by Advance; null when there is no memory.
  [[nodiscard]] char* Room(size_t size) noexcept {
    if (capacity_ - size_ >= size || Grow(size)) [[likely]]
      return data_ + size_;
    return nullptr;
  }
  // Takes the bytes written at Room up to `end` into the buffer.
  void Advance(const char* end) noexcept { size_ = static_cast<size_t>(end - data_); }
  void Append(std::string_view bytes) noexcept {
    char* to = Room(bytes.size());
    if (to == nullptr || bytes.empty()) return;
    std::memcpy(to, bytes.data(), bytes.size());
    size_ += bytes.size();
  }
  void AppendByte(uint8_t byte) noexcept {
    char* to = Room(1);
    if (to == nullptr) return;
    *to = static_cast<char>(byte);
    ++size_;
  }
  // Keeps the memory.
  void Clear() noexcept {
    size_ = 0;
    overflowed_ = false;
  }
  // Empties the buffer and gives its pages back to the system, which the allocator would keep for its thread.
  void ClearAndDropPages() noexcept;
  // Drops bytes past `size`, which is at most size().
  void Truncate(size_t size) noexcept { size_ = size; }

 private:
  bool Grow(size_t size) noexcept;

  char* data_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
  bool overflowed_ = false;
};

}  // namespace cachenode
