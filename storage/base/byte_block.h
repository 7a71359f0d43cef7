// A heap block of bytes shared by counted references: large string values, and the same bytes pinned by replies on
// their way out and by snapshots.
//
// Thread-safety: the count is atomic, so handles to one block may live on several threads. The bytes may be written
//   only through the single handle of a unique block; a block with more than one reference is immutable, and who wants
//   to change it copies it first.
// Invariants: size() <= capacity(); the count is 0 only while the block is being freed.
// Errors: creation answers an empty handle when there is no memory.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>
#include <string_view>
#include <utility>

#include "storage/base/memory.h"

namespace cachenode {

class ByteBlockRef;

class ByteBlock {
 public:
  ByteBlock(const ByteBlock&) = delete;
  ByteBlock& operator=(const ByteBlock&) = delete;

  [[nodiscard]] size_t size() const noexcept { return size_; }
  [[nodiscard]] size_t capacity() const noexcept { return capacity_; }
  [[nodiscard]] const char* data() const noexcept { return reinterpret_cast<const char*>(this + 1); }
  [[nodiscard]] std::string_view view() const noexcept { return {data(), size_}; }
  // Requires IsUnique().
  [[nodiscard]] char* mutable_data() noexcept { return reinterpret_cast<char*>(this + 1); }
  // Requires IsUnique() and size <= capacity(). Bytes past the old size are whatever they were.
  void SetSize(size_t size) noexcept { size_ = size; }
  // True when the caller's reference is the only one; then no other thread can make another.
  [[nodiscard]] bool IsUnique() const noexcept { return refs_.load(std::memory_order_acquire) == 1; }
  // Heap bytes of this block, header included.
  [[nodiscard]] size_t MemoryBytes() const noexcept { return sizeof(ByteBlock) + capacity_; }

  // Counting by hand, for owners that keep a bare pointer in packed memory. Prefer ByteBlockRef.
  void AddRef() noexcept { refs_.fetch_add(1, std::memory_order_relaxed); }
  void DropRef() noexcept {
    if (refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      const size_t total_bytes = MemoryBytes();
      this->~ByteBlock();
      memory::Free(this, total_bytes);
    }
  }

 private:
  friend class ByteBlockRef;
  explicit ByteBlock(size_t size, size_t capacity) noexcept : size_(size), capacity_(capacity) {}
  ~ByteBlock() = default;

  size_t size_;
  size_t capacity_;
  std::atomic<uint32_t> refs_{1};
};

static_assert(sizeof(ByteBlock) == 24);

// Owns one reference to a block, or nothing.
class ByteBlockRef {
 public:
  ByteBlockRef() noexcept = default;
  ByteBlockRef(const ByteBlockRef& other) noexcept : block_(other.block_) {
    if (block_ != nullptr) block_->AddRef();
  }
  ByteBlockRef(ByteBlockRef&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  ByteBlockRef& operator=(ByteBlockRef other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~ByteBlockRef() {
    if (block_ != nullptr) block_->DropRef();
  }

  // A unique block of `size` uninitialised bytes and room for at least `capacity`; empty when there is no memory.
  [[nodiscard]] static ByteBlockRef Create(size_t size, size_t capacity = 0) noexcept {
    const size_t room = capacity < size ? size : capacity;
    if (room > memory::kAllocationBytesMax) return {};
    const size_t total_bytes = memory::GoodSize(sizeof(ByteBlock) + room);
    void* raw = memory::Allocate(total_bytes);
    if (raw == nullptr) return {};
    return Adopt(new (raw) ByteBlock(size, total_bytes - sizeof(ByteBlock)));
  }
  // A unique block holding a copy of `bytes`.
  [[nodiscard]] static ByteBlockRef Copy(std::string_view bytes, size_t capacity = 0) noexcept;
  // Takes over one reference the caller held, made by Release or by the block's birth.
  [[nodiscard]] static ByteBlockRef Adopt(ByteBlock* block) noexcept {
    ByteBlockRef ref;
    ref.block_ = block;
    return ref;
  }
  // One more reference to a block somebody else holds.
  [[nodiscard]] static ByteBlockRef Share(ByteBlock* block) noexcept {
    block->AddRef();
    return Adopt(block);
  }

  // Grows or shrinks the room of a unique block, keeping its bytes; the block may move. False, with nothing changed,
  // when there is no memory. Requires capacity >= size().
  [[nodiscard]] bool Reserve(size_t capacity) noexcept;

  explicit operator bool() const noexcept { return block_ != nullptr; }
  ByteBlock* operator->() const noexcept { return block_; }
  ByteBlock& operator*() const noexcept { return *block_; }
  [[nodiscard]] ByteBlock* get() const noexcept { return block_; }
  // Gives the reference to the caller, who must hand it to Adopt or call DropRef.
  [[nodiscard]] ByteBlock* Release() noexcept { return std::exchange(block_, nullptr); }
  void Reset() noexcept { *this = ByteBlockRef(); }

 private:
  ByteBlock* block_ = nullptr;
};

}  // namespace cachenode
